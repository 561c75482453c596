"""Reads the published warehouse and caches query results until a new version is published.

Holds no SQL and knows no table: the functions `load_*` of the modules beside it do.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar, cast

import duckdb

from grupa_pipeline.storage import warehouse
from grupa_pipeline.storage.file_integrity import VerifiedConnection
from grupa_pipeline.storage.warehouse import MissingWarehouseError

P = ParamSpec("P")
T = TypeVar("T")

_CACHED_RESULTS = 64


class Database:
    """One database file, read-only. Safe to share between threads.

    Attributes:
        path: Path of the link to the published version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._results: OrderedDict[tuple[object, ...], object] = OrderedDict()
        self._lock = threading.Lock()
        self._loading: dict[tuple[object, ...], threading.Lock] = {}
        self._was_there = False

    def version(self) -> str | None:
        """Name of the published version; None when nothing has been published.

        Raises:
            MissingWarehouseError: What was published is gone.
        """
        found = warehouse.version(self.path)
        if found is None and self._was_there:
            raise MissingWarehouseError(self.path)
        self._was_there = found is not None
        return found

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the published version read-only; the files that a statement reads are checked first (`file_integrity.py`).

        Raises:
            NoWarehouseError: Nothing has been published.
            DamagedWarehouseError: The published version does not open, or is gone.
        """
        self.version()
        with warehouse.read(self.path) as con:
            yield VerifiedConnection.of(con, self.path.parent)

    def query(
        self, load: Callable[Concatenate[duckdb.DuckDBPyConnection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return `load(con, *args, **kwargs)` for the published version, from the cache where it was loaded before.

        Example: `database.query(load_snapshot, date(2026, 3, 9))`.

        Args:
            load: A function of this package; `con` is a read-only connection.
            args: Its further arguments; they must be hashable.
            kwargs: Its keyword arguments; they must be hashable.

        Returns:
            The result, which callers must not modify: it is shared.

        Raises:
            NoWarehouseError: Nothing has been published.
            DamagedWarehouseError: The published version does not open or is gone, or a file that is read is not the one published.
        """

        def compute() -> T:
            with self.connect() as con:
                return load(con, *args, **kwargs)

        return self._kept((self.version(), load, args, tuple(sorted(kwargs.items()))), compute)

    def derive(self, find: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return `find(*args, **kwargs)`, which asks this database itself; kept as results of `query` are.

        Raises:
            NoWarehouseError: Nothing has been published.
            DamagedWarehouseError: The published version does not open or is gone.
        """
        return self._kept((self.version(), find, args, tuple(sorted(kwargs.items()))), lambda: find(*args, **kwargs))

    def _kept(self, key: tuple[object, ...], compute: Callable[[], T]) -> T:
        """What was computed under this key, or is computed now."""
        with self._lock:
            loading = self._loading.setdefault(key, threading.Lock())
        with loading:  # who asks for what is being loaded waits for it
            with self._lock:
                if key in self._results:
                    self._loading.pop(key, None)
                    self._results.move_to_end(key)
                    return cast(T, self._results[key])
            try:
                result = compute()
                with self._lock:
                    self._results[key] = result
                    while len(self._results) > _CACHED_RESULTS:
                        self._results.popitem(last=False)
            finally:
                with self._lock:
                    self._loading.pop(key, None)
        return result
