"""The seam between the features' definitions and whatever runs them.

Here stands only what differs from engine to engine: finding the events, keeping an intermediate result, time as a whole
number, and a key of a JSON document. What a feature means is elsewhere, in Ibis alone.
"""

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Protocol, TypeVar

import duckdb
import ibis
import pyarrow as pa
from ibis.expr import types as ir

Made = TypeVar("Made")

_PREFIX = "grupa_features_"


class Engine(Protocol):
    """What the definitions need of a database. Use it in a `with`: leaving drops what it kept."""

    def events(self, name: str) -> ir.Table:
        """The events: user_id, timestamp, action, metadata."""

    def keep(self, rows: ir.Table | pa.Table) -> ir.Table:
        """Compute `rows` once, or take them in; the engine may spill them to disk."""

    def fetch(self, rows: ir.Table) -> pa.Table:
        """Compute `rows` and bring them here."""

    def micros(self, moment: ir.TimestampValue) -> ir.IntegerValue:
        """Whole microseconds since 1970, so that no engine rounds a time its own way."""

    def json_text(self, document: ir.Value, key: str) -> ir.StringValue:
        """Value of `key` in a JSON object as text; NULL where there is none."""


class DuckDBEngine:
    """Runs the definitions on a DuckDB connection that stays the caller's.

    Args:
        con: The connection.
        more_memory: Limits to go up to when a step does not fit into the connection's own: most of them spill to disk, but a
            median needs a user's values at once, and a row a user is as wide as there are features.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, more_memory: Iterable[str] = ()) -> None:
        self._con = con
        self._more_memory = iter(more_memory)
        self._ibis = ibis.duckdb.from_connection(con)
        self._kept: list[str] = []

    def __enter__(self) -> "DuckDBEngine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in self._kept:
            self._con.execute(f"DROP TABLE IF EXISTS temp.{name}")

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """What the definitions run on."""
        return self._con

    def events(self, name: str) -> ir.Table:
        """The table or view `name` of the connection."""
        return self._ibis.table(name)

    def keep(self, rows: ir.Table | pa.Table) -> ir.Table:
        """A temporary table of `rows`."""
        name = f"{_PREFIX}{len(self._kept)}"
        self._kept.append(name)
        if isinstance(rows, pa.Table):
            incoming = f"{name}_incoming"
            self._con.register(incoming, rows)
            self._con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM {incoming}")
            self._con.unregister(incoming)
        else:
            statement = f"CREATE OR REPLACE TEMP TABLE {name} AS {self._ibis.compile(rows)}"
            self._with_room(lambda: self._con.execute(statement))
        return self._ibis.table(name)

    def fetch(self, rows: ir.Table) -> pa.Table:
        """`rows` as Arrow."""
        return self._with_room(rows.to_pyarrow)

    def _with_room(self, step: Callable[[], Made]) -> Made:
        """Do `step`, again with more memory while there is more to be had."""
        while True:
            try:
                return step()
            except duckdb.OutOfMemoryException:
                limit = next(self._more_memory, None)
                if limit is None:
                    raise
                self._con.execute(f"SET memory_limit = '{limit}'")

    def micros(self, moment: ir.TimestampValue) -> ir.IntegerValue:
        """DuckDB's epoch_us."""
        return _epoch_us(moment)

    def json_text(self, document: ir.Value, key: str) -> ir.StringValue:
        """DuckDB's json_extract_string."""
        quoted = key.replace('"', '\\"')
        return _json_extract_string(document, f'$."{quoted}"')


@ibis.udf.scalar.builtin(name="epoch_us")
def _epoch_us(moment: ibis.dtype("timestamp")) -> int:  # type: ignore[valid-type,empty-body]
    """The built-in of that name."""


@ibis.udf.scalar.builtin(name="json_extract_string")
def _json_extract_string(document: ibis.dtype("json"), path: str) -> str:  # type: ignore[valid-type,empty-body]
    """The built-in of that name."""
