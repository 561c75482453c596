"""What a person may say about how a log is read, on the command line, beside the log or in the app.

`<log name>.columns.toml` beside a log holds the same keys as the fields of `ReadingOptions`.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from grupa_pipeline.ingest.column_mapping import ColumnMapping, ColumnMappingError
from grupa_pipeline.ingest.errors import UnusableFileError
from grupa_pipeline.ingest.text_encoding import is_encoding


class Repeats(StrEnum):
    """Whether equal records within one log are several events."""

    KEEP = "keep"
    DROP = "drop"


class ReadingOptionError(ValueError):
    """An option that cannot be used; the message names it and says what to give.

    Attributes:
        option: The option's field of `ReadingOptions`.
    """

    def __init__(self, option: str, problem: str) -> None:
        super().__init__(problem)
        self.option = option


@dataclass(frozen=True)
class ReadingOptions:
    """How logs are read, where that does not follow from the logs themselves.

    Attributes:
        columns: Columns of the fields; None: recognised by their names.
        timezone: IANA name of the zone of times without one, and of lettered zones; None: UTC.
        timestamp_format: strptime format of the timestamps; None: ISO 8601 or epochs.
        repeats: Whether equal records are kept; None: where times have no seconds or no hours.
        accept_rejects: Whether a log is ingested although many of its records are rejected for one reason.
        encoding: Encoding of the text, such as cp1250; None: recognised.
    """

    columns: ColumnMapping | None = None
    timezone: str | None = None
    timestamp_format: str | None = None
    repeats: Repeats | None = None
    accept_rejects: bool = False
    encoding: str | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "ReadingOptions":
        """The options of texts by field, as in a run's configuration or a file beside a log; None counts as not given.

        Raises:
            ReadingOptionError: An option is unknown, or its value cannot be used.
        """
        known = [field.name for field in fields(cls)]
        if unknown := [name for name in values if name not in known]:
            raise ReadingOptionError(unknown[0], f"{unknown[0]!r} is unknown; the keys are {', '.join(known)}.")
        given = {name: value for name, value in values.items() if value is not None and value != ""}
        return cls(**{name: _READ[name](name, value) for name, value in given.items()})

    def as_values(self) -> dict[str, Any]:
        """The options that are given as texts by field, which `of` reads."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value if value is True else str(value) for name, value in values.items() if value}

    def over(self, others: "ReadingOptions") -> "ReadingOptions":
        """These options, and those of `others` where these are not given."""
        return ReadingOptions(
            **{field.name: getattr(self, field.name) or getattr(others, field.name) for field in fields(self)}
        )

    def as_toml(self) -> str:
        """The text of a file beside a log that holds these options."""
        return "".join(f"{name} = {_toml(value)}\n" for name, value in self.as_values().items())


DEFAULT_OPTIONS = ReadingOptions()


def options_file(log: Path) -> Path:
    """The file that holds the options of the log (or archive, or folder) at `log`, if it needs its own."""
    return log.with_name(f"{log.name}.columns.toml")


def is_options_file(name: str) -> bool:
    """Whether a file of this name holds the options of a log beside it."""
    return name.lower().endswith(".columns.toml")


def options_beside(log: Path) -> ReadingOptions:
    """The options in the file beside `log`; the defaults where there is none.

    Raises:
        UnusableFileError: The file cannot be used.
    """
    path = options_file(log)
    try:
        return ReadingOptions.of(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except FileNotFoundError:
        return ReadingOptions()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnusableFileError(path.name, f"it is no TOML ({error}); mend or delete it.") from error
    except ReadingOptionError as error:
        raise UnusableFileError(path.name, f"its {error.option} cannot be used: {error}") from error
    except OSError as error:
        raise UnusableFileError(path.name, f"it cannot be read ({error.strerror}); check its permissions.") from error


def _columns(name: str, value: Any) -> ColumnMapping:
    try:
        if isinstance(value, Mapping):
            return ColumnMapping.of({str(field): str(column) for field, column in value.items()})
        return value if isinstance(value, ColumnMapping) else ColumnMapping.parse(_text(name, value))
    except ColumnMappingError as error:
        raise ReadingOptionError(name, str(error)) from error


def _timezone(name: str, value: Any) -> str:
    text = _text(name, value).strip()
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError) as error:  # unknown; a path; a folder of the database
        problem = f"{text!r} is no time zone; give a name such as Europe/London or UTC."
        raise ReadingOptionError(name, problem) from error
    return text


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    raise ReadingOptionError(name, f"{value!r} is no text; write it in quotes.")


def _repeats(name: str, value: Any) -> Repeats:
    try:
        return Repeats(_text(name, value).strip().lower())
    except ValueError as error:
        raise ReadingOptionError(name, f"{value!r} is unknown; give {' or '.join(Repeats)}.") from error


def _encoding(name: str, value: Any) -> str:
    text = _text(name, value).strip()
    if not is_encoding(text):
        raise ReadingOptionError(name, f"{text!r} is no encoding; give a name such as utf-8, cp1250 or shift_jis.")
    return text


def _boolean(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ReadingOptionError(name, f"{value!r} is unknown; give true or false.")


_READ: Mapping[str, Callable[[str, Any], Any]] = {
    "columns": _columns,
    "timezone": _timezone,
    "timestamp_format": _text,
    "repeats": _repeats,
    "accept_rejects": _boolean,
    "encoding": _encoding,
}


def _toml(value: Any) -> str:
    if value is True:
        return "true"
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
