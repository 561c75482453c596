"""`grupa forget`: erases a person from everything that the warehouse holds, and reports what it did and what is left to do.

Published files are immutable, so those that hold the person are written again without them and published, and all older
versions are deleted: they could bring the person back. Each step may be repeated, so that an interrupted erasure is finished
by running it again. `person.py` defines how an id is recognised, `erasure_tables.py` what becomes of counts and texts.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from grupa_pipeline import sql
from grupa_pipeline.exports import export_log
from grupa_pipeline.maintenance import erasure_tables, exported_lists
from grupa_pipeline.maintenance.erasure_tables import Removed
from grupa_pipeline.maintenance.original_logs import mentions
from grupa_pipeline.maintenance.person import Person
from grupa_pipeline.settings import Settings
from grupa_pipeline.sql import open_duckdb
from grupa_pipeline.storage import aggregate_cache, parquet_files, run_lock, schema, staging, warehouse
from grupa_pipeline.storage.file_integrity import require_sound
from grupa_pipeline.storage.publication import BY_NAME, Publication
from grupa_pipeline.storage.staging import TableState
from grupa_pipeline.tables import EVENTS, PIPELINE_TABLES, PUBLISHED_FILES, USER_CLUSTERS

_MANAGED_FOLDERS = ("data", "versions", "published", "staging", "sums")
"""Folders of a warehouse that Grupa alone writes to; everything else in it is searched and reported, never changed."""


class UnknownPersonError(LookupError):
    """Nothing in the warehouse belongs to or mentions that person."""


@dataclass(frozen=True)
class _Rewritten:
    """A Parquet file that held the person, and the file that replaces it (None: no rows are left)."""

    table: str
    day: date
    old_path: str
    old_key: str
    new: TableState | None
    removed: Removed


def forget(settings: Settings, user_id: str) -> str:
    """Erase a person; returns a report for the operator.

    Raises:
        UnknownPersonError: Nothing in the warehouse belongs to or mentions them.

    Example:
        >>> print(forget(Settings(warehouse=Path("warehouse")), "user-17"))
        Forgot user-17:
          312 events from 2 files
    """
    person, folder = Person(user_id), settings.warehouse
    if not user_id.strip():
        raise UnknownPersonError("Whom to forget? The id is empty.")
    publication = Publication(folder, settings.keep_snapshots, settings.keep_version_days)
    with run_lock.hold_run_lock(folder, purpose="grupa forget"):
        aggregate_cache.clear(folder, keep_days=0)
        clusters, held = _memberships(publication, person)
        erased = _drop_staged(folder, person)
        if warehouse.version(publication.database):
            require_sound(
                publication.published_files(), folder
            )  # a damaged file may hide them, and is not written anew
            erased += _forget_published(publication, person)
        erased += _forget_plans(folder, person, settings.keep_version_days)
        aggregate_cache.clear(folder, keep_days=0)  # the app may have aggregated their events meanwhile
        with export_log.hold(folder, "grupa forget"):  # an export that began before holds them
            erased += exported_lists.erase_from_exports(folder, person)
        left = exported_lists.lists_that_left(folder, person, clusters, held, is_known=bool(erased))
        ambiguous = _ambiguous_mentions(publication, person)
    other_files = _other_files(folder, person)
    if not erased and not left and not other_files:
        raise UnknownPersonError(f"Nothing in {folder} is of a user {user_id!r}; ids are compared letter by letter.")
    lines = erased or ["  the tables and plans held nothing of them"]
    return "\n".join([f"Forgot {user_id}:", *lines, *ambiguous, *left, *other_files])


def _memberships(publication: Publication, person: Person) -> tuple[dict[date, str | None], frozenset[date]]:
    """The person's cluster in each snapshot, and the days of the snapshots whose users are held."""
    own = publication.query(
        f"SELECT snapshot_date, cluster_id FROM {USER_CLUSTERS.name} WHERE user_id = ?", [person.user_id]
    ).to_pylist()
    days = publication.query(
        f"SELECT DISTINCT day FROM {PUBLISHED_FILES.name} WHERE table_name = '{USER_CLUSTERS.name}'"
    ).to_pylist()
    return {row["snapshot_date"]: row["cluster_id"] for row in own}, frozenset(row["day"] for row in days)


def _drop_staged(folder: Path, person: Person) -> list[str]:
    """Staged snapshots that hold the person are dropped as a whole: they are computed again without them."""
    days = sorted({path.parent.name for path in _files_with(person, folder / "staging", "*/*.parquet")})
    for day in days:
        staging.discard(folder, date.fromisoformat(day))
    return [f"  dropped snapshots that were staged and not published yet: {', '.join(days)}"] if days else []


def _forget_published(publication: Publication, person: Person) -> list[str]:
    files = set(_files_with(person, publication.folder / "data", "*/*/*.parquet"))
    versions = warehouse.versions(publication.database)
    if not files and not any(erasure_tables.mentions(path, person) for path in versions):
        return []
    with tempfile.TemporaryDirectory(dir=publication.folder, prefix=".forget-") as scratch:
        rewritten = list(_rewrite(publication, person, files, Path(scratch)))
        parquet_files.sync_names(
            publication.folder, (file.new.path for file in rewritten if file.new and file.new.path)
        )
        with warehouse.publish(publication.database, rewrite=True) as con:
            schema.ensure_tables(con)
            schema.show_published_files(con, publication.folder, PIPELINE_TABLES)  # the folder may have moved
            labels = erasure_tables.labels_of(con, person)
            uncounted = erasure_tables.uncount_actions(con, person)
            for file in rewritten:
                _replace(con, publication, file)
            schema.show_published_files(con, publication.folder, PIPELINE_TABLES)
            report = erasure_tables.update_counts(con, labels, [file.removed for file in rewritten])
            report += uncounted
            report += erasure_tables.erase_rejected(con, person)
            report += erasure_tables.erase_texts(con, person)
    report += _delete_old_versions(publication.database)
    publication.delete_unreferenced_files()
    return report


def _rewrite(publication: Publication, person: Person, files: set[Path], scratch: Path) -> Iterator[_Rewritten]:
    """Write the published files among `files` again without the person."""
    rows = publication.query(
        f"SELECT table_name, day, path, content_key, inputs FROM {PUBLISHED_FILES.name} WHERE path IS NOT NULL"
    ).to_pylist()
    for row in rows:
        if publication.folder / row["path"] not in files:
            continue
        table, day = BY_NAME[row["table_name"]], row["day"]
        old = pq.read_table(publication.folder / row["path"])
        remaining = without(old, person)
        sha256 = old["file_sha256"][0].as_py() if table is EVENTS else None
        removed = Removed(table.name, day, sha256, old.num_rows - remaining.num_rows)
        new = None
        if remaining.num_rows or table is not EVENTS:
            path = scratch / f"{table.name}.parquet"
            path.unlink(missing_ok=True)  # the former file of this name is linked under `data/` and must not change
            pq.write_table(remaining, path, compression="zstd")
            key = None if table is EVENTS else staging.content_key(remaining)
            file, sha256 = parquet_files.store(publication.folder, table, day, path)
            new = TableState(key or sha256, {}, remaining.num_rows, file, sha256)
        yield _Rewritten(table.name, day, row["path"], row["content_key"], new, removed)


def without(rows: pa.Table, person: Person) -> pa.Table:
    """`rows` without the person's own, and with their id erased from the metadata of other people's events."""
    remaining = rows.filter(pc.invert(pc.equal(rows["user_id"], person.user_id)))
    if "metadata" not in remaining.column_names:
        return remaining
    metadata = remaining["metadata"].cast(pa.string())
    for _ in range(2):  # one match may end where the next begins
        metadata = pc.replace_substring_regex(metadata, person.in_text, rf"\1{person.erased_in_json}\2")
    position, field = remaining.column_names.index("metadata"), remaining.schema.field("metadata")
    return remaining.set_column(position, field, metadata.cast(field.type))


def _replace(con: duckdb.DuckDBPyConnection, publication: Publication, file: _Rewritten) -> None:
    """Name the new file in place of the old one, also in the inputs of the tables that were computed from it."""
    new = file.new
    if new is None or new.path is None:
        con.execute(f"DELETE FROM {PUBLISHED_FILES.name} WHERE path = ?", [file.old_path])
        return
    path = str(new.path.relative_to(publication.folder))
    con.execute(
        f"UPDATE {PUBLISHED_FILES.name} SET path = ?, content_key = ?, rows = ?, bytes_sha256 = ? WHERE path = ?",
        [path, new.content_key, new.rows, new.bytes_sha256, file.old_path],
    )
    con.execute(
        f"UPDATE {PUBLISHED_FILES.name} SET inputs = replace(inputs::VARCHAR, ?, ?)::JSON WHERE day = ?",
        [file.old_key, new.content_key, file.day],
    )


def _forget_plans(folder: Path, person: Person, keep_days: int) -> list[str]:
    """Erase the person from plans: as owner and as editor, and from every text."""
    database = folder / warehouse.ROADMAP_FILE
    versions = warehouse.versions(database)
    if not any(erasure_tables.mentions(path, person) for path in versions):
        return []
    with warehouse.publish(database, keep_days=keep_days, rewrite=True) as con:
        report = erasure_tables.erase_texts(con, person)
    return report + _delete_old_versions(database)


def _delete_old_versions(database: Path) -> list[str]:
    deleted = warehouse.keep_only_published(database)
    return [f"  removed {len(deleted)} older versions of {database.name}, which could be restored"] if deleted else []


def _files_with(person: Person, folder: Path, pattern: str) -> list[Path]:
    """The Parquet files of users or events below `folder` that hold the person."""
    files = [str(path) for path in folder.glob(pattern) if "user_id" in pq.read_schema(path).names]
    if not files:
        return []
    of_events = [name for name in files if f"/{EVENTS.name}/" in name]
    others = [name for name in files if name not in of_events]
    text = {"text": person.in_text}
    with open_duckdb() as con:
        matches = _matching_files(con, of_events, person, "OR regexp_matches(metadata::VARCHAR, $text)", text)
        matches |= _matching_files(con, others, person)
    return sorted(Path(name) for name in matches)


def _matching_files(
    con: duckdb.DuckDBPyConnection,
    names: Sequence[str],
    person: Person,
    condition: str = "",
    parameters: Mapping[str, str] = MappingProxyType({}),
) -> set[str]:
    """Those of the Parquet files `names` with a row of the person, or one that fulfils `condition`."""
    if not names:
        return set()
    rows = con.execute(
        f"""SELECT DISTINCT filename FROM read_parquet($files, filename = true, union_by_name = true)
            WHERE user_id = $user {condition}""",
        {"files": [sql.pattern(Path(name)) for name in names], "user": person.user_id, **parameters},
    ).fetchall()
    return {name for (name,) in rows}


def _ambiguous_mentions(publication: Publication, person: Person) -> list[str]:
    """Where other people's events still hold the id: in actions, and in metadata as a number or word that may mean anything."""
    query = f"""
        SELECT count(*) FILTER (regexp_matches(action, $1)) AS actions,
               count(*) FILTER (regexp_matches(metadata::VARCHAR, $1)) AS metadata FROM {EVENTS.name}"""
    [counts] = publication.query(query, [person.as_word]).to_pylist() or [{"actions": 0, "metadata": 0}]
    places = [f"in the {name} of {rows:,} events" for name, rows in counts.items() if rows]
    if not places:
        return []
    return [
        f"What may remain: {person.user_id!r} stands {' and '.join(places)} of others, where it may mean something else."
    ]


def _other_files(folder: Path, person: Person) -> list[str]:
    """Files that are not Grupa's to change and still hold the person: the original logs, Dagster's own history."""
    names = []
    for path in sorted(folder.rglob("*")):
        managed = path.relative_to(folder).parts[0] in _MANAGED_FOLDERS or path.suffix == ".lock"
        if path.is_file() and not path.is_symlink() and not managed and mentions(path, person):
            names.append(f"  {path.relative_to(folder)}")
    if not names:
        return []
    return ["These files still hold them, and are yours to delete or to edit:", *names]
