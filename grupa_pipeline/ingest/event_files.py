"""Event files: Parquet by UTC day, sorted by user_id, timestamp, action and metadata, each event once.

What counts as a duplicate is decided here: equal user_id, timestamp, action and metadata, where metadata that says the same
in other words is equal. Memory is bounded: a day that is too large is sorted out of core by DuckDB and ingested parts, and
what is held already is compared by DuckDB too.
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from grupa_pipeline.ingest.day_partitioner import TEXTS, DayPartitioner
from grupa_pipeline.ingest.metadata import canonical_json
from grupa_pipeline.sql import exactly

BATCH_ROWS = 8_192
"""Few enough that even records of 200 KB fit into the 2 GiB that a batch's texts may have."""
PART_BYTES = 192 << 20
"""How much of a day, with each text written out, is sorted in memory."""
WRITERS = 2
"""Days that are sorted and written at the same time."""
_EVENT = ("user_id", "timestamp", "action", "metadata")
_DAY_MICROSECONDS = 86_400_000_000
_SORTED = "ORDER BY user_id, timestamp"
ROW_GROUP = 1 << 19
_WRITING: dict[str, Any] = {
    "compression": "zstd",
    "use_dictionary": ["user_id", "action", "metadata", "file_sha256"],
    "write_statistics": ["user_id", "timestamp"],  # what readers look for
    "store_schema": False,  # to others a dictionary is text
}
_TEXT = pa.dictionary(pa.int32(), pa.string())
_SCHEMA = pa.schema(
    [
        ("user_id", _TEXT),
        ("timestamp", pa.timestamp("us")),
        ("action", _TEXT),
        ("metadata", pa.json_()),
        ("file_sha256", _TEXT),
    ]
)


@dataclass(frozen=True)
class EventFile:
    """The events of one UTC day of one log file: where, how many, from when to when (naive UTC)."""

    path: Path
    rows: int
    first_event_at: datetime
    last_event_at: datetime


def write_event_files(
    con: duckdb.DuckDBPyConnection, events: DayPartitioner, folder: Path, file_sha256: str
) -> dict[date, EventFile]:
    """Write one file a day, each event once.

    Args:
        con: Sorts what does not fit into memory.
        events: Finished.
        folder: An existing folder; names are unique.
        file_sha256: The log file they come from.
    """

    def write(day: date) -> EventFile | None:
        shares = events.read(day)
        small = events.size(day) <= PART_BYTES
        parts = [pa.concat_tables(shares)] if small else _parts(_in_order(con, shares))
        return _write(day, parts, folder, file_sha256)

    with ThreadPoolExecutor(WRITERS) as threads:
        files = zip(events.days(), threads.map(write, events.days()), strict=True)
        return {day: file for day, file in files if file is not None}


def without_known_events(
    con: duckdb.DuckDBPyConnection, day: date, file: EventFile, file_sha256: str, held: Sequence[Path]
) -> EventFile | None:
    """The file again, less the events that the files `held` have already; None when nothing is left.

    Metadata is compared in canonical form, but only where a held event shares user, time and action.
    """
    new = f"read_parquet({exactly(file.path)})"
    known = f"read_parquet([{', '.join(map(exactly, held))}])"
    says = "coalesce(canonical_json(CAST(metadata AS VARCHAR)), '')"
    event = "user_id, timestamp, action"
    left = con.sql(f"""
        WITH held AS (
            SELECT {event}, list({says}) AS said FROM {known} SEMI JOIN {new} AS new USING ({event}) GROUP BY ALL
        )
        SELECT {event}, coalesce(CAST(metadata AS VARCHAR), '') AS metadata FROM {new} LEFT JOIN held USING ({event})
        WHERE CASE WHEN said IS NULL THEN true ELSE NOT list_contains(said, {says}) END {_SORTED}""")
    written = _write(day, _parts(left.to_arrow_reader(BATCH_ROWS)), file.path.parent, file_sha256)
    file.path.unlink()
    return written


def _in_order(con: duckdb.DuckDBPyConnection, shares: Iterator[pa.Table]) -> Iterator[pa.RecordBatch]:
    """A day's events by user and time, sorted out of core."""
    schema = pa.schema([(name, pa.timestamp("us") if name == "timestamp" else pa.string()) for name in _EVENT])
    batches = (batch for share in shares for batch in share.select(_EVENT).cast(schema).to_batches())
    with con.cursor() as own:
        own.register("unsorted", pa.RecordBatchReader.from_batches(schema, batches))
        yield from own.sql(f"SELECT * FROM unsorted {_SORTED}").to_arrow_reader(BATCH_ROWS)


def _parts(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Events that come by user and time, in parts that fit into memory; no two of them hold one user's same instant."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(batch.nbytes for batch in held) > PART_BYTES:
            part = pa.Table.from_batches(held)
            user, timestamp = (pc.not_equal(part[name], part[name][-1]) for name in ("user_id", "timestamp"))
            others = pc.sum(pc.or_(user, timestamp)).as_py()  # they stand before the last instant
            if others:
                yield _coded_texts(part.slice(0, others))
                held = part.slice(others).to_batches()
    if held:
        yield _coded_texts(pa.Table.from_batches(held))


def _coded_texts(part: pa.Table) -> pa.Table:
    return pa.table({name: part[name].dictionary_encode() if name in TEXTS else part[name] for name in _EVENT})


def _write(day: date, parts: Iterable[pa.Table], folder: Path, file_sha256: str) -> EventFile | None:
    """Write parts, of which each comes after those before, sorted and each event once; None when there are none."""
    path = folder / f"events-{day}-{file_sha256[:12]}-{uuid.uuid4().hex[:8]}.parquet"
    rows, first, last = 0, datetime.max, datetime.min
    with pq.ParquetWriter(path, _SCHEMA, **_WRITING) as writer:
        for part in parts:
            events = _each_once(part)
            origin = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), len(events)), [file_sha256])
            writer.write_table(events.append_column("file_sha256", origin), row_group_size=ROW_GROUP)
            span = pc.min_max(events["timestamp"]).as_py()
            rows, first, last = rows + len(events), min(first, span["min"]), max(last, span["max"])
    if rows:
        return EventFile(path, rows, first, last)
    path.unlink()
    return None


def _each_once(part: pa.Table) -> pa.Table:
    """The events of a part sorted, without repetitions, in the columns of `_SCHEMA` but the last."""
    (users, user_ids), (actions, names), (others, metadata) = (_ranked(part[name]) for name in TEXTS)
    instants = users * _DAY_MICROSECONDS + part["timestamp"].cast(pa.int64()).to_numpy() % _DAY_MICROSECONDS
    order = _sorted(instants, actions * len(metadata) + others)
    kept = order[_firsts(instants[order], actions[order], others[order], metadata)]
    nothing = metadata.index("").as_py()
    shown = pa.array(others[kept].astype(np.int32), mask=others[kept] == nothing)
    return pa.table(
        {
            "user_id": pa.DictionaryArray.from_arrays(users[kept].astype(np.int32), user_ids),
            "timestamp": part["timestamp"].combine_chunks().take(pa.array(kept)),
            "action": pa.DictionaryArray.from_arrays(actions[kept].astype(np.int32), names),
            "metadata": metadata.take(shown).cast(pa.json_()),
        }
    )


def _sorted(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The order of rows by `first`, then `second`, which decides little: few are equal in `first`."""
    order = np.argsort(first)
    same = first[order[1:]] == first[order[:-1]]
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    rows = order[tied]
    order[tied] = rows[np.lexsort((second[rows], first[rows]))]
    return order


def _ranked(column: pa.ChunkedArray) -> tuple[np.ndarray, pa.Array]:
    """A column of dictionaries as the rank of each text, and the texts in order (of their bytes)."""
    chunks = column.chunks
    texts = pa.concat_arrays([chunk.dictionary for chunk in chunks]).dictionary_encode()
    order = pc.array_sort_indices(texts.dictionary)
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order.to_numpy()] = np.arange(len(order))
    ranks = ranks[texts.indices.to_numpy()]  # of each chunk's texts, one chunk after the other
    starts = np.cumsum([0, *(len(chunk.dictionary) for chunk in chunks)])
    codes = [start + chunk.indices.to_numpy() for start, chunk in zip(starts, chunks, strict=False)]
    return ranks[np.concatenate(codes)], texts.dictionary.take(order)


def _firsts(instants: np.ndarray, actions: np.ndarray, others: np.ndarray, metadata: pa.Array) -> np.ndarray:
    """Which of the sorted events to keep: of those of one user, instant and action, the first of each meaning."""
    keep = np.ones(len(instants), dtype=bool)
    same = (instants[1:] == instants[:-1]) & (actions[1:] == actions[:-1])
    twins = np.flatnonzero(np.append(same, False) | np.append(False, same))
    if len(twins):
        groups = np.cumsum(np.append(True, ~same))[twins]
        used, texts = np.unique(others[twins], return_inverse=True)
        numbers: dict[str | None, int] = {}
        meanings = [numbers.setdefault(canonical_json(metadata[int(code)].as_py()), len(numbers)) for code in used]
        _, firsts = np.unique(groups * len(numbers) + np.array(meanings)[texts], return_index=True)
        keep[twins] = False
        keep[twins[firsts]] = True
    return keep
