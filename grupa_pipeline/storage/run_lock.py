"""The run lock of a warehouse: one run, restore, withdrawal or erasure at a time.

Its holder is the only process that writes, so it first removes leftovers of killed processes. Publishing has locks of
its own (`warehouse.py`), which are held for moments only.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from grupa_pipeline.storage import aggregate_cache, file_lock, staging

SCRATCH_PREFIXES = (".ingest-", ".forget-", ".features-")
"""Prefixes of the temporary folders of a warehouse."""


@contextmanager
def hold_run_lock(
    folder: Path, *, purpose: str, on_wait: Callable[[str], None] | None = None, keep_staged_days: int = 7
) -> Iterator[None]:
    """Hold the run lock of the warehouse `folder`, and clean up first.

    Args:
        folder: The warehouse.
        purpose: What for, in words that those who wait read.
        on_wait: Called once with a description of the holder when the lock is taken and this call has to wait.
        keep_staged_days: Staged snapshots that were not touched for so many days are deleted.

    Example:
        >>> with hold_run_lock(Path("warehouse"), purpose="grupa restore"):
        ...     ...
    """
    with file_lock.lock(lock_file(folder), purpose=purpose, on_wait=on_wait):
        for prefix in SCRATCH_PREFIXES:
            for scratch in folder.glob(f"{prefix}*"):
                shutil.rmtree(scratch)
        staging.clear(folder, keep_staged_days)
        aggregate_cache.clear(folder)
        yield


def lock_file(folder: Path) -> Path:
    """The file whose lock is the run lock of the warehouse `folder`."""
    return folder / ".run.lock"
