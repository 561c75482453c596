"""Linux processes: who descends from whom, who ends with whom. No dependency, so that the supervisor stays small."""

import ctypes
import os
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_SET_PARENT_DEATH_SIGNAL, _SET_CHILD_SUBREAPER = 1, 36
_prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None


def get_signal_at_parents_end(number: int, parent: int) -> None:
    """Let the kernel send signal `number` to this process when its parent, the process `parent`, ends.

    To be called in a child before it executes its program.
    """
    if _prctl is not None:
        _prctl(_SET_PARENT_DEATH_SIGNAL, number)
    if os.getppid() != parent:  # it ended before the kernel knew
        os.kill(os.getpid(), signal.SIGKILL)


def adopt_orphans() -> None:
    """Make this process the parent of descendants whose own parent ends, so that none of them is lost."""
    if _prctl is not None:
        _prctl(_SET_CHILD_SUBREAPER, 1)


def children(pid: int) -> list[int]:
    """Ids of the processes that `pid` is the parent of; none where it has ended."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def program(pid: int) -> str | None:
    """Path of the program that the process `pid` runs; None where it has ended."""
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return None


def descendants(pid: int) -> list[int]:
    """Ids of the children of `pid`, of theirs, and so on, parents first."""
    found = children(pid)
    for each in found:
        found += children(each)
    return found


def kill(pids: Iterable[int], number: int = signal.SIGKILL) -> None:
    """Send a signal to those of `pids` that still exist."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def kill_tree(pid: int) -> None:
    """Kill a process and all that descends from it: each is stopped before its children are listed, so none escapes."""
    doomed = [pid]
    for each in doomed:
        kill([each], signal.SIGSTOP)
        doomed += children(each)
    kill(doomed)


def reap_orphans(known: Iterable[int]) -> None:
    """Take the exit status of adopted processes that have ended; those in `known` belong to somebody who waits for them."""
    ours = set(known)
    for pid in children(os.getpid()):
        if pid not in ours:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def adopted_from(session: int) -> list[int]:
    """Ids of the adopted processes whose session the process `session` had begun: its descendants, now orphans."""
    return [pid for pid in children(os.getpid()) if _fields(pid)[3:4] == [str(session)]]


def is_running(pid: int) -> bool:
    """Whether the process exists and has not ended; one whose parent has not noticed its end yet still exists."""
    return _fields(pid)[:1] not in ([], ["Z"], ["X"])


def _fields(pid: int) -> list[str]:
    """What the kernel tells of a process after its name: its state, its parent, its group, its session and more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
