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
from grupa_pipeline.ingest.column_mapping import ColumnMapping
from grupa_pipeline.ingest.columns import ColumnQuestionError, RememberedMappings
from grupa_pipeline.ingest.day_partitioner import DayPartitioner
from grupa_pipeline.ingest.errors import UnusableFileError
from grupa_pipeline.ingest.event_files import EventFile, write_event_files
from grupa_pipeline.ingest.event_ids import are_event_ids, without_repeated_ids
from grupa_pipeline.ingest.header import HeaderLayout, read_header, without_event_id
from grupa_pipeline.ingest.json_records import read_json_layout, read_json_records
from grupa_pipeline.ingest.log_files import FoundLog
from grupa_pipeline.ingest.log_profile import profile_notes
from grupa_pipeline.ingest.parquet_records import first_values, read_parquet_layout
from grupa_pipeline.ingest.quoting import escape_in
from grupa_pipeline.ingest.reading import READERS, Reader, ReaderMismatchError
from grupa_pipeline.ingest.reading_options import ReadingOptions
from grupa_pipeline.ingest.records import read_records
from grupa_pipeline.ingest.refusal import refusal
from grupa_pipeline.ingest.repeats import keeps_repeats, repeats_note
from grupa_pipeline.ingest.row_validation import RowValidator
from grupa_pipeline.ingest.source import FileFormat, Scan, scan
from grupa_pipeline.ingest.text_encoding import in_utf8
from grupa_pipeline.ingest.timestamp_inference import decide_style
from grupa_pipeline.sql import open_duckdb

HEAD_BYTES = 256 << 10
"""Number of bytes at the start of a file that the timestamp style is inferred from."""
FIRST_SNAPSHOT = date(1970, 1, 1)
"""The earliest day that may have a snapshot; a log whose events are all earlier is refused."""


@dataclass(frozen=True)
class StagedFile:
    """A validated file whose events are in scratch files, without duplicates.

    `rejected` has the columns of tables.REJECTED_ROWS; `rows_read` includes duplicates. `notes` tell people how it was read.
    """

    scan: Scan
    layout: HeaderLayout
    rows_read: int
    event_files: dict[date, EventFile]
    rejected: pa.Table
    notes: tuple[str, ...] = ()

    @property
    def id_name(self) -> str | None:
        """The column of the events' ids, if the file has one."""
        return None if self.layout.event_id is None else self.layout.found.mapping.event_id


@contextmanager
def scratch_connection(scratch: Path, memory_limit: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB session in UTC that spills into `scratch` beyond `memory_limit`."""
    with open_duckdb(config={"memory_limit": memory_limit, "temp_directory": str(scratch / "spill")}) as con:
        con.execute("SET TimeZone = 'UTC'")
        metadata.register_functions(con)
        yield con


def stage_file(
    con: duckdb.DuckDBPyConnection,
    log: FoundLog,
    folder: Path,
    *,
    now: datetime,
    options: ReadingOptions,
    remembered: RememberedMappings,
) -> StagedFile:
    """Parse and validate one file and write its events to files in `folder`, an existing empty folder.

    Raises:
        ColumnQuestionError: A person must say which columns of the file hold the fields.
        UnusableFileError: The file as a whole, or every one of its records, cannot be used.
    """
    scanned, encoding_note = in_utf8(
        scan(log.path, log.name, folder), options.encoding, folder, accept_rejects=options.accept_rejects
    )
    layout = _read_asked_layout(con, scanned, options, remembered)
    timestamps = _first_timestamps(con, scanned, layout)
    style = decide_style(log.name, timestamps, options.timestamp_format, options.timezone)
    validator = RowValidator(layout, style, now)
    texts = list(timestamps.values())
    keep = keeps_repeats(texts, style.format, options.repeats, epochs=style.epoch_unit is not None)
    staged = _stage_with_ids(con, scanned, validator, folder, keep_repeats=keep)
    if error := refusal(log.name, staged.rows_read, staged.rejected, layout, style, texts, options):
        raise error
    if (repeats := sum(file.repeats for file in staged.event_files.values())) and options.repeats is None:
        staged = replace(staged, notes=(*staged.notes, repeats_note(log.name, repeats, texts)))
    if encoding_note:
        staged = replace(staged, notes=(encoding_note, *staged.notes))
    if (last := max(staged.event_files)) < FIRST_SNAPSHOT:
        problem = (
            f"all of its events lie before 1970, where snapshots begin (the last ones on {last}); "
            "check how its timestamps are written, and export it again with those that are meant."
        )
        raise UnusableFileError(log.name, problem)
    return staged


def _stage_with_ids(
    con: duckdb.DuckDBPyConnection, scanned: Scan, validator: RowValidator, folder: Path, *, keep_repeats: bool
) -> StagedFile:
    """The file as staged by the first reader that can read it, each event id once.

    A column that is usually an event's id, and is none in this file, counts as any other column: the file is read again.
    """
    readers = READERS[scanned.format]
    attempts = (_stage(con, scanned, validator, folder, read, keep_repeats=keep_repeats) for read in readers)
    staged = next(filter(None, attempts))
    found = validator.layout.found
    if staged.id_name is None or not staged.event_files:
        notes = staged.notes if found.note is None else (found.note, *staged.notes)
        return replace(staged, notes=notes)
    if found.is_certain or are_event_ids(con, staged.event_files):
        notes = staged.notes if found.note is None else (found.note, *staged.notes)
        return replace(staged, event_files=without_repeated_ids(con, staged.event_files), notes=notes)
    for file in staged.event_files.values():
        file.path.unlink()
    note = (
        f"{scanned.name}: {staged.id_name} stands in many events of one user and action, so it is no id of an event; it is kept "
        f"as metadata (event_id={staged.id_name} in --columns makes it one)."
    )
    again = replace(validator, layout=without_event_id(scanned.name, validator.layout))
    restaged = _stage_with_ids(con, scanned, again, folder, keep_repeats=keep_repeats)
    return replace(restaged, notes=(*restaged.notes, note))


def _stage(
    con: duckdb.DuckDBPyConnection,
    scanned: Scan,
    validator: RowValidator,
    folder: Path,
    read: Reader,
    *,
    keep_repeats: bool,
) -> StagedFile | None:
    """The file as staged by `read`; None when that reader cannot read it."""
    layout = validator.layout
    with DayPartitioner(
        folder / "by-day", partial(metadata.normalized_texts, con, layout), has_ids=layout.event_id is not None
    ) as events:
        try:
            reading = read(con, scanned, validator, events.add)
        except ReaderMismatchError:
            return None
        events.finish()
        event_files = write_event_files(con, events, folder, scanned.sha256, keep_repeats=keep_repeats)
    counts = (events.user_counts.table(), events.action_counts.table())
    notes = profile_notes(con, scanned.name, event_files, *counts)
    return StagedFile(scanned, validator.layout, reading.rows, event_files, reading.rejected, notes)


def _read_asked_layout(
    con: duckdb.DuckDBPyConnection, scanned: Scan, options: ReadingOptions, remembered: RememberedMappings
) -> HeaderLayout:
    """The layout of a file; a question about its columns asks for all that must be said, their times included."""
    try:
        return _read_layout(con, scanned, options.columns, remembered)
    except ColumnQuestionError as error:
        question = error.question
        if question.proposal is not None:
            texts = dict(enumerate(question.samples[question.proposal.timestamp]))
            try:
                decide_style(scanned.name, texts, options.timestamp_format, options.timezone)
            except UnusableFileError as unread:
                if unread.timestamps is not None:
                    raise error.with_times(unread.timestamps) from error
        raise


def _read_layout(
    con: duckdb.DuckDBPyConnection, scanned: Scan, given: ColumnMapping | None, remembered: RememberedMappings
) -> HeaderLayout:
    match scanned.format:
        case FileFormat.DELIMITED:
            layout = read_header(scanned, given, remembered)
            return replace(layout, escape=escape_in(scanned, layout.delimiter, layout.width, layout.header_line))
        case FileFormat.JSON_LINES:
            return read_json_layout(scanned, given, remembered)
        case FileFormat.PARQUET:
            return read_parquet_layout(con, scanned, given, remembered)


def _first_timestamps(con: duckdb.DuckDBPyConnection, scanned: Scan, layout: HeaderLayout) -> dict[int, str]:
    """Timestamp texts of the first records by line number, read from the start of the file (`Scan.head`)."""
    if scanned.format is FileFormat.PARQUET:
        first = first_values(con, scanned, list(layout.columns))[layout.found.mapping.timestamp]
        return {line: text for line, text in enumerate(first, start=1) if text}
    head = scanned.head[:HEAD_BYTES]
    whole_lines = [head[: head.rfind(scanned.newline) + 1] or scanned.head]
    read = read_json_records if scanned.format is FileFormat.JSON_LINES else read_records
    batches = read(whole_lines, layout, scanned.newline)
    return {
        line: text
        for batch in batches
        for line, text in zip(
            batch.column("line_number").to_pylist(), batch.column(f"c{layout.timestamp}").to_pylist(), strict=True
        )
        if text
    }
