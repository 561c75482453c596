"""The DuckDB files: `read()` the published version of one, `publish()` the next.

A published version is never changed. `grupa.duckdb` is a link to the newest one in `published/`, which is what people open;
the house itself reads and builds on its own copy in `versions/`, so a client that holds, locks or (as root) changes the
published file stops nobody. Knows nothing of tables, Dagster or pandas.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

PIPELINE_FILE = "grupa.duckdb"
ROADMAP_FILE = "roadmap.duckdb"

_KEEP_NEWEST = 5
_KEEP_SHOWN = 3


class NoWarehouseError(FileNotFoundError):
    """Nothing has been published at this path yet."""


class DamagedWarehouseError(RuntimeError):
    """The published version is missing or does not open; `grupa restore` brings an earlier one back."""


def version(database: Path) -> str | None:
    """Name of the published version of `database`, such as `grupa-00000012`; None when there is none.

    Where somebody removed the link, it is the newest version that is kept; the next publishing makes the link again.
    """
    if database.is_symlink():
        return Path(os.readlink(database)).stem
    if database.exists():
        return database.stem
    return max((path.stem for path in versions(database)), default=None)


def versions(database: Path) -> list[Path]:
    """The house's own copies of `database` that can be restored, oldest first."""
    pattern = re.compile(re.escape(database.stem) + r"-\d{8}\.duckdb")
    folder = database.parent / "versions"
    return sorted(path for path in folder.glob("*.duckdb") if pattern.fullmatch(path.name))


@contextmanager
def read(database: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the published version of `database` read-only; later publishing does not disturb it.

    Raises:
        NoWarehouseError: Nothing has been published there.
        DamagedWarehouseError: It is there but does not open.
    """
    path = _own_copy(database)
    if path is None:
        raise NoWarehouseError(f"{database} does not exist yet; `grupa run LOG.csv` makes it.")
    try:
        con = duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise DamagedWarehouseError(
            f"{database} does not open ({str(error).splitlines()[0]}); `grupa restore` brings back an earlier version."
        ) from error
    with closing(con):
        yield con


@contextmanager
def keep_open(database: Path) -> Iterator[None]:
    """Make each `read` of what is published now cheap meanwhile: a version that is open in a process is opened once."""
    if version(database) is None:
        yield
        return
    with read(database):
        yield


@contextmanager
def publish(database: Path, *, keep_days: int = 7, rewrite: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """Make the next version of `database`: yield a connection to a copy inside a transaction, then swap it in.

    Writers of one database wait for each other. On an exception nothing is published. Versions older than `keep_days` go,
    but for the newest few; of each day within them the last one stays. `rewrite` writes the file anew, so that nothing
    that was deleted stands on in blocks that are free.
    """
    own = database.parent / "versions"
    own.mkdir(parents=True, exist_ok=True)
    with lock(database.with_name(f".{database.stem}.lock"), purpose=f"publishing {database.name}"):
        base = _own_copy(database)
        _clear_left_overs(database, base)
        draft = own / f".{database.stem}-draft"
        try:
            if base is not None:
                shutil.copyfile(base, draft)
            with closing(duckdb.connect(str(draft))) as con:
                con.begin()
                yield con
                con.commit()
                con.execute("CHECKPOINT")
                if rewrite:
                    _write_anew(con, draft)
            sync(draft)
            made = own / f"{database.stem}-{_next_number(database):08d}.duckdb"
            os.replace(draft, made)
        except BaseException:
            draft.unlink(missing_ok=True)
            draft.with_name(draft.name + ".wal").unlink(missing_ok=True)
            raise
        _show(database, made)
        _thin(database, keep_days)


def restore(database: Path, name: str) -> None:
    """Publish the kept version `name` again, as a new version.

    Raises:
        NoWarehouseError: There is no kept version of that name.
    """
    own = database.parent / "versions"
    source = own / f"{name}.duckdb"
    if source not in versions(database):
        raise NoWarehouseError(f"{source.name} is not among the kept versions of {database.name}.")
    with lock(database.with_name(f".{database.stem}.lock"), purpose=f"restoring {database.name}"):
        made = own / f"{database.stem}-{_next_number(database):08d}.duckdb"
        draft = own / f".{database.stem}-draft"
        shutil.copyfile(source, draft)
        sync(draft)
        os.replace(draft, made)
        _show(database, made)


def keep_only_published(database: Path) -> list[str]:
    """Remove every version of `database` but the published one; returns the names of those that could be restored."""
    with lock(database.with_name(f".{database.stem}.lock"), purpose=f"removing versions of {database.name}"):
        current = version(database)
        gone = [path for path in versions(database) if path.stem != current]
        shown = [path for path in (database.parent / "published").glob(f"{database.stem}-*") if path.stem != current]
        for path in gone + shown:
            path.unlink()
        return [path.stem for path in gone]


@contextmanager
def lock(path: Path, *, purpose: str, waiting: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold an exclusive lock between processes and threads; the kernel frees it when its holder dies.

    `waiting` is called once, with who holds it, when the lock is taken and this call has to wait.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting:
                file.seek(0)
                waiting(file.read().strip() or "another process")
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(f"process {os.getpid()} ({purpose}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC)")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _own_copy(database: Path) -> Path | None:
    """The file behind the published version; a plain file that somebody put in the link's place is taken as it is."""
    published = version(database)
    if published is None or (database.exists() and not database.is_symlink()):
        return database if published else None
    own = database.parent / "versions" / f"{published}.duckdb"
    if not own.exists():
        raise DamagedWarehouseError(f"{own} is missing; `grupa restore` brings back an earlier version.")
    return own


def _write_anew(con: duckdb.DuckDBPyConnection, draft: Path) -> None:
    """Replace the file behind `con` by a fresh one of the same tables, views and comments."""
    fresh = draft.with_name(f"{draft.name}-anew")
    name = con.execute("SELECT current_database()").fetchall()[0][0]
    con.execute(f"ATTACH '{str(fresh).replace(chr(39), chr(39) * 2)}' AS fresh")
    con.execute(f'COPY FROM DATABASE "{name}" TO fresh')
    con.execute("DETACH fresh")
    os.replace(fresh, draft)


def _clear_left_overs(database: Path, base: Path | None) -> None:
    """Remove what a writer left that died before its version was shown: nobody was told of it."""
    for draft in (database.parent / "versions").glob(f".{database.stem}-*"):
        draft.unlink()
    kept = versions(database)
    if base in kept:
        for unshown in kept[kept.index(base) + 1 :]:
            unshown.unlink()


def _next_number(database: Path) -> int:
    numbers = [int(path.stem.rsplit("-", 1)[1]) for path in versions(database)]
    return max(numbers, default=0) + 1


def _show(database: Path, made: Path) -> None:
    """Copy the finished version to where people open it, and swap the link to it in one step."""
    shown = database.parent / "published"
    shown.mkdir(exist_ok=True)
    copy = shown / made.name
    draft = shown / f".{made.name}"
    shutil.copyfile(made, draft)
    draft.chmod(0o444)
    sync(draft)
    os.replace(draft, copy)
    for folder in (made.parent, shown):
        sync(folder)
    link = database.with_name(f".{database.name}.link")
    link.unlink(missing_ok=True)
    link.symlink_to(Path("published") / copy.name)
    os.replace(link, database)
    sync(database.parent)
    # A client that has an old one open keeps it until it closes it; a few stay for those who are just opening theirs.
    for old in sorted(shown.glob(f"*{database.stem}-*"), key=lambda path: path.name.lstrip("."))[:-_KEEP_SHOWN]:
        old.unlink()


def _thin(database: Path, keep_days: int) -> None:
    """Remove old versions but the newest few and the last one of each kept day."""
    kept = versions(database)
    oldest_day = datetime.now(UTC) - timedelta(days=keep_days)
    last_of_day = {}
    for path in kept:
        made_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        if made_at >= oldest_day:
            last_of_day[made_at.date()] = path
    for path in set(kept[:-_KEEP_NEWEST]) - set(last_of_day.values()):
        path.unlink()


def sync(path: Path) -> None:
    """Have the disk hold what was written to a file, or the names in a folder, whatever becomes of the machine's power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        if not path.is_dir():  # some file systems cannot sync a folder; a file that does not sync is a failure
            raise
    finally:
        os.close(descriptor)
