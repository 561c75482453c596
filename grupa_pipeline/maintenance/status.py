"""`grupa status` and `grupa restore`: what a warehouse holds, whether it is sound, and publishing an earlier version again."""

import filecmp
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from grupa_pipeline.maintenance import deep_check
from grupa_pipeline.settings import Settings
from grupa_pipeline.sql import open_duckdb
from grupa_pipeline.storage import run_lock, schema, warehouse
from grupa_pipeline.storage.file_integrity import PublishedFile, describe_damage, published_files
from grupa_pipeline.storage.file_modes import reading_warning
from grupa_pipeline.storage.migrations import NewerFileError, is_current, stored_version
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.storage.repair import repair_publication, was_moved


def status(settings: Settings, *, deep: bool = False) -> tuple[str, bool]:
    """A report of what is in the warehouse, and whether all of it is sound.

    Args:
        settings: Of the warehouse.
        deep: Whether to read all of every file, and compare it with what was published.
    """
    names = (warehouse.PIPELINE_FILE, warehouse.ROADMAP_FILE)
    if all(warehouse.version(settings.warehouse / name) is None for name in names):
        return f"There is no warehouse in {settings.warehouse} yet; `grupa run LOG.csv` makes it.", True
    lines, sound = [f"Warehouse {settings.warehouse}: {_size(settings.warehouse)}"], True
    if warning := reading_warning(settings):
        lines.append(f"warning: {warning}")
    for name in names:
        database = settings.warehouse / name
        current = warehouse.version(database)
        if current is None:
            lines.append(f"{name}: not created yet")
            continue
        faults = _faults(database, deep=deep)
        sound = sound and not faults
        lines.append(f"{name}: {_published_version(database, current)}")
        lines += [f"  not sound: {fault}" for fault in faults]
    if sound and warehouse.version(settings.warehouse / warehouse.PIPELINE_FILE):
        lines += _contents(Publication(settings.warehouse))
    return "\n".join(
        [
            *lines,
            (
                "All of it is sound."
                if deep
                else "All of it opens and is complete; `grupa status --deep` also reads it all."
            )
            if sound
            else "`grupa restore` brings an earlier version back, where all else fails.",
        ]
    ), sound


def _published_version(database: Path, current: str) -> str:
    """The published version of a file, its schema version and age, and how many versions can be restored."""
    stored_versions = {path.stem: path for path in warehouse.versions(database)}
    file = stored_versions.get(current, database)
    when = f"{datetime.fromtimestamp(file.stat().st_mtime, UTC):%Y-%m-%d %H:%M} UTC" if file.exists() else "once"
    try:
        with warehouse.read(database) as con:
            schema_version = f"schema version {stored_version(con)}, "
    except (warehouse.DamagedWarehouseError, duckdb.Error):
        schema_version = ""
    return f"{current}, {schema_version}published {when}, {len(stored_versions)} versions can be restored"


def restore(settings: Settings, name: str | None) -> str:
    """Publish an earlier version again; returns a sentence that names it.

    Args:
        settings: Of the warehouse.
        name: The version, such as `grupa-00000012` or `roadmap-00000003`; default: the newest earlier version of
            `grupa.duckdb` that this release can read.

    Raises:
        NoWarehouseError: There is no such version.
        NewerFileError: A later release of Grupa wrote it.
        DamagedWarehouseError: It does not open.
    """
    stem = (name or Path(warehouse.PIPELINE_FILE).stem).rsplit("-", 1)[0]
    database = settings.warehouse / f"{stem}.duckdb"
    with run_lock.hold_run_lock(settings.warehouse, purpose="grupa restore"):
        name = name or _before(database)
        stored_versions = {path.stem: path for path in warehouse.versions(database)}
        if database.name == schema.CURRENT.file and name in stored_versions:
            _require_readable(stored_versions[name])
        warehouse.restore(database, name)
        if database.name == warehouse.PIPELINE_FILE:
            repair_publication(Publication(settings.warehouse))
    return f"{name} is published again, as {warehouse.version(database)}; what was published before it can be restored too."


def _before(database: Path) -> str:
    """The newest version that is older than what is published and that this release can read.

    A published version that was restored counts as old as the first version with the same content, so that restoring again
    goes further back.

    Raises:
        NoWarehouseError: There is none.
    """
    published = database.parent / "versions" / f"{warehouse.version(database)}.duckdb"
    stored_versions = warehouse.versions(database)
    older = stored_versions[: stored_versions.index(published)] if published in stored_versions else stored_versions
    same = [path for path in older if published.exists() and filecmp.cmp(path, published, shallow=False)]
    for path in reversed(older[: older.index(same[0])] if same else older):
        try:
            _require_readable(path)
        except (NewerFileError, warehouse.DamagedWarehouseError):
            continue
        return path.stem
    raise warehouse.NoWarehouseError(f"There is no earlier version of {database.name} to restore.")


def _require_readable(path: Path) -> None:
    """Check that this release can read a version of the pipeline's file.

    Raises:
        NewerFileError: A later release of Grupa wrote it.
        DamagedWarehouseError: It does not open.
    """
    try:
        with open_duckdb(path, read_only=True) as con:
            is_current(con, schema.CURRENT)
    except duckdb.Error as error:
        problem = f"{path.stem} does not open ({str(error).splitlines()[0]}); restore another version."
        raise warehouse.DamagedWarehouseError(problem) from error


def _faults(database: Path, *, deep: bool) -> list[str]:
    """What is wrong with a published file: it does not open, was changed, or names a Parquet file that is missing or damaged."""
    if not database.exists():
        return [
            f"{database.name} is missing; the next run (or save of a plan) shows {warehouse.version(database)} again"
        ]
    try:
        with warehouse.read(database) as con:
            faults = _version_faults(con, database)
            files = published_files(con, database.parent) if database.name == warehouse.PIPELINE_FILE else []
    except (warehouse.DamagedWarehouseError, NewerFileError, duckdb.Error) as error:
        return [str(error)]
    if faults:
        return faults
    if deep:
        return deep_check.damage_of_database(database) or deep_check.damage_of_files(database.parent, files)
    return [describe_damage(database.parent, file, fault) for file in files if (fault := _file_fault(file))]


def _version_faults(con: duckdb.DuckDBPyConnection, database: Path) -> list[str]:
    """Whether somebody changed the published copy of the open version, or moved the folder.

    Raises:
        NewerFileError: A later release of Grupa wrote it.
    """
    own = database.parent / "versions" / f"{warehouse.version(database)}.duckdb"
    if database.name == schema.CURRENT.file:
        is_current(con, schema.CURRENT)
    if database.is_symlink() and not filecmp.cmp(database, own, shallow=False):
        return [f"somebody changed {database.name}; `grupa restore {own.stem}` shows what was published"]
    if database.name == warehouse.PIPELINE_FILE and was_moved(database):
        return ["the folder was moved or copied; the next run, or `grupa restore VERSION`, shows its files here"]
    return []


def _file_fault(file: PublishedFile) -> str | None:
    """What is wrong with a Parquet file, a phrase; None when its metadata can be read and has the number of rows."""
    try:
        stored = pq.read_metadata(file.path).num_rows
    except FileNotFoundError:
        return "it is missing"
    except (OSError, pa.ArrowInvalid) as error:
        return f"it does not open ({error})"
    return None if stored == file.rows else f"it holds {stored} rows, not {file.rows}"


def _contents(publication: Publication) -> list[str]:
    counts = publication.query(
        """SELECT (SELECT count(*) FROM ingested_files) AS files,
           (SELECT count(*) FROM segmentations) AS snapshots"""
    ).to_pylist()[0]
    lines = [f"{publication.count_events():,} events from {counts['files']:,} files, {counts['snapshots']:,} snapshots"]
    newest = publication.query("SELECT * FROM segmentations ORDER BY snapshot_date DESC LIMIT 1").to_pylist()
    return lines + [
        f"Newest snapshot {row['snapshot_date']}: {row['status']}, {row['users']:,} users, {row['cluster_count']} clusters, "
        f"computed {row['created_at']:%Y-%m-%d %H:%M} UTC"
        for row in newest
    ]


def _size(folder: Path) -> str:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return f"{size / 1024**2:,.1f} MiB"
