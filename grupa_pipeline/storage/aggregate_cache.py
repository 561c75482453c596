"""Cache of day aggregates between runs: Parquet files in the warehouse, which may be deleted at any time.

A file's name is the hash of all that its rows depend on: the events of its days, the roles and the code. So no file is ever
out of date: what has changed has another name. Aggregates not read for 35 days are deleted. What is aggregated is defined in
`aggregates/` and `features/`.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from grupa_pipeline import aggregates, event_catalog, features, vocabulary
from grupa_pipeline.sql import exactly, quoted
from grupa_pipeline.storage import warehouse
from grupa_pipeline.storage.key_dictionary import read_parquet_metadata
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.tables import PUBLISHED_FILES

if TYPE_CHECKING:  # they import Ibis, which whoever takes the run lock would load
    from grupa_pipeline.aggregates.day_aggregates import DayRange
    from grupa_pipeline.aggregates.engine import KeyDictionary

_GENERATION = "grupa_generation"
KEEP_DAYS = 35
"""Days after which an aggregate that no run has read is deleted."""


@dataclass
class ParquetAggregateCache:
    """The cached aggregates that a DuckDB connection may read and add to.

    Attributes:
        publication: The warehouse and its events.
        roles_sha256: Hash of the roles in force.
        con: The engine's connection.
        key_dictionary: The dictionary of the user and action keys in the aggregates.
    """

    publication: Publication
    roles_sha256: str
    con: duckdb.DuckDBPyConnection
    key_dictionary: KeyDictionary

    @cached_property
    def _keys(self) -> Mapping[date, tuple[str, ...]]:
        """Content keys of the events of each day that has any."""
        rows = self.publication.query(
            f"""SELECT day, list(content_key ORDER BY content_key) AS keys FROM {PUBLISHED_FILES.name}
                WHERE table_name = 'events' GROUP BY day"""
        ).to_pylist()
        return {row["day"]: tuple(row["keys"]) for row in rows}

    def with_events(self, ranges: Sequence[DayRange]) -> list[DayRange]:
        """Those of `ranges` that hold any event."""
        return [day_range for day_range in ranges if self._events(day_range)]

    def holds(self, name: str, day_range: DayRange) -> bool:
        """Whether the aggregate `name` over `day_range` is cached; a file that cannot be read counts as missing."""
        return read_parquet_metadata(self._path(name, day_range), _GENERATION) in self.key_dictionary.generations

    def show(self, name: str, ranges: Sequence[DayRange]) -> str:
        """Name of a view of the aggregate `name` over `ranges`, all of which are cached."""
        paths = [self._path(name, day_range) for day_range in ranges]
        for path in paths:
            os.utime(path)  # `clear` goes by the time of the last read
        view, files = f"sums_{name}", ", ".join(map(exactly, paths))
        self.con.execute(f"CREATE OR REPLACE TEMP VIEW {view} AS SELECT * FROM read_parquet([{files}])")
        return view

    def put(self, name: str, day_range: DayRange, table: str, number: int) -> None:
        """Cache the rows of `table` whose column `day_range` is `number`, without that column."""
        path = self._path(name, day_range)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}")
        generation = quoted(self.key_dictionary.generations[-1])
        self.con.execute(
            f"""COPY (SELECT * EXCLUDE (day_range) FROM {table} WHERE day_range = {number}) TO {quoted(str(draft))}
                (FORMAT parquet, COMPRESSION lz4, KV_METADATA {{{_GENERATION}: {generation}}})"""
        )
        warehouse.sync(draft)
        os.replace(draft, path)

    def _events(self, day_range: DayRange) -> list[tuple[date, tuple[str, ...]]]:
        """The days of a range that have events, in order, each with the content keys of its events."""
        days = (day_range.start.date() + timedelta(days=n) for n in range((day_range.end - day_range.start).days))
        return [(day, self._keys[day]) for day in days if day in self._keys]

    def _path(self, name: str, day_range: DayRange) -> Path:
        inputs = (name, day_range, self._events(day_range), self.roles_sha256, code_sha256())
        digest = hashlib.sha256(repr(inputs).encode()).hexdigest()
        return cache_folder(self.publication.folder) / f"{digest[:32]}.parquet"


def cache_folder(warehouse_folder: Path) -> Path:
    """The folder of a warehouse's cached aggregates and their key dictionary."""
    return warehouse_folder / "sums"


def clear(warehouse_folder: Path, keep_days: float = KEEP_DAYS) -> None:
    """Delete aggregates that no run has read for `keep_days` (0: all), and files that killed processes left half written.

    What the app measured of everyone (`*.arrow`) lies there too and goes with them.
    """
    oldest = time.time() - keep_days * 86_400
    for path in _files(warehouse_folder, "*"):
        if not keep_days or path.stat().st_mtime <= oldest:  # a clock that was set back gives files times in the future
            path.unlink(missing_ok=True)
    for draft in _files(warehouse_folder, ".*"):
        draft.unlink(missing_ok=True)


def _files(warehouse_folder: Path, name: str) -> list[Path]:
    folder = cache_folder(warehouse_folder)
    return [path for ending in ("parquet", "arrow") for path in folder.glob(f"{name}.{ending}")]


@cache
def code_sha256() -> str:
    """Hash of the code that an aggregate depends on, so that one computed by other code is never used.

    `aggregates` and `features` compute them, `event_catalog` decides which actions are aggregated, and all use `vocabulary`.
    """
    packages = (aggregates, event_catalog, features, vocabulary)
    folders = [folder for package in packages for folder in package.__path__]
    files = sorted(path for folder in folders for path in Path(folder).glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
