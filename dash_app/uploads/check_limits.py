"""Limits of the process that checks an upload: its address space, time and files, and how many check at once.

A small file may unpack to, or be parsed into, far more than its size. What goes over a limit ends with a sentence in its report.
"""

import fcntl
import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHECKS_AT_ONCE = 2
WAITING_FILE = ".waiting"
"""Lies beside a log while other checks have to end first."""
_LOOK_SECONDS = 0.5
_NICENESS = 10
_GIB = 1 << 30


@dataclass(frozen=True)
class CheckLimits:
    """What one check may use.

    Attributes:
        address_space: Bytes of address space; a check of an ordinary log reserves 2.7 GB and fills 0.4 GB of them.
        cpu_seconds: Seconds of processor time.
        wall_seconds: Seconds from the moment that its turn comes.
        file_size: Bytes of the largest temporary file.
    """

    address_space: int = 4 * _GIB
    cpu_seconds: int = 180
    wall_seconds: int = 900
    file_size: int = 2 * _GIB

    @classmethod
    def of_size(cls, size: int) -> "CheckLimits":
        """The limits for a log of `size` bytes: ten seconds a megabyte, since a megabyte of gzip holds some 20 of text."""
        cpu = cls.cpu_seconds + size // 100_000
        return cls(cpu_seconds=cpu, wall_seconds=cls.wall_seconds + 4 * cpu, file_size=max(cls.file_size, 8 * size))

    def impose(self) -> None:
        """Impose the limits on this process; the kernel enforces them, and lets whoever uses the app go first."""
        os.nice(_NICENESS)
        for limit, value in (
            (resource.RLIMIT_AS, self.address_space),
            (resource.RLIMIT_CPU, self.cpu_seconds),
            (resource.RLIMIT_FSIZE, self.file_size),
            (resource.RLIMIT_CORE, 0),
        ):
            hard = resource.getrlimit(limit)[1]
            resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
        signal.setitimer(signal.ITIMER_REAL, self.wall_seconds)  # SIGALRM ends a process that does not handle it


@contextmanager
def turn(uploads: Path, place: Path) -> Iterator[None]:
    """Wait until fewer than `CHECKS_AT_ONCE` processes check logs of the folder `uploads`; `place` is the own upload's."""
    note = place / WAITING_FILE
    while True:
        for number in range(CHECKS_AT_ONCE):
            with (uploads / f".check-{number}.lock").open("a") as slot:
                try:
                    fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                note.unlink(missing_ok=True)
                yield
                return
        note.touch()
        time.sleep(_LOOK_SECONDS)


def why_it_ended(exit_status: int, limits: CheckLimits) -> str:
    """Why a check ended without a report, a sentence for the person who uploaded the log; negative statuses are signals."""
    advice = "It may be no log: look at its lines. If it is one, split it, or have it ingested with `grupa run`."
    if exit_status == -signal.SIGXCPU:
        return f"Checking it took more than {limits.cpu_seconds / 60:.0f} minutes of work, unlike any log of its size. {advice}"
    if exit_status == -signal.SIGALRM:
        return f"Checking it took more than {limits.wall_seconds / 60:.0f} minutes. {advice}"
    return f"Checking it took more memory than a log of its size does, and was stopped. {advice}"


def why_it_failed(error: BaseException, limits: CheckLimits) -> str:
    """Why a check failed within its limits, a sentence."""
    text = str(error)
    if "No space left" in text or "not enough disk" in text.lower():
        return "The server's disk became full while the log was checked; free some of it and check again."
    if "File too large" in text:
        return f"Checking it took more than {limits.file_size / _GIB:.0f} GB of disk, far more than a log of its size; split it."
    return why_it_ended(1, limits)


def memory_environment() -> dict[str, str]:
    """The environment of a check: threads that reserve no address space of their own."""
    return os.environ | {"MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "2"}
