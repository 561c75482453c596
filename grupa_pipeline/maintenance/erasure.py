"""`grupa forget`: erases a person from everything that the warehouse holds, and says what it did and what is left to do.

Published files are immutable, so those that hold the person are written again without them, the new ones are published, and
all older versions go: they could bring the person back. Each step may be repeated, so that one that was killed is finished by
doing it again. How an id is recognised is `person.py`'s; what becomes of counts and texts in tables is `erasure_tables.py`'s.
"""

import gzip
import logging
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from grupa_pipeline import sql
from grupa_pipeline.maintenance import erasure_tables
from grupa_pipeline.maintenance.erasure_tables import Removed
from grupa_pipeline.maintenance.person import Person
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import aggregate_cache, run_lock, schema, staging, warehouse
from grupa_pipeline.storage.publication import BY_NAME, Publication, file_key
from grupa_pipeline.storage.staging import TableState
from grupa_pipeline.tables import EVENTS, PIPELINE_TABLES, PUBLISHED_FILES

logger = logging.getLogger("grupa")

_OURS = ("data", "versions", "published", "staging", "sums")


class UnknownPersonError(LookupError):
    """Nothing in the warehouse is of that person."""


@dataclass(frozen=True)
class _Rewritten:
    """A Parquet file that held the person, and what takes its place (None: nothing is left)."""

    table: str
    day: date
    old_path: str
    old_key: str
    new: TableState | None
    removed: Removed


def forget(settings: Settings, user_id: str) -> str:
    """Erase a person; says what was done.

    Raises:
        UnknownPersonError: Nothing here is of them.
    """
    person, folder = Person(user_id), settings.warehouse
    if not user_id.strip():
        raise UnknownPersonError("Whom to forget? The id is empty.")
    publication = Publication(folder, settings.keep_snapshots, settings.keep_version_days)
    with run_lock.hold_run_lock(folder, purpose="grupa forget"):
        aggregate_cache.clear(folder, keep_days=0)
        told = _drop_staged(folder, person)
        if warehouse.version(publication.database):
            told += _forget_published(publication, person)
        told += _forget_plans(folder, person, settings.keep_version_days)
        aggregate_cache.clear(folder, keep_days=0)  # the app may have summed up their events meanwhile
        remains = _remaining(publication, person)
    left = _left(folder, person)
    if not told and not left:
        raise UnknownPersonError(f"Nothing in {folder} is of a user {user_id!r}; ids are compared letter by letter.")
    return "\n".join(
        [f"Forgot {user_id}:", *(told or ["  the tables and plans held nothing of them"]), *remains, *left]
    )


def _drop_staged(folder: Path, person: Person) -> list[str]:
    """What was made but not shown yet is dropped as a whole: the next making makes it without them."""
    days = sorted({path.parent.name for path in _holding(folder / "staging", "*/*.parquet", person)})
    for day in days:
        staging.discard(folder, date.fromisoformat(day))
    return [f"  dropped what was staged and not shown yet: {', '.join(days)}"] if days else []


def _forget_published(publication: Publication, person: Person) -> list[str]:
    holding = set(_holding(publication.folder / "data", "*/*/*.parquet", person))
    held = [p for p in warehouse.versions(publication.database) if erasure_tables.mentions(p, person)]
    if not holding and not held:
        return []
    with tempfile.TemporaryDirectory(dir=publication.folder, prefix=".forget-") as scratch:
        rewritten = list(_rewrite(publication, person, holding, Path(scratch)))
        publication.sync_names(file.new.path for file in rewritten if file.new and file.new.path)
        with warehouse.publish(publication.database, rewrite=True) as con:
            schema.ensure_tables(con)
            schema.show_published_files(con, publication.folder, PIPELINE_TABLES)  # the folder may have moved
            labels = erasure_tables.labels_of(con, person)
            for file in rewritten:
                _replace(con, publication, file)
            schema.show_published_files(con, publication.folder, PIPELINE_TABLES)
            told = erasure_tables.count_again(con, labels, [file.removed for file in rewritten])
            told += erasure_tables.erase_rejected(con, person)
            told += erasure_tables.erase_texts(con, person)
    gone = warehouse.keep_only_published(publication.database)
    publication.clear_out()
    if gone:
        told.append(f"  removed {len(gone)} older versions of {publication.database.name}, which could be restored")
    return told


def _rewrite(publication: Publication, person: Person, holding: set[Path], scratch: Path) -> Iterator[_Rewritten]:
    """Write the published files among `holding` again without the person."""
    rows = publication.query(
        f"SELECT table_name, day, path, content_key, inputs FROM {PUBLISHED_FILES.name} WHERE path IS NOT NULL"
    ).to_pylist()
    for row in rows:
        if publication.folder / row["path"] not in holding:
            continue
        table, day = BY_NAME[row["table_name"]], row["day"]
        old = pq.read_table(publication.folder / row["path"])
        kept = without(old, person)
        sha256 = old["file_sha256"][0].as_py() if table is EVENTS else None
        removed = Removed(table.name, day, sha256, old.num_rows - kept.num_rows)
        new = None
        if kept.num_rows or table is not EVENTS:
            path = scratch / f"{table.name}.parquet"
            path.unlink(missing_ok=True)  # what was kept before is linked elsewhere; the same name must be a new file
            pq.write_table(kept, path, compression="zstd")
            key = None if table is EVENTS else staging.content_key(kept)
            file = publication.keep(table, day, path, key)
            new = TableState(key or file_key(file), {}, kept.num_rows, file)
        yield _Rewritten(table.name, day, row["path"], row["content_key"], new, removed)


def without(rows: pa.Table, person: Person) -> pa.Table:
    """`rows` without the person's own, and with their id erased from what other people's metadata says."""
    kept = rows.filter(pc.invert(pc.equal(rows["user_id"], person.user_id)))
    if "metadata" not in kept.column_names:
        return kept
    said = kept["metadata"].cast(pa.string())
    for _ in range(2):  # one match may end where the next begins
        said = pc.replace_substring_regex(said, person.in_text, rf"\1{person.erased_in_json}\2")
    position = kept.column_names.index("metadata")
    return kept.set_column(position, kept.schema.field("metadata"), said.cast(kept.schema.field("metadata").type))


def _replace(con: duckdb.DuckDBPyConnection, publication: Publication, file: _Rewritten) -> None:
    """Name the new file in place of the old; what was made from the old rows now speaks of the new."""
    new = file.new
    if new is None or new.path is None:
        con.execute(f"DELETE FROM {PUBLISHED_FILES.name} WHERE path = ?", [file.old_path])
        return
    path = str(new.path.relative_to(publication.folder))
    con.execute(
        f"UPDATE {PUBLISHED_FILES.name} SET path = ?, content_key = ?, rows = ? WHERE path = ?",
        [path, new.content_key, new.rows, file.old_path],
    )
    con.execute(
        f"UPDATE {PUBLISHED_FILES.name} SET inputs = replace(inputs::VARCHAR, ?, ?)::JSON WHERE day = ?",
        [file.old_key, new.content_key, file.day],
    )


def _forget_plans(folder: Path, person: Person, keep_days: int) -> list[str]:
    """Erase the person from plans: who owns and who edits them, and every text."""
    database = folder / warehouse.ROADMAP_FILE
    versions = warehouse.versions(database)
    if not any(erasure_tables.mentions(path, person) for path in versions):
        return []
    with warehouse.publish(database, keep_days=keep_days, rewrite=True) as con:
        told = erasure_tables.erase_texts(con, person)
    gone = warehouse.keep_only_published(database)
    return told + (
        [f"  removed {len(gone)} older versions of {database.name}, which could be restored"] if gone else []
    )


def _holding(folder: Path, pattern: str, person: Person) -> list[Path]:
    """The Parquet files of users or events below `folder` in which the person stands."""
    files = [str(path) for path in folder.glob(pattern) if "user_id" in pq.read_schema(path).names]
    if not files:
        return []
    metadata = "OR regexp_matches(metadata::VARCHAR, $text)"
    with duckdb.connect() as con:
        found: set[str] = set()
        for kind in (True, False):
            named = [name for name in files if (f"/{EVENTS.name}/" in name) == kind]
            if named:
                found |= {
                    name
                    for (name,) in con.execute(
                        f"SELECT DISTINCT filename FROM read_parquet($files, filename = true, union_by_name = true) "
                        f"WHERE user_id = $user {metadata if kind else ''}",
                        {"files": [sql.pattern(Path(name)) for name in named], "user": person.user_id}
                        | ({"text": person.in_text} if kind else {}),
                    ).fetchall()
                }
    return sorted(Path(name) for name in found)


def _remaining(publication: Publication, person: Person) -> list[str]:
    """Where other people's events still say the id: in actions, and in metadata as a number or word that may mean anything."""
    query = f"""
        SELECT count(*) FILTER (regexp_matches(action, $1)) AS actions,
               count(*) FILTER (regexp_matches(metadata::VARCHAR, $1)) AS metadata FROM {EVENTS.name}"""
    [found] = publication.query(query, [person.as_word]).to_pylist() or [{"actions": 0, "metadata": 0}]
    where = [f"in the {name} of {rows:,} events" for name, rows in found.items() if rows]
    if not where:
        return []
    return [
        f"What may remain: {person.user_id!r} stands {' and '.join(where)} of others, where it may mean something else."
    ]


def _left(folder: Path, person: Person) -> list[str]:
    """Files that are not ours to change and still hold the person: logs as they were given, Dagster's own history."""
    pattern = re.compile(person.in_record.encode())
    held = []
    for path in sorted(folder.rglob("*")):
        ours = path.relative_to(folder).parts[0] in _OURS or path.suffix == ".lock"
        if path.is_file() and not path.is_symlink() and not ours and _mentions_bytes(path, pattern):
            held.append(f"  {path.relative_to(folder)}")
    if not held:
        return []
    return ["These files still hold them, and are yours to delete or to edit:", *held]


def _mentions_bytes(path: Path, pattern: re.Pattern[bytes]) -> bool:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return any(pattern.search(line) for line in file)
    except (OSError, EOFError) as error:
        logger.warning("%s could not be searched: %s", path, error)
        return False
