"""Ingests log files: the package's entry point.

Every file is validated before any is stored. This module orders the steps, each in its own module: `source`, `header`,
`timestamps`, `reading`, `records`, `metadata`, `row_validation`, `day_partitioner`, `event_files`, `file_staging`.
"""

import tempfile
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from grupa_pipeline.ingest.event_files import EventFile, without_known_events
from grupa_pipeline.ingest.file_staging import StagedFile, scratch_connection, stage_file
from grupa_pipeline.ingest.reading_options import DEFAULT_OPTIONS, ReadingOptions, options_beside

MEMORY_LIMIT = "1500MB"
"""Memory that DuckDB may use before it spills to disk."""


@dataclass(frozen=True)
class IngestedFile:
    """The result for one file. rows_read = rows_accepted + rows_rejected + rows_duplicate.

    Attributes:
        file_sha256: SHA-256 of the file's bytes, before decompression.
        file_name: Name without its folder.
        rows_read: Records below the header, not counting blank lines.
        rows_accepted: Records that became events.
        rows_rejected: Records that failed validation.
        rows_duplicate: Records equal to an event stored before.
        first_event_at: Earliest accepted event, naive UTC; None when none was accepted.
        last_event_at: Latest accepted event, naive UTC; None when none was accepted.
        event_files: Parquet by UTC day, columns of tables.EVENTS, sorted by user_id, timestamp, action, metadata.
        rejected: Columns of tables.REJECTED_ROWS, in line order.
        already_ingested: The file's SHA-256 was known. Nothing is stored: `event_files` and `rejected` are empty, and
            every valid record counts as a duplicate.
    """

    file_sha256: str
    file_name: str
    rows_read: int
    rows_accepted: int
    rows_rejected: int
    rows_duplicate: int
    first_event_at: datetime | None
    last_event_at: datetime | None
    event_files: dict[date, Path]
    rejected: pa.Table
    already_ingested: bool = False


def ingest_files(
    paths: Sequence[Path],
    out: Path,
    *,
    known: Callable[[date], list[Path]],
    known_sha256: AbstractSet[str],
    now: datetime,
    options: ReadingOptions = DEFAULT_OPTIONS,
    memory_limit: str = MEMORY_LIMIT,
) -> list[IngestedFile]:
    """Ingest log files in order; nothing is stored unless all of them are usable.

    Args:
        paths: `.csv` files, gzip-compressed or not (detected from their bytes).
        out: Folder for the event files, created when missing; also holds scratch files during the call.
        known: Returns the Parquet files of the events stored for a UTC day.
        known_sha256: SHA-256 of the files ingested before.
        now: Current time, naive UTC; timestamps more than 24 h later are rejected.
        options: How the files are read; a file of options beside a log fills in what they leave open.
        memory_limit: Memory that DuckDB may use before it spills to disk, such as `1500MB`.

    Returns:
        One result per path, in order.

    Raises:
        UnusableFileError: A file cannot be used at all; `out` is left unchanged.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".ingest-", dir=out) as folder:
        scratch = Path(folder)
        with scratch_connection(scratch, memory_limit) as con:
            staged = []
            for number, path in enumerate(paths):
                (scratch / f"file-{number}").mkdir()
                staged.append(
                    stage_file(
                        con, path, scratch / f"file-{number}", now=now, options=options.over(options_beside(path))
                    )
                )
            ingested = _deduplicate(con, staged, known, known_sha256)
        return [_moved(file, out) for file in ingested]


def _deduplicate(
    con: duckdb.DuckDBPyConnection,
    staged: Sequence[StagedFile],
    known: Callable[[date], list[Path]],
    known_sha256: AbstractSet[str],
) -> list[IngestedFile]:
    """The result of each file without events that the warehouse or an earlier file has."""
    ingested: list[IngestedFile] = []
    for file in staged:
        added: dict[date, EventFile] = {}
        already_ingested = file.scan.sha256 in {*known_sha256, *(earlier.file_sha256 for earlier in ingested)}
        for day, events in file.event_files.items() if not already_ingested else ():
            stored = [*known(day), *(earlier.event_files[day] for earlier in ingested if day in earlier.event_files)]
            remaining = without_known_events(con, day, events, file.scan.sha256, stored) if stored else events
            if remaining is not None:
                added[day] = remaining
        ingested.append(_ingested_file(file, added, already_ingested=already_ingested))
    return ingested


def _ingested_file(staged: StagedFile, added: dict[date, EventFile], *, already_ingested: bool) -> IngestedFile:
    accepted = sum(events.rows for events in added.values())
    rejected = staged.rejected.num_rows
    return IngestedFile(
        file_sha256=staged.scan.sha256,
        file_name=staged.scan.name,
        rows_read=staged.rows_read,
        rows_accepted=accepted,
        rows_rejected=rejected,
        rows_duplicate=staged.rows_read - accepted - rejected,
        first_event_at=min((events.first_event_at for events in added.values()), default=None),
        last_event_at=max((events.last_event_at for events in added.values()), default=None),
        event_files={day: events.path for day, events in added.items()},
        rejected=staged.rejected.slice(0, 0) if already_ingested else staged.rejected,
        already_ingested=already_ingested,
    )


def _moved(file: IngestedFile, out: Path) -> IngestedFile:
    return replace(file, event_files={day: path.rename(out / path.name) for day, path in file.event_files.items()})
