"""Previews what ingestion of a log file would accept and reject, without storing anything."""

import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from grupa_pipeline.ingest.errors import REASONS, RejectionReason
from grupa_pipeline.ingest.ingest import MEMORY_LIMIT, IngestedFile, ingest_files
from grupa_pipeline.ingest.reading_options import DEFAULT_OPTIONS, ReadingOptions

_EVENT = ["user_id", "timestamp", "action", "metadata"]


@dataclass(frozen=True)
class Preview:
    """The result of ingesting a file by itself: duplicates of stored events are not detected.

    Attributes:
        file: Counts and times as `ingest_files` reports them; its event files are deleted.
        reasons: Number of records per rejection reason, most frequent first; `errors.REASONS` has the sentences.
        accepted: The earliest events: user_id, timestamp, action, metadata (JSON text).
        rejected: The first rejected records, columns of tables.REJECTED_ROWS and `sentence`, the reason as text.
    """

    file: IngestedFile
    reasons: dict[RejectionReason, int]
    accepted: pa.Table
    rejected: pa.Table


def preview_file(
    path: Path,
    *,
    now: datetime,
    options: ReadingOptions = DEFAULT_OPTIONS,
    rows: int = 20,
    memory_limit: str = MEMORY_LIMIT,
) -> Preview:
    """Validate a whole file and return the first `rows` accepted events and rejected records.

    Raises:
        UnusableFileError: The file as a whole would be refused.
    """
    with tempfile.TemporaryDirectory(prefix="grupa-preview-") as folder:
        [file] = ingest_files(
            [path],
            Path(folder),
            known=lambda day: [],
            known_sha256=frozenset(),
            now=now,
            options=options,
            memory_limit=memory_limit,
        )
        accepted = _first_events(file, rows)
    rejected = file.rejected.slice(0, rows)
    sentences = pa.array([REASONS[reason] for reason in rejected["reason"].to_pylist()], pa.string())
    counts = Counter(map(RejectionReason, file.rejected["reason"].to_pylist()))
    return Preview(file, dict(counts.most_common()), accepted, rejected.append_column("sentence", sentences))


def _first_events(file: IngestedFile, rows: int) -> pa.Table:
    tables: list[pa.Table] = []
    for day in sorted(file.event_files):
        tables.append(pq.ParquetFile(file.event_files[day]).read(_EVENT))
        if sum(table.num_rows for table in tables) >= rows:
            break
    return pa.concat_tables(tables).sort_by([("timestamp", "ascending"), ("user_id", "ascending")]).slice(0, rows)
