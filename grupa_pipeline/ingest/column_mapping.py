"""Which column of a log holds which field of an event, as a person writes it: `user_id=distinct_id,timestamp=time,action=event`.

Values only; `columns.py` finds the mapping of a log.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class EventField(StrEnum):
    """The fields of an event that a column may hold."""

    USER_ID = "user_id"
    TIMESTAMP = "timestamp"
    ACTION = "action"
    METADATA = "metadata"
    EVENT_ID = "event_id"


REQUIRED_FIELDS = (EventField.USER_ID, EventField.TIMESTAMP, EventField.ACTION)
_ALTERNATIVE = "|"
"""Separates columns of the user id or the action: where the first is empty, the next one counts."""


class ColumnMappingError(ValueError):
    """A mapping that cannot be used; the message says why and what to write."""


@dataclass(frozen=True)
class ColumnMapping:
    """The columns of a log by the field that they hold.

    Attributes:
        user_ids: Columns of the user id; the first that is not empty in a record counts.
        timestamp: Column of the time.
        actions: Columns of the action, likewise.
        metadata: Column whose JSON object is the event's metadata; None for none.
        event_id: Column of the event's own id; None for none.

    Example:
        >>> ColumnMapping.parse("user_id=uid|device,timestamp=time,action=event").user_ids
        ('uid', 'device')
    """

    user_ids: tuple[str, ...]
    timestamp: str
    actions: tuple[str, ...]
    metadata: str | None = None
    event_id: str | None = None

    @classmethod
    def parse(cls, text: str) -> "ColumnMapping":
        """Read `field=column` pairs separated by commas; a pair with a comma in it is quoted as in CSV.

        Raises:
            ColumnMappingError: A pair is incomplete or unknown, a field stands twice, or a required one is missing.
        """
        try:
            pairs = next(csv.reader([text], strict=True, skipinitialspace=True), [])
        except csv.Error as error:
            raise ColumnMappingError(f"{text!r} is no list of columns ({error}); {_ADVICE}") from error
        columns: dict[str, str] = {}
        for pair in pairs:
            name, equals, column = (part.strip() for part in pair.partition("="))
            if not equals or not column:
                raise ColumnMappingError(f"{pair!r} names no column; {_ADVICE}")
            if name in columns:
                raise ColumnMappingError(f"{name} is given twice; {_ADVICE}")
            columns[name] = column
        return cls.of(columns)

    @classmethod
    def of(cls, columns: Mapping[str, str]) -> "ColumnMapping":
        """The mapping of `columns`, from field to column.

        Raises:
            ColumnMappingError: A field is unknown, or a required one is missing.
        """
        if unknown := [name for name in columns if name not in tuple(EventField)]:
            raise ColumnMappingError(f"{unknown[0]!r} is no field of an event; {_ADVICE}")
        if missing := [field for field in REQUIRED_FIELDS if not columns.get(field)]:
            raise ColumnMappingError(f"no column is given for {' and '.join(missing)}; {_ADVICE}")
        return cls(
            _alternatives(columns[EventField.USER_ID]),
            columns[EventField.TIMESTAMP],
            _alternatives(columns[EventField.ACTION]),
            columns.get(EventField.METADATA),
            columns.get(EventField.EVENT_ID),
        )

    @property
    def columns(self) -> dict[EventField, str]:
        """The columns by field, in the order of the fields; alternatives joined by `|`."""
        columns = {
            EventField.USER_ID: _ALTERNATIVE.join(self.user_ids),
            EventField.TIMESTAMP: self.timestamp,
            EventField.ACTION: _ALTERNATIVE.join(self.actions),
            EventField.METADATA: self.metadata,
            EventField.EVENT_ID: self.event_id,
        }
        return {field: column for field, column in columns.items() if column is not None}

    def __str__(self) -> str:
        """The mapping as `parse` reads it."""
        pairs = (f"{field}={column}" for field, column in self.columns.items())
        return ",".join(f'"{pair.replace(chr(34), chr(34) * 2)}"' if set(pair) & {",", '"'} else pair for pair in pairs)


def _alternatives(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(_ALTERNATIVE) if part.strip()) or (text,)


_ADVICE = (
    "write field=column pairs such as user_id=distinct_id,timestamp=time,action=event "
    f"(fields: {', '.join(EventField)}; two columns of the user as user_id=user_id|anonymous_id)."
)
