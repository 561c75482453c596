"""Parses the header of a log: its delimiter and columns; refuses files that are no event log.

Works on one line of text. `records.py` reads the records, `source.py` the bytes.
"""

import csv
import difflib
import re
from collections import Counter
from dataclasses import dataclass

from grupa_pipeline.ingest.errors import UnusableFileError
from grupa_pipeline.ingest.quoting import DOUBLED
from grupa_pipeline.ingest.source import Scan

REQUIRED = ("user_id", "timestamp", "action")
MAX_COLUMNS = 1_000
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True)
class HeaderLayout:
    """Positions of the fields of a record. Columns are numbered from 0; `extras` maps a column to its key in metadata."""

    delimiter: str
    width: int
    user_id: int
    timestamp: int
    action: int
    metadata: int | None
    extras: dict[int, str]
    header_line: int
    escape: str = DOUBLED


def read_header(scan: Scan) -> HeaderLayout:
    """Find the header on the first line that is not blank, and identify its columns.

    The delimiter is the comma; semicolons, tabs or bars are used only when that yields every required column.

    Raises:
        UnusableFileError: There is no header with each required column once, or it is not UTF-8.
    """
    line_number, line = _first_line(scan)
    by_delimiter = {delimiter: _split(line, delimiter) for delimiter in _DELIMITERS}
    for delimiter, names in by_delimiter.items():
        if set(REQUIRED) <= set(_words(names)):
            return _layout(scan, names, delimiter, line_number)
    if problem := _preamble(line):
        raise UnusableFileError(scan.name, problem, line_number)
    raise _missing(scan, by_delimiter, line_number)


def _first_line(scan: Scan) -> tuple[int, str]:
    for number, raw in enumerate(scan.head.split(scan.newline), start=1):
        if raw.strip():
            try:
                return number, raw.decode().strip("\r\n")
            except UnicodeDecodeError as error:
                problem = "its header is not UTF-8; save the file as CSV in UTF-8."
                raise UnusableFileError(scan.name, problem, line=number) from error
    raise UnusableFileError(scan.name, "the file is empty; export it again.")


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=True))
    except csv.Error:  # unbalanced quotes: no header with this delimiter
        return []


def _words(names: list[str]) -> list[str]:
    return [name.strip().lower() for name in names]


def _layout(scan: Scan, names: list[str], delimiter: str, line: int) -> HeaderLayout:
    words = _words(names)
    if len(words) > MAX_COLUMNS:
        problem = f"it has {len(words):,} columns, more than {MAX_COLUMNS:,}; keep the ones that matter."
        raise UnusableFileError(scan.name, problem, line)
    counts = Counter(words)
    for name in (*REQUIRED, "metadata"):
        if counts[name] > 1:
            problem = f"the column {name} stands {counts[name]} times in the header; keep one of them."
            raise UnusableFileError(scan.name, problem, line)
    positions = {name: words.index(name) for name in (*REQUIRED, "metadata") if name in words}
    keys: dict[int, str] = {}
    for column, name in enumerate(names):
        if column not in positions.values():
            keys[column] = _unused(name.strip() or f"column_{column + 1}", set(keys.values()))
    return HeaderLayout(
        delimiter,
        len(names),
        positions["user_id"],
        positions["timestamp"],
        positions["action"],
        positions.get("metadata"),
        keys,
        line,
    )


def _unused(name: str, taken: set[str]) -> str:
    candidates = (name if number == 1 else f"{name}_{number}" for number in range(1, len(taken) + 2))
    return next(candidate for candidate in candidates if candidate not in taken)


def _preamble(line: str) -> str | None:
    """The problem of a first line that tools write above a header (`sep=`, a comment); None for any other line."""
    shown = line[:40]
    if re.match(r'"?sep=.', line, re.IGNORECASE):
        return f"its first line, {shown!r}, only tells Excel what separates the columns; delete it: the header comes first."
    if re.match(r"(#|//)", line) and not any(name in line.lower() for name in REQUIRED):
        return f"its first line, {shown!r}, is a comment; delete it: the header comes first."
    return None


def _missing(scan: Scan, by_delimiter: dict[str, list[str]], line: int) -> UnusableFileError:
    """The error for a header that lacks a required column, split by the delimiter that gives the most names."""
    delimiter = max(by_delimiter, key=lambda key: (len(by_delimiter[key]), key == ","))
    names = by_delimiter[delimiter]
    words = _words(names)
    missing = [name for name in REQUIRED if name not in words]
    columns = ", ".join(repr(name[:40]) for name in names[:12]) or "no columns"
    columns += f" and {len(names) - 12:,} more" if len(names) > 12 else ""
    hints = [
        f"is {names[words.index(near[0])][:40]!r} the {name}?"
        for name in missing
        if (near := difflib.get_close_matches(name, [word[:40] for word in words[:MAX_COLUMNS]], n=1, cutoff=0.6))
    ]
    problem = (
        f"the header lacks {' and '.join(missing)} (found, split at {_DELIMITERS[delimiter]}: {columns}); "
        f"rename the columns to {', '.join(REQUIRED)}" + (" - " + " ".join(hints) if hints else ".")
    )
    return UnusableFileError(scan.name, problem, line)
