"""The interface between Ibis expressions and the database that runs them, and its implementation on DuckDB.

Contains only what differs between engines: reading events, materialising an intermediate result, keys of users and
actions, time as a whole number, and reading a key of a JSON document.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from types import TracebackType
from typing import Protocol, TypeVar

import duckdb
import ibis
import numpy as np
import pyarrow as pa
from ibis.expr import types as ir

from grupa_pipeline.aggregates.key_columns import KEYS

Result = TypeVar("Result")

_PREFIX = "grupa_features_"


class Engine(Protocol):
    """What the expressions need of a database. Use it in a `with` statement: on exit it drops what it materialised."""

    def events(self, name: str) -> ir.Table:
        """The events: user_id, timestamp, action, metadata, sequence."""

    def materialize(self, rows: ir.Table | pa.Table) -> ir.Table:
        """Compute `rows` once, or load them; the engine may spill them to disk."""

    def scratch(self) -> AbstractContextManager[None]:
        """A block at the end of which the engine may drop what was materialised in it."""

    def fetch(self, rows: ir.Table) -> pa.Table:
        """Compute `rows` and return them as Arrow."""

    def assign_keys(self, events: ir.Table) -> None:
        """Give keys to those users and actions of `events` (user_id, action) that have none yet."""

    def with_keys(self, rows: ir.Table) -> ir.Table:
        """`rows` with user_id replaced by user_key and action by action_key; all of them must have keys."""

    def with_actions(self, rows: ir.Table) -> ir.Table:
        """`rows` with `action` beside their action_key."""

    def fetch_users(self, parts: Sequence[ir.Table]) -> pa.Table:
        """Compute `parts`, each one row per user of the same users, and return them side by side.

        Columns: user_id, by which rows are sorted, then those of all parts but user_key.
        """

    def microseconds(self, moment: ir.TimestampValue) -> ir.IntegerValue:
        """Whole microseconds since 1970: engines round fractions differently."""

    def json_text(self, document: ir.Value, key: str) -> ir.StringValue:
        """Value of `key` in a JSON object as text; NULL where there is none."""


class KeyDictionary(Protocol):
    """Stores the keys of users and actions between runs."""

    @property
    def generations(self) -> Sequence[str]:
        """Names of its states, one for each time that it grew; the last is the current one."""

    def recall(self, con: duckdb.DuckDBPyConnection, tables: Mapping[str, str]) -> None:
        """Fill the empty `tables`, one for each of `KEYS`, with the keys of earlier runs."""

    def note(self, con: duckdb.DuckDBPyConnection, tables: Mapping[str, str]) -> None:
        """Store the contents of `tables`: the keys of earlier runs and new ones."""


class DuckDBEngine:
    """Runs the expressions on a DuckDB connection, which stays open.

    Keys are numbers: grouping, joining and sorting them takes half the time and memory of texts.

    Args:
        con: The connection.
        more_memory: Memory limits to raise the connection's own to when a step does not fit: most steps spill to disk, but a
            median needs all values of a user at once.
        key_dictionary: Stores keys for later runs; None does not store them.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        more_memory: Iterable[str] = (),
        key_dictionary: KeyDictionary | None = None,
    ) -> None:
        self._con = con
        self._more_memory = iter(more_memory)
        self._ibis = ibis.duckdb.from_connection(con)
        self.key_dictionary = key_dictionary
        self._materialized: list[str] = []
        self._numbers = count()
        self._tables = {key: f"{_PREFIX}{key}s" for key in KEYS}

    def __enter__(self) -> "DuckDBEngine":
        for key, table in self._tables.items():
            self._con.execute(f"CREATE TEMP TABLE {table} ({KEYS[key]} VARCHAR, {key} INTEGER)")
        if self.key_dictionary is not None:
            self.key_dictionary.recall(self._con, self._tables)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drop([*self._materialized, *self._tables.values()])

    def _drop(self, names: Iterable[str]) -> None:
        for name in names:
            self._con.execute(f"DROP TABLE IF EXISTS temp.{name}")

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The connection that expressions run on."""
        return self._con

    def events(self, name: str) -> ir.Table:
        """The table or view `name` of the connection."""
        return self._ibis.table(name)

    def materialize(self, rows: ir.Table | pa.Table) -> ir.Table:
        """A temporary table of `rows`."""
        name = f"{_PREFIX}{next(self._numbers)}"
        self._materialized.append(name)
        if isinstance(rows, pa.Table):
            incoming = f"{name}_incoming"
            self._con.register(incoming, rows)
            self._con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM {incoming}")
            self._con.unregister(incoming)
        else:
            statement = f"CREATE OR REPLACE TEMP TABLE {name} AS {self._ibis.compile(rows)}"
            self._with_more_memory(lambda: self._con.execute(statement))
        return self._ibis.table(name)

    @contextmanager
    def scratch(self) -> Iterator[None]:
        """Drops the temporary tables of the block."""
        before = len(self._materialized)
        try:
            yield
        finally:
            self._drop(self._materialized[before:])
            del self._materialized[before:]

    def fetch(self, rows: ir.Table) -> pa.Table:
        """`rows` as Arrow."""
        return self._with_more_memory(rows.to_pyarrow)

    def assign_keys(self, events: ir.Table) -> None:
        """Number the users and actions of `events` that have no key yet, in the order of their texts."""
        count_before = self._count_keys()
        for key, text in KEYS.items():
            table = self._tables[key]
            distinct = self._ibis.compile(events.select(text).distinct())
            statement = f"""INSERT INTO {table}
                SELECT {text}, row_number() OVER (ORDER BY {text}) + (SELECT count(*) FROM {table})
                FROM ({distinct}) ANTI JOIN {table} USING ({text})"""
            self._with_more_memory(lambda statement=statement: self._con.execute(statement))  # type: ignore[misc]
        if self.key_dictionary is not None and self._count_keys() > count_before:
            self.key_dictionary.note(self._con, self._tables)

    def _count_keys(self) -> int:
        return sum(
            self._con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] for table in self._tables.values()
        )

    def with_keys(self, rows: ir.Table) -> ir.Table:
        """`rows` with numbers in place of texts."""
        for key, text in KEYS.items():
            if text in rows.columns:
                rows = rows.inner_join(self._ibis.table(self._tables[key]), text).drop(text)
        return rows

    def with_actions(self, rows: ir.Table) -> ir.Table:
        """`rows` with the actions of their action_key."""
        return rows.inner_join(self._ibis.table(self._tables["action_key"]), "action_key")

    def fetch_users(self, parts: Sequence[ir.Table]) -> pa.Table:
        """`parts` as Arrow, aligned here: that takes a fraction of the time and memory of a join."""
        users = self._con.sql(f"FROM {self._tables['user_key']} ORDER BY user_id").to_arrow_table().combine_chunks()
        place = np.empty(len(users) + 1, dtype=np.int64)  # keys begin with 1
        place[users["user_key"].to_numpy()] = np.arange(len(users))
        columns: dict[str, pa.ChunkedArray] = {}
        for part in parts:
            rows = self.fetch(part).combine_chunks()
            places = place[rows["user_key"].to_numpy()]
            order = pa.array(np.argsort(places))
            columns.setdefault("user_id", users["user_id"].take(pa.array(np.sort(places))))
            columns |= {name: rows[name].take(order) for name in rows.column_names if name != "user_key"}
        return pa.table(columns)

    def _with_more_memory(self, step: Callable[[], Result]) -> Result:
        """Run `step`; where memory runs out, again with the next higher limit while there is one."""
        while True:
            try:
                return step()
            except duckdb.OutOfMemoryException:
                limit = next(self._more_memory, None)
                if limit is None:
                    raise
                self._con.execute(f"SET memory_limit = '{limit}'")

    def microseconds(self, moment: ir.TimestampValue) -> ir.IntegerValue:
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
