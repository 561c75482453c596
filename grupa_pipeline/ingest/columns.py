"""Finds the mapping of a log's columns: as a person said, as they said before, by our own names, or as a known tool exports.

Where none of these holds, columns are guessed and a person is asked: `ColumnQuestionError` holds what could be meant.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from grupa_pipeline.ingest.column_guesses import ANONYMOUS_NAMES, EVENT_ID_NAMES, candidates, holds_times, rivals
from grupa_pipeline.ingest.column_mapping import REQUIRED_FIELDS, ColumnMapping, EventField
from grupa_pipeline.ingest.errors import TimestampProblem, UnusableFileError
from grupa_pipeline.ingest.known_layouts import KNOWN_LAYOUTS, column_key

Samples = Mapping[str, Sequence[str]]
"""Values of each column in the first records of a log."""
RememberedMappings = Mapping[frozenset[str], ColumnMapping]
"""Mappings that a person gave before, by the set of a log's columns (as `column_set` writes them)."""
NO_MAPPINGS: RememberedMappings = MappingProxyType({})
_LISTED = 12


@dataclass(frozen=True)
class ColumnQuestion:
    """What a person must say about the columns of a log.

    Attributes:
        columns: The log's columns.
        choices: The columns that could be meant by each required field, the likeliest first.
        proposal: The likeliest mapping; None where a field has no likely column.
        samples: Values of each column in the first records.
        times: What is to be said of the times of the proposed column as well.
    """

    columns: tuple[str, ...]
    choices: Mapping[EventField, Sequence[str]]
    proposal: ColumnMapping | None
    samples: Samples
    times: TimestampProblem | None = None

    @property
    def options(self) -> str:
        """The words of the command line that read the log as proposed; empty without a proposal."""
        if self.proposal is None:
            return ""
        return shlex.join(["--columns", str(self.proposal), *(self.times.options if self.times else ())])


class ColumnQuestionError(UnusableFileError):
    """A log whose columns a person must name before it can be read.

    Attributes:
        question: What to ask.
    """

    def __init__(self, file: str, problem: str, line: int | None, question: ColumnQuestion) -> None:
        super().__init__(file, problem, line, timestamps=question.times)
        self.question = question

    def with_times(self, times: TimestampProblem) -> "ColumnQuestionError":
        """The same question, with what is to be said of the times, so that one answer is enough."""
        asked = str(self).removeprefix(f"{self.file}: ").rstrip(".")
        question = replace(self.question, times=times)
        return ColumnQuestionError(self.file, f"{asked}. Besides, {times}", self.line, question)


@dataclass(frozen=True)
class FoundMapping:
    """The mapping of a log and where it comes from.

    Attributes:
        mapping: The columns of the fields, named as in the log.
        is_given: Whether a person gave it just now.
        is_said: Whether a person gave it, now or before.
        is_certain: Whether its event ids are known to be ids of events; else they are checked.
        note: A sentence for people about why these columns are read; None where there is nothing to tell.
    """

    mapping: ColumnMapping
    is_given: bool = False
    is_said: bool = False
    is_certain: bool = True
    note: str | None = None


def column_set(columns: Sequence[str]) -> frozenset[str]:
    """The set of columns by which a mapping is remembered."""
    return frozenset(column.strip() for column in columns)


def find_mapping(
    file: str,
    columns: Sequence[str],
    *,
    given: ColumnMapping | None,
    remembered: RememberedMappings,
    samples: Samples,
) -> FoundMapping | None:
    """The mapping of a log with these `columns`; None where nobody knows it.

    Args:
        file: The log's name.
        columns: Its columns, as in the header.
        given: What a person said about it.
        remembered: What people said about logs before.
        samples: Values of each column in the first records.
    """
    names = {name.strip().lower(): name for name in reversed(columns)}
    if given is not None:
        located = _located(given, names)
        return FoundMapping(located, is_given=True, is_said=True) if located else None
    before = remembered.get(column_set(columns))
    if before is not None and (located := _located(before, names)):
        return FoundMapping(located, is_said=True, note=f"{file} is read as you said before: {located}.")
    if all(field in names for field in REQUIRED_FIELDS):
        return _own(columns, names)
    return _known(file, columns, samples)


def ask_for_columns(file: str, columns: Sequence[str], samples: Samples, line: int | None) -> ColumnQuestionError:
    """The question about a log whose columns nobody knows, with all that could be meant."""
    found = candidates(columns, samples)
    proposal = None
    if all(found[field] for field in REQUIRED_FIELDS):
        proposal = ColumnMapping(
            (found[EventField.USER_ID][0],), found[EventField.TIMESTAMP][0], (found[EventField.ACTION][0],)
        )
    question = ColumnQuestion(tuple(columns), found, proposal, samples)
    return ColumnQuestionError(file, _sentence(question), line, question)


def ask_for_anonymous_id(
    file: str, columns: Sequence[str], mapping: ColumnMapping, samples: Samples, line: int | None
) -> ColumnQuestionError | None:
    """The question whether an anonymous id counts where the user id is empty; None where most records have a user id."""
    [first, *others] = mapping.user_ids
    values = samples.get(first, ())
    empty = sum(not value.strip() for value in values)
    anonymous = [
        name
        for name in columns
        if column_key(name) in ANONYMOUS_NAMES
        and name != first
        and any(value.strip() for value in samples.get(name, ()))
    ]
    if others or not anonymous or 5 * empty <= len(values):
        return None
    choices = [f"{first}|{name}" for name in anonymous] + [first]
    proposal = ColumnMapping(
        (first, anonymous[0]), mapping.timestamp, mapping.actions, mapping.metadata, mapping.event_id
    )
    fields = {
        EventField.USER_ID: choices,
        EventField.TIMESTAMP: [mapping.timestamp],
        EventField.ACTION: list(mapping.actions),
    }
    question = ColumnQuestion(tuple(columns), fields, proposal, samples)
    alone = ColumnMapping((first,), mapping.timestamp, mapping.actions, mapping.metadata, mapping.event_id)
    problem = (
        f"{first} is empty in {empty} of its first {len(values)} records, and {anonymous[0]} may be the user before sign-in; "
        f"to read it where {first} is empty, add --columns {_shown(proposal)} (or --columns {_shown(alone)} to reject "
        "those records)."
    )
    return ColumnQuestionError(file, problem, line, question)


def missing_columns(file: str, given: ColumnMapping, columns: Sequence[str], line: int | None) -> UnusableFileError:
    """The error for a mapping that names a column which the log does not have."""
    present = {name.strip().lower() for name in columns}
    absent = [name for name in _used(given) if name.strip().lower() not in present]
    problem = (
        f"it has no column {' and no column '.join(map(repr, absent))}, which --columns names (found: {_listed(columns)}); "
        "name columns that it has, or leave --columns out."
    )
    return UnusableFileError(file, problem, line)


def first_data_problem(columns: Sequence[str]) -> str | None:
    """The problem of a log whose first line is a record and not a header; None where it may be a header."""
    times = [name for name in columns if holds_times([name])]
    if not times or any(column_key(name) in EVENT_ID_NAMES for name in columns):
        return None
    fields = iter((EventField.USER_ID, EventField.ACTION))
    header = [
        EventField.TIMESTAMP if name == times[0] else next(fields, f"column_{position}")
        for position, name in enumerate(columns, start=1)
    ]
    return (
        f"its first line looks like data, not like a header (it holds {times[0][:40]!r}); put a line with the names of the "
        f"columns above it, such as {','.join(header[:_LISTED])}"
    )


def _own(columns: Sequence[str], names: Mapping[str, str]) -> FoundMapping:
    """The mapping of a log with our own names; a column that is usually an event's id counts as one, and is checked."""
    keys = {column_key(name): name for name in reversed(columns)}
    event_id = next((keys[key] for key in EVENT_ID_NAMES if key in keys), None)
    metadata = names.get(EventField.METADATA) or names.get("properties")
    user_id, timestamp, action = (names[field] for field in REQUIRED_FIELDS)
    return FoundMapping(ColumnMapping((user_id,), timestamp, (action,), metadata, event_id), is_certain=False)


def _known(file: str, columns: Sequence[str], samples: Samples) -> FoundMapping | None:
    """The mapping of a known tool's export; None where none fits, or where something else could be meant."""
    keys = {column_key(name): name for name in reversed(columns)}
    fitting = [(layout, mapping) for layout in KNOWN_LAYOUTS if (mapping := layout.mapping(keys))]
    if not fitting:
        return None
    longest = max(len(layout.signature) for layout, _ in fitting)
    best = [(layout, mapping) for layout, mapping in fitting if len(layout.signature) == longest]
    specific = [pair for pair in best if not pair[0].is_general] or best
    layout, mapping = specific[0]
    if len({(each.user_ids, each.timestamp, each.actions) for _, each in specific}) > 1:
        return None
    if not layout.is_general:
        return FoundMapping(mapping, note=f"{file} has the columns of {layout.tool} and is read as {mapping}.")
    used = [*_used(mapping), *(name for name in columns if column_key(name) in EVENT_ID_NAMES)]
    if rivals(used, columns, samples):
        return None
    note = f"{file} has the columns of a {layout.tool} log and is read as {mapping}."
    return FoundMapping(mapping, is_certain=False, note=note)


def _located(mapping: ColumnMapping, names: Mapping[str, str]) -> ColumnMapping | None:
    """The mapping with the names as the log writes them; None when a column is not there."""
    if any(name.strip().lower() not in names for name in _used(mapping)):
        return None

    def written(name: str) -> str:
        return names[name.strip().lower()]

    return ColumnMapping(
        tuple(map(written, mapping.user_ids)),
        written(mapping.timestamp),
        tuple(map(written, mapping.actions)),
        mapping.metadata and written(mapping.metadata),
        mapping.event_id and written(mapping.event_id),
    )


def _used(mapping: ColumnMapping) -> list[str]:
    names = (*mapping.user_ids, mapping.timestamp, *mapping.actions, mapping.metadata, mapping.event_id)
    return [name for name in names if name is not None]


def _sentence(question: ColumnQuestion) -> str:
    lacking = [field for field in REQUIRED_FIELDS if not question.choices[field]]
    doubtful = [field for field in REQUIRED_FIELDS if len(question.choices[field]) > 1]
    found = f"its columns are not known (found: {_listed(question.columns)})"
    if question.samples and EventField.TIMESTAMP in lacking:
        return (
            f"none of its columns looks like times, which every event has (found: {_listed(question.columns)}); export it with "
            f"the time of each event, or say which column holds it: --columns user_id=COLUMN,timestamp=COLUMN,action=COLUMN"
        )
    if question.proposal is None:
        names = {field: (question.choices[field] or ["COLUMN"])[0] for field in REQUIRED_FIELDS}
        written = ",".join(f"{field}={column}" for field, column in names.items())
        return f"{found}; say which one holds the {' and the '.join(lacking)}: --columns {written}"
    several = [f"{field} could be {' or '.join(question.choices[field])}" for field in doubtful]
    asked = f"; {', '.join(several)}" if several else ""
    return f"{found}{asked}; if this is right, add --columns {_shown(question.proposal)}"


def _shown(mapping: ColumnMapping) -> str:
    return shlex.quote(str(mapping))


def _listed(columns: Sequence[str]) -> str:
    names = ", ".join(repr(name[:40]) for name in columns[:_LISTED]) or "none"
    return names + (f" and {len(columns) - _LISTED:,} more" if len(columns) > _LISTED else "")
