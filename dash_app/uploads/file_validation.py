"""Says what would become of an uploaded log, in a process of its own: `python -m dash_app.uploads.file_validation FOLDER [FORMAT]`.

A large log needs memory and minutes to judge; here neither is taken from the app. The answer is a JSON file beside the log.
Knows nothing of requests or pages.
"""

import json
import re
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from grupa_pipeline.ingest.errors import REASONS, UnusableFileError
from grupa_pipeline.ingest.preview import Preview, preview_file

ANSWER = "judgement.json"
_ROWS = 8
_MEMORY_LIMIT = "512MB"
"""Less than a run may use: several logs may be judged at once, beside a run."""
_LONGEST_CELL = 160


@dataclass(frozen=True)
class Judgement:
    """What would become of a log.

    Attributes:
        problem: Why the whole file would be refused, a sentence; None when it can be taken in.
        asks_format: Whether a timestamp format would help.
        formats: Formats that its timestamps suggest, the day-first one before the month-first one.
        timestamp_format: The format it was judged with.
        file_sha256: SHA-256 of the file.
        rows_read: Records below the header; rows_accepted, rows_rejected and rows_duplicate add up to them.
        first_event_at: Earliest accepted event in ISO 8601, UTC; last_event_at the latest.
        reasons: (sentence, records) of each reason for rejecting, the commonest first.
        accepted: The earliest events: user_id, timestamp, action, metadata.
        rejected: The first rejected records: line number, sentence, text.
    """

    problem: str | None = None
    asks_format: bool = False
    formats: list[str] = field(default_factory=list)
    timestamp_format: str | None = None
    file_sha256: str = ""
    rows_read: int = 0
    rows_accepted: int = 0
    rows_rejected: int = 0
    rows_duplicate: int = 0
    first_event_at: str | None = None
    last_event_at: str | None = None
    reasons: list[list[Any]] = field(default_factory=list)
    accepted: list[list[str]] = field(default_factory=list)
    rejected: list[list[Any]] = field(default_factory=list)


def judge(path: Path, timestamp_format: str | None, now: datetime) -> Judgement:
    """What would become of the log at `path` if it were taken in at `now` (naive UTC)."""
    try:
        found = preview_file(path, now=now, timestamp_format=timestamp_format, rows=_ROWS, memory_limit=_MEMORY_LIMIT)
        return _acceptable(found, timestamp_format)
    except UnusableFileError as error:
        return _refused(str(error), timestamp_format)


def read_judgement(folder: Path) -> Judgement | None:
    """The judgement in an upload's folder; None when there is none yet."""
    try:
        return Judgement(**json.loads((folder / ANSWER).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def write_judgement(folder: Path, judgement: Judgement) -> None:
    """Put a judgement into an upload's folder, whole or not at all."""
    draft = folder / f".{ANSWER}"
    draft.write_text(json.dumps(asdict(judgement)), encoding="utf-8")
    draft.replace(folder / ANSWER)


def _acceptable(found: Preview, timestamp_format: str | None) -> Judgement:
    file = found.file
    events = zip(*(found.accepted.column(name).to_pylist() for name in found.accepted.column_names), strict=True)
    return Judgement(
        asks_format="bad_timestamp" in found.reasons,
        timestamp_format=timestamp_format,
        file_sha256=file.file_sha256,
        rows_read=file.rows_read,
        rows_accepted=file.rows_accepted,
        rows_rejected=file.rows_rejected,
        rows_duplicate=file.rows_duplicate,
        first_event_at=file.first_event_at.isoformat() if file.first_event_at else None,
        last_event_at=file.last_event_at.isoformat() if file.last_event_at else None,
        reasons=[[REASONS[reason], count] for reason, count in found.reasons.items()],
        accepted=[[_cell(value) for value in event] for event in events],
        rejected=[[row["line_number"], row["sentence"], _cell(row["raw"])] for row in found.rejected.to_pylist()],
    )


def _refused(problem: str, timestamp_format: str | None) -> Judgement:
    """The refusal without its advice for the command line: here there is a field to answer in."""
    told, _, advice = re.sub(r"; say (?=how it is written|which comes first)", "\0", problem).partition("\0")
    told = f"{told}." if advice else told
    formats = [] if "(strptime)" in advice else re.findall(r"'([^']*%[^']*)'", advice)
    return Judgement(
        problem=told.replace("--timestamp-format", "the timestamp format"),
        asks_format="--timestamp-format" in problem,
        formats=formats,
        timestamp_format=timestamp_format,
    )


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}…"


def main(folder: Path, timestamp_format: str | None) -> None:
    """Judge the one log in `folder`; scratch files go beside it, on the warehouse's disk."""
    tempfile.tempdir = str(folder)
    [log] = [each for each in folder.iterdir() if each.name.lower().endswith((".csv", ".csv.gz")) and each.is_file()]
    write_judgement(folder, judge(log, timestamp_format, datetime.now(UTC).replace(tzinfo=None)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
