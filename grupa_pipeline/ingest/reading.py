"""The records of a log, read and judged: the good ones handed on, the rejected ones as a table.

Two readers give the same: DuckDB's, parallel, and the careful one (`records.py`), which knows the line and the text of each
record. Where every record is one line, the careful one reads only what was rejected: values that are judged so, then, in a
second attempt, records that DuckDB could not read either. Both are judged by the same SQL (`judging.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import duckdb
import numpy as np
import pyarrow as pa

from grupa_pipeline.ingest.event_files import BATCH_ROWS
from grupa_pipeline.ingest.records import pick_lines, read_records, schema
from grupa_pipeline.ingest.row_validation import Judge
from grupa_pipeline.ingest.source import MAX_RECORD, Scan, text_blocks
from grupa_pipeline.sql import exactly, quoted

REJECTED = pa.schema(
    [("file_sha256", pa.string()), ("line_number", pa.int64()), ("reason", pa.string()), ("raw", pa.string())]
)
_TOLD = pa.schema([field for field in REJECTED if field.name != "file_sha256"])
RAW_BYTES = 4096
"""How much of a rejected record is kept."""
_UNREADABLE = ("Invalid Input Error", "Not implemented Error", "IO Error")
"""How DuckDB begins to say that it cannot read a record, or a kind of gzip; a broken disk fails the careful reader too."""
MAX_UNREAD = 100_000
"""How many records that DuckDB cannot read are read around."""
_EVENT = ["day", "user_id", "timestamp", "action", "metadata"]


@dataclass(frozen=True)
class Reading:
    """What was read: how many records, and the rejected ones (columns of tables.REJECTED_ROWS, in line order)."""

    rows: int
    rejected: pa.Table


Add = Callable[[pa.RecordBatch], None]
Reader = Callable[[duckdb.DuckDBPyConnection, Scan, Judge, Add], Reading]


class NotPlainError(Exception):
    """DuckDB's reader does not tell what the careful one would; what it handed on is to be forgotten."""


def read_plainly(con: duckdb.DuckDBPyConnection, scanned: Scan, judge: Judge, add: Add) -> Reading:
    """Hand the good records to `add` (day, user_id, timestamp, action, metadata), by DuckDB's reader, which can read all.

    Raises:
        NotPlainError: Only another reader can tell what is in the file.
    """
    rows, rejected = _read(con, scanned, judge, add, "ignore_errors = false")
    return Reading(rows, _rejected_lines(con, scanned, judge, rows, rejected, np.empty(0, dtype=np.int64)))


def read_around(con: duckdb.DuckDBPyConnection, scanned: Scan, judge: Judge, add: Add) -> Reading:
    """Do as `read_plainly` does, around records that DuckDB cannot read.

    Raises:
        NotPlainError: Only the careful reader can tell what is in the file.
    """
    keep = (
        f"store_rejects = true, rejects_limit = {MAX_UNREAD}, rejects_table = 'unread', rejects_scan = 'unread_scans'"
    )
    try:
        rows, rejected = _read(con, scanned, judge, add, keep)
        unread = con.execute("SELECT DISTINCT line FROM unread ORDER BY line").fetchnumpy()["line"].astype(np.int64)
    finally:
        con.execute("DROP TABLE IF EXISTS unread; DROP TABLE IF EXISTS unread_scans")
    if not len(unread):  # something was, or it would have been read plainly
        raise NotPlainError
    return Reading(rows + len(unread), _rejected_lines(con, scanned, judge, rows, rejected, unread))


def read_carefully(con: duckdb.DuckDBPyConnection, scanned: Scan, judge: Judge, add: Add) -> Reading:
    """Hand the good records to `add`, as `read_plainly` does, by the careful reader."""
    batches = read_records(text_blocks(scanned.path), judge.layout, scanned.newline)
    rows, rejected = 0, []
    for batch in _judged(con, judge, batches):
        reasons = batch.column("reason")
        rows += batch.num_rows
        rejected.append(_told(batch.filter(reasons.is_valid())))
        add(batch.filter(reasons.is_null()).select(_EVENT))
    return Reading(rows, _rejected_table(scanned, rejected))


READERS: tuple[Reader, ...] = (read_plainly, read_around, read_carefully)
"""In the order in which to try them; the last one reads anything."""


def _read(con: duckdb.DuckDBPyConnection, scanned: Scan, judge: Judge, add: Add, option: str) -> tuple[int, np.ndarray]:
    """How many records DuckDB's reader could read, and the numbers, from 0, of those that are rejected."""
    if not scanned.plain or judge.layout.header_line > 1:
        raise NotPlainError
    judged = judge.sql(f"(SELECT *, NULL AS problem FROM {_csv_sql(scanned, judge, option)})")
    rows, rejected = 0, [np.empty(0, dtype=np.int64)]
    try:
        for batch in con.sql(f"SELECT {', '.join(_EVENT)}, reason FROM ({judged})").to_arrow_reader(BATCH_ROWS):
            good = batch.column("reason").is_null()
            rejected.append(rows + np.flatnonzero(~good.to_numpy(zero_copy_only=False)))
            rows += batch.num_rows
            events = batch.select(_EVENT)
            add(events.filter(good) if len(rejected[-1]) else events)
    except (duckdb.InvalidInputException, duckdb.NotSupportedError, duckdb.IOException) as error:
        raise NotPlainError from error
    except (OSError, pa.ArrowException) as error:  # how the same arrives once records have been handed on
        if not str(error).startswith(_UNREADABLE):
            raise
        raise NotPlainError from error
    return rows, np.concatenate(rejected)


def _csv_sql(scanned: Scan, judge: Judge, option: str) -> str:
    """DuckDB's reader as a relation of texts; `option` says what becomes of records that it cannot read."""
    columns = {f"c{column}": "VARCHAR" for column in range(judge.layout.width)}
    return (
        f"read_csv({exactly(scanned.path)}, auto_detect = false, header = false, skip = 1, columns = {columns}, "
        f"delim = {quoted(judge.layout.delimiter)}, quote = '\"', escape = '\"', comment = '', strict_mode = true, "
        f"null_padding = false, force_not_null = {list(columns)}, max_line_size = {MAX_RECORD // 2}, "
        f"compression = {quoted('gzip' if scanned.gzip else 'none')}, "
        f"{option})"
    )


def _judged(
    con: duckdb.DuckDBPyConnection, judge: Judge, batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    con.register("careful_records", pa.RecordBatchReader.from_batches(schema(judge.layout), batches))
    try:
        yield from con.sql(
            f"SELECT {', '.join(_EVENT)}, problem, line_number, reason, "
            f"CASE WHEN reason IS NOT NULL THEN left(raw, {RAW_BYTES}) END AS raw FROM ({judge.sql('careful_records')})"
        ).to_arrow_reader(BATCH_ROWS)
    finally:
        con.unregister("careful_records")


def _rejected_lines(
    con: duckdb.DuckDBPyConnection, scanned: Scan, judge: Judge, rows: int, rejected: np.ndarray, unread: np.ndarray
) -> pa.Table:
    """What the careful reader says of the lines that DuckDB's reader rejects.

    Where a file has as many lines as records, each record is one line, and its number tells which. A record that does
    not look beyond its line is read by itself as it is among others.

    Args:
        con: A DuckDB session.
        scanned: The file.
        judge: Its rules.
        rows: Records that DuckDB could read.
        rejected: The numbers, from 0, of those among them that are rejected.
        unread: The lines of records that it could not read.

    Raises:
        NotPlainError: Lines and records do not correspond, or the two readers differ.
    """
    if not len(rejected) and not len(unread):
        return REJECTED.empty_table()
    header = judge.layout.header_line
    if scanned.lines != header + rows + len(unread):
        raise NotPlainError
    read = header + 1 + rejected
    read += np.searchsorted(unread - np.arange(len(unread)), read, side="right")
    wanted = np.sort(np.concatenate((read, unread)))
    lines = pick_lines(text_blocks(scanned.path), wanted.tolist(), scanned.newline)
    alone = replace(judge, layout=replace(judge.layout, header_line=0))
    told = []
    for batch in _judged(con, alone, read_records(lines, alone.layout, scanned.newline)):
        if batch["reason"].null_count or set(batch["problem"].unique().to_pylist()) - {None, "wrong_column_count"}:
            raise NotPlainError
        told.append(_told(batch))
    found = _rejected_table(scanned, told)
    if len(found) != len(wanted):
        raise NotPlainError
    return found.set_column(REJECTED.get_field_index("line_number"), "line_number", pa.array(wanted))


def _told(batch: pa.RecordBatch) -> pa.RecordBatch:
    """What is kept of rejected records: line_number, reason, and as much of their text as is kept."""
    kept = [raw.encode()[:RAW_BYTES].decode(errors="ignore") for raw in batch["raw"].to_pylist()]
    return pa.record_batch([batch["line_number"], batch["reason"], pa.array(kept, pa.string())], schema=_TOLD)


def _rejected_table(scanned: Scan, told: Sequence[pa.RecordBatch]) -> pa.Table:
    """The rejected records of a file, in line order."""
    table = pa.Table.from_batches(told, _TOLD).sort_by("line_number")
    origin = pa.repeat(pa.scalar(scanned.sha256), len(table))
    return pa.table([origin, *table.columns], schema=REJECTED)
