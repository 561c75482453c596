"""The seam between the features' definitions and whatever runs them.

Here stands only what differs from engine to engine: finding the events, keeping an intermediate result, what users and
actions are told apart by, time as a whole number, and a key of a JSON document. What a feature means is elsewhere, in Ibis
alone.
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

Made = TypeVar("Made")

_PREFIX = "grupa_features_"
KEYS = {"user_key": "user_id", "action_key": "action"}
"""What stands for which text within the engine: a number where that is quicker."""


class Engine(Protocol):
    """What the definitions need of a database. Use it in a `with`: leaving drops what it kept."""

    def events(self, name: str) -> ir.Table:
        """The events: user_id, timestamp, action, metadata."""

    def keep(self, rows: ir.Table | pa.Table) -> ir.Table:
        """Compute `rows` once, or take them in; the engine may spill them to disk."""

    def scratch(self) -> AbstractContextManager[None]:
        """A block at the end of which the engine may drop what it kept in it."""

    def fetch(self, rows: ir.Table) -> pa.Table:
        """Compute `rows` and bring them here."""

    def know(self, events: ir.Table) -> None:
        """Be ready to tell the users and actions of `events` (user_id, action) apart by keys."""

    def keyed(self, rows: ir.Table) -> ir.Table:
        """`rows` with user_key for user_id and action_key for action, where they have these; all of them are known."""

    def named(self, rows: ir.Table) -> ir.Table:
        """`rows` with `action` beside their action_key."""

    def fetch_users(self, parts: Sequence[ir.Table]) -> pa.Table:
        """Compute `parts`, each a row of every same user, and bring them here side by side: user_id, by which they are
        sorted, then the columns of all parts but user_key."""

    def micros(self, moment: ir.TimestampValue) -> ir.IntegerValue:
        """Whole microseconds since 1970, so that no engine rounds a time its own way."""

    def json_text(self, document: ir.Value, key: str) -> ir.StringValue:
        """Value of `key` in a JSON object as text; NULL where there is none."""


class Register(Protocol):
    """Keeps the keys of users and actions from run to run."""

    @property
    def generations(self) -> Sequence[str]:
        """What it was and is: a name for each time that it grew, the last one the present."""

    def recall(self, con: duckdb.DuckDBPyConnection, tables: Mapping[str, str]) -> None:
        """Fill the `tables`, one for each of `KEYS`, which are empty, with the keys of earlier runs."""

    def note(self, con: duckdb.DuckDBPyConnection, tables: Mapping[str, str]) -> None:
        """Keep what the `tables` hold, which is all that was recalled and more."""


class DuckDBEngine:
    """Runs the definitions on a DuckDB connection that stays the caller's.

    Users and actions are told apart by numbers: to group, join and sort those takes half the time and memory of texts.

    Args:
        con: The connection.
        more_memory: Limits to go up to when a step does not fit into the connection's own: most of them spill to disk, but a
            median needs a user's values at once.
        register: Where keys are kept for later runs; None keeps none.
    """

    def __init__(
        self, con: duckdb.DuckDBPyConnection, more_memory: Iterable[str] = (), register: Register | None = None
    ) -> None:
        self._con = con
        self._more_memory = iter(more_memory)
        self._ibis = ibis.duckdb.from_connection(con)
        self.register = register
        self._kept: list[str] = []
        self._numbers = count()
        self._tables = {key: f"{_PREFIX}{key}s" for key in KEYS}

    def __enter__(self) -> "DuckDBEngine":
        for key, table in self._tables.items():
            self._con.execute(f"CREATE TEMP TABLE {table} ({KEYS[key]} VARCHAR, {key} INTEGER)")
        if self.register is not None:
            self.register.recall(self._con, self._tables)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drop([*self._kept, *self._tables.values()])

    def _drop(self, names: Iterable[str]) -> None:
        for name in names:
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
        name = f"{_PREFIX}{next(self._numbers)}"
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

    @contextmanager
    def scratch(self) -> Iterator[None]:
        """Drops the temporary tables of the block."""
        before = len(self._kept)
        try:
            yield
        finally:
            self._drop(self._kept[before:])
            del self._kept[before:]

    def fetch(self, rows: ir.Table) -> pa.Table:
        """`rows` as Arrow."""
        return self._with_room(rows.to_pyarrow)

    def know(self, events: ir.Table) -> None:
        """Number the users and actions of `events` that have no number yet, in the order of their texts."""
        known = self._count_known()
        for key, text in KEYS.items():
            table = self._tables[key]
            distinct = self._ibis.compile(events.select(text).distinct())
            statement = f"""INSERT INTO {table}
                SELECT {text}, row_number() OVER (ORDER BY {text}) + (SELECT count(*) FROM {table})
                FROM ({distinct}) ANTI JOIN {table} USING ({text})"""
            self._with_room(lambda statement=statement: self._con.execute(statement))  # type: ignore[misc]
        if self.register is not None and self._count_known() > known:
            self.register.note(self._con, self._tables)

    def _count_known(self) -> int:
        return sum(
            self._con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] for table in self._tables.values()
        )

    def keyed(self, rows: ir.Table) -> ir.Table:
        """`rows` with numbers for texts."""
        for key, text in KEYS.items():
            if text in rows.columns:
                rows = rows.inner_join(self._ibis.table(self._tables[key]), text).drop(text)
        return rows

    def named(self, rows: ir.Table) -> ir.Table:
        """`rows` with the texts behind their action_key."""
        return rows.inner_join(self._ibis.table(self._tables["action_key"]), "action_key")

    def fetch_users(self, parts: Sequence[ir.Table]) -> pa.Table:
        """`parts` as Arrow. To lay them side by side here takes a fraction of the time and memory of a join."""
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
