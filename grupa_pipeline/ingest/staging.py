"""One log file, parsed and judged: its good records as event files in a scratch folder, its bad ones as a table.

Two readers give the same records: DuckDB's, parallel and out of core, and the careful one (`records.py`) for a file in
which anything is rejected, because only that one knows the line and text of each record. Both are judged by the same SQL
(`judging.py`) and sorted out of core; files and duplicates are `event_files.py`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from grupa_pipeline.ingest import metadata
from grupa_pipeline.ingest.errors import REASONS, UnusableFileError
from grupa_pipeline.ingest.event_files import BATCH_ROWS, EVENT_KEY, ORDER, EventFile, write_event_files
from grupa_pipeline.ingest.header import Layout, read_header
from grupa_pipeline.ingest.judging import Judge
from grupa_pipeline.ingest.records import read_records, schema
from grupa_pipeline.ingest.source import MAX_RECORD, Scan, scan, text_blocks
from grupa_pipeline.ingest.timestamps import decide_style, quoted, unread_problem

REJECTED = pa.schema(
    [("file_sha256", pa.string()), ("line_number", pa.int64()), ("reason", pa.string()), ("raw", pa.string())]
)
HEAD_BYTES = 256 << 10
"""How much of a file's start decides how its timestamps are written."""
RAW_BYTES = 4096
"""How much of a rejected record is kept."""


@dataclass(frozen=True)
class Staged:
    """A file whose records have been judged and whose events stand in scratch files, each once.

    `rejected` has the columns of tables.REJECTED_ROWS; `rows_read` counts duplicates too.
    """

    scan: Scan
    rows_read: int
    event_files: dict[date, EventFile]
    rejected: pa.Table


@contextmanager
def scratch_connection(scratch: Path, memory_limit: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB session in UTC that spills into `scratch` beyond `memory_limit`."""
    with duckdb.connect(config={"memory_limit": memory_limit, "temp_directory": str(scratch / "spill")}) as con:
        con.execute("SET TimeZone = 'UTC'")
        metadata.register_functions(con)
        yield con


def stage_file(
    con: duckdb.DuckDBPyConnection, path: Path, folder: Path, *, now: datetime, timestamp_format: str | None
) -> Staged:
    """Parse and judge one file; its events go to files in `folder`, which exists and is empty.

    Raises:
        UnusableFileError: The file as a whole is of no use, one without a usable record included.
    """
    scanned = scan(path)
    layout = read_header(scanned)
    timestamps = _first_timestamps(scanned, layout)
    judge = Judge(layout, decide_style(path.name, timestamps, timestamp_format), now)
    tally = _Tally()
    batches = _read_plainly(con, scanned, judge) or _read_carefully(con, scanned, judge)
    event_files = write_event_files(tally.good(batches), folder, scanned.sha256)
    staged = Staged(scanned, tally.rows_read, event_files, tally.rejected_table(scanned.sha256))
    if not event_files:
        raise _no_usable_record(staged, timestamps)
    return staged


class _Tally:
    """Counts a file's judged records as they pass, and keeps the rejected ones."""

    def __init__(self) -> None:
        self.rows_read = 0
        self._rejected: list[tuple[int, str, str]] = []

    def good(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches without the rejected records."""
        for batch in batches:
            self.rows_read += batch.num_rows
            if "reason" not in batch.schema.names:
                yield batch
                continue
            reasons = batch.column("reason")
            self._keep(batch.filter(reasons.is_valid()))
            if reasons.null_count:
                yield batch.filter(reasons.is_null())

    def _keep(self, batch: pa.RecordBatch) -> None:
        columns = (batch.column(name).to_pylist() for name in ("line_number", "reason", "raw"))
        for number, reason, raw in zip(*columns, strict=True):
            self._rejected.append((number, reason, raw.encode()[:RAW_BYTES].decode(errors="ignore")))

    def rejected_table(self, file_sha256: str) -> pa.Table:
        """The rejected records as tables.REJECTED_ROWS, in line order."""
        rows = [
            {"file_sha256": file_sha256, "line_number": n, "reason": r, "raw": raw}
            for n, r, raw in sorted(self._rejected)
        ]
        return pa.Table.from_pylist(rows, REJECTED)


def _first_timestamps(scanned: Scan, layout: Layout) -> list[str]:
    """The timestamp texts among the first records, from the start of the file that the scan kept."""
    head = scanned.head[:HEAD_BYTES]
    whole_lines = head[: head.rfind(scanned.newline) + 1] or scanned.head
    batches = read_records([whole_lines], layout, scanned.newline)
    return [text for batch in batches for text in batch.column(f"c{layout.timestamp}").to_pylist() if text]


def _read_plainly(con: duckdb.DuckDBPyConnection, scanned: Scan, judge: Judge) -> Iterable[pa.RecordBatch] | None:
    """The good records by DuckDB's reader; None when some record is rejected or unreadable, so that the other must tell."""
    layout = judge.layout
    if not scanned.plain or layout.header_line > 1:
        return None
    columns = {f"c{column}": "VARCHAR" for column in range(layout.width)}
    reader = (
        f"read_csv({quoted(str(scanned.path))}, auto_detect = false, header = false, skip = 1, columns = {columns}, "
        f"delim = {quoted(layout.delimiter)}, quote = '\"', escape = '\"', comment = '', strict_mode = true, "
        f"null_padding = false, force_not_null = {list(columns)}, max_line_size = {MAX_RECORD // 2}, "
        f"compression = {quoted('gzip' if scanned.gzip else 'none')})"
    )
    judged = judge.sql(f"(SELECT *, NULL AS problem FROM {reader})")
    events = (
        "SELECT CASE WHEN reason IS NULL THEN day ELSE error('rejected') END AS day, "
        f"user_id, timestamp, action, metadata, {EVENT_KEY} AS event_key FROM ({judged}) ORDER BY day, {ORDER}"
    )
    try:
        return con.sql(events).to_arrow_reader(BATCH_ROWS)
    except (duckdb.InvalidInputException, duckdb.NotSupportedError):  # a record it cannot read, or error() above
        return None


def _read_carefully(con: duckdb.DuckDBPyConnection, scanned: Scan, judge: Judge) -> Iterator[pa.RecordBatch]:
    """All records, the rejected ones first: their `reason` is filled and their events' columns mean nothing."""
    batches = read_records(text_blocks(scanned.path), judge.layout, scanned.newline)
    con.register("careful_records", pa.RecordBatchReader.from_batches(schema(judge.layout), batches))
    events = (
        "SELECT CASE WHEN reason IS NULL THEN day END AS day, user_id, timestamp, action, metadata, line_number, reason, "
        f"CASE WHEN reason IS NOT NULL THEN raw END AS raw, {EVENT_KEY} AS event_key "
        f"FROM ({judge.sql('careful_records')}) ORDER BY day NULLS FIRST, {ORDER}"
    )
    try:
        yield from con.sql(events).to_arrow_reader(BATCH_ROWS)
    finally:
        con.unregister("careful_records")


def _no_usable_record(staged: Staged, timestamps: list[str]) -> UnusableFileError:
    if not staged.rows_read:
        return UnusableFileError(staged.scan.name, "it holds a header but no record; export it again.")
    rows = staged.rejected.to_pylist()
    reasons = Counter(row["reason"] for row in rows)
    reason, count = reasons.most_common(1)[0]
    first = next(row for row in rows if row["reason"] == reason)
    advice = unread_problem(timestamps) if reason == "bad_timestamp" and timestamps else REASONS[reason]
    problem = f"none of its {len(rows):,} records can be used; {count:,} for one reason ({reason}): {advice}"
    return UnusableFileError(staged.scan.name, problem, first["line_number"])
