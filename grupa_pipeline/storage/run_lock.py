"""One at a time: the lock that keeps runs, restores and takings back of one warehouse apart.

Whoever holds it knows that nobody else is at work, so it first clears what killed ones left. Publishing has locks of its own
(`warehouse.py`), which are held for moments only.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from grupa_pipeline.storage import aggregate_cache, staging, warehouse

SCRATCH_PREFIXES = (".ingest-", ".forget-", ".features-")
"""How folders begin that are there only while somebody works."""


@contextmanager
def hold_run_lock(
    folder: Path, *, purpose: str, waiting: Callable[[str], None] | None = None, keep_staged_days: int = 7
) -> Iterator[None]:
    """Be the only one who works on the warehouse `folder`; `waiting` is told who holds it when this has to wait.

    Staged tables that nobody completed for `keep_staged_days` go.
    """
    with warehouse.lock(folder / ".run.lock", purpose=purpose, waiting=waiting):
        for prefix in SCRATCH_PREFIXES:
            for left in folder.glob(f"{prefix}*"):
                shutil.rmtree(left)
        staging.clear(folder, keep_staged_days)
        aggregate_cache.clear(folder)
        yield
