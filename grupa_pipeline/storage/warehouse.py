"""The DuckDB files: `read()` the published version of one, `publish()` the next.

A published version is never changed. `grupa.duckdb` is a link to the newest one in `published/`, which is what clients open.
Grupa itself reads and builds on its own copy in `versions/`, so a client that holds, locks or (as root) changes the published
file blocks no other process. Independent of tables, Dagster and pandas.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from grupa_pipeline.sql import open_duckdb
from grupa_pipeline.storage.file_lock import lock
from grupa_pipeline.storage.file_modes import make_readable, seal

PIPELINE_FILE = "grupa.duckdb"
ROADMAP_FILE = "roadmap.duckdb"

_KEEP_NEWEST = 5
"""Number of newest versions that are kept regardless of age."""
_KEEP_PUBLISHED = 3
"""Copies in `published/`: clients that are just opening the file may have read the link before it was swapped."""


class NoWarehouseError(FileNotFoundError):
    """Nothing has been published at this path yet."""


class DamagedWarehouseError(RuntimeError):
    """The published version is missing or does not open; `grupa restore` brings an earlier one back."""


class MissingWarehouseError(DamagedWarehouseError):
    """A file that this process has read before is gone, with its folder or without."""

    def __init__(self, database: Path) -> None:
        there = database.parent.exists()
        what = f"{database.name} is gone from {database.parent}" if there else f"The folder {database.parent} is gone"
        super().__init__(
            f"{what}; it was there before. Move it back, or mount its disk again, and all is as it was; if it has another place "
            "now, start Grupa with GRUPA_WAREHOUSE set to it."
        )


def version(database: Path) -> str | None:
    """Name of the published version of `database`, such as `grupa-00000012`; None when there is none.

    Where the link was removed, it is the newest kept version; the next publishing creates the link again.
    """
    if database.is_symlink():
        return Path(os.readlink(database)).stem
    if database.exists():
        return database.stem
    return max((path.stem for path in versions(database)), default=None)


def versions(database: Path) -> list[Path]:
    """Grupa's own copies of `database` that can be restored, oldest first."""
    pattern = re.compile(re.escape(database.stem) + r"-\d{8}\.duckdb")
    folder = database.parent / "versions"
    return sorted(path for path in folder.glob("*.duckdb") if pattern.fullmatch(path.name))


@contextmanager
def read(database: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the published version of `database` read-only; later publishing does not change it.

    Raises:
        NoWarehouseError: Nothing has been published there.
        DamagedWarehouseError: It is there but does not open.

    Example:
        >>> with read(Path("warehouse/grupa.duckdb")) as con:
        ...     con.sql("SELECT count(*) FROM events").fetchall()
        [(120534,)]
    """
    path = _own_copy(database)
    if path is None:
        raise NoWarehouseError(f"{database} does not exist yet; `grupa run LOG.csv` makes it.")
    try:
        con = open_duckdb(path, read_only=True)
    except duckdb.Error as error:
        raise DamagedWarehouseError(
            f"{database} does not open ({str(error).splitlines()[0]}); `grupa restore` brings back an earlier version."
        ) from error
    with closing(con):
        yield con


@contextmanager
def keep_open(database: Path) -> Iterator[None]:
    """Keep the published version open, so that each `read` of it is cheap: DuckDB opens a file once a process."""
    if version(database) is None:
        yield
        return
    with read(database):
        yield


@contextmanager
def publish(database: Path, *, keep_days: int = 7, rewrite: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """Write the next version of `database`: yields a connection to a copy, in a transaction, and swaps the copy in at the end.

    Writers of one database wait for each other. On an exception nothing is published.

    Args:
        database: The link that clients open.
        keep_days: Of each of the last so many days the last version is kept, and of older ones only the newest few.
        rewrite: Whether to write the file anew, so that no deleted row remains in free blocks.

    Example:
        >>> with publish(Path("warehouse/grupa.duckdb")) as con:
        ...     con.execute("DELETE FROM rejected_rows")
    """
    own = database.parent / "versions"
    own.mkdir(parents=True, exist_ok=True)
    with lock(database.with_name(f".{database.stem}.lock"), purpose=f"publishing {database.name}"):
        base = _own_copy(database)
        _delete_unpublished(database, base)
        draft = own / f".{database.stem}-draft"
        try:
            if base is not None:
                shutil.copyfile(base, draft)
            with closing(open_duckdb(draft)) as con:
                con.begin()
                yield con
                con.commit()
                con.execute("CHECKPOINT")
                if rewrite:
                    _rewrite_file(con, draft)
            sync(draft)
            new = own / f"{database.stem}-{_next_number(database):08d}.duckdb"
            os.replace(draft, new)
        except BaseException:
            draft.unlink(missing_ok=True)
            draft.with_name(draft.name + ".wal").unlink(missing_ok=True)
            raise
        _swap_in(database, new)
        _delete_old_versions(database, keep_days)


def restore(database: Path, name: str) -> None:
    """Publish the kept version `name` again, as a new version.

    Raises:
        NoWarehouseError: There is no kept version of that name.

    Example:
        >>> restore(Path("warehouse/grupa.duckdb"), "grupa-00000012")
    """
    own = database.parent / "versions"
    source = own / f"{name}.duckdb"
    if source not in versions(database):
        raise NoWarehouseError(f"{source.name} is not among the kept versions of {database.name}.")
    with lock(database.with_name(f".{database.stem}.lock"), purpose=f"restoring {database.name}"):
        new = own / f"{database.stem}-{_next_number(database):08d}.duckdb"
        draft = own / f".{database.stem}-draft"
        shutil.copyfile(source, draft)
        sync(draft)
        os.replace(draft, new)
        _swap_in(database, new)


def keep_only_published(database: Path) -> list[str]:
    """Delete every version of `database` except the published one; returns the names of those that could be restored."""
    with lock(database.with_name(f".{database.stem}.lock"), purpose=f"removing versions of {database.name}"):
        current = version(database)
        old = [path for path in versions(database) if path.stem != current]
        copies = [path for path in (database.parent / "published").glob(f"{database.stem}-*") if path.stem != current]
        for path in old + copies:
            path.unlink()
        return [path.stem for path in old]


def _own_copy(database: Path) -> Path | None:
    """Grupa's own copy of the published version; a plain file in place of the link is used as it is."""
    published = version(database)
    if published is None or (database.exists() and not database.is_symlink()):
        return database if published else None
    own = database.parent / "versions" / f"{published}.duckdb"
    if not own.exists():
        raise DamagedWarehouseError(f"{own} is missing; `grupa restore` brings back an earlier version.")
    return own


def _rewrite_file(con: duckdb.DuckDBPyConnection, draft: Path) -> None:
    """Replace the file behind `con` by a new one with the same tables, views and comments."""
    fresh = draft.with_name(f"{draft.name}-anew")
    name = con.execute("SELECT current_database()").fetchall()[0][0]
    con.execute(f"ATTACH '{str(fresh).replace(chr(39), chr(39) * 2)}' AS fresh")
    con.execute(f'COPY FROM DATABASE "{name}" TO fresh')
    con.execute("DETACH fresh")
    os.replace(fresh, draft)


def _delete_unpublished(database: Path, base: Path | None) -> None:
    """Delete what a killed writer left: its draft, and a version that it had not published yet."""
    for draft in (database.parent / "versions").glob(f".{database.stem}-*"):
        draft.unlink()
    stored = versions(database)
    if base in stored:
        for unpublished in stored[stored.index(base) + 1 :]:
            unpublished.unlink()


def _next_number(database: Path) -> int:
    numbers = [int(path.stem.rsplit("-", 1)[1]) for path in versions(database)]
    return max(numbers, default=0) + 1


def _swap_in(database: Path, new: Path) -> None:
    """Copy the version `new` to where clients open it, and swap the link to it atomically."""
    published = database.parent / "published"
    make_readable(published, database.parent)
    copy = published / new.name
    draft = published / f".{new.name}"
    shutil.copyfile(new, draft)
    seal(draft, database.parent)
    sync(draft)
    os.replace(draft, copy)
    for folder in (new.parent, published):
        sync(folder)
    link = database.with_name(f".{database.name}.link")
    link.unlink(missing_ok=True)
    link.symlink_to(Path("published") / copy.name)
    os.replace(link, database)
    sync(database.parent)
    # A client that has an old copy open keeps it until it closes it.
    for old in sorted(published.glob(f"*{database.stem}-*"), key=lambda path: path.name.lstrip("."))[:-_KEEP_PUBLISHED]:
        old.unlink()


def _delete_old_versions(database: Path, keep_days: int) -> None:
    """Delete old versions, except the newest few and the last one of each of the last `keep_days` days."""
    stored = versions(database)
    oldest_day = datetime.now(UTC) - timedelta(days=keep_days)
    last_of_day = {}
    for path in stored:
        written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        if written_at >= oldest_day:
            last_of_day[written_at.date()] = path
    for path in set(stored[:-_KEEP_NEWEST]) - set(last_of_day.values()):
        path.unlink()


def sync(path: Path) -> None:
    """Sync a file's content, or the names in a folder, to disk, so that they survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        if not path.is_dir():  # some file systems cannot sync a folder; a file that does not sync is a failure
            raise
    finally:
        os.close(descriptor)
