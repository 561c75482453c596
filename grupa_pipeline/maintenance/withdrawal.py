"""`grupa withdraw`: un-ingests a file that should not have been taken in. Erasing a person is `erasure.py`'s."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from grupa_pipeline.settings import Settings
from grupa_pipeline.sql import pattern
from grupa_pipeline.storage import aggregate_cache, run_lock, schema, warehouse
from grupa_pipeline.storage.publication import Publication, file_key
from grupa_pipeline.tables import INGESTED_FILES, PIPELINE_TABLES, PUBLISHED_FILES, REJECTED_ROWS

_PREFIX = re.compile(r"[0-9a-f]{8,64}")


class UnknownFileError(LookupError):
    """No file, or more than one, is meant by what was given."""


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


def withdraw(settings: Settings, sha256: str) -> str:
    """Take a file's events, counts and rejected rows out of the tables, in one publish; says what that did.

    Args:
        settings: Which warehouse.
        sha256: The file's SHA-256, or the first eight digits or more of it.

    Raises:
        UnknownFileError: No file that was taken in begins so, or several do.
    """
    publication = Publication(settings.warehouse, settings.keep_snapshots, settings.keep_version_days)
    with run_lock.hold_run_lock(settings.warehouse, purpose="grupa withdraw"):
        file = _find(publication, sha256.strip().lower())
        paths = _event_files(publication, file)
        told = [
            f"Withdrew {file.file_name} ({file.file_sha256[:12]}): {file.rows_accepted:,} events and "
            f"{file.rows_rejected:,} rejected rows are in the tables no longer.",
            *_tell_duplicates(publication, file),
            *_tell_snapshots(publication, file),
        ]
        with warehouse.publish(publication.database, keep_days=settings.keep_version_days) as con:
            schema.ensure_tables(con)
            for table in (INGESTED_FILES, REJECTED_ROWS):
                con.execute(f"DELETE FROM {table.name} WHERE file_sha256 = ?", [file.file_sha256])
            con.execute(
                f"DELETE FROM {PUBLISHED_FILES.name} WHERE table_name = 'events' AND list_contains(?, path)", [paths]
            )
            schema.show_published_files(con, settings.warehouse, PIPELINE_TABLES)
        publication.clear_out()
        aggregate_cache.clear(settings.warehouse, keep_days=0)  # ids of its users stand beside the sums
    told += _tell_originals(settings.warehouse, file)
    told.append("Versions from before can still be restored for a while, and hold it; `grupa forget` erases a person.")
    return "\n".join(told)


def _find(publication: Publication, prefix: str) -> _File:
    if not _PREFIX.fullmatch(prefix):
        raise UnknownFileError(f"{prefix!r} is not a file's SHA-256: give at least the first 8 of its 64 hex digits.")
    columns = ", ".join(_File.__dataclass_fields__)
    found = publication.query(
        f"SELECT {columns} FROM {INGESTED_FILES.name} WHERE starts_with(file_sha256, ?)", [prefix]
    ).to_pylist()
    if not found:
        raise UnknownFileError(
            f"No file with a SHA-256 of {prefix} was taken in; the table ingested_files lists those that were."
        )
    if len(found) > 1:
        names = ", ".join(f"{row['file_name']} ({row['file_sha256'][:16]})" for row in found)
        raise UnknownFileError(f"{prefix} fits several files: {names}. Give more digits.")
    return _File(**found[0])


def _event_files(publication: Publication, file: _File) -> list[str]:
    """Paths, as `published_files` names them, of the file's events."""
    if file.first_event_at is None or file.last_event_at is None:
        return []
    rows = publication.query(
        f"SELECT path FROM {PUBLISHED_FILES.name} WHERE table_name = 'events' AND day BETWEEN ? AND ?",
        [file.first_event_at.date(), file.last_event_at.date()],
    ).to_pylist()
    paths = {str(publication.folder / row["path"]): row["path"] for row in rows}
    with duckdb.connect() as con:
        found = con.execute(
            "SELECT DISTINCT filename FROM read_parquet(?, filename = true) WHERE file_sha256 = ?",
            [[pattern(Path(path)) for path in paths], file.file_sha256],
        ).fetchall()
    return [paths[str(Path(name))] for (name,) in found]


def _tell_duplicates(publication: Publication, file: _File) -> list[str]:
    """Later files may have held the same events; as duplicates they were not kept a second time."""
    rows = publication.query(
        f"""SELECT file_name, file_sha256, rows_duplicate FROM {INGESTED_FILES.name}
            WHERE rows_duplicate > 0 AND file_sha256 <> ? AND ingested_at >= ? ORDER BY ingested_at, file_name""",
        [file.file_sha256, file.ingested_at],
    ).to_pylist()
    if not rows:
        return []
    return [
        "Events that a later file held too are gone with it. These had duplicates; to have them back, withdraw and take in again:",
        *(f"  {row['file_name']} ({row['file_sha256'][:12]}): {row['rows_duplicate']:,} duplicates" for row in rows),
    ]


def _tell_originals(folder: Path, file: _File) -> list[str]:
    """The log as it was given is not ours to delete, but whoever withdraws it wants to know where it lies."""
    lying = [path for home in ("inbox", "uploads") for path in (folder / home).rglob("*") if path.is_file()]
    named = [path for path in lying if path.name.endswith(file.file_name)]  # `done` may have put a time before it
    same = sorted(path for path in named if file_key(path) == file.file_sha256)
    if not same:
        return []
    return [
        "The log itself still lies here, and is yours to delete:",
        *(f"  {path.relative_to(folder)}" for path in same),
    ]


def _tell_snapshots(publication: Publication, file: _File) -> list[str]:
    days = publication.query(
        "SELECT snapshot_date FROM segmentations WHERE window_start <= ? AND window_end > ? ORDER BY 1",
        [file.last_event_at, file.first_event_at],
    ).to_pydict()["snapshot_date"]
    if not days:
        return []
    which = f"of {days[0]}" if len(days) == 1 else f"from {days[0]} to {days[-1]} ({len(days)})"
    return [f"Snapshots {which} were made with it and stay as they are; `grupa run --as-of DAY` makes one again."]
