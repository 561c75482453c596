"""The immutable Parquet files under `data/`: stored under a name made from their content, deleted when no version names them."""

import hashlib
import logging
import os
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import duckdb

from grupa_pipeline.sql import open_duckdb
from grupa_pipeline.storage import warehouse
from grupa_pipeline.storage.file_modes import make_readable, seal
from grupa_pipeline.tables import PUBLISHED_FILES, Table

logger = logging.getLogger("grupa")


class StoredFile(NamedTuple):
    """A file under `data/`, and the SHA-256 of its bytes."""

    path: Path
    sha256: str


def store(folder: Path, table: Table, day: date, path: Path) -> StoredFile:
    """Link the file at `path` into `data/` of the warehouse `folder`, under a name made from its bytes.

    A file that is there already is replaced where its bytes are not those of its name: it was damaged.

    Args:
        folder: The warehouse.
        table: The table whose rows it holds.
        day: The snapshot's day, or the day of the events.
        path: A file on the same file system, which never changes again.

    Returns:
        Where it is stored, and its hash; its name is not on the disk before `sync_names`.
    """
    home = folder / "data" / table.name / day.isoformat()
    make_readable(home, folder)
    sha256 = file_key(path)
    stored = home / f"{sha256[:16]}.parquet"
    if not stored.exists() or file_key(stored) != sha256:
        draft = stored.with_name(f".{stored.name}")
        draft.unlink(missing_ok=True)
        os.link(path, draft)
        seal(draft, folder)
        warehouse.sync(draft)
        os.replace(draft, stored)
    return StoredFile(stored, sha256)


def sync_names(folder: Path, files: Iterable[Path]) -> None:
    """Sync the folders of stored `files` to disk, before a version that names them is published."""
    data = folder / "data"
    homes = {file.parent for file in files}
    for home in sorted(homes | {home.parent for home in homes} | ({data, folder} if homes else set())):
        warehouse.sync(home)


def delete_unreferenced(folder: Path, versions: Sequence[Path]) -> None:
    """Delete the Parquet files of the warehouse `folder` that none of the DuckDB files `versions` names."""
    named: set[Path] = set()
    for path in versions:
        try:
            with open_duckdb(path, read_only=True) as con:
                rows = con.execute(f"SELECT path FROM {PUBLISHED_FILES.name} WHERE path IS NOT NULL").fetchall()
        except duckdb.Error as error:
            # Its files are unknown, so nothing is deleted until this version is.
            logger.warning("Old files were not cleared: %s does not open (%s).", path, str(error).splitlines()[0])
            return
        named |= {folder / name for (name,) in rows}
    for file in set((folder / "data").glob("*/*/*.parquet")) - named:
        file.unlink()


def file_key(path: Path) -> str:
    """SHA-256 of a file's bytes: the content key of a file of events."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
