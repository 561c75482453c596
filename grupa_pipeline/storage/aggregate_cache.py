"""Where sums over days are kept between runs: Parquet files beside the tables, which may go at any time.

A file's name is the fingerprint of all that its rows come from: the events of its days, the roles and the code. So nothing
on the shelf is ever out of date: what has changed has another name, and what is no longer asked for goes after a while.
What is summed up is the features' business.
"""

import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, cached_property
from pathlib import Path

import duckdb

from grupa_pipeline import aggregates, event_catalog, features, vocabulary
from grupa_pipeline.aggregates.day_aggregates import DayRange
from grupa_pipeline.aggregates.engine import KeyDictionary
from grupa_pipeline.sql import exactly, quoted
from grupa_pipeline.storage import warehouse
from grupa_pipeline.storage.key_dictionary import written_in
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.tables import PUBLISHED_FILES

_GENERATION = "grupa_edition"
KEEP_DAYS = 35
"""Days after which a sum goes that no run has asked for."""


@dataclass
class ParquetAggregateCache:
    """The aggregates that a DuckDB connection may read and add to.

    Attributes:
        publication: The warehouse and its events.
        roles_sha256: Fingerprint of the roles in force.
        con: The engine's connection.
        key_dictionary: What the numbers in the aggregates stand for.
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
        """The `ranges` that hold at least one event."""
        return [day_range for day_range in ranges if self._events(day_range)]

    def holds(self, name: str, day_range: DayRange) -> bool:
        """Whether the aggregate `name` of `day_range` is there; one that cannot be read, as after a broken disk, is not."""
        return written_in(self._path(name, day_range), _GENERATION) in self.key_dictionary.generations

    def show(self, name: str, ranges: Sequence[DayRange]) -> str:
        """A view of the aggregate `name` of `ranges`."""
        paths = [self._path(name, day_range) for day_range in ranges]
        for path in paths:
            os.utime(path)
        view, files = f"sums_{name}", ", ".join(map(exactly, paths))
        self.con.execute(f"CREATE OR REPLACE TEMP VIEW {view} AS SELECT * FROM read_parquet([{files}])")
        return view

    def put(self, name: str, day_range: DayRange, table: str, number: int) -> None:
        """Keep the rows of `table` whose column `day_range` is `number`, without that column."""
        path = self._path(name, day_range)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}")
        self.con.execute(
            f"""COPY (SELECT * EXCLUDE (day_range) FROM {table} WHERE day_range = {number}) TO {quoted(str(draft))}
                (FORMAT parquet, COMPRESSION lz4, KV_METADATA {{{_GENERATION}: {quoted(self.key_dictionary.generations[-1])}}})"""
        )
        warehouse.sync(draft)
        os.replace(draft, path)

    def _events(self, day_range: DayRange) -> list[tuple[date, tuple[str, ...]]]:
        """What the events of a piece are known by: the days that have any, in order, and the keys of their content."""
        days = (day_range.start.date() + timedelta(days=n) for n in range((day_range.end - day_range.start).days))
        return [(day, self._keys[day]) for day in days if day in self._keys]

    def _path(self, name: str, day_range: DayRange) -> Path:
        made_from = (name, day_range, self._events(day_range), self.roles_sha256, _code())
        return folder(self.publication.folder) / f"{hashlib.sha256(repr(made_from).encode()).hexdigest()[:32]}.parquet"


def folder(house: Path) -> Path:
    """Where the sums of a warehouse are kept."""
    return house / "sums"


def clear(house: Path, keep_days: float = KEEP_DAYS) -> None:
    """Remove what no run has asked for in `keep_days`, and what killed ones left half written; 0 removes all."""
    oldest = time.time() - keep_days * 86_400
    for path in folder(house).glob("*.parquet"):
        if not keep_days or path.stat().st_mtime <= oldest:  # a clock that was set back makes files of tomorrow
            path.unlink()
    for draft in folder(house).glob(".*.parquet"):
        draft.unlink()


@cache
def _code() -> str:
    """Hash of the code that an aggregate depends on, so that one computed by other code is never used.

    `aggregates` and `features` compute them, `event_catalog` decides which actions are aggregated, and all use `vocabulary`.
    """
    packages = (aggregates, event_catalog, features, vocabulary)
    files = sorted(Path(path) for package in packages for root in package.__path__ for path in Path(root).glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
