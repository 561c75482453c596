"""The error that refuses a whole file, and the reasons for which a single record is rejected.

Definitions only; the checks are in the other modules of the package.
"""

from dataclasses import dataclass
from enum import StrEnum

ACCEPT_ADVICE = "To ingest the other records without them, add --accept-rejects."
"""The end of a refusal that can be lifted."""


class RejectionReason(StrEnum):
    """Why a record is rejected; the values of `rejected_rows.reason`."""

    MISSING_USER_ID = "missing_user_id"
    MISSING_TIMESTAMP = "missing_timestamp"
    MISSING_ACTION = "missing_action"
    BAD_TIMESTAMP = "bad_timestamp"
    UNKNOWN_ZONE = "unknown_zone"
    TIMESTAMP_IN_FUTURE = "timestamp_in_future"
    WRONG_COLUMN_COUNT = "wrong_column_count"
    REPEATED_HEADER = "repeated_header"
    BAD_QUOTES = "bad_quotes"
    BAD_LINE_BREAK = "bad_line_break"
    BAD_ENCODING = "bad_encoding"
    NUL_BYTE = "nul_byte"
    TOO_LONG_RECORD = "too_long_record"
    BAD_JSON = "bad_json"


REASONS: dict[RejectionReason, str] = {
    RejectionReason.MISSING_USER_ID: "The user_id is empty.",
    RejectionReason.MISSING_TIMESTAMP: "The timestamp is empty.",
    RejectionReason.MISSING_ACTION: "The action is empty.",
    RejectionReason.BAD_TIMESTAMP: "The timestamp is no date and time that exists, or not in the file's format.",
    RejectionReason.UNKNOWN_ZONE: (
        "The letters of the timestamp's zone stand for several zones, or for another one than --timezone names."
    ),
    RejectionReason.TIMESTAMP_IN_FUTURE: "The timestamp is more than 24 hours after the moment of ingestion.",
    RejectionReason.WRONG_COLUMN_COUNT: "The record has more or fewer fields than the header.",
    RejectionReason.REPEATED_HEADER: "The record repeats the header, as when files were joined.",
    RejectionReason.BAD_QUOTES: (
        'A quoted field is not closed, or text follows its closing quote (a quote inside one is written "").'
    ),
    RejectionReason.BAD_LINE_BREAK: "A carriage return stands in the middle of an unquoted field.",
    RejectionReason.BAD_ENCODING: "The record holds damaged characters, which are neither UTF-8 nor in the log's encoding.",
    RejectionReason.NUL_BYTE: "The record contains a NUL byte.",
    RejectionReason.TOO_LONG_RECORD: "The record is longer than 1 MiB.",
    RejectionReason.BAD_JSON: "The line is no JSON object.",
}
"""The sentence that explains each reason to users."""


@dataclass(frozen=True)
class TimestampProblem:
    """Timestamps that cannot be read without a format, or do not match the format passed.

    Attributes:
        sentence: What is wrong, without a full stop where advice follows.
        advice: What to do about it on the command line; empty where the sentence includes that.
        example: One of the timestamps; None when the format itself is invalid.
        formats: Formats that match them; day-first before month-first where both match.
        timezones: Zones that their letters belong to, the likeliest first.
    """

    sentence: str
    advice: str = ""
    example: str | None = None
    formats: tuple[str, ...] = ()
    timezones: tuple[str, ...] = ()

    @property
    def options(self) -> list[str]:
        """The words of the command line that read them; none where nothing is known to."""
        zone = ["--timezone", self.timezones[0]] if self.timezones else []
        return zone + (["--timestamp-format", self.formats[0]] if self.formats else [])

    def __str__(self) -> str:
        return f"{self.sentence}; {self.advice}" if self.advice else self.sentence


class UnusableFileError(Exception):
    """A file cannot be used at all. Nothing of it, or of files ingested in the same call, was stored.

    Attributes:
        file: Name of the file, without its folder.
        line: Physical line of the problem, from 1; None where the problem concerns no single line.
        timestamps: The problem with its timestamps, if that is why.
        rejects: Whether the rest of the file can be used, if the rejected records are accepted as lost.
        encodings: Encodings that its text may be in, the likeliest first, where that must be asked.
    """

    def __init__(
        self,
        file: str,
        problem: str,
        line: int | None = None,
        *,
        timestamps: TimestampProblem | None = None,
        rejects: bool = False,
        encodings: tuple[str, ...] = (),
    ) -> None:
        super().__init__(f"{file}: {problem}")
        self.file = file
        self.line = line
        self.timestamps = timestamps
        self.rejects = rejects
        self.encodings = encodings
