"""Checks an uploaded log in a process of its own: `python -m dash_app.uploads.file_validation FOLDER`.

Checking a large log takes memory and minutes, which the app's processes are spared. What a person said about the log is in the
file of options beside it; the report is a hidden JSON file beside both.
Knows neither requests nor pages.
"""

import json
import logging
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from dash_app.data.uploads import FileReport
from dash_app.uploads.check_limits import CheckLimits, turn, why_it_failed
from grupa_pipeline.ingest.columns import NO_MAPPINGS, ColumnQuestionError, RememberedMappings
from grupa_pipeline.ingest.errors import ACCEPT_ADVICE, REASONS, UnusableFileError
from grupa_pipeline.ingest.preview import Preview, preview_file
from grupa_pipeline.ingest.reading_options import is_options_file, options_beside
from grupa_pipeline.storage.publication import Publication

logger = logging.getLogger("grupa")

REPORT_FILE = ".report.json"
_ROWS = 8
_MEMORY_LIMIT = "512MB"
"""Less than a run may use: several logs may be checked at once, beside a run."""
_LONGEST_CELL = 160


def check_log(path: Path, now: datetime, remembered: RememberedMappings = NO_MAPPINGS) -> FileReport:
    """What would become of the log at `path`, with the options beside it, if it were ingested at `now` (naive UTC)."""
    timestamp_format = None
    try:
        timestamp_format = options_beside(path).timestamp_format
        preview = preview_file(path, now=now, remembered=remembered, rows=_ROWS, memory_limit=_MEMORY_LIMIT)
        return _acceptable(preview, timestamp_format)
    except ColumnQuestionError as error:
        return _asked(error, timestamp_format)
    except UnusableFileError as error:
        return _refused(error, timestamp_format)


def find_upload(folder: Path) -> Path:
    """The log in an upload's folder.

    Raises:
        FileNotFoundError: There is none (any more).
    """
    for each in folder.iterdir():
        if each.is_file() and not each.name.startswith(".") and not is_options_file(each.name):
            return each
    raise FileNotFoundError(folder)


def read_report(folder: Path) -> FileReport | None:
    """The report in an upload's folder; None when there is none yet."""
    try:
        return FileReport(**json.loads((folder / REPORT_FILE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def write_report(folder: Path, report: FileReport) -> None:
    """Write a report into an upload's folder atomically."""
    draft = folder / f".{REPORT_FILE}"
    draft.write_text(json.dumps(asdict(report)), encoding="utf-8")
    draft.replace(folder / REPORT_FILE)


def _acceptable(preview: Preview, timestamp_format: str | None) -> FileReport:
    file = preview.file
    events = zip(*(preview.accepted.column(name).to_pylist() for name in preview.accepted.column_names), strict=True)
    return FileReport(
        notes=list(file.notes),
        needs_format="bad_timestamp" in preview.reasons,
        timestamp_format=timestamp_format,
        file_sha256=file.file_sha256,
        rows_read=file.rows_read,
        rows_accepted=file.rows_accepted,
        rows_rejected=file.rows_rejected,
        rows_duplicate=file.rows_duplicate,
        first_event_at=file.first_event_at.isoformat() if file.first_event_at else None,
        last_event_at=file.last_event_at.isoformat() if file.last_event_at else None,
        reasons=[[REASONS[reason], count] for reason, count in preview.reasons.items()],
        accepted=[[_cell(value) for value in event] for event in events],
        rejected=[[row["line_number"], row["sentence"], _cell(row["raw"])] for row in preview.rejected.to_pylist()],
    )


def _asked(error: ColumnQuestionError, timestamp_format: str | None) -> FileReport:
    """The question about the log's columns, without its advice for the command line: the page has a form for them."""
    question = error.question
    proposal = question.proposal.columns if question.proposal else {}
    values = [[_cell(value) for value in question.samples.get(name, ())[:_ROWS]] for name in question.columns]
    return FileReport(
        problem=str(error),
        columns=list(question.columns),
        proposal={str(field): column for field, column in proposal.items()},
        choices={str(field): list(columns) for field, columns in question.choices.items()},
        first_rows=[list(row) for row in zip(*values, strict=False)],
        formats=list(question.times.formats) if question.times else [],
        example=question.times.example if question.times else None,
        timestamp_format=timestamp_format,
    )


def _refused(error: UnusableFileError, timestamp_format: str | None) -> FileReport:
    """The refusal without its advice for the command line: the page has a field for the format."""
    timestamps = error.timestamps
    problem = str(error).removesuffix(f" {ACCEPT_ADVICE}")
    if error.encodings:
        return FileReport(problem=problem.partition(": if this is right")[0] + ".", encodings=list(error.encodings))
    if timestamps is None:
        return FileReport(problem=problem, timestamp_format=timestamp_format, can_accept=error.rejects)
    if timestamps.advice:
        problem = problem.replace(f"; {timestamps.advice}", ".")
    return FileReport(
        problem=problem.replace("--timestamp-format", "the timestamp format"),
        needs_format=True,
        formats=list(timestamps.formats),
        timezones=list(timestamps.timezones),
        can_accept=error.rejects,
        example=timestamps.example,
        timestamp_format=timestamp_format,
    )


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}…"


def main(folder: Path) -> None:
    """Check the one log in `folder`, below the warehouse, within limits; temporary files go beside it, on the warehouse's disk."""
    tempfile.tempdir = str(folder)
    log = find_upload(folder)
    limits = CheckLimits.of_size(log.stat().st_size)
    with turn(folder.parent, folder):
        limits.impose()
        try:
            remembered = Publication(folder.parent.parent).column_mappings()
            report = check_log(log, datetime.now(UTC).replace(tzinfo=None), remembered)
        except (MemoryError, OSError, duckdb.Error, pa.ArrowException) as error:
            logger.exception("%s could not be checked", log)
            report = FileReport(problem=f"{log.name}: {why_it_failed(error, limits)}")
        write_report(folder, report)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
