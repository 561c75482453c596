"""Reads and validates the records of a log: passes valid ones on and collects rejected ones in a table.

Two readers return the same result: DuckDB's, which is parallel, and the strict one (`records.py`), which knows the line and
the text of each record. Where every record is one line, the strict reader reads only rejected lines: first those with invalid
values, in a second attempt also those that DuckDB cannot read. JSON lines and Parquet have a reader each. The same SQL
(`row_validation.py`) validates all.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import duckdb
import numpy as np
import pyarrow as pa

from grupa_pipeline.ingest.errors import RejectionReason
from grupa_pipeline.ingest.event_files import BATCH_ROWS
from grupa_pipeline.ingest.json_records import read_json_records
from grupa_pipeline.ingest.parquet_records import damaged, parquet_records_sql
from grupa_pipeline.ingest.records import pick_lines, read_records, schema
from grupa_pipeline.ingest.row_validation import RowValidator
from grupa_pipeline.ingest.source import MAX_RECORD, FileFormat, Scan, text_blocks
from grupa_pipeline.sql import exactly, quoted

REJECTED = pa.schema(
    [("file_sha256", pa.string()), ("line_number", pa.int64()), ("reason", pa.string()), ("raw", pa.string())]
)
_REJECTED_RECORD = pa.schema([field for field in REJECTED if field.name != "file_sha256"])
RAW_BYTES = 4096
"""Number of bytes of a rejected record that are stored."""
_UNREADABLE = ("Invalid Input Error", "Not implemented Error", "IO Error")
"""Prefixes of DuckDB's errors for a record or gzip format it cannot read; the strict reader fails on I/O errors too."""
MAX_UNREAD = 100_000
"""Number of unreadable records that DuckDB's reader may skip."""
_EVENT = ["day", "user_id", "timestamp", "action", "metadata"]
_EVENT_ID = "event_id"


@dataclass(frozen=True)
class Reading:
    """The number of records read, and the rejected ones (columns of tables.REJECTED_ROWS, in line order)."""

    rows: int
    rejected: pa.Table


Add = Callable[[pa.RecordBatch], None]
Reader = Callable[[duckdb.DuckDBPyConnection, Scan, RowValidator, Add], Reading]


class ReaderMismatchError(Exception):
    """This reader cannot read the file as the strict one does; events that it added must be discarded."""


def read_fast(con: duckdb.DuckDBPyConnection, scanned: Scan, validator: RowValidator, add: Add) -> Reading:
    """Read a file that DuckDB can read completely; pass valid records to `add`.

    The batches have the columns day, user_id, timestamp, action, metadata, and event_id where the log has ids.

    Raises:
        ReaderMismatchError: Another reader is needed.
    """
    rows, rejected = _read(con, scanned, validator, add, "ignore_errors = false")
    return Reading(rows, _rejected_lines(con, scanned, validator, rows, rejected, np.empty(0, dtype=np.int64)))


def read_skipping_bad_rows(con: duckdb.DuckDBPyConnection, scanned: Scan, validator: RowValidator, add: Add) -> Reading:
    """Like `read_fast`, but skip records that DuckDB cannot read and read those strictly.

    Raises:
        ReaderMismatchError: The strict reader is needed.
    """
    option = (
        f"store_rejects = true, rejects_limit = {MAX_UNREAD}, rejects_table = 'unread', rejects_scan = 'unread_scans'"
    )
    try:
        rows, rejected = _read(con, scanned, validator, add, option)
        unread = con.execute("SELECT DISTINCT line FROM unread ORDER BY line").fetchnumpy()["line"].astype(np.int64)
    finally:
        con.execute("DROP TABLE IF EXISTS unread; DROP TABLE IF EXISTS unread_scans")
    if not len(unread):  # then `read_fast` failed for another reason
        raise ReaderMismatchError
    return Reading(rows + len(unread), _rejected_lines(con, scanned, validator, rows, rejected, unread))


def read_strict(con: duckdb.DuckDBPyConnection, scanned: Scan, validator: RowValidator, add: Add) -> Reading:
    """Like `read_fast`, but with the strict reader."""
    return _read_all(
        scanned,
        _validated(con, validator, read_records(text_blocks(scanned.path), validator.layout, scanned.newline)),
        validator,
        add,
    )


def read_json_lines(con: duckdb.DuckDBPyConnection, scanned: Scan, validator: RowValidator, add: Add) -> Reading:
    """Like `read_fast`, for JSON lines."""
    records = read_json_records(text_blocks(scanned.path), validator.layout, scanned.newline)
    return _read_all(scanned, _validated(con, validator, records), validator, add)


def read_parquet(con: duckdb.DuckDBPyConnection, scanned: Scan, validator: RowValidator, add: Add) -> Reading:
    """Like `read_fast`, for Parquet.

    Raises:
        UnusableFileError: The file is damaged.
    """
    try:
        batches = _validated_relation(con, validator, parquet_records_sql(con, scanned))
        return _read_all(scanned, batches, validator, add)
    except (duckdb.Error, OSError, pa.ArrowException) as error:
        raise damaged(scanned, error) from error


READERS: dict[FileFormat, tuple[Reader, ...]] = {
    FileFormat.DELIMITED: (read_fast, read_skipping_bad_rows, read_strict),
    FileFormat.JSON_LINES: (read_json_lines,),
    FileFormat.PARQUET: (read_parquet,),
}
"""The readers of each format in the order to try; the last one reads any file."""


def _columns(validator: RowValidator) -> list[str]:
    """The columns of the batches."""
    return _EVENT if validator.layout.event_id is None else [*_EVENT, _EVENT_ID]


def _read_all(scanned: Scan, batches: Iterator[pa.RecordBatch], validator: RowValidator, add: Add) -> Reading:
    """Read validated batches with the line and the text of each record."""
    rows, rejected = 0, []
    for batch in batches:
        reasons = batch.column("reason")
        rows += batch.num_rows
        rejected.append(_rejected_records(batch.filter(reasons.is_valid())))
        add(batch.filter(reasons.is_null()).select(_columns(validator)))
    return Reading(rows, _rejected_table(scanned, rejected))


def _read(
    con: duckdb.DuckDBPyConnection, scanned: Scan, validator: RowValidator, add: Add, option: str
) -> tuple[int, np.ndarray]:
    """The number of records that DuckDB's reader read, and the indices (from 0) of the rejected ones."""
    if not scanned.plain or validator.layout.header_line > 1:
        raise ReaderMismatchError
    validated = validator.sql(f"(SELECT *, NULL AS problem FROM {_csv_sql(scanned, validator, option)})")
    rows, rejected = 0, [np.empty(0, dtype=np.int64)]
    columns = _columns(validator)
    try:
        for batch in con.sql(f"SELECT {', '.join(columns)}, reason FROM ({validated})").to_arrow_reader(BATCH_ROWS):
            valid = batch.column("reason").is_null()
            rejected.append(rows + np.flatnonzero(~valid.to_numpy(zero_copy_only=False)))
            rows += batch.num_rows
            events = batch.select(columns)
            add(events.filter(valid) if len(rejected[-1]) else events)
    except (duckdb.InvalidInputException, duckdb.NotSupportedError, duckdb.IOException) as error:
        raise ReaderMismatchError from error
    except (OSError, pa.ArrowException) as error:  # the same errors, raised while streaming
        if not str(error).startswith(_UNREADABLE):
            raise
        raise ReaderMismatchError from error
    return rows, np.concatenate(rejected)


def _csv_sql(scanned: Scan, validator: RowValidator, option: str) -> str:
    """SQL for DuckDB's reader with text columns; `option` is its handling of unreadable records."""
    columns = {f"c{column}": "VARCHAR" for column in range(validator.layout.width)}
    return (
        f"read_csv({exactly(scanned.path)}, auto_detect = false, header = false, skip = 1, columns = {columns}, "
        f"delim = {quoted(validator.layout.delimiter)}, quote = '\"', escape = {quoted(validator.layout.escape)}, "
        f"comment = '', strict_mode = true, null_padding = false, "
        f"force_not_null = {list(columns)}, max_line_size = {MAX_RECORD // 2}, "
        f"compression = {quoted(scanned.compression)}, "
        f"{option})"
    )


def _validated(
    con: duckdb.DuckDBPyConnection, validator: RowValidator, batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    con.register("strict_records", pa.RecordBatchReader.from_batches(schema(validator.layout), batches))
    try:
        yield from _validated_relation(con, validator, "strict_records")
    finally:
        con.unregister("strict_records")


def _validated_relation(
    con: duckdb.DuckDBPyConnection, validator: RowValidator, records: str
) -> Iterator[pa.RecordBatch]:
    """Validated batches of the relation `records` (SQL), which has the columns of `records.schema`."""
    yield from con.sql(
        f"SELECT {', '.join(_columns(validator))}, problem, line_number, reason, "
        f"CASE WHEN reason IS NOT NULL THEN left(raw, {RAW_BYTES}) END AS raw FROM ({validator.sql(records)})"
    ).to_arrow_reader(BATCH_ROWS)


def _rejected_lines(
    con: duckdb.DuckDBPyConnection,
    scanned: Scan,
    validator: RowValidator,
    rows: int,
    rejected: np.ndarray,
    unread: np.ndarray,
) -> pa.Table:
    """The rejected records of a file that DuckDB read, with line, reason and text from the strict reader.

    Requires that every record is one line, so that its index determines its line. Such a line can be read without its
    neighbours.

    Args:
        con: A DuckDB session.
        scanned: Scan of the file.
        validator: Validation rules of the file.
        rows: Number of records that DuckDB read.
        rejected: Indices (from 0) of the rejected ones among them.
        unread: Lines of the records that DuckDB could not read.

    Raises:
        ReaderMismatchError: Lines and records do not correspond, or the two readers differ.
    """
    if not len(rejected) and not len(unread):
        return REJECTED.empty_table()
    header = validator.layout.header_line
    if scanned.lines != header + rows + len(unread):
        raise ReaderMismatchError
    rejected_lines = header + 1 + rejected
    rejected_lines += np.searchsorted(unread - np.arange(len(unread)), rejected_lines, side="right")
    wanted = np.sort(np.concatenate((rejected_lines, unread)))
    lines = pick_lines(text_blocks(scanned.path), wanted.tolist(), scanned.newline)
    headerless = replace(validator, layout=replace(validator.layout, header_line=0))
    batches = []
    for batch in _validated(con, headerless, read_records(lines, headerless.layout, scanned.newline)):
        if batch["reason"].null_count or set(batch["problem"].unique().to_pylist()) - {
            None,
            RejectionReason.WRONG_COLUMN_COUNT,
        }:
            raise ReaderMismatchError
        batches.append(_rejected_records(batch))
    table = _rejected_table(scanned, batches)
    if len(table) != len(wanted):
        raise ReaderMismatchError
    return table.set_column(REJECTED.get_field_index("line_number"), "line_number", pa.array(wanted))


def _rejected_records(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The stored columns of rejected records: line_number, reason, and the first RAW_BYTES of their text."""
    texts = [raw.encode()[:RAW_BYTES].decode(errors="ignore") for raw in batch["raw"].to_pylist()]
    return pa.record_batch(
        [batch["line_number"], batch["reason"], pa.array(texts, pa.string())], schema=_REJECTED_RECORD
    )


def _rejected_table(scanned: Scan, batches: Sequence[pa.RecordBatch]) -> pa.Table:
    """The rejected records of a file, in line order."""
    table = pa.Table.from_batches(batches, _REJECTED_RECORD).sort_by("line_number")
    origin = pa.repeat(pa.scalar(scanned.sha256), len(table))
    return pa.table([origin, *table.columns], schema=REJECTED)
