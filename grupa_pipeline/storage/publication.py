"""What is visible: loads tables for assets, and publishes events and agreeing snapshots into `grupa.duckdb`.

The only module that knows both what is staged and what is published. Holds no connection while assets compute.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from grupa_pipeline.ingest.ingest import IngestedFile
from grupa_pipeline.storage import schema, staging, warehouse
from grupa_pipeline.storage.feature_catalog_migration import with_families
from grupa_pipeline.storage.staging import TableState
from grupa_pipeline.tables import (
    EVENTS,
    FEATURE_CATALOG,
    INGESTED_FILES,
    LLM_CALLS,
    PIPELINE_TABLES,
    PUBLISHED_FILES,
    REJECTED_ROWS,
    Table,
)

logger = logging.getLogger("grupa")

BY_NAME = {table.name: table for table in PIPELINE_TABLES}


@dataclass(frozen=True)
class Publication:
    """The pipeline's view of one warehouse folder.

    Attributes:
        folder: The warehouse.
        keep_snapshots: Snapshots whose per-user tables stay; the small tables stay for ever.
        keep_version_days: Days for which older versions can be restored.
    """

    folder: Path
    keep_snapshots: int = 30
    keep_version_days: int = 7

    @property
    def database(self) -> Path:
        """The link that people open."""
        return self.folder / warehouse.PIPELINE_FILE

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        """Rows of the published version; an empty table of no columns when nothing has been published."""
        if warehouse.version(self.database) is None:
            return pa.table({})
        with warehouse.read(self.database) as con:
            return con.sql(sql, params=list(parameters)).to_arrow_table()

    def event_files(self, first: date | None = None, end: date | None = None) -> list[Path]:
        """Parquet files of the events of the days `first <= day < end`, in a fixed order."""
        rows = self.query(
            f"SELECT path FROM {PUBLISHED_FILES.name} WHERE table_name = 'events' AND day >= ? AND day < ? ORDER BY day, path",
            [first or date.min, end or date.max],
        ).to_pylist()
        return [self.folder / row["path"] for row in rows]

    def events_key(self, first: date, end: date) -> str:
        """Fingerprint of the events of the days `first <= day < end`, the same however they came in order of files."""
        rows = self.query(
            f"""SELECT day, content_key FROM {PUBLISHED_FILES.name}
                WHERE table_name = 'events' AND day >= ? AND day < ? ORDER BY ALL""",
            [first, end],
        ).to_pylist()
        return hashlib.sha256(repr([(str(row["day"]), row["content_key"]) for row in rows]).encode()).hexdigest()

    def last_day(self) -> date | None:
        """The last day that holds an accepted event."""
        rows = self.query(f"SELECT max(day) AS day FROM {PUBLISHED_FILES.name} WHERE table_name = 'events'").to_pylist()
        return rows[0]["day"] if rows else None

    def has_events_outside(self, first: date, end: date) -> bool:
        """Whether any event is of another day than `first <= day < end`."""
        return bool(self.event_files(end=first) or self.event_files(end))

    def users(self) -> int:
        """Users with an event, on whatever day; reads all events."""
        users: int = self.query("SELECT count(DISTINCT user_id) AS users FROM events").to_pylist()[0]["users"]
        return users

    def states(self, snapshot: date) -> dict[str, TableState]:
        """What is published of `snapshot`, by table name."""
        rows = self.query(
            f"SELECT * FROM {PUBLISHED_FILES.name} WHERE table_name <> 'events' AND day = ?", [snapshot]
        ).to_pylist()
        return {
            row["table_name"]: TableState(
                row["content_key"],
                json.loads(row["inputs"]),
                row["rows"],
                self.folder / row["path"] if row["path"] else None,
            )
            for row in rows
        }

    def load(self, table: Table, snapshot: date) -> pa.Table:
        """Rows of `table` for `snapshot` as an asset sees them: staged, else published.

        Raises:
            LookupError: They have not been made, or are kept no longer.
        """
        state = staging.staged(self.folder, snapshot).get(table.name)
        return _read_file(table, state) if state else self.load_published(table, snapshot)

    def load_published(self, table: Table, snapshot: date) -> pa.Table:
        """Rows of `table` for `snapshot` as they were published.

        Of the catalog: its own, or the newest where an earlier release published it, which kept no other.

        Raises:
            LookupError: They have not been published, or are kept no longer.
        """
        state = self.states(snapshot).get(table.name)
        if state is None:
            raise LookupError(
                f"{table.name} of {snapshot} is not there (not made yet, or kept no longer); materialise it."
            )
        if state.path:
            return _read_file(table, state)
        if table is FEATURE_CATALOG:
            return with_families(self.query(f"SELECT * FROM {table.name}"))
        if table.snapshot_column is None:
            return self.query(f"SELECT * FROM {table.name}")
        return self.query(f"SELECT * FROM {table.name} WHERE {table.snapshot_column} = ?", [snapshot])

    def inputs(self, table: Table, snapshot: date, events_key: str) -> dict[str, str]:
        """Content keys of what `table` is made from now."""
        states = self.states(snapshot) | staging.staged(self.folder, snapshot)
        return {name: events_key if name == EVENTS.name else states[name].content_key for name in table.made_from}

    def publish_events(self, files: Iterable[IngestedFile]) -> None:
        """Make newly ingested files visible: their events, their counts and their rejected rows, all at once."""
        files = [file for file in files if not file.already_ingested]
        if not files:
            return
        now = datetime.now(UTC).replace(tzinfo=None)
        moved = [(day, self.keep(EVENTS, day, path)) for file in files for day, path in file.event_files.items()]
        self.sync_names(path for _, path in moved)
        with warehouse.publish(self.database, keep_days=self.keep_version_days) as con:
            schema.ensure_tables(con)
            for file in files:
                row = [getattr(file, name) if name != "ingested_at" else now for name in INGESTED_FILES.column_names]
                con.execute(f"INSERT INTO {INGESTED_FILES.name} VALUES ({', '.join('?' * len(row))})", row)
                if file.rejected.num_rows:
                    _insert(con, REJECTED_ROWS, file.rejected)
            for day, path in moved:
                state = TableState(file_key(path), {}, pq.read_metadata(path).num_rows, path)
                self.note(con, EVENTS, day, state)
            schema.show_published_files(con, self.folder, PIPELINE_TABLES)

    def publish_agreeing(self, snapshots: Sequence[date]) -> dict[date, list[str]]:
        """Publish those of `snapshots` whose tables agree, together; returns for each why it was not, or an empty list."""
        outcome: dict[date, list[str]] = {}
        ready: dict[date, dict[str, TableState]] = {}
        for snapshot in sorted(snapshots):
            new, old = staging.staged(self.folder, snapshot), self.states(snapshot)
            outcome[snapshot] = staging.disagreements(old | new)
            if not outcome[snapshot] and new:
                ready[snapshot] = {name: state for name, state in new.items() if not state.same_as(old.get(name))}
        if any(ready.values()):
            self._publish_snapshots(ready)
            self.clear_out()
        for snapshot in ready:
            staging.discard(self.folder, snapshot)
        return outcome

    def _publish_snapshots(self, ready: Mapping[date, Mapping[str, TableState]]) -> None:
        kept = {
            (snapshot, name): self.keep(BY_NAME[name], snapshot, _staged_path(state), state.content_key)
            for snapshot, states in ready.items()
            for name, state in states.items()
            if _has_file(BY_NAME[name])
        }
        self.sync_names(kept.values())
        with warehouse.publish(self.database, keep_days=self.keep_version_days) as con:
            schema.ensure_tables(con)
            for snapshot, states in ready.items():
                for name, state in states.items():
                    table, path = BY_NAME[name], kept.get((snapshot, name))
                    if table.storage == "rows":
                        _replace_rows(con, table, snapshot, _read_file(table, state))
                    self.note(con, table, snapshot, TableState(state.content_key, state.inputs, state.rows, path))
            self._forget_old_snapshots(con)
            schema.show_published_files(con, self.folder, PIPELINE_TABLES)

    def clear_out(self) -> None:
        """Remove Parquet files that no version that is kept names any more, and what killed writers left."""
        named: set[Path] = set()
        for path in warehouse.versions(self.database):
            try:
                with duckdb.connect(str(path), read_only=True) as con:
                    rows = con.execute(f"SELECT path FROM {PUBLISHED_FILES.name} WHERE path IS NOT NULL").fetchall()
            except duckdb.Error as error:
                # What it named cannot be told, so nothing goes until it is thinned out or removed.
                logger.warning("Old files were not cleared: %s does not open (%s).", path, str(error).splitlines()[0])
                return
            named |= {self.folder / name for (name,) in rows}
        for file in set((self.folder / "data").glob("*/*/*.parquet")) - named:
            file.unlink()

    def _forget_old_snapshots(self, con: duckdb.DuckDBPyConnection) -> None:
        """Let go of the per-user tables, and catalogs of their own, of all but the newest snapshots."""
        con.execute(
            f"""DELETE FROM {PUBLISHED_FILES.name} WHERE table_name <> 'events' AND path IS NOT NULL AND day NOT IN (
                SELECT DISTINCT day FROM {PUBLISHED_FILES.name} WHERE table_name <> 'events' ORDER BY day DESC LIMIT ?)""",
            [self.keep_snapshots],
        )

    def keep(self, table: Table, day: date, path: Path, key: str | None = None) -> Path:
        """Give an immutable Parquet file its place under `data/`, named by its content; `path` may stay beside it."""
        home = self.folder / "data" / table.name / day.isoformat()
        home.mkdir(parents=True, exist_ok=True)
        kept = home / f"{(key or file_key(path))[:16]}.parquet"
        if not kept.exists():
            draft = kept.with_name(f".{kept.name}")
            draft.unlink(missing_ok=True)
            os.link(path, draft)
            warehouse.sync(draft)
            os.replace(draft, kept)
        return kept

    def sync_names(self, files: Iterable[Path]) -> None:
        """Have the disk hold the names of kept `files` too, before a version that names them is shown."""
        data = self.folder / "data"
        homes = {file.parent for file in files}
        for folder in sorted(homes | {home.parent for home in homes} | ({data, self.folder} if homes else set())):
            warehouse.sync(folder)

    def note(self, con: duckdb.DuckDBPyConnection, table: Table, day: date, state: TableState) -> None:
        """Write down that the version being made holds `state`; days of events add up, a snapshot's table replaces."""
        if table is not EVENTS:
            con.execute(f"DELETE FROM {PUBLISHED_FILES.name} WHERE table_name = ? AND day = ?", [table.name, day])
        path = str(state.path.relative_to(self.folder)) if state.path else None
        con.execute(
            f"INSERT INTO {PUBLISHED_FILES.name} VALUES (?, ?, ?, ?, ?, ?)",
            [table.name, day, state.content_key, path, state.rows, json.dumps(dict(state.inputs), sort_keys=True)],
        )


def _has_file(table: Table) -> bool:
    """Whether each snapshot's rows are kept in a file of their own.

    Those of the catalog are too: the table has one row a feature, the newest, but what a feature is may change from day to
    day (its role does), and a snapshot that is made again in part needs what it was that day.
    """
    return table.storage == "parquet" or table is FEATURE_CATALOG


def _replace_rows(con: duckdb.DuckDBPyConnection, table: Table, snapshot: date, rows: pa.Table) -> None:
    if table is LLM_CALLS:
        # A log of calls: what was sent once stays, even when the snapshot is made again.
        con.register("made", rows)
        con.execute(f"DELETE FROM {table.name} WHERE call_id IN (SELECT call_id FROM made)")
        con.unregister("made")
    elif table.snapshot_column:
        con.execute(f"DELETE FROM {table.name} WHERE {table.snapshot_column} = ?", [snapshot])
    else:
        con.register("made", rows)
        keys = ", ".join(table.key)
        con.execute(f"DELETE FROM {table.name} WHERE ({keys}) IN (SELECT ({keys}) FROM made)")
        con.unregister("made")
    _insert(con, table, rows)


def _insert(con: duckdb.DuckDBPyConnection, table: Table, rows: pa.Table) -> None:
    con.register("made", rows)
    con.execute(f"INSERT INTO {table.name} BY NAME SELECT * FROM made")
    con.unregister("made")


def _read_file(table: Table, state: TableState) -> pa.Table:
    rows = pq.read_table(_staged_path(state))
    return with_families(rows) if table is FEATURE_CATALOG else rows


def _staged_path(state: TableState) -> Path:
    assert state.path is not None  # noqa: S101 - whatever is staged is a file
    return state.path


def file_key(path: Path) -> str:
    """SHA-256 of a file's bytes: the content key of a file of events."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
