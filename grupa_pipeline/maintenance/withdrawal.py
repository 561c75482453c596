"""`grupa withdraw`: removes the events of a file that should not have been ingested. Persons are erased by `erasure.py`."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from grupa_pipeline.settings import Settings
from grupa_pipeline.sql import open_duckdb, pattern
from grupa_pipeline.storage import aggregate_cache, run_lock, schema, warehouse
from grupa_pipeline.storage.parquet_files import file_key
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.tables import INGESTED_FILES, PIPELINE_TABLES, PUBLISHED_FILES, REJECTED_ROWS

_PREFIX = re.compile(r"[0-9a-f]{8,64}")


class UnknownFileError(LookupError):
    """No ingested file, or more than one, has such a SHA-256."""


@dataclass(frozen=True)
class _File:
    """The columns of `ingested_files` that a withdrawal needs."""

    file_sha256: str
    file_name: str
    ingested_at: datetime
    rows_accepted: int
    rows_rejected: int
    first_event_at: datetime | None
    last_event_at: datetime | None


def ingested_sha256(settings: Settings, sha256: str) -> str:
    """The whole SHA-256 of an ingested file.

    Args:
        settings: Which warehouse.
        sha256: It, or the first eight digits or more of it.

    Raises:
        UnknownFileError: No ingested file has such a SHA-256, or several have.
    """
    return _find(Publication(settings.warehouse), sha256.strip().lower()).file_sha256


def withdraw(settings: Settings, sha256: str) -> str:
    """Remove a file's events, counts and rejected rows from the tables, in one version; returns a report for the operator.

    Args:
        settings: Which warehouse.
        sha256: The file's SHA-256, or the first eight digits or more of it.

    Raises:
        UnknownFileError: No ingested file has such a SHA-256, or several have.

    Example:
        >>> print(withdraw(Settings(warehouse=Path("warehouse")), "3f9a1c04"))
    """
    publication = Publication(settings.warehouse, settings.keep_snapshots, settings.keep_version_days)
    with run_lock.hold_run_lock(settings.warehouse, purpose="grupa withdraw"):
        file = _find(publication, sha256.strip().lower())
        paths = _event_files(publication, file)
        report = [
            f"Withdrew {file.file_name} ({file.file_sha256[:12]}): {file.rows_accepted:,} events and "
            f"{file.rows_rejected:,} rejected rows are in the tables no longer.",
            *_lost_duplicates(publication, file),
            *_affected_snapshots(publication, file),
        ]
        with warehouse.publish(publication.database, keep_days=settings.keep_version_days) as con:
            schema.ensure_tables(con)
            for table in (INGESTED_FILES, REJECTED_ROWS):
                con.execute(f"DELETE FROM {table.name} WHERE file_sha256 = ?", [file.file_sha256])
            con.execute(
                f"DELETE FROM {PUBLISHED_FILES.name} WHERE table_name = 'events' AND list_contains(?, path)", [paths]
            )
            schema.show_published_files(con, settings.warehouse, PIPELINE_TABLES)
        publication.delete_unreferenced_files()
        aggregate_cache.clear(settings.warehouse, keep_days=0)  # the key dictionary holds ids of its users
    report += _original_files(settings.warehouse, file)
    report.append(
        "Versions from before can still be restored for a while, and hold it; `grupa forget` erases a person."
    )
    return "\n".join(report)


def _find(publication: Publication, prefix: str) -> _File:
    if not _PREFIX.fullmatch(prefix):
        raise UnknownFileError(f"{prefix!r} is not a file's SHA-256: give at least the first 8 of its 64 hex digits.")
    columns = ", ".join(_File.__dataclass_fields__)
    rows = publication.query(
        f"SELECT {columns} FROM {INGESTED_FILES.name} WHERE starts_with(file_sha256, ?)", [prefix]
    ).to_pylist()
    if not rows:
        raise UnknownFileError(
            f"No file with a SHA-256 of {prefix} was ingested; the table ingested_files lists those that were."
        )
    if len(rows) > 1:
        names = ", ".join(f"{row['file_name']} ({row['file_sha256'][:16]})" for row in rows)
        raise UnknownFileError(f"{prefix} fits several files: {names}. Give more digits.")
    return _File(**rows[0])


def _event_files(publication: Publication, file: _File) -> list[str]:
    """Paths, as `published_files` names them, of the file's events."""
    if file.first_event_at is None or file.last_event_at is None:
        return []
    found = publication.event_files(file.first_event_at.date(), file.last_event_at.date() + timedelta(days=1))
    paths = {str(path): str(path.relative_to(publication.folder)) for path in found}
    with open_duckdb() as con:
        names = con.execute(
            "SELECT DISTINCT filename FROM read_parquet(?, filename = true) WHERE file_sha256 = ?",
            [[pattern(Path(path)) for path in paths], file.file_sha256],
        ).fetchall()
    return [paths[str(Path(name))] for (name,) in names]


def _lost_duplicates(publication: Publication, file: _File) -> list[str]:
    """Later files with duplicates: their events that the withdrawn file also had are removed with it."""
    rows = publication.query(
        f"""SELECT file_name, file_sha256, rows_duplicate FROM {INGESTED_FILES.name}
            WHERE rows_duplicate > 0 AND file_sha256 <> ? AND ingested_at >= ? ORDER BY ingested_at, file_name""",
        [file.file_sha256, file.ingested_at],
    ).to_pylist()
    if not rows:
        return []
    return [
        "Events that a later file held too are gone with it. These had duplicates; to have them back, withdraw and ingest again:",
        *(f"  {row['file_name']} ({row['file_sha256'][:12]}): {row['rows_duplicate']:,} duplicates" for row in rows),
    ]


def _original_files(folder: Path, file: _File) -> list[str]:
    """Copies of the log itself in the warehouse, which are not Grupa's to delete."""
    files = [path for home in ("inbox", "uploads") for path in (folder / home).rglob("*") if path.is_file()]
    named = [path for path in files if path.name.endswith(file.file_name)]  # `done` may have put a time before it
    same = sorted(path for path in named if file_key(path) == file.file_sha256)
    if not same:
        return []
    return [
        "The log itself still lies here, and is yours to delete:",
        *(f"  {path.relative_to(folder)}" for path in same),
    ]


def _affected_snapshots(publication: Publication, file: _File) -> list[str]:
    """The snapshots whose window holds events of the file; they stay as they are."""
    days = publication.query(
        "SELECT snapshot_date FROM segmentations WHERE window_start <= ? AND window_end > ? ORDER BY 1",
        [file.last_event_at, file.first_event_at],
    ).to_pydict()["snapshot_date"]
    if not days:
        return []
    which = f"of {days[0]}" if len(days) == 1 else f"from {days[0]} to {days[-1]} ({len(days)})"
    return [
        f"Snapshots {which} were computed with it and stay as they are; `grupa run --as-of DAY` computes one again."
    ]
