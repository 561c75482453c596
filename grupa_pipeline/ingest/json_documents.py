"""Rewrites JSON that is not one object a line, as it is read: a list of objects, or objects with line breaks inside.

Each outermost object becomes a line of its own, in the line in which it starts where it is alone there, so that line numbers
stay those of the file. Text between objects that is no comma or bracket becomes a line too: what cannot be read is told.
"""

import json
import re
from collections.abc import Iterable, Iterator

_PARSED_LINES = 20
"""Lines at the start of a file of which half must be JSON objects, for the file to be JSON lines."""
_TOKENS = re.compile(rb'\\[\s\S]|\\\Z|["{}\n]')
_BETWEEN = b" \t\r\n,[]"


def is_object(line: bytes) -> bool:
    """Whether a line is a JSON object."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def is_document(start: bytes) -> bool:
    """Whether a text that starts so is a list of JSON objects, or one whose objects have line breaks inside.

    Example:
        >>> is_document(b'[{"user_id": 1}]'), is_document(b'{"user_id": 1}\\n')
        (True, False)
    """
    text = start.lstrip()
    if text.startswith(b"["):
        return text[1:].lstrip()[:1] in (b"{", b"]")
    if not text.startswith(b"{"):
        return False
    lines = [line for line in re.split(rb"[\r\n]+", text, maxsplit=_PARSED_LINES + 1)[:_PARSED_LINES] if line.strip()]
    return 2 * sum(map(is_object, lines)) < len(lines)


def one_object_a_line(blocks: Iterable[bytes], longest: int) -> Iterator[bytes]:
    """The text of `blocks` with each outermost object in a line; of one with more than `longest` bytes the start is kept."""
    splitter = _Splitter(longest)
    for block in blocks:
        splitter.add(block)
        yield splitter.taken()
    splitter.end()
    yield splitter.taken()


class _Splitter:
    """Splits a text as it comes, and counts the lines that it read and those that it wrote."""

    def __init__(self, longest: int) -> None:
        self._longest, self._open, self._stray, self._out = longest, bytearray(), bytearray(), bytearray()
        self._depth, self._in_string, self._escaping = 0, False, False
        self._line, self._start, self._written = 1, 1, 0

    def add(self, block: bytes) -> None:
        if not block:
            return
        at, first = 0, int(self._escaping)
        for token in _TOKENS.finditer(block, first):
            if token[0] == b"\n":
                self._line += 1
            elif token[0] == b'"':
                self._in_string = not self._in_string
            elif self._in_string:
                continue
            elif token[0] == b"{":
                if not self._depth:
                    self._keep_stray(block[at : token.start()])
                    self._end_stray()
                    at, self._start = token.start(), self._line
                self._depth += 1
            elif token[0] == b"}" and self._depth:
                self._depth -= 1
                if not self._depth:
                    self._keep(block[at : token.end()])
                    self._write(self._open)
                    at = token.end()
        self._escaping = self._in_string and _ends_escaping(block[first:])
        if self._depth:
            self._keep(block[at:])
        else:
            self._keep_stray(block[at:])

    def end(self) -> None:
        """Write what is left: an object that does not end, and text after the last one."""
        if self._open:
            self._write(self._open)
        self._end_stray()

    def taken(self) -> bytes:
        """What was written since the last call."""
        out, self._out = bytes(self._out), bytearray()
        return out

    def _keep(self, text: bytes) -> None:
        self._open += text[: max(0, self._longest + 1 - len(self._open))]

    def _keep_stray(self, text: bytes) -> None:
        kept = text.strip(_BETWEEN)
        if kept and not self._stray:
            self._start = self._line - text[text.index(kept[:1]) :].count(b"\n")
        self._stray += kept[: max(0, self._longest + 1 - len(self._stray))]

    def _end_stray(self) -> None:
        if self._stray:
            self._write(self._stray)

    def _write(self, record: bytearray) -> None:
        self._out += b"\n" * (self._start - self._written - 1)
        self._out += bytes(record).replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"
        self._written = max(self._written, self._start - 1) + 1
        record.clear()


def _ends_escaping(block: bytes) -> bool:
    """Whether a block ends in a backslash that escapes what follows it."""
    return bool((len(block) - len(block.rstrip(b"\\"))) % 2)
