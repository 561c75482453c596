"""Files that are refused before a record is read, in bounded memory."""

import gzip
import zlib

import pytest

from grupa_pipeline.ingest.errors import UnusableFileError
from grupa_pipeline.ingest.header import read_header
from grupa_pipeline.ingest.source import scan
from tests.grupa_pipeline.ingest.conftest import HEADER, rejections


def refusal(path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(UnusableFileError) as caught:
        read_header(scan(path))
    return str(caught.value)


@pytest.mark.slow
def test_a_gzip_bomb_is_refused_early(tmp_path):
    packer = zlib.compressobj(9, wbits=31)
    row = b"u1,2025-01-01,login,\n" * 50_000
    content = packer.compress(HEADER.encode()) + b"".join(packer.compress(row) for _ in range(300)) + packer.flush()
    assert len(content) < 2 << 20
    assert "unpacks to more than" in refusal(tmp_path / "log.csv.gz", content)


@pytest.mark.slow
def test_gzip_with_a_comment_or_padded_with_zeros_is_read(ingest_text):
    packed = gzip.compress((HEADER + "u1,2025-01-01 10:00:00,a,\n" * 3 + "u1\n").encode())
    commented = packed[:3] + b"\x10" + packed[4:10] + b"made by a tool\0" + packed[10:]
    for content in (packed + b"\0" * 512, commented, packed + b"\0" * (3 << 20), commented + b"\0" + packed):
        file = ingest_text(content, name="log.csv.gz")
        assert (file.rows_accepted, rejections(file)[0]) == (1, (5, "wrong_column_count"))


def test_a_million_columns_are_refused(tmp_path):
    names = "user_id,timestamp,action," + "x," * 60_000
    assert "columns, more than 1,000" in refusal(tmp_path / "log.csv", names.encode())
    assert "longer than 1 MiB" in refusal(tmp_path / "log.csv", (names * 10).encode())


@pytest.mark.slow
def test_a_huge_field_is_one_rejected_record(ingest_text):
    content = HEADER + "u1,2025-01-01,a,\nu2,2025-01-01,a," + "x" * (100 << 20) + "\nu3,2025-01-01,a,\n"
    file = ingest_text(gzip.compress(content.encode(), 1), name="log.csv.gz")
    assert rejections(file) == [(3, "too_long_record")]
    assert file.rows_accepted == 2
