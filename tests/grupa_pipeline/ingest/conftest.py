"""Helpers for the ingest tests: a current time, and a fixture that ingests text or bytes."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from grupa_pipeline.ingest.ingest import IngestedFile, ingest_files
from grupa_pipeline.ingest.reading_options import ReadingOptions

NOW = datetime(2025, 6, 1, 12, 0, 0)
NO_ID = ("event_id", None)
HEADER = "user_id,timestamp,action,metadata\n"


def events_of(file: IngestedFile, without: tuple[str, ...] = ("file_sha256", "sequence")) -> list[dict]:
    """All events of an ingested file, day by day, without their file's hash, their place in it, and an id where there is none."""
    tables = [pq.ParquetFile(file.event_files[day]).read() for day in sorted(file.event_files)]
    rows = pa.concat_tables(tables).to_pylist() if tables else []
    return [{key: value for key, value in row.items() if key not in without and (key, value) != NO_ID} for row in rows]


def rejections(file: IngestedFile) -> list[tuple[int, str]]:
    return list(zip(file.rejected["line_number"].to_pylist(), file.rejected["reason"].to_pylist(), strict=True))


@pytest.fixture
def ingest_text(tmp_path: Path) -> Callable[..., IngestedFile]:
    """Ingests a file with the given content; the events of `earlier` files count as stored."""
    count = iter(range(10_000))

    def ingest_one(
        content: str | bytes,
        *,
        name: str = "log.csv",
        timestamp_format: str | None = None,
        earlier: tuple[IngestedFile, ...] = (),
        now: datetime = NOW,
        **options: str | bool,
    ) -> IngestedFile:
        folder = tmp_path / str(next(count))
        folder.mkdir()
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        [file] = ingest_files(
            [folder / name],
            folder / "out",
            known=lambda day: [file.event_files[day] for file in earlier if day in file.event_files],
            known_sha256={file.file_sha256 for file in earlier},
            now=now,
            options=ReadingOptions.of({"timestamp_format": timestamp_format, **options}),
        )
        assert file.rows_read == file.rows_accepted + file.rows_rejected + file.rows_duplicate
        assert file.rejected.num_rows == (0 if file.already_ingested else file.rows_rejected)
        return file

    return ingest_one
