"""The error that refuses a whole file, and the words for why a single record is rejected.

Nothing here reads a file or decides anything; other modules use these words.
"""

from dataclasses import dataclass

REASONS: dict[str, str] = {
    "missing_user_id": "The user_id is empty.",
    "missing_timestamp": "The timestamp is empty.",
    "missing_action": "The action is empty.",
    "bad_timestamp": "The timestamp is no date and time that exists, or not in the file's format.",
    "timestamp_in_future": "The timestamp is more than 24 hours after the moment of ingestion.",
    "wrong_column_count": "The record has more or fewer fields than the header.",
    "repeated_header": "The record repeats the header, as when files were joined.",
    "bad_quotes": 'A quoted field is not closed, or text follows its closing quote (a quote inside one is written "").',
    "bad_line_break": "A carriage return stands in the middle of an unquoted field.",
    "bad_encoding": "The record is not UTF-8.",
    "nul_byte": "The record contains a NUL byte.",
    "too_long_record": "The record is longer than 1 MiB.",
}
"""Every word that `rejected_rows.reason` may hold, with the sentence a person reads."""


@dataclass(frozen=True)
class TimestampProblem:
    """Timestamps that cannot be read without a format, or not with the one that was given.

    Attributes:
        sentence: What is wrong, without a full stop where advice follows.
        advice: What to do about it on the command line; empty where the sentence says it.
        example: One of the timestamps; None when the format itself is wrong.
        formats: Formats that fit them, the day-first one before the month-first one where either may be meant.
    """

    sentence: str
    advice: str = ""
    example: str | None = None
    formats: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.sentence}; {self.advice}" if self.advice else self.sentence


class UnusableFileError(Exception):
    """A file that cannot be used at all; nothing of it, or of the files ingested with it, was stored.

    Attributes:
        file: Name of the file, without its folder.
        line: Physical line of the problem (the header is line 1); None when it has no line.
        timestamps: What is wrong with its timestamps, where that is the problem; its text ends the message.
    """

    def __init__(
        self, file: str, problem: str, line: int | None = None, *, timestamps: TimestampProblem | None = None
    ) -> None:
        super().__init__(f"{file}: {problem}")
        self.file = file
        self.line = line
        self.timestamps = timestamps
