"""Loads tables for assets, and publishes events and agreeing snapshots into `grupa.duckdb`.

The only module that knows both staged and published tables. Holds no connection while assets compute.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from grupa_pipeline.ingest.column_mapping import ColumnMapping
from grupa_pipeline.ingest.columns import column_set
from grupa_pipeline.ingest.ingest import IngestedFile
from grupa_pipeline.storage import parquet_files, schema, staging, warehouse
from grupa_pipeline.storage.feature_catalog_migration import with_families
from grupa_pipeline.storage.file_integrity import (
    LOG,
    PublishedFile,
    VerifiedConnection,
    find_damage,
    logs_of,
    published_file,
    published_files,
    require_sound,
    why_damaged,
)
from grupa_pipeline.storage.staging import TableState, empty_rows
from grupa_pipeline.tables import (
    COLUMN_MAPPINGS,
    EVENT_CATALOG,
    EVENTS,
    FEATURE_CATALOG,
    INGESTED_FILES,
    LLM_CALLS,
    PIPELINE_TABLES,
    PUBLISHED_FILES,
    REJECTED_ROWS,
    Table,
)
from grupa_pipeline.vocabulary.enums import TableStorage

BY_NAME = {table.name: table for table in PIPELINE_TABLES}


@dataclass(frozen=True)
class Publication:
    """The pipeline's view of one warehouse folder.

    Attributes:
        folder: The warehouse.
        keep_snapshots: Number of snapshots whose per-user tables are kept; the small tables are kept for ever.
        keep_version_days: Days for which older versions can be restored.

    Example:
        >>> Publication(Path("warehouse")).query("SELECT count(*) AS users FROM user_clusters").to_pylist()
        [{'users': 2000}]
    """

    folder: Path
    keep_snapshots: int = 30
    keep_version_days: int = 7

    @property
    def database(self) -> Path:
        """The link that people open."""
        return self.folder / warehouse.PIPELINE_FILE

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        """Rows of the published version; an empty table of no columns when nothing has been published.

        Raises:
            DamagedFileError: The files that it reads are not those published.
        """
        if warehouse.version(self.database) is None:
            return pa.table({})
        with warehouse.read(self.database) as con:
            return VerifiedConnection.of(con, self.folder).sql(sql, params=list(parameters)).to_arrow_table()

    def published_files(self) -> list[PublishedFile]:
        """The Parquet files of the published version; none when nothing has been published."""
        if warehouse.version(self.database) is None:
            return []
        with warehouse.read(self.database) as con:
            return published_files(con, self.folder)

    def event_files(
        self, first: date | None = None, end: date | None = None, *, without: Collection[PublishedFile] = ()
    ) -> list[Path]:
        """Parquet files of the events of the days `first <= day < end` but for those `without`, in a fixed order.

        Raises:
            DamagedFileError: Some are not those published.
        """
        files = [file for file in self._event_files(first, end) if file not in without]
        require_sound(files, self.folder)
        return [file.path for file in files]

    def _event_files(self, first: date | None, end: date | None) -> list[PublishedFile]:
        rows = self.query(
            f"SELECT * FROM {PUBLISHED_FILES.name} WHERE table_name = 'events' AND day >= ? AND day < ? ORDER BY day, path",
            [first or date.min, end or date.max],
        ).to_pylist()
        return [published_file(row, self.folder) for row in rows]

    def damaged_events(self, logs: Collection[str]) -> list[PublishedFile]:
        """Damaged files of events that the logs of these SHA-256, all of them at hand, can bring back."""
        if not logs:
            return []
        damaged = find_damage(self._event_files(None, None))
        with warehouse.read(self.database) as con:
            return [file for file in damaged if {sha256 for _, sha256 in logs_of(con, file)} <= set(logs)]

    def events_key(self, first: date, end: date) -> str:
        """Hash of the events of the days `first <= day < end`; the order in which files were ingested does not matter."""
        rows = self.query(
            f"""SELECT day, content_key FROM {PUBLISHED_FILES.name}
                WHERE table_name = 'events' AND day >= ? AND day < ? ORDER BY ALL""",
            [first, end],
        ).to_pylist()
        return hashlib.sha256(repr([(str(row["day"]), row["content_key"]) for row in rows]).encode()).hexdigest()

    def column_mappings(self) -> dict[frozenset[str], ColumnMapping]:
        """The mappings that people gave, by the set of a log's columns."""
        if not self._has_table(COLUMN_MAPPINGS):  # an earlier release published this version
            return {}
        rows = self.query(f"SELECT columns, mapping FROM {COLUMN_MAPPINGS.name}").to_pylist()
        return {frozenset(row["columns"]): ColumnMapping.parse(row["mapping"]) for row in rows}

    def _has_table(self, table: Table) -> bool:
        tables = self.query("SELECT table_name FROM duckdb_tables() WHERE table_name = ?", [table.name])
        return bool(tables.num_rows)

    def last_day(self) -> date | None:
        """The last day that holds an accepted event."""
        rows = self.query(f"SELECT max(day) AS day FROM {PUBLISHED_FILES.name} WHERE table_name = 'events'").to_pylist()
        return rows[0]["day"] if rows else None

    def has_events_outside(self, first: date, end: date) -> bool:
        """Whether any event is of another day than `first <= day < end`."""
        return bool(self._event_files(None, first) or self._event_files(end, None))

    def count_events(self) -> int:
        """Number of accepted events, from what was recorded when they were published."""
        rows = self.query(
            f"SELECT sum(rows) AS rows FROM {PUBLISHED_FILES.name} WHERE table_name = 'events'"
        ).to_pylist()
        return int(rows[0]["rows"] or 0) if rows else 0

    def users(self) -> int:
        """Users with an event, on whatever day; reads all events."""
        users: int = self.query("SELECT count(DISTINCT user_id) AS users FROM events").to_pylist()[0]["users"]
        return users

    def states(self, snapshot: date) -> dict[str, TableState]:
        """States of the published tables of `snapshot`, by table name."""
        rows = self.query(
            f"SELECT * FROM {PUBLISHED_FILES.name} WHERE table_name <> 'events' AND day = ?", [snapshot]
        ).to_pylist()
        return {
            row["table_name"]: TableState(
                row["content_key"],
                staging.read_inputs(row["inputs"]),
                row["rows"],
                self.folder / row["path"] if row["path"] else None,
                row.get("bytes_sha256"),
            )
            for row in rows
        }

    def load(self, table: Table, snapshot: date) -> pa.Table:
        """Rows of `table` for `snapshot` as an asset sees them: staged, else published.

        Raises:
            LookupError: They have not been computed, or are no longer kept.
            DamagedFileError: Their file is not the one published.
        """
        state = staging.staged(self.folder, snapshot).get(table.name)
        return _read_file(table, state) if state else self.load_published(table, snapshot)

    def load_published(self, table: Table, snapshot: date) -> pa.Table:
        """Rows of `table` for `snapshot` as they were published.

        For a catalog, that of the snapshot; the newest feature catalog where an earlier release published it and kept no
        other, and no rows of the event catalogue, which it did not have.

        Raises:
            LookupError: They have not been published, or are no longer kept.
            DamagedFileError: Their file is not the one published.
        """
        states = self.states(snapshot)
        state = states.get(table.name)
        if state is None and table is EVENT_CATALOG and states:
            return empty_rows(table)
        if state is None:
            raise LookupError(
                f"{table.name} of {snapshot} is missing (not computed yet, or no longer kept); materialise it."
            )
        if state.path:
            require_sound([_file_of(table, snapshot, state)], self.folder)
            return _read_file(table, state)
        if table is FEATURE_CATALOG:
            return with_families(self.query(f"SELECT * FROM {table.name}"))
        if table.snapshot_column is None:
            return self.query(f"SELECT * FROM {table.name}")
        return self.query(f"SELECT * FROM {table.name} WHERE {table.snapshot_column} = ?", [snapshot])

    def column_names(self, table: Table, snapshot: date) -> list[str]:
        """The columns of `table` for `snapshot` as they were published, in a file of their own.

        Raises:
            DamagedFileError: The file is not the one published.
        """
        file = _file_of(table, snapshot, self.states(snapshot)[table.name])
        require_sound([file], self.folder)
        names: list[str] = pq.read_schema(file.path).names
        return names

    def inputs(self, table: Table, snapshot: date, events_key: str) -> dict[str, str]:
        """Content keys of the tables that `table` is computed from, as they are now."""
        states = self.states(snapshot) | staging.staged(self.folder, snapshot)
        # A snapshot of an earlier release has no event catalogue.
        made_from = [name for name in table.made_from if name != EVENT_CATALOG.name or name in states]
        return {name: events_key if name == EVENTS.name else states[name].content_key for name in made_from}

    def publish_events(self, files: Iterable[IngestedFile], *, instead_of: Sequence[PublishedFile] = ()) -> None:
        """Publish newly ingested files: their events, counts and rejected rows, all at once.

        Args:
            files: What was ingested.
            instead_of: Damaged files of events, whose logs are among `files`; their counts and rejected rows stay.
        """
        files = [file for file in files if not file.already_ingested]
        if not files:
            return
        now = datetime.now(UTC).replace(tzinfo=None)
        stored = [
            (day, parquet_files.store(self.folder, EVENTS, day, path), file.file_sha256)
            for file in files
            for day, path in file.event_files.items()
        ]
        parquet_files.sync_names(self.folder, (file.path for _, file, _ in stored))
        with warehouse.publish(self.database, keep_days=self.keep_version_days) as con:
            schema.ensure_tables(con)
            for damaged in instead_of:
                name = str(damaged.path.relative_to(self.folder))
                con.execute(f"DELETE FROM {PUBLISHED_FILES.name} WHERE path = ?", [name])
            for file in files:
                if con.execute(f"FROM {INGESTED_FILES.name} WHERE file_sha256 = ?", [file.file_sha256]).fetchone():
                    continue
                row = [getattr(file, name) if name != "ingested_at" else now for name in INGESTED_FILES.column_names]
                con.execute(f"INSERT INTO {INGESTED_FILES.name} VALUES ({', '.join('?' * len(row))})", row)
                if file.rejected.num_rows:
                    _insert(con, REJECTED_ROWS, file.rejected)
                if file.given_mapping is not None:
                    _remember_mapping(con, file, now)
            for day, (path, sha256), log in stored:
                state = TableState(sha256, {LOG: log}, pq.read_metadata(path).num_rows, path, sha256)
                self.record_state(con, EVENTS, day, state)
            schema.show_published_files(con, self.folder, PIPELINE_TABLES)

    def publish_agreeing(self, snapshots: Sequence[date]) -> dict[date, list[str]]:
        """Publish those of `snapshots` whose tables agree, all at once.

        Returns:
            For each snapshot why it was not published; an empty list where it was, or nothing of it is staged.
        """
        reasons: dict[date, list[str]] = {}
        ready: dict[date, dict[str, TableState]] = {}
        for snapshot in sorted(snapshots):
            new, old = staging.staged(self.folder, snapshot), self.states(snapshot)
            reasons[snapshot] = staging.disagreements(old | new)
            if not reasons[snapshot] and new:
                ready[snapshot] = {
                    name: state for name, state in new.items() if not _is_published(name, snapshot, state, old)
                }
        if any(ready.values()):
            self._publish_snapshots(ready)
            self.delete_unreferenced_files()
        for snapshot in ready:
            staging.discard(self.folder, snapshot)
        return reasons

    def _publish_snapshots(self, ready: Mapping[date, Mapping[str, TableState]]) -> None:
        stored = {
            (snapshot, name): parquet_files.store(self.folder, BY_NAME[name], snapshot, _staged_path(state))
            for snapshot, states in ready.items()
            for name, state in states.items()
            if _has_file(BY_NAME[name])
        }
        parquet_files.sync_names(self.folder, (file.path for file in stored.values()))
        with warehouse.publish(self.database, keep_days=self.keep_version_days) as con:
            schema.ensure_tables(con)
            for snapshot, states in ready.items():
                for name, state in states.items():
                    table, (path, sha256) = BY_NAME[name], stored.get((snapshot, name), (None, None))
                    if table.storage is TableStorage.ROWS:
                        _replace_rows(con, table, snapshot, _read_file(table, state))
                    published = TableState(state.content_key, state.inputs, state.rows, path, sha256)
                    self.record_state(con, table, snapshot, published)
            self._drop_old_files(con)
            schema.show_published_files(con, self.folder, PIPELINE_TABLES)

    def delete_unreferenced_files(self) -> None:
        """Delete Parquet files that no kept version names, and what killed writers left."""
        parquet_files.delete_unreferenced(self.folder, warehouse.versions(self.database))

    def _drop_old_files(self, con: duckdb.DuckDBPyConnection) -> None:
        """Drop the per-user tables, and the catalogs of their own, of all but the newest snapshots."""
        con.execute(
            f"""DELETE FROM {PUBLISHED_FILES.name} WHERE table_name <> 'events' AND path IS NOT NULL AND day NOT IN (
                SELECT DISTINCT day FROM {PUBLISHED_FILES.name} WHERE table_name <> 'events' ORDER BY day DESC LIMIT ?)""",
            [self.keep_snapshots],
        )

    def record_state(self, con: duckdb.DuckDBPyConnection, table: Table, day: date, state: TableState) -> None:
        """Record in the version being written that it holds `state`.

        Files of events add to those of their day; the state of a snapshot's table replaces the former one.
        """
        if table is not EVENTS:
            con.execute(f"DELETE FROM {PUBLISHED_FILES.name} WHERE table_name = ? AND day = ?", [table.name, day])
        path = str(state.path.relative_to(self.folder)) if state.path else None
        con.execute(
            f"INSERT INTO {PUBLISHED_FILES.name} VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                table.name,
                day,
                state.content_key,
                path,
                state.rows,
                json.dumps(dict(state.inputs), sort_keys=True),
                state.bytes_sha256,
            ],
        )


def _remember_mapping(con: duckdb.DuckDBPyConnection, file: IngestedFile, now: datetime) -> None:
    columns = sorted(column_set(file.columns))
    con.execute(f"DELETE FROM {COLUMN_MAPPINGS.name} WHERE columns = ?", [columns])
    row = [columns, str(file.given_mapping), file.file_sha256, now]
    con.execute(f"INSERT INTO {COLUMN_MAPPINGS.name} VALUES (?, ?, ?, ?)", row)


def _has_file(table: Table) -> bool:
    """Whether each snapshot's rows are kept in a file of their own.

    Those of the catalogs are too: a table has one row a feature or action, the newest, but what it means may change from day
    to day (its role does), and a snapshot that is computed again in part needs its catalogs of that day.
    """
    return table.storage is TableStorage.PARQUET or table in (FEATURE_CATALOG, EVENT_CATALOG)


def _file_of(table: Table, day: date, state: TableState) -> PublishedFile:
    return PublishedFile(_staged_path(state), table.name, day, state.content_key, state.rows, state.bytes_sha256)


def _is_published(name: str, day: date, state: TableState, old: Mapping[str, TableState]) -> bool:
    """Whether a staged table is what is published already, in a sound file."""
    before = old.get(name)
    if before is None or not state.same_as(before):
        return False
    return before.path is None or why_damaged(_file_of(BY_NAME[name], day, before)) is None


def _replace_rows(con: duckdb.DuckDBPyConnection, table: Table, snapshot: date, rows: pa.Table) -> None:
    if table is LLM_CALLS:
        # A log of calls: a row stays, even when its snapshot is computed again.
        con.register("new_rows", rows)
        con.execute(f"DELETE FROM {table.name} WHERE call_id IN (SELECT call_id FROM new_rows)")
        con.unregister("new_rows")
    elif table is EVENT_CATALOG:
        [(newest,)] = con.execute(
            f"SELECT max(day) FROM {PUBLISHED_FILES.name} WHERE table_name = ?", [table.name]
        ).fetchall()
        if newest is not None and snapshot < newest:
            return  # the table is the newest snapshot's; an earlier one keeps its own in its file
        con.execute(f"DELETE FROM {table.name}")
    elif table.snapshot_column:
        con.execute(f"DELETE FROM {table.name} WHERE {table.snapshot_column} = ?", [snapshot])
    else:
        con.register("new_rows", rows)
        keys = ", ".join(table.key)
        con.execute(f"DELETE FROM {table.name} WHERE ({keys}) IN (SELECT ({keys}) FROM new_rows)")
        con.unregister("new_rows")
    _insert(con, table, rows)


def _insert(con: duckdb.DuckDBPyConnection, table: Table, rows: pa.Table) -> None:
    con.register("new_rows", rows)
    con.execute(f"INSERT INTO {table.name} BY NAME SELECT * FROM new_rows")
    con.unregister("new_rows")


def _read_file(table: Table, state: TableState) -> pa.Table:
    rows = pq.read_table(_staged_path(state))
    return with_families(rows) if table is FEATURE_CATALOG else rows


def _staged_path(state: TableState) -> Path:
    assert state.path is not None  # noqa: S101 - whatever is staged is a file
    return state.path
