"""Searches the original logs in a warehouse for a person. The bytes decide how a file is read, as in ingest, not its name.

Plain text, UTF-16, gzip, zstd, bzip2, xz, zip (also of one another) and Parquet; everything else is searched as it is.
"""

import bz2
import codecs
import gzip
import io
import logging
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from grupa_pipeline.maintenance.person import Person

logger = logging.getLogger("grupa")

_LONGEST_LINE = 1 << 20
_DEEPEST = 4
"""How often an archive or compressed file within another is opened."""


def mentions(path: Path, person: Person) -> bool:
    """Whether the file at `path` holds the person; a file that cannot be read to its end is searched as far as it goes."""
    pattern = re.compile(f"(?:{person.in_record})|(?:{person.as_json_value})".encode())
    try:
        with path.open("rb") as file:
            return any(pattern.search(line) for line in _lines(file, _DEEPEST))
    except (OSError, EOFError, ValueError, RuntimeError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        logger.warning("%s could not be searched to its end: %s", path, error)
        return False


def _lines(file: IO[bytes], deeper: int) -> Iterator[bytes]:
    """The text of a file line by line in UTF-8; lines of more than a MiB in parts."""
    start = cast(io.BufferedReader, file).peek(6)
    if deeper and (inner := _decompressed(file, start)):
        yield from _lines(inner, deeper - 1)
    elif deeper and start.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                if not member.is_dir():
                    with archive.open(member) as each:
                        yield from _lines(each, deeper - 1)
    elif start.startswith(b"PAR1"):
        yield from _parquet_lines(file)
    elif start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = io.TextIOWrapper(file, encoding="utf-16", errors="replace", newline="\n")
        yield from (line.encode() for line in iter(lambda: text.readline(_LONGEST_LINE), ""))
    else:
        yield from iter(lambda: file.readline(_LONGEST_LINE), b"")


def _decompressed(file: IO[bytes], start: bytes) -> IO[bytes] | None:
    """What a compressed file holds, as a file; None where it is not compressed."""
    if start.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=file))
    if start.startswith(b"BZh"):
        return bz2.BZ2File(file)
    if start.startswith(b"\xfd7zXZ"):
        return lzma.LZMAFile(file)
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        return io.BufferedReader(pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd"))
    return None


def _parquet_lines(file: IO[bytes]) -> Iterator[bytes]:
    """The rows of a Parquet file with their values between commas."""
    for batch in pq.ParquetFile(file).iter_batches(8_192):
        columns = [column.to_pylist() for column in batch.columns]
        for row in zip(*columns, strict=True):
            yield ",".join(str(value) for value in row).encode()
