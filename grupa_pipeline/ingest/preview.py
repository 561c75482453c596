"""Previews what ingestion of a log file would accept and reject, without storing anything."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from grupa_pipeline.ingest.columns import NO_MAPPINGS, RememberedMappings
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
    remembered: RememberedMappings = NO_MAPPINGS,
    rows: int = 20,
    memory_limit: str = MEMORY_LIMIT,
) -> Preview:
    """Validate a whole file, or all logs in an archive, and return the first `rows` accepted events and rejected records.

    Raises:
        UnusableFileError: The file as a whole would be refused.
    """
    with tempfile.TemporaryDirectory(prefix="grupa-preview-") as folder:
        files = ingest_files(
            [path],
            Path(folder),
            known=lambda day: [],
            known_sha256=frozenset(),
            now=now,
            options=options,
            remembered=remembered,
            memory_limit=memory_limit,
        )
        accepted = _first_events(files, rows)
    file = _together(path.name, files)
    rejected = file.rejected.slice(0, rows)
    sentences = pa.array([REASONS[reason] for reason in rejected["reason"].to_pylist()], pa.string())
    counts = Counter(map(RejectionReason, file.rejected["reason"].to_pylist()))
    return Preview(file, dict(counts.most_common()), accepted, rejected.append_column("sentence", sentences))


def _together(name: str, files: Sequence[IngestedFile]) -> IngestedFile:
    """The counts of all files of an archive, as one file of its name; the one file where there is no more."""
    if len(files) == 1:
        return files[0]
    total = {
        count: sum(getattr(file, count) for file in files)
        for count in ("rows_read", "rows_accepted", "rows_rejected", "rows_duplicate")
    }
    return replace(
        files[0],
        file_name=name,
        file_sha256="",
        first_event_at=min((file.first_event_at for file in files if file.first_event_at), default=None),
        last_event_at=max((file.last_event_at for file in files if file.last_event_at), default=None),
        rejected=pa.concat_tables([file.rejected for file in files]),
        notes=tuple(note for file in files for note in file.notes),
        **total,
    )


def _first_events(files: Sequence[IngestedFile], rows: int) -> pa.Table:
    tables: list[pa.Table] = []
    for day in sorted({day for file in files for day in file.event_files}):
        days = (file.event_files[day] for file in files if day in file.event_files)
        tables += [pq.ParquetFile(path).read(_EVENT) for path in days]
        if sum(table.num_rows for table in tables) >= rows:
            break
    return pa.concat_tables(tables).sort_by([("timestamp", "ascending"), ("user_id", "ascending")]).slice(0, rows)
