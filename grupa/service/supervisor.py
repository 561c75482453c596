"""Keeps the processes of `grupa serve` running: starts them in order, starts again what ends, stops all of them.

It imports neither Dagster nor the app, so that it costs nearly nothing.
"""

import logging
import os
import select
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from grupa.service import process_tree

logger = logging.getLogger("grupa")

MOST_ENDS, ENDS_SECONDS = 10, 300.0
"""The service gives up when one of its processes ends so often within so many seconds."""
MOST_FAILED_STARTS = 3
"""The service gives up when one of its processes ends so often before it was up for the first time."""
_UP_SECONDS = 20.0
"""A process without an address or a socket is up when it has run so long."""
_LONGEST_PAUSE = 15.0
STOP_SECONDS = 12.0
"""What has not ended by itself so long after the service was told to stop is killed."""
_LOOK_SECONDS = 2.0
"""It looks at once when one of its processes has ended; a worker or a folder that is gone it finds so late."""
_MANY_SIGNALS = 4096


@dataclass
class ServiceProcess:
    """One process of the service, and what is known of its last start.

    Attributes:
        name: As messages name it.
        command: Its program and arguments.
        address: Address that answers once it serves; None for a process without one.
        waits_for: A file that must be there before it is started: the socket of a process that it connects to.
        creates: The file that others wait for; removed before each start.
        has_worker: Whether it does its work in a child process, and is of no use without one.
        is_polite: Whether it ends in order when it is told to; else it is killed at once.
        needs: A folder outside of which it must do nothing: while that is gone, it does not run.
    """

    name: str
    command: Sequence[str]
    address: str | None = None
    waits_for: Path | None = None
    creates: Path | None = None
    has_worker: bool = False
    is_polite: bool = False
    needs: Path | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    was_up: bool = field(default=False, init=False)
    ends: list[float] = field(default_factory=list, init=False)
    _started: float = field(default=0.0, init=False)
    _start_at: float = field(default=0.0, init=False)
    _worker: int | None = field(default=None, init=False)
    _folder: tuple[int, int] | None = field(default=None, init=False)

    def is_due(self) -> bool:
        """Whether it does not run, and may be started now."""
        ready = self.waits_for is None or self.waits_for.exists()
        return self.process is None and ready and not self.lacks_folder() and time.monotonic() >= self._start_at

    def start(self, env: Mapping[str, str]) -> None:
        """Start it, in a session of its own: an interrupt at the terminal reaches the supervisor alone.

        It ends when the supervisor does, however that ends.
        """
        if self.creates is not None:
            self.creates.unlink(missing_ok=True)
        number = signal.SIGTERM if self.is_polite else signal.SIGKILL
        self.process = subprocess.Popen(  # noqa: S603 - a command of ours
            self.command,
            env=dict(env),
            start_new_session=True,
            preexec_fn=partial(process_tree.get_signal_at_parents_end, number, os.getpid()),  # noqa: PLW1509 - one thread
        )
        self._started, self._worker = time.monotonic(), None
        self._folder = _identity(self.needs)

    def lacks_folder(self) -> bool:
        """Whether the folder that it needs is gone, or is not the one that it was started with."""
        found = _identity(self.needs)
        return self.needs is not None and (found is None or (self.process is not None and found != self._folder))

    def ended(self) -> str | None:
        """How it ended, in words; None while it runs."""
        if self.process is None:
            return None
        if self.process.poll() is not None:
            return f"ended with status {self.process.returncode}"
        if self.has_worker and (self._worker is None or not process_tree.is_running(self._worker)):
            lost, self._worker = self._worker, self._find_worker(self.process.pid)
            if lost is not None and self._worker is None:
                return "lost its worker process"
        return None

    @staticmethod
    def _find_worker(pid: int) -> int | None:
        """The child in which the process `pid` does its work; others are programs that it asks something, and end soon."""
        running = filter(process_tree.is_running, process_tree.children(pid))
        return next((child for child in running if process_tree.program(child) == process_tree.program(pid)), None)

    def clear(self) -> None:
        """Remove what is left of a process that ended, and decide when it may be started again.

        What a worker started, a run, goes on without it.
        """
        now = time.monotonic()
        self.kill(with_runs=not self.has_worker)
        self.ends = [end for end in self.ends if now - end < ENDS_SECONDS] + [now]
        soon = now - self._started < _UP_SECONDS
        pause = min(_LONGEST_PAUSE, 2 ** (len(self.ends) - 1) - 1) if soon else 0.0
        self._start_at = now + pause

    def kill(self, *, with_runs: bool) -> None:
        """Kill it with all that it started; those whose parent has ended are runs where it has a worker."""
        if self.process is not None:
            process_tree.kill_tree(self.process.pid)
            self.process.wait()
            if with_runs:
                process_tree.kill(process_tree.adopted_from(self.process.pid))
        self.process = None

    def note_whether_up(self, answered: bool) -> None:
        """Remember when it is of use for the first time; `answered` is whether its address has answered."""
        if self.creates is not None:
            is_up = self.creates.exists()
        else:
            is_up = answered if self.address else time.monotonic() - self._started > _UP_SECONDS
        self.was_up = self.was_up or (self.process is not None and is_up)

    def has_failed(self) -> bool:
        """Whether starting it once more would not help."""
        return len(self.ends) >= (MOST_ENDS if self.was_up else MOST_FAILED_STARTS)


class Supervisor:
    """Runs the processes of the service until it is told to stop.

    Args:
        services: The processes, in the order in which they are started.
        env: Their environment.
        on_stop: A command that is run when all runs of the service have been killed; it records that they were.
    """

    def __init__(self, services: Sequence[ServiceProcess], env: Mapping[str, str], on_stop: Sequence[str] = ()) -> None:
        self._services, self._env, self._on_stop = services, env, on_stop
        self._unanswered = {each.name: each.address for each in services if each.address}
        self._stopping = False

    def run(self) -> bool:
        """Run until a signal stops the service (True), or until one of its processes does not stay up (False)."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop_soon)
        process_tree.adopt_orphans()
        try:
            wakes = _woken_by_signals()
            while not self._stopping:
                if failed := self._look():
                    logger.error(
                        "%s ended %d times in a short time; its messages are above. Everything is stopped.",
                        failed.name,
                        len(failed.ends),
                    )
                    return False
                self._sleep(wakes)
            return True
        finally:
            self._stop()

    def _stop_soon(self, *_: object) -> None:
        self._stopping = True

    def _sleep(self, wakes: socket.socket) -> None:
        """Wait for the next look, or for a signal: that a process has ended is one."""
        if select.select([wakes], [], [], _LOOK_SECONDS if not self._unanswered else 0.2)[0]:
            with suppress(BlockingIOError):
                while wakes.recv(_MANY_SIGNALS):
                    pass

    def _look(self) -> ServiceProcess | None:
        """Start what is due, and clear what ended; returns a process that does not stay up."""
        for each in self._services:
            if each.process and each.lacks_folder():
                each.kill(with_runs=True)
                logger.warning(
                    "%s is stopped, because %s is gone; it is started when that is back.", each.name, each.needs
                )
            elif how := each.ended():
                each.clear()
                if each.has_failed():
                    return each
                logger.warning("%s %s and is started again.", each.name, how)
            if each.is_due() and not self._stopping:
                each.start(self._env)
        process_tree.reap_orphans(each.process.pid for each in self._services if each.process)
        for name, address in list(self._unanswered.items()):
            if address and answers(address):
                print(f"{name[0].upper()}{name[1:]}: {address}", flush=True)
                del self._unanswered[name]
        for each in self._services:
            each.note_whether_up(each.name not in self._unanswered)
        return None

    def _stop(self) -> None:
        """End every process: those that run nothing at once, with all their runs, the others in order."""
        deadline = time.monotonic() + STOP_SECONDS
        running = [each for each in self._services if each.process]
        for each in running:
            if each.is_polite and each.process:
                each.process.terminate()
        for each in running:
            if not each.is_polite and each.process:
                process_tree.kill_tree(each.process.pid)
                each.process.wait()
        recorder = [subprocess.Popen(self._on_stop, env=dict(self._env))] if self._on_stop else []  # noqa: S603
        for process in [*recorder, *(each.process for each in running if each.process)]:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process_tree.kill_tree(process.pid)
                process.wait()
        for pid in process_tree.children(os.getpid()):
            process_tree.kill_tree(pid)
        for each in self._services:
            if each.creates:
                each.creates.unlink(missing_ok=True)


def _woken_by_signals() -> socket.socket:
    """A socket that can be read as soon as a signal has come, so that nobody has to look for one again and again."""
    reads, writes = socket.socketpair()
    reads.setblocking(False)
    writes.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # a signal that is ignored wakes nobody
    signal.set_wakeup_fd(writes.detach(), warn_on_full_buffer=False)
    return reads


def _identity(folder: Path | None) -> tuple[int, int] | None:
    """What tells a folder from another at the same path; None where there is none."""
    try:
        status = folder.stat() if folder else None
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if status else None


def answers(address: str) -> bool:
    """Whether a web server answers at `address`, with whatever status."""
    try:
        with urllib.request.urlopen(address, timeout=2):  # noqa: S310 - an http address of ours
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
