"""One log file, parsed and judged: its good records as unsorted Parquet by day in a scratch folder, its bad ones a table.

Two readers give the same records: DuckDB's, parallel and out of core, and the careful one (`records.py`) for a file in
which anything is rejected, because only that one knows the line and text of each record. Both are judged by the same SQL
(`judging.py`). Sorting and duplicates are `settling.py`.
"""

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from grupa_pipeline.ingest import metadata
from grupa_pipeline.ingest.errors import REASONS, UnusableFileError
from grupa_pipeline.ingest.header import Layout, read_header
from grupa_pipeline.ingest.judging import Judge
from grupa_pipeline.ingest.records import read_records, schema
from grupa_pipeline.ingest.source import MAX_RECORD, Scan, scan, text_blocks
from grupa_pipeline.ingest.timestamps import decide_style, quoted, unread_problem

RAW_BYTES = 4096
"""How much of a rejected record is kept."""


@dataclass(frozen=True)
class Staged:
    """A file whose records have been judged.

    `folder` holds `day=YYYY-MM-DD/*.parquet` with user_id, timestamp, action, metadata (JSON text): good records,
    unsorted, duplicates included; `days` counts them. `rejected` has the columns of tables.REJECTED_ROWS.
    """

    scan: Scan
    folder: Path
    days: dict[date, int]
    rejected: pa.Table

    @property
    def rows_read(self) -> int:
        """Records below the header."""
        return sum(self.days.values()) + self.rejected.num_rows


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
    """Parse and judge one file into `folder`, which must not exist.

    Raises:
        UnusableFileError: The file as a whole is of no use, one without a usable record included.
    """
    scanned = scan(path)
    layout = read_header(scanned)
    timestamps = _first_timestamps(scanned, layout)
    judge = Judge(layout, decide_style(path.name, timestamps, timestamp_format), now)
    if not _stage_plainly(con, scanned, judge, folder):
        shutil.rmtree(folder, ignore_errors=True)
        _stage_carefully(con, scanned, judge, folder)
    staged = Staged(scanned, folder, _count_days(folder), _rejected(folder, scanned.sha256))
    if not staged.days:
        raise _no_usable_record(staged, timestamps)
    return staged


def _first_timestamps(scanned: Scan, layout: Layout) -> list[str]:
    """The timestamp texts among the first records, from the start of the file that the scan kept."""
    whole_lines = scanned.head[: scanned.head.rfind(scanned.newline) + 1] or scanned.head
    batches = read_records([whole_lines], layout, scanned.newline)
    return [text for batch in batches for text in batch.column(f"c{layout.timestamp}").to_pylist() if text]


def _stage_plainly(con: duckdb.DuckDBPyConnection, scanned: Scan, judge: Judge, folder: Path) -> bool:
    """Try DuckDB's reader; False when some record is rejected or unreadable, so that the careful reader must tell."""
    layout = judge.layout
    if not scanned.plain or layout.header_line > 1:
        return False
    columns = {f"c{column}": "VARCHAR" for column in range(layout.width)}
    reader = (
        f"read_csv({quoted(str(scanned.path))}, auto_detect = false, header = false, skip = 1, columns = {columns}, "
        f"delim = {quoted(layout.delimiter)}, quote = '\"', escape = '\"', comment = '', strict_mode = true, "
        f"null_padding = false, force_not_null = {list(columns)}, max_line_size = {MAX_RECORD // 2}, "
        f"compression = {quoted('gzip' if scanned.gzip else 'none')})"
    )
    judged = judge.sql(f"(SELECT *, NULL AS problem FROM {reader})")
    query = (
        "SELECT user_id, timestamp, action, metadata, "
        f"CASE WHEN reason IS NULL THEN day ELSE error('rejected') END AS day FROM ({judged})"
    )
    try:
        _copy_by_day(con, query, folder)
    except duckdb.InvalidInputException:  # what DuckDB raises for a record it cannot read, and for error() above
        return False
    return True


def _stage_carefully(con: duckdb.DuckDBPyConnection, scanned: Scan, judge: Judge, folder: Path) -> None:
    batches = read_records(text_blocks(scanned.path), judge.layout, scanned.newline)
    con.register("careful_records", pa.RecordBatchReader.from_batches(schema(judge.layout), batches))
    judged = judge.sql("careful_records")
    query = (
        "SELECT user_id, timestamp, action, metadata, line_number, reason, "
        "CASE WHEN reason IS NOT NULL THEN raw END AS raw, CASE WHEN reason IS NULL THEN day END AS day "
        f"FROM ({judged})"
    )
    try:
        _copy_by_day(con, query, folder)
    finally:
        con.unregister("careful_records")


def _copy_by_day(con: duckdb.DuckDBPyConnection, query: str, folder: Path) -> None:
    con.execute(f"COPY ({query}) TO {quoted(str(folder))} (FORMAT parquet, PARTITION_BY (day), COMPRESSION lz4)")


def _count_days(folder: Path) -> dict[date, int]:
    rows: Counter[date] = Counter()
    for file in sorted(folder.glob("day=[0-9]*/*.parquet")):
        rows[date.fromisoformat(file.parent.name.removeprefix("day="))] += pq.read_metadata(file).num_rows
    return dict(rows)


def _rejected(folder: Path, file_sha256: str) -> pa.Table:
    names = ["file_sha256", "line_number", "reason", "raw"]
    files = sorted(folder.glob("day=__HIVE_DEFAULT_PARTITION__/*.parquet"))
    rows = [row for file in files for row in _rejected_rows(file)]
    rows.sort()
    columns = zip(*rows, strict=True) if rows else ([], [], [])
    types = [pa.int64(), pa.string(), pa.string()]
    arrays = [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)]
    return pa.table([pa.array([file_sha256] * len(rows), pa.string()), *arrays], names=names)


def _rejected_rows(file: Path) -> Iterator[tuple[int, str, str]]:
    table = pq.ParquetFile(file).read(["line_number", "reason", "raw"])
    for number, reason, raw in zip(*(column.to_pylist() for column in table.columns), strict=True):
        yield number, reason, raw.encode()[:RAW_BYTES].decode(errors="ignore")


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
