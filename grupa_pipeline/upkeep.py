"""Looking after a warehouse: what is there and whether it is sound, and bringing an earlier version back.

Nothing here makes tables; making and publishing are elsewhere.
"""

from datetime import UTC, datetime
from pathlib import Path

import duckdb

from grupa_pipeline import schema, warehouse
from grupa_pipeline.publication import Publication
from grupa_pipeline.settings import Settings
from grupa_pipeline.tables import PIPELINE_TABLES


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
        made_at = datetime.fromtimestamp(database.stat().st_mtime, UTC)
        kept = len(warehouse.versions(database))
        lines.append(f"{name}: {current}, published {made_at:%Y-%m-%d %H:%M} UTC, {kept} versions can be restored")
        lines += [f"  not sound: {fault}" for fault in faults]
    if sound and warehouse.version(settings.warehouse / warehouse.PIPELINE_FILE):
        lines += _contents(Publication(settings.warehouse))
    return "\n".join(
        [*lines, "All of it is sound." if sound else "Run `grupa restore` to bring an earlier version back."]
    ), sound


def restore(settings: Settings, name: str | None) -> str:
    """Publish an earlier version again (default: the one before the published one), and say which.

    Raises:
        NoWarehouseError: There is no such version.
    """
    stem = (name or Path(warehouse.PIPELINE_FILE).stem).rsplit("-", 1)[0]
    database = settings.warehouse / f"{stem}.duckdb"
    current = warehouse.version(database)
    earlier = [path.stem for path in warehouse.versions(database) if path.stem != current]
    if name is None:
        if not earlier:
            raise warehouse.NoWarehouseError(f"There is no earlier version of {database.name} to restore.")
        name = earlier[-1]
    warehouse.restore(database, name)
    if database.name == warehouse.PIPELINE_FILE:
        with warehouse.publish(database) as con:  # a view holds absolute paths: the folder may have moved since
            schema.show_published_files(con, settings.warehouse, PIPELINE_TABLES)
    return f"{name} is published again, as {warehouse.version(database)}; what was published before it can be restored too."


def _faults(database: Path) -> list[str]:
    """What is wrong with a published file: it does not open, or a Parquet file that it names is missing."""
    try:
        with warehouse.read(database) as con:
            tables = {row[0] for row in con.execute("SELECT table_name FROM information_schema.tables").fetchall()}
            if "published_files" not in tables:
                return []
            paths = [
                row[0] for row in con.execute("SELECT path FROM published_files WHERE path IS NOT NULL").fetchall()
            ]
    except (warehouse.DamagedWarehouseError, duckdb.Error) as error:
        return [str(error)]
    return [f"{path} is missing" for path in paths if not (database.parent / path).exists()]


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
