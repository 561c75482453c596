"""Names a process so that another one, later and perhaps after a restart of the machine, can tell whether it still lives.

A process id alone is reused: with the time at which the process started, the machine's boot and the namespace that the id
belongs to, it is unique. Linux only, like the rest of the service.
"""

import json
import os
import select
import socket
import threading
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path


class ProcessState(StrEnum):
    """What is known of a process."""

    ALIVE = "alive"
    GONE = "gone"
    UNKNOWN = "unknown"
    """It belongs to another machine or container, whose processes cannot be seen from here."""


@dataclass(frozen=True)
class ProcessIdentity:
    """One process of one machine.

    Attributes:
        pid: Its id.
        started: When it started, in the kernel's clock ticks since the machine's boot.
        boot: The kernel's id of that boot.
        namespace: The namespace of process ids in which `pid` counts: each container has its own.
        host: Name of the machine or container.
    """

    pid: int
    started: int
    boot: str
    namespace: str
    host: str

    @classmethod
    def current(cls) -> "ProcessIdentity":
        """The identity of this process."""
        pid = os.getpid()
        return cls(pid, _start_time(pid) or 0, *_machine(), socket.gethostname())

    @classmethod
    def parse(cls, text: str) -> "ProcessIdentity | None":
        """The identity that `str()` made `text` of; None for any other text.

        Example:
            >>> ProcessIdentity.parse(str(ProcessIdentity.current())) == ProcessIdentity.current()
            True
        """
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return None

    def __str__(self) -> str:
        return json.dumps(asdict(self))

    def state(self) -> ProcessState:
        """Whether the process still lives; a zombie, which nothing but its parent's inattention keeps, does not."""
        boot, namespace = _machine()
        if self.boot != boot:
            return ProcessState.GONE if self.host == socket.gethostname() else ProcessState.UNKNOWN
        if self.namespace != namespace:
            return ProcessState.UNKNOWN
        return ProcessState.ALIVE if _start_time(self.pid) == self.started else ProcessState.GONE


def end_with(leader: ProcessIdentity) -> None:
    """End this process, at once and whatever it does, when `leader` ends or if it has ended already.

    Waiting costs nothing: a thread sleeps in the kernel until then.
    """
    try:
        descriptor = os.pidfd_open(leader.pid)
    except ProcessLookupError:
        os._exit(1)
    if leader.state() is ProcessState.GONE:  # the id was given to another process
        os._exit(1)
    threading.Thread(target=_end_after, args=[descriptor], name="ends with the service", daemon=True).start()


def _end_after(descriptor: int) -> None:
    select.select([descriptor], [], [])
    os._exit(1)


@cache
def _machine() -> tuple[str, str]:
    """The boot's id and the namespace of process ids; neither changes while a process lives."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip(), os.readlink("/proc/self/ns/pid")


def _start_time(pid: int) -> int | None:
    """When the process started; None when there is none with that id, or only a zombie."""
    try:
        # The name of the program stands in brackets and may hold anything, brackets included.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])
