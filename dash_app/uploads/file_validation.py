"""Checks an uploaded log in a process of its own: `python -m dash_app.uploads.file_validation FOLDER [FORMAT]`.

Checking a large log takes memory and minutes, which the app's processes are spared. The report is a JSON file beside the log.
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
from grupa_pipeline.ingest.errors import REASONS, UnusableFileError
from grupa_pipeline.ingest.preview import Preview, preview_file
from grupa_pipeline.ingest.reading_options import ReadingOptions

logger = logging.getLogger("grupa")

REPORT_FILE = "report.json"
_ROWS = 8
_MEMORY_LIMIT = "512MB"
"""Less than a run may use: several logs may be checked at once, beside a run."""
_LONGEST_CELL = 160


def check_log(path: Path, timestamp_format: str | None, now: datetime) -> FileReport:
    """What would become of the log at `path` if it were ingested at `now` (naive UTC)."""
    try:
        preview = preview_file(
            path,
            now=now,
            options=ReadingOptions(timestamp_format=timestamp_format),
            rows=_ROWS,
            memory_limit=_MEMORY_LIMIT,
        )
        return _acceptable(preview, timestamp_format)
    except UnusableFileError as error:
        return _refused(error, timestamp_format)


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


def _refused(error: UnusableFileError, timestamp_format: str | None) -> FileReport:
    """The refusal without its advice for the command line: the page has a field for the format."""
    timestamps = error.timestamps
    if timestamps is None:
        return FileReport(problem=str(error), timestamp_format=timestamp_format)
    problem = str(error)
    if timestamps.advice:
        problem = problem.replace(f"; {timestamps.advice}", ".")
    return FileReport(
        problem=problem.replace("--timestamp-format", "the timestamp format"),
        needs_format=True,
        formats=list(timestamps.formats),
        example=timestamps.example,
        timestamp_format=timestamp_format,
    )


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}…"


def main(folder: Path, timestamp_format: str | None) -> None:
    """Check the one log in `folder` within limits; temporary files go beside it, on the warehouse's disk."""
    tempfile.tempdir = str(folder)
    [log] = [each for each in folder.iterdir() if each.name.lower().endswith((".csv", ".csv.gz")) and each.is_file()]
    limits = CheckLimits.of_size(log.stat().st_size)
    with turn(folder.parent, folder):
        limits.impose()
        try:
            report = check_log(log, timestamp_format, datetime.now(UTC).replace(tzinfo=None))
        except (MemoryError, OSError, duckdb.Error, pa.ArrowException) as error:
            logger.exception("%s could not be checked", log)
            report = FileReport(
                problem=f"{log.name}: {why_it_failed(error, limits)}", timestamp_format=timestamp_format
            )
        write_report(folder, report)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
