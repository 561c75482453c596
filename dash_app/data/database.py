"""Reads the published warehouse and caches query results until a new version is published.

Holds no SQL and knows no table: the functions `load_*` of the modules beside it do.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar, cast

import duckdb

from grupa_pipeline.storage import warehouse

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

    def version(self) -> str | None:
        """Name of the published version; None when nothing has been published."""
        return warehouse.version(self.path)

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
            DamagedWarehouseError: The published version does not open.
        """
        key = (self.version(), load, args, tuple(sorted(kwargs.items())))
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
                return cast(T, self._results[key])
        with warehouse.read(self.path) as con:
            result = load(con, *args, **kwargs)
        with self._lock:
            self._results[key] = result
            while len(self._results) > _CACHED_RESULTS:
                self._results.popitem(last=False)
        return result
