"""Stages one log file: valid records become event files in a scratch folder, rejected records a table.

Combines the steps: `reading.py` reads and validates records, `day_partitioner.py` partitions events by day, `event_files.py`
writes files without duplicates.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa

from grupa_pipeline.ingest import metadata
from grupa_pipeline.ingest.day_partitioner import DayPartitioner
from grupa_pipeline.ingest.errors import UnusableFileError
from grupa_pipeline.ingest.event_files import EventFile, write_event_files
from grupa_pipeline.ingest.header import HeaderLayout, read_header
from grupa_pipeline.ingest.quoting import escape_in
from grupa_pipeline.ingest.reading import READERS, Reader, ReaderMismatchError
from grupa_pipeline.ingest.reading_options import ReadingOptions
from grupa_pipeline.ingest.records import read_records
from grupa_pipeline.ingest.refusal import refusal
from grupa_pipeline.ingest.row_validation import RowValidator
from grupa_pipeline.ingest.source import Scan, scan
from grupa_pipeline.ingest.timestamp_inference import decide_style

HEAD_BYTES = 256 << 10
"""Number of bytes at the start of a file that the timestamp style is inferred from."""
FIRST_SNAPSHOT = date(1970, 1, 1)
"""The earliest day that may have a snapshot; a log whose events are all earlier is refused."""


@dataclass(frozen=True)
class StagedFile:
    """A validated file whose events are in scratch files, without duplicates.

    `rejected` has the columns of tables.REJECTED_ROWS; `rows_read` includes duplicates.
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
    con: duckdb.DuckDBPyConnection, path: Path, folder: Path, *, now: datetime, options: ReadingOptions
) -> StagedFile:
    """Parse and validate one file and write its events to files in `folder`, an existing empty folder.

    Raises:
        UnusableFileError: The file as a whole, or every one of its records, cannot be used.
    """
    scanned = scan(path)
    layout = read_header(scanned)
    layout = replace(layout, escape=escape_in(scanned, layout.delimiter, layout.width, layout.header_line))
    timestamps = _first_timestamps(scanned, layout)
    style = decide_style(path.name, timestamps, options.timestamp_format, options.timezone)
    validator = RowValidator(layout, style, now)
    staged = next(filter(None, (_stage(con, scanned, validator, folder, read) for read in READERS)))
    records = (staged.rows_read, staged.rejected)
    if error := refusal(path.name, *records, layout, style, list(timestamps.values()), options):
        raise error
    if (last := max(staged.event_files)) < FIRST_SNAPSHOT:
        problem = (
            f"all of its events lie before 1970, where snapshots begin (the last ones on {last}); "
            "check how its timestamps are written, and export it again with those that are meant."
        )
        raise UnusableFileError(path.name, problem)
    return staged


def _stage(
    con: duckdb.DuckDBPyConnection, scanned: Scan, validator: RowValidator, folder: Path, read: Reader
) -> StagedFile | None:
    """The file as staged by `read`; None when that reader cannot read it."""
    with DayPartitioner(folder / "by-day", partial(metadata.normalized_texts, con, validator.layout)) as events:
        try:
            reading = read(con, scanned, validator, events.add)
        except ReaderMismatchError:
            return None
        events.finish()
        event_files = write_event_files(con, events, folder, scanned.sha256)
    return StagedFile(scanned, reading.rows, event_files, reading.rejected)


def _first_timestamps(scanned: Scan, layout: HeaderLayout) -> dict[int, str]:
    """Timestamp texts of the first records by line number, read from the start of the file (`Scan.head`)."""
    head = scanned.head[:HEAD_BYTES]
    whole_lines = head[: head.rfind(scanned.newline) + 1] or scanned.head
    batches = read_records([whole_lines], layout, scanned.newline)
    return {
        line: text
        for batch in batches
        for line, text in zip(
            batch.column("line_number").to_pylist(), batch.column(f"c{layout.timestamp}").to_pylist(), strict=True
        )
        if text
    }
