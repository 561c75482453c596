"""Reads a log file as a stream of UTF-8 blocks with bounded memory; decompresses gzip and transcodes UTF-16.

Works on bytes and lines. `header.py` parses the header, `records.py` the records.
"""

import codecs
import hashlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from grupa_pipeline.ingest.errors import UnusableFileError

GZIP = b"\x1f\x8b"
BLOCK = 1 << 20
"""Bytes read, or decompressed, at a time."""
MAX_RECORD = 1 << 20
"""Longest record in bytes; also the longest first line."""
_WINDOW = 64 << 10
_LINE_FEED = 10
_BOMB_BYTES, _BOMB_RATIO = 256 << 20, 250  # real logs compress 10 to 60 times; gzip can reach 1,032
_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_FOREIGN = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF",
    b"\x28\xb5\x2f\xfd": "zstd-compressed",
    b"BZh": "bzip2-compressed",
    b"\xfd7zXZ": "xz-compressed",
}


@dataclass(frozen=True)
class Scan:
    """Properties of a file from one pass over its bytes.

    `head` is the start of the text (at most one block, UTF-8, without a byte order mark). `plain` is true when any CSV
    reader parses the same records: valid UTF-8, no NUL, no lone carriage return, no overlong line. `lines`
    is the number of physical lines if `plain`.
    """

    path: Path
    sha256: str
    gzip: bool
    head: bytes
    newline: bytes
    plain: bool
    lines: int

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self.path.name


def scan(path: Path) -> Scan:
    """Read the file once to hash and inspect it.

    Raises:
        UnusableFileError: The file is missing, a folder or device, unreadable, empty, binary, a corrupt gzip or a gzip bomb.
    """
    _require_file(path)
    digest = hashlib.sha256()
    head, text = b"", _Text()
    for block in text_blocks(path, digest.update):
        if len(head) < BLOCK:
            head += block[: BLOCK - len(head)]
        text.add(block)
    _require_text(path, head)
    with path.open("rb") as file:
        start = file.read(2)
    plain = text.plain() and start not in _UTF16
    newline = b"\r" if b"\n" not in head and b"\r" in head else b"\n"
    return Scan(path, digest.hexdigest(), start == GZIP, head, newline, plain, text.lines)


def text_blocks(path: Path, on_raw: Callable[[bytes], None] = lambda raw: None) -> Iterator[bytes]:
    """The file's text as UTF-8 blocks without a byte order mark; `on_raw` is called with the raw bytes."""
    blocks = _decompressed(path, on_raw)
    first = next(blocks, b"")
    encoding = _UTF16.get(first[:2])
    if encoding:
        yield from _transcoded(first[2:], blocks, encoding)
        return
    yield first.removeprefix(codecs.BOM_UTF8)
    yield from blocks


def _decompressed(path: Path, on_raw: Callable[[bytes], None]) -> Iterator[bytes]:
    with path.open("rb") as file:

        def read() -> bytes:
            raw = file.read(BLOCK)
            on_raw(raw)
            return raw

        raw = read()
        if raw.startswith(GZIP):
            yield from _gunzip(path, raw, read)
            return
        while raw:
            yield raw
            raw = read()


def _gunzip(path: Path, raw: bytes, read: Callable[[], bytes]) -> Iterator[bytes]:
    """Decompress the members of a gzip file in order, at most a block at a time."""
    inflater = zlib.decompressobj(wbits=31)
    compressed = unpacked = 0
    while raw:
        compressed += len(raw)
        while raw:
            if inflater.eof:  # another member, or zero padding
                raw = raw.lstrip(b"\0")
                if not raw:
                    break
                inflater = zlib.decompressobj(wbits=31)
            try:
                block = inflater.decompress(raw, BLOCK)
            except zlib.error as error:
                problem = f"its gzip data is damaged ({error}); export or copy it again."
                raise UnusableFileError(path.name, problem) from error
            unpacked += len(block)
            _refuse_bomb(path, compressed, unpacked)
            if block:
                yield block
            raw = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
        raw = read()
    while not inflater.eof:
        block = inflater.decompress(b"", BLOCK)
        if not block:
            problem = "its gzip data ends too early (an interrupted copy?); export or copy it again."
            raise UnusableFileError(path.name, problem)
        yield block


def _refuse_bomb(path: Path, compressed: int, unpacked: int) -> None:
    if unpacked > _BOMB_BYTES and unpacked > _BOMB_RATIO * compressed:
        problem = (
            f"it unpacks to more than {_BOMB_RATIO} times its size, unlike any log; if it is one, unpack it first."
        )
        raise UnusableFileError(path.name, problem)


def _transcoded(first: bytes, blocks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    yield decoder.decode(first).encode()
    for block in blocks:
        yield decoder.decode(block).encode()
    yield decoder.decode(b"", final=True).encode()


def _require_file(path: Path) -> None:
    try:
        if not path.exists():
            raise UnusableFileError(path.name, f"there is no such file in {path.parent}; check the path.")
        if not path.is_file():
            raise UnusableFileError(path.name, "it is no file but a folder or device; name a .csv or .csv.gz file.")
        with path.open("rb") as file:
            start = file.read(6)
    except OSError as error:
        problem = f"it cannot be read ({error.strerror}); check its permissions."
        raise UnusableFileError(path.name, problem) from error
    if not start:
        raise UnusableFileError(path.name, "the file is empty; export it again.")
    for magic, kind in _FOREIGN.items():
        if start.startswith(magic):
            raise UnusableFileError(path.name, f"it is {kind}, not a CSV; export or unpack it to .csv or .csv.gz.")


def _require_text(path: Path, head: bytes) -> None:
    first_line = head.lstrip(b"\r\n").split(b"\n", 1)[0]
    if not head.strip():
        raise UnusableFileError(path.name, "the file is empty; export it again.")
    if b"\0" in first_line:
        problem = "its first line holds NUL bytes, so it is no text in UTF-8; save it as CSV in UTF-8."
        raise UnusableFileError(path.name, problem, line=1)
    if len(first_line) >= BLOCK and b"\r" not in first_line:
        raise UnusableFileError(
            path.name, "its first line is longer than 1 MiB, so it holds no header of a log.", line=1
        )


class _Text:
    """Incremental check of a text: whether it is plain, and its number of lines if so."""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._plain, self._last, self._line_length, self._ends = True, b"\n", 0, 0

    def add(self, block: bytes) -> None:
        """Process the next block; a no-op once the text is known not to be plain."""
        if self._plain and block:
            after_return = self._last == b"\r"
            self._plain = (
                b"\0" not in block
                and self._is_utf8(block)
                and not _lone_return(b"\r" + block if after_return else block)
                and self._short_lines(block)
            )
            self._last = block[-1:]
            self._ends += int(np.count_nonzero(np.frombuffer(block, np.uint8) == _LINE_FEED))

    def plain(self) -> bool:
        """Whether the text added so far is plain and complete."""
        return self._plain and self._last != b"\r" and not self._utf8.getstate()[0]

    @property
    def lines(self) -> int:
        """Number of physical lines; the last may lack a terminator."""
        return self._ends + (self._last != b"\n")

    def _is_utf8(self, block: bytes) -> bool:
        if block.isascii() and not self._utf8.getstate()[0]:
            return True
        try:
            self._utf8.decode(block)
        except UnicodeDecodeError:
            return False
        return True

    def _short_lines(self, block: bytes) -> bool:
        """Whether every line is shorter than MAX_RECORD / 2, checked by windows, most of which contain a line feed."""
        for start in range(0, len(block), _WINDOW):
            has_end = block.find(b"\n", start, start + _WINDOW) >= 0
            self._line_length = 0 if has_end else self._line_length + min(_WINDOW, len(block) - start)
            if self._line_length > MAX_RECORD // 2 - 2 * _WINDOW:
                return False
        return True


def _lone_return(block: bytes) -> bool:
    """Whether a carriage return occurs without a line feed after it (the block's last byte is not checked)."""
    return b"\r" in block and block.count(b"\r", 0, -1) != block.count(b"\r\n")
