"""Ingests log files: the package's entry point.

Every file is validated before any is stored. This module orders the steps, each in its own module: `log_files`, `source`,
`header` and `columns`, `timestamps`, `reading`, `records`, `metadata`, `row_validation`, `day_partitioner`, `event_files`,
`file_staging`.
"""

import tempfile
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from grupa_pipeline.ingest.column_mapping import ColumnMapping
from grupa_pipeline.ingest.columns import NO_MAPPINGS, RememberedMappings
from grupa_pipeline.ingest.event_files import EventFile, without_known_events
from grupa_pipeline.ingest.event_ids import without_known_ids
from grupa_pipeline.ingest.file_staging import StagedFile, scratch_connection, stage_file
from grupa_pipeline.ingest.log_files import FoundLog, find_log_files
from grupa_pipeline.ingest.reading_options import DEFAULT_OPTIONS, ReadingOptions

MEMORY_LIMIT = "1500MB"
"""Memory that DuckDB may use before it spills to disk."""


@dataclass(frozen=True)
class IngestedFile:
    """The result for one file. rows_read = rows_accepted + rows_rejected + rows_duplicate.

    Attributes:
        file_sha256: SHA-256 of the file's bytes, before decompression.
        file_name: Name without its folder; `archive/member` for a member of an archive or folder.
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
        columns: The file's columns.
        given_mapping: The mapping that a person gave for them just now; None where none was needed.
        notes: Sentences for people about how the file was read.
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
    columns: tuple[str, ...] = ()
    given_mapping: ColumnMapping | None = None
    notes: tuple[str, ...] = ()


def ingest_files(
    paths: Sequence[Path],
    out: Path,
    *,
    known: Callable[[date], list[Path]],
    known_sha256: AbstractSet[str],
    all_known: Callable[[], list[Path]] = list,
    now: datetime,
    remembered: RememberedMappings = NO_MAPPINGS,
    options: ReadingOptions = DEFAULT_OPTIONS,
    memory_limit: str = MEMORY_LIMIT,
) -> list[IngestedFile]:
    """Ingest log files in order; nothing is stored unless all of them are usable.

    Args:
        paths: Logs: CSV, TSV, JSON lines or Parquet (told by their content), plain, gzipped or zstd-compressed; or ZIP
            archives or folders of these, of which each member counts as a file.
        out: Folder for the event files, created when missing; also holds scratch files during the call.
        known: Returns the Parquet files of the events stored for a UTC day.
        known_sha256: SHA-256 of the files ingested before.
        all_known: Returns the Parquet files of all stored events; called for logs with event ids.
        now: Current time, naive UTC; timestamps more than 24 h later are rejected.
        remembered: Mappings that people gave before, by the set of a log's columns.
        options: How the files are read; a file of options beside a log fills in what they leave open.
        memory_limit: Memory that DuckDB may use before it spills to disk, such as `1500MB`.

    Returns:
        One result per file, in order.

    Raises:
        ColumnQuestionError: A person must say which columns of a file hold the fields.
        UnusableFileError: A file cannot be used at all; `out` is left unchanged.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".ingest-", dir=out) as folder:
        scratch = Path(folder)
        with scratch_connection(scratch, memory_limit) as con:
            logs: list[FoundLog] = []
            for number, path in enumerate(paths):
                (scratch / f"archive-{number}").mkdir()
                logs += find_log_files(path, scratch / f"archive-{number}")
            staged = []
            for number, log in enumerate(logs):
                place = scratch / f"file-{number}"
                place.mkdir()
                own = options.over(log.options)
                staged.append(stage_file(con, log, place, now=now, options=own, remembered=remembered))
            ingested = _deduplicate(con, staged, known, known_sha256, all_known)
        return [
            replace(_moved(file, out), notes=log.notes + file.notes) for log, file in zip(logs, ingested, strict=True)
        ]


def _deduplicate(
    con: duckdb.DuckDBPyConnection,
    staged: Sequence[StagedFile],
    known: Callable[[date], list[Path]],
    known_sha256: AbstractSet[str],
    all_known: Callable[[], list[Path]],
) -> list[IngestedFile]:
    """The result of each file without events that the warehouse or an earlier file has."""
    ingested: list[IngestedFile] = []
    for file in staged:
        added: dict[date, EventFile] = {}
        already_ingested = file.scan.sha256 in {*known_sha256, *(earlier.file_sha256 for earlier in ingested)}
        event_files = {} if already_ingested else file.event_files
        if event_files and file.id_name is not None:
            earlier_files = [path for earlier in ingested for path in earlier.event_files.values()]
            event_files = without_known_ids(con, event_files, file.id_name, [*all_known(), *earlier_files])
        for day, events in event_files.items():
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
        columns=staged.layout.columns,
        given_mapping=staged.layout.found.mapping if staged.layout.found.is_given else None,
        notes=staged.notes,
    )


def _moved(file: IngestedFile, out: Path) -> IngestedFile:
    return replace(file, event_files={day: path.rename(out / path.name) for day, path in file.event_files.items()})
