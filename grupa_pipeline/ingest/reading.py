"""The records of a log, read and validated: the good ones handed on, the rejected ones as a table.

Two readers give the same: DuckDB's, parallel, and the strict one (`records.py`), which knows the line and the text of each
record. Where every record is one line, the strict one reads only what was rejected: values that are validated so, then, in a
second attempt, records that DuckDB could not read either. Both are validated by the same SQL (`row_validation.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import duckdb
import numpy as np
import pyarrow as pa

from grupa_pipeline.ingest.errors import RejectionReason
from grupa_pipeline.ingest.event_files import BATCH_ROWS
from grupa_pipeline.ingest.records import pick_lines, read_records, schema
from grupa_pipeline.ingest.row_validation import RowValidator
from grupa_pipeline.ingest.source import MAX_RECORD, Scan, text_blocks
from grupa_pipeline.sql import exactly, quoted

REJECTED = pa.schema(
    [("file_sha256", pa.string()), ("line_number", pa.int64()), ("reason", pa.string()), ("raw", pa.string())]
)
_REJECTED_RECORD = pa.schema([field for field in REJECTED if field.name != "file_sha256"])
RAW_BYTES = 4096
"""How much of a rejected record is kept."""
_UNREADABLE = ("Invalid Input Error", "Not implemented Error", "IO Error")
"""How DuckDB begins to say that it cannot read a record, or a kind of gzip; a broken disk fails the strict reader too."""
MAX_UNREAD = 100_000
"""How many records that DuckDB cannot read are read around."""
_EVENT = ["day", "user_id", "timestamp", "action", "metadata"]


@dataclass(frozen=True)
class Reading:
    """What was read: how many records, and the rejected ones (columns of tables.REJECTED_ROWS, in line order)."""

    rows: int
    rejected: pa.Table


Add = Callable[[pa.RecordBatch], None]
Reader = Callable[[duckdb.DuckDBPyConnection, Scan, RowValidator, Add], Reading]


class ReaderMismatchError(Exception):
    """This reader cannot read the file as the strict one would; discard the events that it added."""


def read_fast(con: duckdb.DuckDBPyConnection, scanned: Scan, validator: RowValidator, add: Add) -> Reading:
    """Hand the good records to `add` (day, user_id, timestamp, action, metadata), by DuckDB's reader, which can read all.

    Raises:
        ReaderMismatchError: Only another reader can read the file.
    """
    rows, rejected = _read(con, scanned, validator, add, "ignore_errors = false")
    return Reading(rows, _rejected_lines(con, scanned, validator, rows, rejected, np.empty(0, dtype=np.int64)))


def read_skipping_bad_rows(con: duckdb.DuckDBPyConnection, scanned: Scan, validator: RowValidator, add: Add) -> Reading:
    """Do as `read_fast` does, around records that DuckDB cannot read.

    Raises:
        ReaderMismatchError: Only the strict reader can read the file.
    """
    keep = (
        f"store_rejects = true, rejects_limit = {MAX_UNREAD}, rejects_table = 'unread', rejects_scan = 'unread_scans'"
    )
    try:
        rows, rejected = _read(con, scanned, validator, add, keep)
        unread = con.execute("SELECT DISTINCT line FROM unread ORDER BY line").fetchnumpy()["line"].astype(np.int64)
    finally:
        con.execute("DROP TABLE IF EXISTS unread; DROP TABLE IF EXISTS unread_scans")
    if not len(unread):  # something was, or it would have been read plainly
        raise ReaderMismatchError
    return Reading(rows + len(unread), _rejected_lines(con, scanned, validator, rows, rejected, unread))


def read_strict(con: duckdb.DuckDBPyConnection, scanned: Scan, validator: RowValidator, add: Add) -> Reading:
    """Hand the good records to `add`, as `read_fast` does, by the strict reader."""
    batches = read_records(text_blocks(scanned.path), validator.layout, scanned.newline)
    rows, rejected = 0, []
    for batch in _validated(con, validator, batches):
        reasons = batch.column("reason")
        rows += batch.num_rows
        rejected.append(_rejected_records(batch.filter(reasons.is_valid())))
        add(batch.filter(reasons.is_null()).select(_EVENT))
    return Reading(rows, _rejected_table(scanned, rejected))


READERS: tuple[Reader, ...] = (read_fast, read_skipping_bad_rows, read_strict)
"""In the order in which to try them; the last one reads anything."""


def _read(
    con: duckdb.DuckDBPyConnection, scanned: Scan, validator: RowValidator, add: Add, option: str
) -> tuple[int, np.ndarray]:
    """How many records DuckDB's reader could read, and the numbers, from 0, of those that are rejected."""
    if not scanned.plain or validator.layout.header_line > 1:
        raise ReaderMismatchError
    validated = validator.sql(f"(SELECT *, NULL AS problem FROM {_csv_sql(scanned, validator, option)})")
    rows, rejected = 0, [np.empty(0, dtype=np.int64)]
    try:
        for batch in con.sql(f"SELECT {', '.join(_EVENT)}, reason FROM ({validated})").to_arrow_reader(BATCH_ROWS):
            good = batch.column("reason").is_null()
            rejected.append(rows + np.flatnonzero(~good.to_numpy(zero_copy_only=False)))
            rows += batch.num_rows
            events = batch.select(_EVENT)
            add(events.filter(good) if len(rejected[-1]) else events)
    except (duckdb.InvalidInputException, duckdb.NotSupportedError, duckdb.IOException) as error:
        raise ReaderMismatchError from error
    except (OSError, pa.ArrowException) as error:  # how the same arrives once records have been handed on
        if not str(error).startswith(_UNREADABLE):
            raise
        raise ReaderMismatchError from error
    return rows, np.concatenate(rejected)


def _csv_sql(scanned: Scan, validator: RowValidator, option: str) -> str:
    """DuckDB's reader as a relation of texts; `option` says what becomes of records that it cannot read."""
    columns = {f"c{column}": "VARCHAR" for column in range(validator.layout.width)}
    return (
        f"read_csv({exactly(scanned.path)}, auto_detect = false, header = false, skip = 1, columns = {columns}, "
        f"delim = {quoted(validator.layout.delimiter)}, quote = '\"', escape = '\"', comment = '', strict_mode = true, "
        f"null_padding = false, force_not_null = {list(columns)}, max_line_size = {MAX_RECORD // 2}, "
        f"compression = {quoted('gzip' if scanned.gzip else 'none')}, "
        f"{option})"
    )


def _validated(
    con: duckdb.DuckDBPyConnection, validator: RowValidator, batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    con.register("strict_records", pa.RecordBatchReader.from_batches(schema(validator.layout), batches))
    try:
        yield from con.sql(
            f"SELECT {', '.join(_EVENT)}, problem, line_number, reason, "
            f"CASE WHEN reason IS NOT NULL THEN left(raw, {RAW_BYTES}) END AS raw FROM ({validator.sql('strict_records')})"
        ).to_arrow_reader(BATCH_ROWS)
    finally:
        con.unregister("strict_records")


def _rejected_lines(
    con: duckdb.DuckDBPyConnection,
    scanned: Scan,
    validator: RowValidator,
    rows: int,
    rejected: np.ndarray,
    unread: np.ndarray,
) -> pa.Table:
    """What the strict reader says of the lines that DuckDB's reader rejects.

    Where a file has as many lines as records, each record is one line, and its number tells which. A record that does
    not look beyond its line is read by itself as it is among others.

    Args:
        con: A DuckDB session.
        scanned: The file.
        validator: Its rules.
        rows: Records that DuckDB could read.
        rejected: The numbers, from 0, of those among them that are rejected.
        unread: The lines of records that it could not read.

    Raises:
        ReaderMismatchError: Lines and records do not correspond, or the two readers differ.
    """
    if not len(rejected) and not len(unread):
        return REJECTED.empty_table()
    header = validator.layout.header_line
    if scanned.lines != header + rows + len(unread):
        raise ReaderMismatchError
    read = header + 1 + rejected
    read += np.searchsorted(unread - np.arange(len(unread)), read, side="right")
    wanted = np.sort(np.concatenate((read, unread)))
    lines = pick_lines(text_blocks(scanned.path), wanted.tolist(), scanned.newline)
    alone = replace(validator, layout=replace(validator.layout, header_line=0))
    told = []
    for batch in _validated(con, alone, read_records(lines, alone.layout, scanned.newline)):
        if batch["reason"].null_count or set(batch["problem"].unique().to_pylist()) - {
            None,
            RejectionReason.WRONG_COLUMN_COUNT,
        }:
            raise ReaderMismatchError
        told.append(_rejected_records(batch))
    found = _rejected_table(scanned, told)
    if len(found) != len(wanted):
        raise ReaderMismatchError
    return found.set_column(REJECTED.get_field_index("line_number"), "line_number", pa.array(wanted))


def _rejected_records(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The stored part of rejected records: line_number, reason, and as much of their text as is kept."""
    kept = [raw.encode()[:RAW_BYTES].decode(errors="ignore") for raw in batch["raw"].to_pylist()]
    return pa.record_batch(
        [batch["line_number"], batch["reason"], pa.array(kept, pa.string())], schema=_REJECTED_RECORD
    )


def _rejected_table(scanned: Scan, told: Sequence[pa.RecordBatch]) -> pa.Table:
    """The rejected records of a file, in line order."""
    table = pa.Table.from_batches(told, _REJECTED_RECORD).sort_by("line_number")
    origin = pa.repeat(pa.scalar(scanned.sha256), len(table))
    return pa.table([origin, *table.columns], schema=REJECTED)
