"""Event files: Parquet by UTC day, sorted by user_id and timestamp, each event once.

What counts as a duplicate is decided here: equal user_id, timestamp, action and metadata, where metadata that says the same
in other words is equal. Memory is bounded: events come as a sorted stream, and a day is compared with what is held by
DuckDB, out of core.
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from grupa_pipeline.ingest.metadata import canonical_json
from grupa_pipeline.ingest.timestamps import quoted

ORDER = "user_id, timestamp, event_key, hash(metadata)"
"""The order of events within a day. `event_key`, a hash of user_id, timestamp and action, brings duplicates together, and
with the metadata's hash makes the order, and so the file, the same each time."""
BATCH_ROWS = 122_880
EVENT_KEY = "hash(user_id, timestamp, action)"
_SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("timestamp", pa.timestamp("us")),
        ("action", pa.string()),
        ("metadata", pa.json_()),
        ("file_sha256", pa.string()),
    ]
)
_EPOCH_DAY = date(1970, 1, 1)


@dataclass(frozen=True)
class EventFile:
    """The events of one UTC day of one log file: where, how many, from when to when (naive UTC)."""

    path: Path
    rows: int
    first_event_at: datetime
    last_event_at: datetime


def write_event_files(batches: Iterable[pa.RecordBatch], folder: Path, file_sha256: str) -> dict[date, EventFile]:
    """Write one file a day, each event once.

    Args:
        batches: day, user_id, timestamp, action, metadata (JSON text), event_key; sorted by day, then `ORDER`.
        folder: An existing folder; names are unique.
        file_sha256: The log file they come from.
    """
    files: dict[date, EventFile] = {}
    writer: pq.ParquetWriter | None = None
    try:
        for day, events in _by_day(_each_once(batches)):
            if day not in files:
                if writer is not None:
                    writer.close()
                path = folder / f"events-{day}-{file_sha256[:12]}-{uuid.uuid4().hex[:8]}.parquet"
                writer = pq.ParquetWriter(path, _SCHEMA, compression="zstd")
                files[day] = EventFile(path, 0, datetime.max, datetime.min)
            if writer is not None:
                files[day] = _appended(writer, files[day], events, file_sha256)
    finally:
        if writer is not None:
            writer.close()
    return files


def _appended(writer: pq.ParquetWriter, file: EventFile, events: pa.RecordBatch, file_sha256: str) -> EventFile:
    columns = [events.column(name).cast(_SCHEMA.field(name).type) for name in _SCHEMA.names[:-1]]
    origin = pa.repeat(pa.scalar(file_sha256), events.num_rows)
    writer.write_batch(pa.record_batch([*columns, origin], _SCHEMA))
    span = pc.min_max(events.column("timestamp")).as_py()
    first, last = min(file.first_event_at, span["min"]), max(file.last_event_at, span["max"])
    return EventFile(file.path, file.rows + events.num_rows, first, last)


def _by_day(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[date, pa.RecordBatch]]:
    for batch in batches:
        days = batch.column("day").cast(pa.int32()).to_numpy()
        starts = np.flatnonzero(np.diff(days, prepend=np.int32(-(2**31)))) if len(days) else days
        for start, end in zip(starts, [*starts[1:], len(days)], strict=True):
            yield _EPOCH_DAY + timedelta(days=int(days[start])), batch.slice(start, end - start)


def _each_once(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The events without repetitions: among those of one key, the first of each canonical metadata."""
    key: int | None = None
    said: set[str | None] = set()
    for batch in batches:
        keys, texts = batch.column("event_key").to_numpy(), batch.column("metadata")
        twins = np.zeros(
            len(keys) + 1, dtype=bool
        )  # one more, so that the last is always remembered for the next batch
        same = keys[1:] == keys[:-1]
        twins[1:-1] |= same
        twins[: len(same)] |= same
        twins[[0, -2]] = True
        keep = np.ones(len(keys), dtype=bool)
        for row in np.flatnonzero(twins[:-1]):
            if keys[row] != key:
                key, said = keys[row], set()
            text = canonical_json(texts[int(row)].as_py())
            keep[row] = text not in said
            said.add(text)
        yield batch if keep.all() else batch.filter(pa.array(keep))


def without_held(
    con: duckdb.DuckDBPyConnection, file: EventFile, file_sha256: str, held: Sequence[Path]
) -> EventFile | None:
    """The file again, less the events that the files `held` have already; None when nothing is left.

    Metadata is compared in canonical form, but only where a held event shares user, time and action.
    """
    new = f"read_parquet({quoted(str(file.path))})"
    known = f"read_parquet({[str(path) for path in held]})"
    says = "coalesce(canonical_json(CAST(metadata AS VARCHAR)), '')"
    event = "user_id, timestamp, action"
    left = con.sql(f"""
        WITH held AS (
            SELECT {event}, list({says}) AS said FROM {known} SEMI JOIN {new} AS new USING ({event}) GROUP BY ALL
        )
        SELECT CAST(timestamp AS DATE) AS day, {event}, CAST(metadata AS VARCHAR) AS metadata, {EVENT_KEY} AS event_key
        FROM {new} LEFT JOIN held USING ({event})
        WHERE CASE WHEN said IS NULL THEN true ELSE NOT list_contains(said, {says}) END
        ORDER BY {ORDER}""")
    files = write_event_files(left.to_arrow_reader(BATCH_ROWS), file.path.parent, file_sha256)
    file.path.unlink()
    return next(iter(files.values()), None)
