"""Staging: a snapshot's tables as Parquet files that stay unpublished until all of them agree.

Each staged table has the key of its content and the keys of the tables it was computed from. A snapshot's tables agree when
each was computed from the others as they are now, staged or published. Holds no DuckDB connection; publishes nothing.
"""

import hashlib
import io
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from grupa_pipeline.tables import EVENT_CATALOG, SNAPSHOT_TABLES, Table

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

RowsByDay = Mapping[date, pa.Table]
"""Rows of one table by the snapshot that they belong to."""

_ARROW_TYPES = {
    "VARCHAR": pa.string(),
    "JSON": pa.string(),
    "VARCHAR[]": pa.list_(pa.string()),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
}
BATCH_KEY = b"batch_key"
"""Key in a table's Arrow metadata: tables that one asset computed together have the same value, and are published together."""

CONTENT_KEY = b"content_key"
"""Key in a table's Arrow metadata: its content key, where the rows are conformed already."""

_VOLATILE_COLUMNS = ("latency_ms", "call_id", "created_at")
"""Columns that differ each time that a table is computed."""


class WrongTableError(TypeError):
    """An asset returned rows that do not have its table's columns."""


@dataclass(frozen=True)
class TableState:
    """One table of one snapshot.

    Attributes:
        content_key: Key of its rows.
        inputs: Content keys of the tables it was computed from, by name.
        rows: Number of rows.
        path: Parquet file of its rows; None where they are in the DuckDB file only.
        bytes_sha256: SHA-256 of that file's bytes, where it is published.
    """

    content_key: str
    inputs: Mapping[str, str]
    rows: int
    path: Path | None = None
    bytes_sha256: str | None = None

    def same_as(self, other: "TableState | None") -> bool:
        """Whether both have the same content, computed from the same inputs."""
        return other is not None and (self.content_key, dict(self.inputs)) == (other.content_key, dict(other.inputs))


def read_inputs(text: str | None) -> dict[str, str]:
    """The inputs of a table as `published_files` holds them, as a mapping."""
    inputs: dict[str, str] = json.loads(text or "{}")
    return inputs


def conform(table: Table, rows: pa.Table) -> pa.Table:
    """`rows` with the columns and types of `table`, in key order; the further DOUBLE columns of an open-ended table follow.

    Raises:
        WrongTableError: A column is missing, or does not have the type of the contract.
    """
    missing = [name for name in table.column_names if name not in rows.column_names]
    if missing:
        raise WrongTableError(f"{table.name} lacks {', '.join(missing)}")
    arrays = {}
    for column in table.columns:
        try:
            arrays[column.name] = rows[column.name].cast(_ARROW_TYPES[column.type])
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise WrongTableError(f"{table.name}.{column.name} is not {column.type}: {error}") from error
    others = [name for name in rows.column_names if name not in arrays]
    if others and not table.open_ended:
        raise WrongTableError(f"{table.name} has no column {', '.join(others)}")
    arrays |= {name: rows[name].cast(pa.float64()) for name in others}
    return _in_key_order(pa.table(arrays), table).replace_schema_metadata(None)


def empty_rows(table: Table) -> pa.Table:
    """`table` without rows."""
    return pa.table({column.name: pa.array([], _ARROW_TYPES[column.type]) for column in table.columns})


def _in_key_order(rows: pa.Table, table: Table) -> pa.Table:
    """`rows` sorted by their key; not copied where they are sorted already."""
    order = pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in table.key]).to_numpy()
    return rows if bool((order[1:] > order[:-1]).all()) else rows.take(order)


def content_key(rows: pa.Table) -> str:
    """SHA-256 of `rows` (in key order) without the volatile columns."""
    names = [name for name in rows.column_names if name not in _VOLATILE_COLUMNS]
    sink, rows = _Digest(), rows.select(names)
    if any(column.num_chunks > 1 for column in rows.columns):
        rows = rows.combine_chunks()  # the key must not depend on how the rows are chunked
    pq.write_table(rows, sink, compression="none", store_schema=False)
    return sink.sha256.hexdigest()


class _Digest(io.RawIOBase):
    """A file that only hashes what is written to it."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: "ReadableBuffer") -> int:
        view = memoryview(data)
        self.sha256.update(view)
        return view.nbytes


def stage(folder: Path, table: Table, snapshot: date, rows: pa.Table, inputs: Mapping[str, str]) -> TableState:
    """Write `rows` of `table` for `snapshot` into the staging folder of the warehouse `folder`, atomically.

    Raises:
        WrongTableError: The rows do not have the table's columns.
    """
    known = (rows.schema.metadata or {}).get(CONTENT_KEY)
    rows = conform(table, rows)
    key = known.decode() if known else content_key(rows)
    home = _home(folder, snapshot)
    home.mkdir(parents=True, exist_ok=True)
    state = TableState(key, dict(inputs), rows.num_rows, home / f"{table.name}.parquet")
    description = {"content_key": state.content_key, "inputs": state.inputs, "rows": state.rows}
    sidecar = home / f"{table.name}.json"
    sidecar.unlink(missing_ok=True)  # if this process is killed in between, no sidecar may describe the former rows
    _replace(home / f"{table.name}.parquet", lambda path: pq.write_table(rows, path, compression="zstd"))
    _replace(sidecar, lambda path: path.write_text(json.dumps(description)))
    return state


def staged(folder: Path, snapshot: date) -> dict[str, TableState]:
    """States of the staged tables of `snapshot`, by table name."""
    states = {}
    for table in SNAPSHOT_TABLES:
        sidecar = _home(folder, snapshot) / f"{table.name}.json"
        if sidecar.exists():
            states[table.name] = TableState(**json.loads(sidecar.read_text()), path=sidecar.with_suffix(".parquet"))
    return states


def discard(folder: Path, snapshot: date) -> None:
    """Delete the staged tables of `snapshot`."""
    home = _home(folder, snapshot)
    # Sidecars first, so that none is left without its rows.
    for path in sorted(home.glob("*.json")) + sorted(home.glob("*.parquet")):
        path.unlink()
    if home.exists() and not any(home.iterdir()):
        home.rmdir()


def keep_note(folder: Path, snapshot: date, name: str, text: str) -> None:
    """Keep `text` (JSON) beside the staged tables of `snapshot` until they are published: for an asset that follows."""
    home = _home(folder, snapshot)
    home.mkdir(parents=True, exist_ok=True)
    _replace(home / f"{name}.json", lambda path: path.write_text(text, encoding="utf-8"))


def read_note(folder: Path, snapshot: date, name: str) -> str | None:
    """What `keep_note` kept; None where nothing is."""
    path = _home(folder, snapshot) / f"{name}.json"
    return path.read_text(encoding="utf-8") if path.exists() else None


def clear(folder: Path, keep_days: int) -> None:
    """Delete files that killed runs left half written, and staged snapshots that were not touched for `keep_days`."""
    oldest = time.time() - keep_days * 86_400
    for home in (folder / "staging").glob("*-*-*"):
        for draft in home.glob(".*"):
            draft.unlink()
        if home.stat().st_mtime < oldest:
            discard(folder, date.fromisoformat(home.name))


def disagreements(states: Mapping[str, TableState]) -> list[str]:
    """Why the tables of a snapshot cannot be published together, a phrase each; empty when they agree."""
    read = {source for state in states.values() for source in state.inputs}
    # A snapshot of an earlier release has no event catalogue, and none of its tables was computed from one.
    required = [table for table in SNAPSHOT_TABLES if table is not EVENT_CATALOG or table.name in read]
    reasons = [f"{table.name} has not been computed" for table in required if table.name not in states]
    outside: dict[str, set[str]] = {}
    for name, state in states.items():
        for source, key in state.inputs.items():
            if source not in states:
                outside.setdefault(source, set()).add(key)
            elif states[source].content_key != key:
                reasons.append(f"{name} was computed from another {source}")
    reasons += [f"its tables come from different {source}" for source, keys in outside.items() if len(keys) > 1]
    return reasons


def _home(folder: Path, snapshot: date) -> Path:
    return folder / "staging" / snapshot.isoformat()


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    draft = path.with_name(f".{path.name}")
    write(draft)
    os.replace(draft, path)
