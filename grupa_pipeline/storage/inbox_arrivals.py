"""Tells whether a file in the inbox is complete, and whether one that was taken has changed since. Moves nothing.

A copy may stall for a minute, so that neither an unchanged size nor a closed file means that it is complete. These do: the
file was renamed, linked or given its time after its last write, as by copying under a temporary name; or it was left alone
for longer than copies stall.
"""

import fcntl
import json
import os
import signal
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

QUIET_SECONDS = 75.0
"""A file that was written in place is complete when nobody wrote it for this long; copies stall for up to a minute."""
ABANDONED_SECONDS = 86_400.0
"""A file under a temporary name is given up when nobody wrote it for this long."""
_RECORD = ".taken.json"
_REMEMBERED = 1_000
"""Files whose state is remembered after they were taken, the last ones."""


class FileState(NamedTuple):
    """What differs when a file was written or replaced: its size in bytes, its times in nanoseconds and its inode."""

    size: int
    modified: int
    changed: int
    inode: int


def file_state(path: Path) -> FileState | None:
    """The state of the file at `path`, or for a folder, of the newest file in it; None when it is gone."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            states = [state for each in path.rglob("*") if not each.is_dir() and (state := file_state(each))]
            return max(states, key=lambda state: state.modified, default=_state(status))
    except OSError:
        return None
    return _state(status)


def why_incomplete(path: Path, now: float, quiet_seconds: float = QUIET_SECONDS) -> str | None:
    """Why the file at `path` may still be written, a phrase; None when it is complete.

    Args:
        path: A file, or a folder with files.
        now: Seconds since 1970.
        quiet_seconds: How long a file must be unchanged when nothing else shows that it is complete.
    """
    state = file_state(path)
    if state is None:
        return "it is being moved"
    if is_open_for_writing(path):
        return "a program has it open for writing"
    if state.modified != state.changed and quiet_seconds <= QUIET_SECONDS and not path.is_dir():
        return None  # a write sets both times to the same instant: something else came after the last write
    age = abs(now - state.modified / 1e9)  # a time in the future comes from another clock
    if age >= quiet_seconds:
        return None
    return f"it changed {age:.0f} seconds ago, and is taken once it is unchanged for {quiet_seconds:.0f}"


def is_open_for_writing(path: Path) -> bool:
    """Whether a program on this machine has the file open for writing, as far as the system tells: not on every disk."""
    if not hasattr(fcntl, "F_SETLEASE") or path.is_dir():
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        # The kernel grants a read lease only on what nobody has open for writing. It is given back at once; who opens the
        # file meanwhile waits that long, and this process is told by a signal that is ignored unless handled.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:  # another user's file, or a disk without leases
        return _has_writer(path)
    finally:
        os.close(descriptor)
    return False


def mark_complete(path: Path) -> None:
    """Give a file that is known to be complete the present time in such a way that `why_incomplete` finds nothing."""
    now = time.time_ns()
    os.utime(path, ns=(now, now // 1_000_000_000 * 1_000_000_000 - 1))


def taken_files(folder: Path) -> dict[str, FileState]:
    """The files that were last moved into `folder`, by name, as they were then."""
    try:
        record: Mapping[str, list[int]] = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        return {name: FileState(*state) for name, state in record.items()}
    except (FileNotFoundError, ValueError, TypeError):
        return {}


def remember_taken(folder: Path, taken: Mapping[str, FileState]) -> None:
    """Record the files that were moved into `folder`; only the last ones are kept."""
    draft = folder / f"{_RECORD}.part"
    draft.write_text(json.dumps(dict(list(taken.items())[-_REMEMBERED:])), encoding="utf-8")
    os.replace(draft, folder / _RECORD)


def changed_since_taken(folder: Path) -> list[Path]:
    """Files in `folder` that were written on within a day after they had been moved there: a copy had stalled for very long.

    What a person edited most often has another inode, and what they removed lines from is smaller.
    """
    return [
        folder / name
        for name, before in taken_files(folder).items()
        if (state := file_state(folder / name))
        and state.inode == before.inode
        and state.size >= before.size
        and state.modified - before.modified > 0
        and state.modified - before.changed < ABANDONED_SECONDS * 1e9
    ]


def _state(status: os.stat_result) -> FileState:
    return FileState(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def _has_writer(path: Path) -> bool:
    """Whether one of the processes that this one may look into has the file open for writing."""
    target = path.resolve()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if Path(os.readlink(link)) != target:
                continue
            flags = (link.parent.parent / "fdinfo" / link.name).read_text().partition("flags:")[2].split()[0]
        except (OSError, IndexError):
            continue
        if int(flags, 8) & os.O_ACCMODE != os.O_RDONLY:
            return True
    return False
