"""Parses the header of a delimited log: its delimiter and columns; refuses files that are no event log.

Works on the first lines of the text. `columns.py` says which column holds which field, `records.py` reads the records.
"""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from grupa_pipeline.ingest.column_mapping import ColumnMapping
from grupa_pipeline.ingest.columns import (
    NO_MAPPINGS,
    FoundMapping,
    RememberedMappings,
    Samples,
    ask_for_anonymous_id,
    ask_for_columns,
    find_mapping,
    first_data_problem,
    missing_columns,
)
from grupa_pipeline.ingest.errors import UnusableFileError
from grupa_pipeline.ingest.quoting import DOUBLED
from grupa_pipeline.ingest.source import Scan

MAX_COLUMNS = 1_000
SAMPLED_RECORDS = 200
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_FEWEST_COLUMNS, _LISTED = 3, 12
_PREAMBLE_LINES = 20
_PREAMBLE = re.compile(r'\s*(#|//|"?sep=.)', re.IGNORECASE)


@dataclass(frozen=True)
class HeaderLayout:
    """Positions of the fields of a record. Columns are numbered from 0; `extras` maps a column to its key in metadata.

    `user_ids` and `actions` hold alternatives: the first that is not empty in a record counts. `columns` are the log's own
    names, and `found` says which of them hold the fields. `is_json`: a record is made by these names and not by position.
    """

    delimiter: str
    width: int
    user_ids: tuple[int, ...]
    timestamp: int
    actions: tuple[int, ...]
    metadata: int | None
    event_id: int | None
    extras: dict[int, str]
    header_line: int
    columns: tuple[str, ...]
    found: FoundMapping
    is_json: bool = False
    escape: str = DOUBLED


def read_header(
    scan: Scan, given: ColumnMapping | None = None, remembered: RememberedMappings = NO_MAPPINGS
) -> HeaderLayout:
    """Find the header on the first line that is neither blank nor a comment, and identify its columns.

    The delimiter is the comma; semicolons, tabs or bars are used only when that yields every required column.

    Raises:
        ColumnQuestionError: A person must say which columns hold the fields.
        UnusableFileError: There is no header with each required column once, or it is not UTF-8.
    """
    line_number, line = _header_line(scan)
    by_delimiter = {delimiter: _split(line, delimiter) for delimiter in _DELIMITERS}
    for delimiter, names in by_delimiter.items():
        if len(names) > MAX_COLUMNS:
            continue
        samples = _samples(scan, names, delimiter, line_number)
        found = find_mapping(scan.name, names, given=given, remembered=remembered, samples=samples)
        if found:
            layout = layout_of(scan.name, names, found, delimiter, line_number)
            if not found.is_said and (
                question := ask_for_anonymous_id(scan.name, names, found.mapping, samples, line_number)
            ):
                raise question
            return layout
    raise _unknown(scan, by_delimiter, given, line_number)


def layout_of(
    file: str, names: Sequence[str], found: FoundMapping, delimiter: str, header_line: int | None
) -> HeaderLayout:
    """The layout of a log with the columns `names`, each field of `found` in its column and all others in the metadata.

    Raises:
        UnusableFileError: A column of a field stands twice.
    """
    words = [name.strip().lower() for name in names]
    counts = Counter(words)

    def position(column: str) -> int:
        word = column.strip().lower()
        if counts[word] > 1:
            problem = f"the column {column.strip()} stands {counts[word]} times in the header; keep one of them."
            raise UnusableFileError(file, problem, header_line)
        return words.index(word)

    mapping = found.mapping
    user_ids, actions = (tuple(map(position, columns)) for columns in (mapping.user_ids, mapping.actions))
    timestamp = position(mapping.timestamp)
    metadata, event_id = (None if name is None else position(name) for name in (mapping.metadata, mapping.event_id))
    # What an alternative holds stays in the metadata: the column that was read instead of it is not lost either.
    used = {user_ids[0], timestamp, actions[0], metadata, event_id}
    keys: dict[int, str] = {}
    for column, name in enumerate(names):
        if column not in used:
            keys[column] = _unused(name.strip() or f"column_{column + 1}", set(keys.values()))
    return HeaderLayout(
        delimiter,
        len(names),
        user_ids,
        timestamp,
        actions,
        metadata,
        event_id,
        keys,
        header_line or 0,
        tuple(names),
        found,
    )


def without_event_id(file: str, layout: HeaderLayout) -> HeaderLayout:
    """The layout with the column of event ids among those of the metadata."""
    found = replace(layout.found, mapping=replace(layout.found.mapping, event_id=None))
    if layout.is_json:  # its records are assembled by the mapping
        return replace(layout, event_id=None, found=found)
    positioned = layout_of(file, layout.columns, found, layout.delimiter, layout.header_line or None)
    return replace(positioned, escape=layout.escape)


def first_filled_sql(columns: Sequence[int]) -> str:
    """SQL for the first of the `columns` that is not blank, which is the only one where there is one."""
    *others, last = (f"c{column}" for column in columns)
    if not others:
        return last
    cases = " ".join(rf"WHEN NOT regexp_full_match({name}, '[\s\v\pZ\x{{85}}]*') THEN {name}" for name in others)
    return f"CASE {cases} ELSE {last} END"


def _header_line(scan: Scan) -> tuple[int, str]:
    """The first line that is neither blank nor a line that tools write above a header (`sep=`, comments)."""
    passed_over: int | None = None
    for number, raw in enumerate(scan.head.split(scan.newline), start=1):
        if not raw.strip():
            continue
        try:
            line = raw.decode().strip("\r\n")
        except UnicodeDecodeError as error:
            problem = "its header is not UTF-8; save the file as CSV in UTF-8."
            raise UnusableFileError(scan.name, problem, line=number) from error
        if not _PREAMBLE.match(line) or "timestamp" in line.lower():
            return number, line
        passed_over = passed_over or number
    if passed_over:
        raise UnusableFileError(scan.name, "it holds comments and no header; export it again.", line=passed_over)
    raise UnusableFileError(scan.name, "the file is empty; export it again.")


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=True))
    except csv.Error:  # unbalanced quotes: no header with this delimiter
        return []


def _samples(scan: Scan, names: Sequence[str], delimiter: str, header_line: int) -> Samples:
    """Values of each column in the first records, as far as they can be read line by line."""
    if not _FEWEST_COLUMNS <= len(names) <= MAX_COLUMNS:
        return {}
    lines = scan.head.split(scan.newline)[header_line : header_line + SAMPLED_RECORDS]
    texts = (line.decode(errors="replace").replace("\0", "") + "\n" for line in lines if line.strip())
    rows = csv.reader(texts, delimiter=delimiter)
    try:
        records = [row for row in islice(rows, SAMPLED_RECORDS) if len(row) == len(names)]
    except csv.Error:
        return {}
    return {name: [record[position] for record in records] for position, name in enumerate(names)}


def _header_below(scan: Scan, line: int) -> int | None:
    """The line among the next ones that names the columns of a log, below a title and the like; None where there is none."""
    for number, raw in enumerate(
        scan.head.split(scan.newline, line + _PREAMBLE_LINES)[line : line + _PREAMBLE_LINES], line + 1
    ):
        for delimiter in _DELIMITERS:
            names = _split(raw.decode(errors="replace").strip("\r"), delimiter)
            if not _FEWEST_COLUMNS <= len(names) <= MAX_COLUMNS or not all(names):
                continue
            samples = _samples(scan, names, delimiter, number)
            if any(samples.values()) and (
                find_mapping(scan.name, names, given=None, remembered=NO_MAPPINGS, samples=samples)
                or ask_for_columns(scan.name, names, samples, number).question.proposal
            ):
                return number
    return None


def _unused(name: str, taken: set[str]) -> str:
    candidates = (name if number == 1 else f"{name}_{number}" for number in range(1, len(taken) + 2))
    return next(candidate for candidate in candidates if candidate not in taken)


def _unknown(
    scan: Scan, by_delimiter: dict[str, list[str]], given: ColumnMapping | None, line: int
) -> UnusableFileError:
    """The error for a header whose columns are not known, split by the delimiter that gives the most names."""
    delimiter = max(by_delimiter, key=lambda key: (len(by_delimiter[key]), key == ","))
    names = by_delimiter[delimiter]
    if len(names) > MAX_COLUMNS:
        problem = f"it has {len(names):,} columns, more than {MAX_COLUMNS:,}; keep the ones that matter."
        return UnusableFileError(scan.name, problem, line)
    if given is not None:
        return missing_columns(scan.name, given, names, line)
    if sentence := first_data_problem(names):
        return UnusableFileError(scan.name, sentence, line)
    question = ask_for_columns(scan.name, names, _samples(scan, names, delimiter, line), line)
    if len(names) < _FEWEST_COLUMNS or not any(question.question.choices.values()):
        if below := _header_below(scan, line):
            problem = f"its first line is no header of a log, and line {below} looks like one; delete the lines above that one."
            return UnusableFileError(scan.name, problem, line)
        columns = ", ".join(repr(name[:40]) for name in names[:_LISTED]) or "no columns"
        problem = (
            f"its first line is no header of a log, which has columns such as user_id, timestamp and action (found, "
            f"split at {_DELIMITERS[delimiter]}: {columns}); export it with these columns."
        )
        return UnusableFileError(scan.name, problem, line)
    return question
