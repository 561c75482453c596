"""What is known of a log that was uploaded: where it stands, and what would become of its rows. Values only."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

MAX_UPLOAD_BYTES = 20 << 30
"""Largest upload; a larger log is better put into the inbox, or split."""


class UploadAction(StrEnum):
    """What can be done with an upload.

    What is proposed is chosen by its number: a timestamp format by `format-N`, a time zone by `zone-N`, an encoding by
    `encoding-N`.
    """

    INGEST = "take"
    DISCARD = "discard"
    CHECK = "judge"
    ACCEPT = "accept"
    """Check again, and ingest the log although many of its rows are rejected for one reason."""
    RETRY = "retry"
    COLUMNS = "columns"
    """Check again with the columns that were chosen."""


@dataclass(frozen=True)
class FileReport:
    """What would become of a log if it were ingested.

    Attributes:
        problem: Why the whole file would be refused, a sentence; None when it can be ingested.
        columns: The columns of a log of which a person must say what they hold; empty where they are known.
        proposal: By field the column that is likely meant (`|` between alternatives).
        choices: By field the columns that could be meant, the likeliest first.
        first_rows: The first values of each of `columns`.
        notes: Sentences about how the log was read.
        needs_format: Whether a timestamp format would help.
        formats: Formats that its timestamps suggest, the day-first one before the month-first one.
        timezones: Time zones that the letters of its timestamps belong to, the likeliest first.
        encodings: Encodings that its text may be in, the likeliest first, where that must be asked.
        can_accept: Whether the other rows can be ingested, if a person accepts that many are rejected.
        example: One of its timestamps that could not be read; None when all could.
        timestamp_format: The format it was checked with.
        file_sha256: SHA-256 of the file.
        rows_read: Records below the header; rows_accepted, rows_rejected and rows_duplicate add up to them.
        first_event_at: Earliest accepted event in ISO 8601, UTC; last_event_at the latest.
        reasons: (sentence, records) of each reason for rejecting, the commonest first.
        accepted: The earliest events: user_id, timestamp, action, metadata.
        rejected: The first rejected records: line number, sentence, text.
    """

    problem: str | None = None
    columns: list[str] = field(default_factory=list)
    proposal: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    first_rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    needs_format: bool = False
    formats: list[str] = field(default_factory=list)
    timezones: list[str] = field(default_factory=list)
    encodings: list[str] = field(default_factory=list)
    can_accept: bool = False
    example: str | None = None
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


@dataclass(frozen=True)
class Upload:
    """A log that has arrived and waits for a decision.

    Attributes:
        token: Its id.
        name: Its file name.
        size: Its size in bytes.
        arrived_at: When it arrived, naive UTC.
        is_checking: Whether it is being checked now.
        report: The result of the check; None while it runs, or when it ended without one.
        waits: Whether other checks have to end before its own begins.
    """

    token: str
    name: str
    size: int
    arrived_at: datetime
    is_checking: bool
    report: FileReport | None
    waits: bool = False
