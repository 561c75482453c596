"""Looking after a warehouse: what is there and whether it is sound, bringing an earlier version back, mending after a move.

Nothing here makes tables; making and publishing are elsewhere.
"""

import filecmp
import logging
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from grupa_pipeline import exclusive, schema, warehouse
from grupa_pipeline.publication import Publication
from grupa_pipeline.settings import Settings
from grupa_pipeline.tables import PIPELINE_TABLES

logger = logging.getLogger("grupa")


def status(settings: Settings) -> tuple[str, bool]:
    """What is in the warehouse, in lines for a person, and whether all of it is sound."""
    lines, sound = [f"Warehouse {settings.warehouse}: {_size(settings.warehouse)}"], True
    for name in (warehouse.PIPELINE_FILE, warehouse.ROADMAP_FILE):
        database = settings.warehouse / name
        current = warehouse.version(database)
        if current is None:
            lines.append(f"{name}: not made yet")
            continue
        faults = _faults(database)
        sound = sound and not faults
        kept = {path.stem: path for path in warehouse.versions(database)}
        made = kept.get(current, database)
        when = f"{datetime.fromtimestamp(made.stat().st_mtime, UTC):%Y-%m-%d %H:%M} UTC" if made.exists() else "once"
        lines.append(f"{name}: {current}, published {when}, {len(kept)} versions can be restored")
        lines += [f"  not sound: {fault}" for fault in faults]
    if sound and warehouse.version(settings.warehouse / warehouse.PIPELINE_FILE):
        lines += _contents(Publication(settings.warehouse))
    return "\n".join(
        [
            *lines,
            "All of it is sound." if sound else "`grupa restore` brings an earlier version back, where all else fails.",
        ]
    ), sound


def restore(settings: Settings, name: str | None) -> str:
    """Publish an earlier version again (default: the one before the published one), and say which.

    Raises:
        NoWarehouseError: There is no such version.
    """
    stem = (name or Path(warehouse.PIPELINE_FILE).stem).rsplit("-", 1)[0]
    database = settings.warehouse / f"{stem}.duckdb"
    with exclusive.alone(settings.warehouse, purpose="grupa restore"):
        current = warehouse.version(database)
        earlier = [path.stem for path in warehouse.versions(database) if path.stem != current]
        if name is None:
            if not earlier:
                raise warehouse.NoWarehouseError(f"There is no earlier version of {database.name} to restore.")
            name = earlier[-1]
        warehouse.restore(database, name)
        if database.name == warehouse.PIPELINE_FILE:
            show_files_here(Publication(settings.warehouse))
    return f"{name} is published again, as {warehouse.version(database)}; what was published before it can be restored too."


def show_files_here(publication: Publication) -> None:
    """Publish again when what is published is of another folder, or its link is gone: views can hold absolute paths alone.

    To be called by whoever works on the warehouse alone. Does nothing when all is well, or nothing is published.
    """
    if warehouse.version(publication.database) is None:
        return
    if publication.database.exists() and not _is_elsewhere(publication.database):
        return
    with warehouse.publish(publication.database, keep_days=publication.keep_version_days) as con:
        schema.show_published_files(con, publication.folder, PIPELINE_TABLES)
    logger.info("The tables show the files of %s, where the warehouse is now.", publication.folder)


def mend(settings: Settings) -> None:
    """`show_files_here` for who only reads: waits for a run that is at work only where there is something to mend.

    Raises:
        DamagedWarehouseError: What is published does not open.
    """
    database = settings.warehouse / warehouse.PIPELINE_FILE
    if warehouse.version(database) and (not database.exists() or _is_elsewhere(database)):
        with exclusive.alone(settings.warehouse, purpose="mending"):
            show_files_here(Publication(settings.warehouse))


def _is_elsewhere(database: Path) -> bool:
    """Whether the views show the files of another folder: the warehouse was moved or copied."""
    with warehouse.read(database) as con:
        folder = schema.shown_folder(con, PIPELINE_TABLES)
    return folder is not None and not (folder.exists() and folder.samefile(database.parent))


def _faults(database: Path) -> list[str]:
    """What is wrong with a published file: it does not open, is not what was published, or lacks a Parquet file it names."""
    if not database.exists():
        return [
            f"{database.name} is missing; the next run (or save of a plan) shows {warehouse.version(database)} again"
        ]
    own = database.parent / "versions" / f"{warehouse.version(database)}.duckdb"
    try:
        with warehouse.read(database) as con:
            if database.is_symlink() and not filecmp.cmp(database, own, shallow=False):
                return [f"somebody changed {database.name}; `grupa restore {own.stem}` shows what was published"]
            tables = {row[0] for row in con.execute("SELECT table_name FROM information_schema.tables").fetchall()}
            if "published_files" not in tables:
                return []
            named = con.execute("SELECT path, rows FROM published_files WHERE path IS NOT NULL").fetchall()
            if _is_elsewhere(database):
                return [
                    "the folder was moved or copied; the next run, or `grupa restore VERSION`, shows its files here"
                ]
    except (warehouse.DamagedWarehouseError, duckdb.Error) as error:
        return [str(error)]
    return [fault for path, rows in named if (fault := _file_fault(database.parent / path, rows))]


def _file_fault(path: Path, rows: int) -> str | None:
    """What is wrong with a Parquet file, by its own account of itself."""
    try:
        found = pq.read_metadata(path).num_rows
    except FileNotFoundError:
        return f"{path} is missing"
    except (OSError, pa.ArrowInvalid) as error:
        return f"{path} does not open ({error})"
    return None if found == rows else f"{path} holds {found} rows, not {rows}"


def _contents(publication: Publication) -> list[str]:
    counts = publication.query(
        """SELECT (SELECT count(*) FROM ingested_files) AS files, (SELECT count(*) FROM events) AS events,
           (SELECT count(*) FROM segmentations) AS snapshots"""
    ).to_pylist()[0]
    lines = [f"{counts['events']:,} events from {counts['files']:,} files, {counts['snapshots']:,} snapshots"]
    newest = publication.query("SELECT * FROM segmentations ORDER BY snapshot_date DESC LIMIT 1").to_pylist()
    return lines + [
        f"Newest snapshot {row['snapshot_date']}: {row['status']}, {row['users']:,} users, {row['cluster_count']} clusters, "
        f"made {row['created_at']:%Y-%m-%d %H:%M} UTC"
        for row in newest
    ]


def _size(folder: Path) -> str:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return f"{size / 1024**2:,.1f} MiB"
