"""Reads a log file as a stream of blocks of text with bounded memory; decompresses gzip and zstd, and transcodes UTF-16.

Works on bytes and lines; a file's format is told by its content, never by its name. `header.py` and `json_records.py` find
the columns, `records.py` the records of a delimited file.
"""

import codecs
import hashlib
import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa

from grupa_pipeline.ingest.errors import UnusableFileError
from grupa_pipeline.ingest.json_documents import is_document, one_object_a_line

PARQUET = b"PAR1"
ZIP = b"PK\x03\x04"
BLOCK = 1 << 20
"""Bytes read, or decompressed, at a time."""
MAX_RECORD = 1 << 20
"""Longest record in bytes; also the longest first line."""
_WINDOW = 64 << 10
_LINE_FEED = 10
_BOMB_BYTES, _BOMB_RATIO = 256 << 20, 250  # real logs compress 10 to 60 times; gzip can reach 1,032
_UTF16 = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
_FIRST_UNITS, _ASCII_SHARE = 64, 0.6
"""Of a text in UTF-16 without a mark more than this share of the first characters, the header's, are ASCII."""
_FOREIGN = {
    ZIP: "a ZIP archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"%PDF": "a PDF",
    b"BZh": "bzip2-compressed",
    b"\xfd7zXZ": "xz-compressed",
    b"SQLite format 3": "a SQLite database",
    b"ARROW1": "an Arrow or Feather file",
    b"Obj\x01": "an Avro file",
    b"ORC": "an ORC file",
    b"\x89HDF": "an HDF5 file",
    b"\xff\xfe\0\0": "text in UTF-32",
    b"\0\0\xfe\xff": "text in UTF-32",
}
_TAR = slice(257, 262)


_EXPORT = "export or unpack it to CSV, TSV, JSON lines or Parquet."


class Compression(StrEnum):
    """How a file's bytes are compressed; the values are DuckDB's."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"


_MAGIC = {b"\x1f\x8b": Compression.GZIP, b"\x28\xb5\x2f\xfd": Compression.ZSTD}


class FileFormat(StrEnum):
    """How a file holds its records."""

    DELIMITED = "delimited"
    """A line a record, with a header and commas, semicolons, tabs or bars."""
    JSON_LINES = "json_lines"
    PARQUET = "parquet"


@dataclass(frozen=True)
class Scan:
    """Properties of a file from one pass over its bytes.

    `name` is what people call it: its file name, or `archive/member`. `head` is the start of the text (at most one block,
    UTF-8, without a byte order mark). `plain` is true when any CSV reader parses the same records: valid UTF-8, no NUL, no
    lone carriage return, no overlong line. `lines` is the number of physical lines if `plain`. `is_utf8`: whether the text is
    valid UTF-8, as `text_blocks` gives it.
    """

    path: Path
    name: str
    sha256: str
    format: FileFormat
    compression: Compression
    head: bytes
    newline: bytes
    plain: bool
    lines: int
    is_utf8: bool = True


def scan(path: Path, name: str | None = None, scratch: Path | None = None) -> Scan:
    """Read the file once to hash and inspect it.

    Args:
        path: The file.
        name: What people call it; default: its file name.
        scratch: A folder for the unpacked bytes of a compressed Parquet file; without it such a file is refused.

    Raises:
        UnusableFileError: The file is missing, a folder or device, unreadable, empty, binary, damaged, or unpacks too far.
    """
    try:
        scanned = _scan(path)
    except UnusableFileError as error:
        raise UnusableFileError(name or path.name, str(error).removeprefix(f"{error.file}: "), error.line) from error
    if scanned.format is FileFormat.PARQUET and scanned.compression is not Compression.NONE:
        if scratch is None:
            raise UnusableFileError(name or path.name, "it is a compressed Parquet file; unpack it first.")
        with (scratch / "unpacked.parquet").open("wb") as file:
            for block in _decompressed(path, lambda raw: None):
                file.write(block)
        scanned = replace(scanned, path=scratch / "unpacked.parquet", compression=Compression.NONE)
    return replace(scanned, name=name or path.name)


def _scan(path: Path) -> Scan:
    _require_file(path)
    digest = hashlib.sha256()
    head, text = b"", _Text()
    for block in text_blocks(path, digest.update):
        if len(head) < BLOCK:
            head += block[: BLOCK - len(head)]
        text.add(block)
    with path.open("rb") as file:
        start = file.read(4)
    compression = _compression(start)
    if head.startswith(PARQUET):
        sha256 = digest.hexdigest()
        return Scan(path, path.name, sha256, FileFormat.PARQUET, compression, b"", b"\n", plain=False, lines=0)
    _require_text(path, head)
    plain = text.plain() and not _is_rewritten(path)
    newline = b"\r" if b"\n" not in head and b"\r" in head else b"\n"
    file_format = FileFormat.JSON_LINES if head.lstrip().startswith(b"{") else FileFormat.DELIMITED
    sha256 = digest.hexdigest()
    return Scan(path, path.name, sha256, file_format, compression, head, newline, plain, text.lines, text.is_utf8)


def _compression(start: bytes) -> Compression:
    return next((compression for magic, compression in _MAGIC.items() if start.startswith(magic)), Compression.NONE)


def text_blocks(path: Path, on_raw: Callable[[bytes], None] = lambda raw: None) -> Iterator[bytes]:
    """The file's text in blocks, in UTF-8 unless it is in another 8-bit encoding (`text_encoding.py`), without a byte order mark.

    JSON that is not one object a line is rewritten so. `on_raw` is called with the raw bytes.
    """
    blocks = _unicode_blocks(path, on_raw)
    first = next(blocks, b"")
    text = chain([first], blocks)
    yield from one_object_a_line(text, MAX_RECORD) if is_document(first) else text


def _unicode_blocks(path: Path, on_raw: Callable[[bytes], None]) -> Iterator[bytes]:
    blocks = _decompressed(path, on_raw)
    first = next(blocks, b"")
    encoding = _utf16_of(first)
    if encoding:
        yield from _transcoded(first.removeprefix(_UTF16[encoding]), blocks, encoding)
        return
    yield first.removeprefix(codecs.BOM_UTF8)
    yield from blocks


def _utf16_of(start: bytes) -> str | None:
    """The kind of UTF-16 in which a text starts: by its mark, or by the NULs of its first characters; None for no UTF-16."""
    for encoding, mark in _UTF16.items():
        if start.startswith(mark):
            return encoding
    first = start[: 2 * _FIRST_UNITS]
    low, high = first[::2], first[1::2]
    if len(first) >= 2 * len("a,b,c") and len(low) == len(high):
        many = _ASCII_SHARE * len(low)
        if high.count(0) > many and all(low):
            return "utf-16-le"
        if low.count(0) > many and all(high):
            return "utf-16-be"
    return None


def _is_rewritten(path: Path) -> bool:
    """Whether the text is not the file's own: it was in UTF-16, or is JSON that is not one object a line."""
    first = next(_decompressed(path, lambda raw: None), b"")
    return _utf16_of(first) is not None or is_document(first.removeprefix(codecs.BOM_UTF8))


def _decompressed(path: Path, on_raw: Callable[[bytes], None]) -> Iterator[bytes]:
    with path.open("rb") as file:

        def read() -> bytes:
            raw = file.read(BLOCK)
            on_raw(raw)
            return raw

        raw = read()
        compression = _compression(raw)
        if compression is Compression.GZIP:
            yield from _gunzip(path, raw, read)
            return
        if compression is Compression.ZSTD:
            yield from _unzstd(path, raw, read)
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


class _Tape(io.RawIOBase):
    """A file of the bytes that `read` returns, after `first`; `size` counts them."""

    def __init__(self, first: bytes, read: Callable[[], bytes]) -> None:
        self._pending, self._read_more, self.size = first, read, len(first)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._pending:
            self._pending = self._read_more()
            self.size += len(self._pending)
        taken, self._pending = self._pending[:size], self._pending[size:]
        return taken


def _unzstd(path: Path, raw: bytes, read: Callable[[], bytes]) -> Iterator[bytes]:
    tape, unpacked = _Tape(raw, read), 0
    try:
        with pa.CompressedInputStream(pa.PythonFile(tape, mode="r"), "zstd") as stream:
            while block := stream.read(BLOCK):
                unpacked += len(block)
                _refuse_bomb(path, tape.size, unpacked)
                yield block
    except OSError as error:
        problem = "its zstd data is damaged or ends too early; export or copy it again."
        raise UnusableFileError(path.name, problem) from error
    while read():  # what follows belongs to the file's hash
        pass


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
            raise UnusableFileError(path.name, "it is no file but a device; name a log.")
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        problem = f"it cannot be read ({error.strerror}); check its permissions."
        raise UnusableFileError(path.name, problem) from error
    if not start:
        raise UnusableFileError(path.name, "the file is empty; export it again.")
    for magic, kind in _FOREIGN.items():
        if start.startswith(magic):
            raise UnusableFileError(path.name, f"it is {kind}, no log; {_EXPORT}")


def _require_text(path: Path, head: bytes) -> None:
    first_line = head.lstrip(b"\r\n").split(b"\n", 1)[0]
    if not head.strip():
        raise UnusableFileError(path.name, "the file is empty; export it again.")
    if head[_TAR] == b"ustar":
        raise UnusableFileError(
            path.name, "it is a tar archive; unpack it, and name the folder or put it into a ZIP archive."
        )
    if _compression(head) is not Compression.NONE:
        raise UnusableFileError(path.name, "it is compressed twice; unpack it once.")
    if head.lstrip()[:5] in (b"<?xml", b"<log "):
        kind = "XES, an event log in XML" if b"xes" in head[:4096].lower() else "XML"
        raise UnusableFileError(path.name, f"it is {kind}; export it as CSV, with a row for each event.", line=1)
    if b"\0" in first_line:
        problem = "its first line holds NUL bytes, so it is no text in UTF-8; save it as CSV in UTF-8."
        raise UnusableFileError(path.name, problem, line=1)
    if len(first_line) >= BLOCK and b"\r" not in first_line:
        raise UnusableFileError(
            path.name, "its first line is longer than 1 MiB, so it holds no header of a log.", line=1
        )


class _Text:
    """Incremental check of a text: whether it is UTF-8 and plain, and its number of lines if so."""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._valid, self._plain, self._last, self._line_length, self._ends = True, True, b"\n", 0, 0

    def add(self, block: bytes) -> None:
        """Process the next block."""
        self._valid = self._valid and self._is_utf8(block)
        if self._plain and block:
            after_return = self._last == b"\r"
            self._plain = (
                b"\0" not in block
                and self._valid
                and not _lone_return(b"\r" + block if after_return else block)
                and self._short_lines(block)
            )
            self._last = block[-1:]
            self._ends += int(np.count_nonzero(np.frombuffer(block, np.uint8) == _LINE_FEED))

    def plain(self) -> bool:
        """Whether the text added so far is plain and complete."""
        return self._plain and self._last != b"\r" and self.is_utf8

    @property
    def is_utf8(self) -> bool:
        """Whether the text added so far is valid UTF-8 and complete."""
        return self._valid and not self._utf8.getstate()[0]

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
