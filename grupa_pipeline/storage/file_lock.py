"""An exclusive lock between processes, on a file. Imports nothing heavy, so that any process can use it."""

import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path


@contextmanager
def lock(path: Path, *, purpose: str, on_wait: Callable[[str], None] | None = None) -> Iterator[int]:
    """Hold an exclusive lock between processes and threads; the kernel frees it when its holder dies.

    Args:
        path: The lock file; it is created, and holds a description of the holder.
        purpose: What for, as part of that description.
        on_wait: Called once with the description of the holder when the lock is taken and this call has to wait. What
            it raises is raised in place of waiting.

    Yields:
        The descriptor of the file: whoever has it open holds the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if on_wait:
                file.seek(0)
                on_wait(file.read().strip() or "another process")
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        holder = f"process {os.getpid()} on {socket.gethostname()}"
        file.write(f"{holder} ({purpose}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC)")
        file.flush()
        try:
            yield file.fileno()
        finally:
            file.truncate(0)


def is_free(path: Path) -> bool:
    """Whether no process holds the lock on `path` now, nor waits for it."""
    if not path.exists():
        return True
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
