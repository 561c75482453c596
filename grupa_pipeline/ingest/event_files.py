"""Event files: Parquet by UTC day, sorted by user_id, timestamp, action and metadata, each event once.

Defines duplicates: events with equal user_id, timestamp, action and metadata, where metadata is compared in canonical form
(key order and spacing do not matter); `event_ids.py` those of logs with ids. Where repeats within a log are events, an event
counts as often as in the log that holds it most often. Memory is bounded: DuckDB sorts a day that is too large out of core and
it is processed in parts; DuckDB also compares new events with stored ones.
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from grupa_pipeline.ingest.day_partitioner import EVENT_ID, TEXTS, DayPartitioner
from grupa_pipeline.ingest.log_order import LogDirection, sequences
from grupa_pipeline.ingest.metadata import canonical_json
from grupa_pipeline.sql import exactly

BATCH_ROWS = 8_192
"""Small enough that records of 200 KB each stay within the 2 GiB limit of a batch's texts."""
PART_BYTES = 192 << 20
"""Size of a day's events in bytes, not dictionary-encoded, up to which they are sorted in memory."""
WRITERS = 2
"""Number of days sorted and written concurrently."""
_EVENT = ("user_id", "timestamp", "action", "metadata")
_DAY_MICROSECONDS = 86_400_000_000
_SORTED = "ORDER BY user_id, timestamp"
ROW_GROUP = 1 << 19
_WRITER_OPTIONS: dict[str, Any] = {
    "compression": "zstd",
    "use_dictionary": ["user_id", "action", "metadata", "file_sha256", "sequence"],
    "write_statistics": ["user_id", "timestamp"],  # the columns that readers filter by
    "store_schema": False,  # so that readers see text, not Arrow dictionaries
}
_TEXT = pa.dictionary(pa.int32(), pa.string())
_SCHEMA = pa.schema(
    [
        ("user_id", _TEXT),
        ("timestamp", pa.timestamp("us")),
        ("action", _TEXT),
        ("metadata", pa.json_()),
        ("file_sha256", _TEXT),
        ("sequence", pa.int64()),
        (EVENT_ID, pa.string()),
    ]
)


@dataclass(frozen=True)
class EventFile:
    """The events of one UTC day of one log file.

    Attributes:
        path: The Parquet file.
        rows: Number of events.
        first_event_at: Earliest timestamp, naive UTC; last_event_at the latest.
        repeats: Number of events that repeat another one of the log.
    """

    path: Path
    rows: int
    first_event_at: datetime
    last_event_at: datetime
    repeats: int = 0


def write_event_files(
    con: duckdb.DuckDBPyConnection,
    events: DayPartitioner,
    folder: Path,
    file_sha256: str,
    *,
    keep_repeats: bool = False,
) -> dict[date, EventFile]:
    """Write one file per day, without duplicates.

    Args:
        con: DuckDB connection; sorts days that do not fit into memory.
        events: The partitioned events, after `finish`.
        folder: An existing folder; file names are generated and unique.
        file_sha256: SHA-256 of the log file that the events come from.
        keep_repeats: Whether equal events of the log are several events.
    """

    direction = events.direction()

    def write(day: date) -> EventFile | None:
        shares = events.read(day)
        small = events.size(day) <= PART_BYTES
        parts = [pa.concat_tables(shares)] if small else _parts(_sorted_out_of_core(con, shares))
        return _write(day, parts, folder, file_sha256, direction, keep_repeats=keep_repeats)

    with ThreadPoolExecutor(WRITERS) as threads:
        files = zip(events.days(), threads.map(write, events.days()), strict=True)
        return {day: file for day, file in files if file is not None}


def without_known_events(
    con: duckdb.DuckDBPyConnection, day: date, file: EventFile, file_sha256: str, stored: Sequence[Path]
) -> EventFile | None:
    """Rewrite `file` without the events that the files `stored` contain as often; None when no event remains.

    Metadata is compared in canonical form, but only where a stored event has the same user, time and action. Of two events that
    both have an id, their ids decide, which `event_ids.without_known_ids` compares.
    """
    new = f"read_parquet({exactly(file.path)})"
    canonical = "coalesce(canonical_json(CAST(metadata AS VARCHAR)), '')"
    event = "user_id, timestamp, action"
    remaining = con.sql(f"""
        WITH stored AS (
            SELECT {event}, {canonical} AS text, count(*) AS copies, count(*) FILTER ({EVENT_ID} IS NULL) AS copies_without_id
            FROM {stored_events_sql(stored)} SEMI JOIN {new} AS new USING ({event}) GROUP BY ALL
        ), matching AS (
            SELECT *, CASE WHEN EXISTS (FROM stored WHERE ({event}) = (new.user_id, new.timestamp, new.action))
                THEN {canonical} END AS text
            FROM {new} AS new
        )
        SELECT {event}, coalesce(CAST(metadata AS VARCHAR), '') AS metadata, sequence, coalesce({EVENT_ID}, '') AS {EVENT_ID}
        FROM matching LEFT JOIN stored USING ({event}, text)
        QUALIFY copies IS NULL OR row_number() OVER (PARTITION BY {event}, text, {EVENT_ID} IS NULL)
            > CASE WHEN {EVENT_ID} IS NULL THEN copies ELSE copies_without_id END
        {_SORTED}""")
    parts = _parts(remaining.to_arrow_reader(BATCH_ROWS))
    written = _write(day, parts, file.path.parent, file_sha256, LogDirection.FORWARD, keep_repeats=True)
    file.path.unlink()
    return written


def stored_events_sql(files: Sequence[Path]) -> str:
    """SQL for the relation of the events in `files`, of which those of earlier releases have no ids."""
    names = ", ".join(map(exactly, files))
    return (
        f"(SELECT * FROM read_parquet([{names}], union_by_name = true) "
        f"UNION ALL BY NAME SELECT NULL::VARCHAR AS {EVENT_ID} WHERE false)"
    )


def without_rows(file: EventFile, rows: np.ndarray) -> EventFile | None:
    """Rewrite `file` without the rows at these positions (from 0); None when no event remains."""
    source = pq.ParquetFile(file.path)
    path = file.path.with_name(f"{file.path.name.removesuffix('.parquet')[:-8]}{uuid.uuid4().hex[:8]}.parquet")
    kept = np.ones(file.rows, dtype=bool)
    kept[rows] = False
    first, last, start = datetime.max, datetime.min, 0
    with pq.ParquetWriter(path, source.schema_arrow, **_WRITER_OPTIONS) as writer:
        for group in range(source.num_row_groups):
            events = source.read_row_group(group)
            events, start = events.filter(pa.array(kept[start : start + len(events)])), start + len(events)
            if len(events):
                writer.write_table(events, row_group_size=ROW_GROUP)
                span = pc.min_max(events["timestamp"]).as_py()
                first, last = min(first, span["min"]), max(last, span["max"])
    file.path.unlink()
    if not kept.any():
        path.unlink()
        return None
    return EventFile(path, int(kept.sum()), first, last, file.repeats)


def _sorted_out_of_core(con: duckdb.DuckDBPyConnection, shares: Iterator[pa.Table]) -> Iterator[pa.RecordBatch]:
    """A day's events sorted by user and time, out of core."""
    first = next(shares)
    columns = [*_EVENT, EVENT_ID] if EVENT_ID in first.column_names else [*_EVENT]
    schema = pa.schema([(name, pa.timestamp("us") if name == "timestamp" else pa.string()) for name in columns])
    batches = (batch for share in chain([first], shares) for batch in share.select(columns).cast(schema).to_batches())
    numbered = schema.append(pa.field("number", pa.int64()))
    with con.cursor() as cursor:
        cursor.register("unsorted", pa.RecordBatchReader.from_batches(numbered, _numbered(batches)))
        yield from cursor.sql(f"SELECT {', '.join(columns)} FROM unsorted {_SORTED}, number").to_arrow_reader(
            BATCH_ROWS
        )


def _numbered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches with the place of each event in the log as their last column."""
    start = 0
    for batch in batches:
        numbers = pa.array(np.arange(start, start + batch.num_rows))
        yield pa.record_batch([*batch.columns, numbers], names=[*batch.schema.names, "number"])
        start += batch.num_rows


def _parts(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Split events sorted by user and time into parts that fit into memory.

    Events with the same user and time are always in the same part.
    """
    pending: list[pa.RecordBatch] = []
    for batch in batches:
        pending.append(batch)
        if sum(batch.nbytes for batch in pending) > PART_BYTES:
            part = pa.Table.from_batches(pending)
            user, timestamp = (pc.not_equal(part[name], part[name][-1]) for name in ("user_id", "timestamp"))
            others = pc.sum(pc.or_(user, timestamp)).as_py()  # rows before those of the last user and time
            if others:
                yield _dictionary_encoded(part.slice(0, others))
                pending = part.slice(others).to_batches()
    if pending:
        yield _dictionary_encoded(pa.Table.from_batches(pending))


def _dictionary_encoded(part: pa.Table) -> pa.Table:
    return pa.table(
        {
            name: part[name].dictionary_encode() if name in (*TEXTS, EVENT_ID) else part[name]
            for name in part.column_names
        }
    )


def _write(
    day: date,
    parts: Iterable[pa.Table],
    folder: Path,
    file_sha256: str,
    direction: LogDirection,
    *,
    keep_repeats: bool,
) -> EventFile | None:
    """Write parts, of which each comes after those before, sorted and without duplicates; None when there are none.

    The events of a part are in the order of the log, unless they have a `sequence`.
    """
    path = folder / f"events-{day}-{file_sha256[:12]}-{uuid.uuid4().hex[:8]}.parquet"
    rows, repeats, first, last = 0, 0, datetime.max, datetime.min
    with pq.ParquetWriter(path, _SCHEMA, **_WRITER_OPTIONS) as writer:
        for part in parts:
            events, part_repeats = _without_duplicates(part, direction, keep_repeats=keep_repeats)
            origin = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), len(events)), [file_sha256])
            position = _SCHEMA.get_field_index("file_sha256")
            writer.write_table(events.add_column(position, "file_sha256", origin), row_group_size=ROW_GROUP)
            span = pc.min_max(events["timestamp"]).as_py()
            rows, first, last = rows + len(events), min(first, span["min"]), max(last, span["max"])
            repeats += part_repeats
    if rows:
        return EventFile(path, rows, first, last, repeats)
    path.unlink()
    return None


def _without_duplicates(part: pa.Table, direction: LogDirection, *, keep_repeats: bool) -> tuple[pa.Table, int]:
    """The events of a part, sorted and without duplicates, with the columns of `_SCHEMA` but file_sha256; and the repeats kept."""
    (users, user_ids), (actions, names), (others, metadata) = (_ranked(part[name]) for name in TEXTS)
    ids, id_texts = _ranked(part[EVENT_ID]) if EVENT_ID in part.column_names else (None, pa.array([], pa.string()))
    instants = users * _DAY_MICROSECONDS + part["timestamp"].cast(pa.int64()).to_numpy() % _DAY_MICROSECONDS
    order = _sorted(instants, actions * len(metadata) + others, ids)
    firsts = _firsts(instants[order], actions[order], others[order], metadata, None if ids is None else ids[order])
    unique_rows = order if keep_repeats else order[firsts]
    empty = metadata.index("").as_py()
    metadata_codes = pa.array(others[unique_rows].astype(np.int32), mask=others[unique_rows] == empty)
    event_ids = pa.nulls(len(unique_rows), pa.string())
    if ids is not None:
        taken = id_texts.take(pa.array(ids[unique_rows]))
        event_ids = pc.if_else(pc.equal(taken, ""), pa.scalar(None, pa.string()), taken)
    table = pa.table(
        {
            "user_id": pa.DictionaryArray.from_arrays(users[unique_rows].astype(np.int32), user_ids),
            "timestamp": part["timestamp"].combine_chunks().take(pa.array(unique_rows)),
            "action": pa.DictionaryArray.from_arrays(actions[unique_rows].astype(np.int32), names),
            "metadata": metadata.take(metadata_codes).cast(pa.json_()),
            "sequence": part["sequence"].take(pa.array(unique_rows))
            if "sequence" in part.column_names
            else sequences(instants[unique_rows], actions[unique_rows], unique_rows, direction),
            EVENT_ID: event_ids,
        }
    )
    return table, int(np.count_nonzero(~firsts)) if keep_repeats else 0


def _sorted(first: np.ndarray, second: np.ndarray, third: np.ndarray | None) -> np.ndarray:
    """Row order by `first`, then `second`, then `third`. Faster than lexsort, as few rows tie in `first`."""
    order = np.argsort(first)
    same = first[order[1:]] == first[order[:-1]]
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    rows = np.sort(order[tied])  # of equal rows the first one in the log comes first
    keys = (second[rows], first[rows]) if third is None else (third[rows], second[rows], first[rows])
    order[tied] = rows[np.lexsort(keys)]
    return order


def _ranked(column: pa.ChunkedArray) -> tuple[np.ndarray, pa.Array]:
    """A dictionary-encoded column as the rank of each text, and the texts in byte order."""
    chunks = column.chunks
    texts = pa.concat_arrays([chunk.dictionary for chunk in chunks]).dictionary_encode()
    order = pc.array_sort_indices(texts.dictionary)
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order.to_numpy()] = np.arange(len(order))
    ranks = ranks[texts.indices.to_numpy()]  # of the texts of all chunks, concatenated
    starts = np.cumsum([0, *(len(chunk.dictionary) for chunk in chunks)])
    codes = [start + chunk.indices.to_numpy() for start, chunk in zip(starts, chunks, strict=False)]
    return ranks[np.concatenate(codes)], texts.dictionary.take(order)


def _firsts(
    instants: np.ndarray, actions: np.ndarray, others: np.ndarray, metadata: pa.Array, ids: np.ndarray | None
) -> np.ndarray:
    """Mask of the sorted events to keep: per user, time, action and id the first of each canonical metadata."""
    mask = np.ones(len(instants), dtype=bool)
    same = (instants[1:] == instants[:-1]) & (actions[1:] == actions[:-1])
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    if len(tied):
        groups = np.cumsum(np.append(True, ~same))[tied]
        used, texts = np.unique(others[tied], return_inverse=True)
        numbers: dict[str | None, int] = {}
        canonical_codes = [
            numbers.setdefault(canonical_json(metadata[int(code)].as_py()), len(numbers)) for code in used
        ]
        keys = groups * len(numbers) + np.array(canonical_codes)[texts]
        if ids is not None:
            keys = np.unique(keys, return_inverse=True)[1] * (int(ids.max()) + 1) + ids[tied]
        _, firsts = np.unique(keys, return_index=True)
        mask[tied] = False
        mask[tied[firsts]] = True
    return mask
