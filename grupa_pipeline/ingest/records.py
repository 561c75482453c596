"""The strict reader: returns the physical line and raw text of each record, and the reason where one is unreadable.

The fast path is DuckDB's reader (`reading.py`). This one reads files with rejected records, and agrees with DuckDB's on every
file that both can read: quotes as in RFC 4180, spaces around a quoted field dropped, empty fields after the last column
ignored. After a record with bad quotes, reading resumes on the next line.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

import pyarrow as pa
import pyarrow.compute as pc

from grupa_pipeline.ingest.errors import RejectionReason
from grupa_pipeline.ingest.header import HeaderLayout
from grupa_pipeline.ingest.quoting import BACKSLASH, DOUBLED
from grupa_pipeline.ingest.source import MAX_RECORD

_CHUNK = 4_000  # lines; small, so that one irregular line slows few others down
_OPEN = re.compile(r' *"')
# A quoted field up to its closing quote, by `HeaderLayout.escape`.
_CLOSE = {DOUBLED: re.compile(r'((?:[^"]++|"")*+)"'), BACKSLASH: re.compile(r'((?:[^"\\]++|\\.|"")*+)"', re.DOTALL)}
_ESCAPED = re.compile(r'\\(["\\\n])|"(")')
# The end of a record with one of these problems is unknown.
_LINE_PROBLEMS = (
    RejectionReason.BAD_QUOTES,
    RejectionReason.BAD_LINE_BREAK,
    RejectionReason.TOO_LONG_RECORD,
)
csv.field_size_limit(MAX_RECORD)  # the csv module's default limit is lower than MAX_RECORD


def schema(layout: HeaderLayout) -> pa.Schema:
    """Columns of the batches: line_number, raw, problem, then c0, c1, ... as text."""
    fields = [("line_number", pa.int64()), ("raw", pa.string()), ("problem", pa.string())]
    return pa.schema(fields + [(f"c{column}", pa.string()) for column in range(layout.width)])


def read_records(blocks: Iterable[bytes], layout: HeaderLayout, newline: bytes) -> Iterator[pa.RecordBatch]:
    """Read the records below the header; blank lines are skipped.

    Args:
        blocks: Text of the file as UTF-8 blocks.
        layout: Layout from the header.
        newline: Line terminator, `\\n` or `\\r`.

    Yields:
        Batches of `schema(layout)`. `problem` is a `RejectionReason`, or NULL when the fields could be read.
    """
    lines = split_lines(blocks, newline)
    for _ in range(layout.header_line):
        next(lines, b"")
    number = layout.header_line + 1
    pending: list[bytes] = []
    while pending := pending + list(islice(lines, max(0, _CHUNK - len(pending)))):
        batch = _read_chunk_fast(pending, number, layout)
        used = len(pending)
        if batch is None:
            batch, used = _read_chunk_strict(pending, lines, number, layout)
        if batch.num_rows:
            yield batch
        number += used
        pending = pending[used:]


def split_lines(blocks: Iterable[bytes], newline: bytes) -> Iterator[bytes]:
    """The lines of a text with their terminators; longer ones are cut just above MAX_RECORD to bound memory."""
    carry = b""
    for block in blocks:
        lines = (carry + block).split(newline)
        carry = lines.pop()[: MAX_RECORD + 1]
        for line in lines:
            yield line[: MAX_RECORD + 1] + newline
    if carry:
        yield carry


def pick_lines(blocks: Iterable[bytes], wanted: Sequence[int], newline: bytes) -> Iterator[bytes]:
    """The lines with the numbers `wanted` (ascending, from 1), with their terminators."""
    numbers = iter(wanted)
    number, first, carry = next(numbers, 0), 1, b""
    for block in chain(blocks, [newline]):  # the last line may lack a terminator
        text = carry + block
        count = text.count(newline)
        lines = text.split(newline) if first <= number < first + count else []
        while first <= number < first + count:
            yield lines[number - first] + newline
            number = next(numbers, 0)
        first, carry = first + count, text[text.rfind(newline) + 1 :]


def _read_chunk_fast(lines: list[bytes], number: int, layout: HeaderLayout) -> pa.RecordBatch | None:
    """Parse the chunk with Python's csv module; None unless every line is one unambiguous, valid record."""
    if max(map(len, lines)) > MAX_RECORD or any(b"\0" in line for line in lines):
        return None
    if layout.escape == BACKSLASH and any(b"\\" in line for line in lines):
        return None  # the csv module drops the backslash before any character
    try:
        texts = [line.decode() for line in lines]
        rows = list(csv.reader(texts, delimiter=layout.delimiter, strict=True))
    except (UnicodeDecodeError, csv.Error):
        return None
    if len(rows) != len(lines) or set(map(len, rows)) != {layout.width}:
        return None
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    if any(pc.any(pc.match_substring_regex(column, '^ +"')).as_py() for column in columns):
        return None
    numbers = pa.array(range(number, number + len(lines)), pa.int64())
    raw = pa.array([text.rstrip("\r\n") for text in texts], pa.string())
    return pa.record_batch([numbers, raw, pa.nulls(len(lines), pa.string()), *columns], schema(layout))


def _read_chunk_strict(
    pending: list[bytes], lines: Iterator[bytes], number: int, layout: HeaderLayout
) -> tuple[pa.RecordBatch, int]:
    """Parse the chunk record by record. A record that is incomplete at its end appends more lines to `pending`.

    Returns:
        The records, and the number of lines of `pending` that they used.
    """
    rows: list[tuple[object, ...]] = []
    no_fields: list[str | None] = [None] * layout.width
    plain = re.compile(f"[^{re.escape(layout.delimiter)}]*")
    at, end = 0, len(pending)
    while at < end:
        reader = _Lines(pending, at, lines)
        if not reader.text.strip(" \r\n"):
            at += 1
            continue
        fields, problem = _fields(reader, plain, layout)
        used = 1 if problem in _LINE_PROBLEMS else reader.used
        raw = b"".join(pending[at : at + used]).rstrip(b"\r\n")
        problem = problem or _text_problem(raw)
        rows.append(
            (number + at, raw.decode(errors="replace"), problem, *(no_fields if problem else fields or no_fields))
        )
        at += used
    names = schema(layout).names
    return pa.RecordBatch.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema(layout)), at


class _Lines:
    """The lines of one record; the next is read when a quoted field spans lines."""

    def __init__(self, pending: list[bytes], start: int, more: Iterator[bytes]) -> None:
        self._pending, self._start, self._more = pending, start, more
        self.used, self.size = 1, len(pending[start])
        self.text = self._decoded(start)

    def next(self) -> str:
        """Read the record's next line.

        Raises:
            _BadRecordError: The file ends, or the record is too long.
        """
        index = self._start + self.used
        if index == len(self._pending):
            line = next(self._more, None)
            if line is None:
                raise _BadRecordError(RejectionReason.BAD_QUOTES)
            self._pending.append(line)
        self.used += 1
        self.size += len(self._pending[index])
        if self.size > MAX_RECORD:
            raise _BadRecordError(RejectionReason.TOO_LONG_RECORD)
        return self._decoded(index)

    def _decoded(self, index: int) -> str:
        return self._pending[index].decode(errors="surrogateescape")


class _BadRecordError(Exception):
    """A record that cannot be split into fields; the argument is its `RejectionReason`."""


def _fields(lines: _Lines, plain: re.Pattern[str], layout: HeaderLayout) -> tuple[list[str] | None, str | None]:
    """The record's fields and None, or None and the `RejectionReason`."""
    try:
        if lines.size > MAX_RECORD:
            raise _BadRecordError(RejectionReason.TOO_LONG_RECORD)
        fields = _split_fields(lines, plain, layout.escape)
    except _BadRecordError as bad:
        return None, str(bad)
    while len(fields) > layout.width and not fields[-1]:  # DuckDB's reader ignores any number of them too
        del fields[-1]
    return (fields, None) if len(fields) == layout.width else (None, RejectionReason.WRONG_COLUMN_COUNT)


def _split_fields(lines: _Lines, plain: re.Pattern[str], escape: str) -> list[str]:
    fields, line, at = [], lines.text, 0
    while True:
        opening = _OPEN.match(line, at)
        if opening:
            value, line, at = _quoted(lines, line, opening.end(), escape)
            rest = plain.match(line, at)
            if rest is None or rest[0].strip(" \r\n"):
                raise _BadRecordError(RejectionReason.BAD_QUOTES)
        else:
            rest = plain.match(line, at)
            value = rest[0] if rest else ""
            if rest and rest.end() == len(line):
                value = value.rstrip("\r\n")
            if "\r" in value or "\n" in value:
                raise _BadRecordError(RejectionReason.BAD_LINE_BREAK)
        fields.append(value)
        at = rest.end() + 1 if rest else len(line) + 1
        if at > len(line):
            return fields


def _quoted(lines: _Lines, line: str, at: int, escape: str) -> tuple[str, str, int]:
    """The text up to the closing quote, the line with that quote, and the position after it."""
    parts = []
    while not (closing := _CLOSE[escape].match(line, at)):
        parts.append(line[at:])
        line, at = lines.next(), 0
    parts.append(closing[1])
    text = "".join(parts)
    value = text.replace('""', '"') if escape == DOUBLED else _ESCAPED.sub(lambda match: match[1] or match[2], text)
    return value, line, closing.end()


def _text_problem(raw: bytes) -> str | None:
    if b"\0" in raw:
        return RejectionReason.NUL_BYTE
    try:
        raw.decode()
    except UnicodeDecodeError:
        return RejectionReason.BAD_ENCODING
    return None
