"""Repairs a published file that was moved or has an older schema version, and refuses one that a later release wrote."""

import logging
from pathlib import Path

from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import run_lock, schema, warehouse
from grupa_pipeline.storage.file_integrity import fill_hashes
from grupa_pipeline.storage.migrations import is_current
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.tables import PIPELINE_TABLES

logger = logging.getLogger("grupa")


def repair_publication(publication: Publication) -> None:
    """Publish again when the views name files of another folder, the schema is older, or the link is gone.

    Views can hold absolute paths only, so they are rewritten after a move. Requires the run lock. Does nothing when there is
    nothing to repair, or nothing is published.

    Raises:
        NewerFileError: A later release of Grupa wrote the file.
    """
    if not _needs_repair(publication.database):
        return
    with warehouse.publish(publication.database, keep_days=publication.keep_version_days) as con:
        schema.ensure_tables(con)
        fill_hashes(con, publication.folder)
        schema.show_published_files(con, publication.folder, PIPELINE_TABLES)
    version, folder = schema.CURRENT.version, publication.folder
    logger.info("The tables have schema version %d and show the files of %s.", version, folder)


def repair(settings: Settings) -> None:
    """`repair_publication` for those who only read: takes the run lock only where there is something to repair.

    Raises:
        DamagedWarehouseError: What is published does not open.
        NewerFileError: A later release of Grupa wrote it.
    """
    if _needs_repair(settings.warehouse / warehouse.PIPELINE_FILE):
        with run_lock.hold_run_lock(settings.warehouse, purpose="repairing the tables"):
            repair_publication(Publication(settings.warehouse))


def require_readable_schema(settings: Settings) -> None:
    """Check before any work that this release can read what is published.

    Raises:
        NewerFileError: A later release of Grupa wrote it.
    """
    database = settings.warehouse / warehouse.PIPELINE_FILE
    if warehouse.version(database):
        with warehouse.read(database) as con:
            is_current(con, schema.CURRENT)


def _needs_repair(database: Path) -> bool:
    if warehouse.version(database) is None:
        return False
    with warehouse.read(database) as con:
        current = is_current(con, schema.CURRENT)
    return not current or not database.exists() or was_moved(database)


def was_moved(database: Path) -> bool:
    """Whether the views name the files of another folder: the warehouse was moved or copied."""
    with warehouse.read(database) as con:
        folder = schema.shown_folder(con, PIPELINE_TABLES)
    return folder is not None and not (folder.exists() and folder.samefile(database.parent))
