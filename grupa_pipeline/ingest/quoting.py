r"""How a log writes a quote inside a quoted field: doubled, as RFC 4180 has it, or after a backslash, as databases do.

The readers are `reading.py` and `records.py`.
"""

import csv
from collections.abc import Sequence

from grupa_pipeline.ingest.source import Scan

DOUBLED, BACKSLASH = '"', "\\"
_LINES = 2_000


def escape_in(scanned: Scan, delimiter: str, width: int, header_line: int) -> str:
    """`escape_of` the first lines of a file below its header."""
    if b'\\"' not in scanned.head:  # nearly all logs
        return DOUBLED
    lines = scanned.head.split(scanned.newline)[header_line:-1]
    return escape_of([line.decode(errors="replace") for line in lines], delimiter, width)


def escape_of(lines: Sequence[str], delimiter: str, width: int) -> str:
    r"""What stands before a quote inside a quoted field: `BACKSLASH` where more lines are records with it, else `DOUBLED`.

    Args:
        lines: The first lines of records.
        delimiter: The log's delimiter.
        width: Its number of columns.

    Example:
        >>> escape_of(['"u1","{\\"plan\\":\\"pro\\"}"'], ",", 2)
        '\\'
    """
    quoted = [line for line in lines[:_LINES] if '\\"' in line]
    if not quoted:
        return DOUBLED
    backslash = sum(_is_record(line, delimiter, width, escapechar=BACKSLASH) for line in quoted)
    doubled = sum(_is_record(line, delimiter, width, escapechar=None) for line in quoted)
    return BACKSLASH if backslash > doubled else DOUBLED


def _is_record(line: str, delimiter: str, width: int, *, escapechar: str | None) -> bool:
    try:
        [fields] = csv.reader([line], delimiter=delimiter, strict=True, escapechar=escapechar)
    except (csv.Error, ValueError):
        return False
    return len(fields) == width
