"""Erases a person from the rows of a DuckDB file: from counts that included them, and from records and texts that name them.

Works on an open connection while a version is written; knows no folders and moves no files.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from grupa_pipeline.maintenance.person import ERASED, Person
from grupa_pipeline.sql import open_duckdb
from grupa_pipeline.tables import (
    CLUSTER_INSIGHTS,
    CLUSTER_NAMES,
    CLUSTERS,
    EVENT_CATALOG,
    EVENTS,
    INGESTED_FILES,
    INSIGHT_FEEDBACK,
    LLM_CALLS,
    PLAN_COMMENTS,
    REJECTED_ROWS,
    SAVED_SEGMENTS,
    SEGMENTATIONS,
    TEST_ROADMAP,
    TEST_ROADMAP_HISTORY,
    USER_CLUSTERS,
    Table,
)
from grupa_pipeline.vocabulary.plan_fields import PLAN_FIELDS, Content

_PLAN_TEXTS = tuple(field.name for field in PLAN_FIELDS.values() if field.holds_free_text)
_PLAN_PEOPLE = tuple(field.name for field in PLAN_FIELDS.values() if field.content is Content.PERSON)
_TEXTS: Mapping[Table, Sequence[str]] = {
    INGESTED_FILES: ("file_name",),
    SEGMENTATIONS: ("reason",),
    CLUSTERS: ("name", "summary", "rule", "rule_conditions", "fallback_reason", "written"),
    CLUSTER_INSIGHTS: ("title", "body", "change", "hypothesis"),
    EVENT_CATALOG: ("label", "meaning", "reason", "proposal_reason", "draft"),
    LLM_CALLS: ("prompt", "response", "error"),
    TEST_ROADMAP: _PLAN_TEXTS,
    TEST_ROADMAP_HISTORY: _PLAN_TEXTS,
    CLUSTER_NAMES: ("name",),
    PLAN_COMMENTS: ("text",),
    SAVED_SEGMENTS: ("name", "rule"),
    INSIGHT_FEEDBACK: ("title", "text"),
}
"""Columns of free text, written by a user or a model."""

_PEOPLE: Mapping[Table, Sequence[str]] = {
    TEST_ROADMAP: _PLAN_PEOPLE,
    TEST_ROADMAP_HISTORY: _PLAN_PEOPLE,
    CLUSTER_NAMES: ("edited_by",),
    PLAN_COMMENTS: ("said_by",),
    SAVED_SEGMENTS: ("saved_by",),
    INSIGHT_FEEDBACK: ("said_by",),
}
"""Columns whose value is a person."""

_LISTS: Mapping[Table, Sequence[str]] = {SAVED_SEGMENTS: ("users",)}
"""Columns that list people."""


@dataclass(frozen=True)
class Removed:
    """The person's rows that were removed from one Parquet file; `file_sha256` is the log they came from, for events."""

    table: str
    day: date
    file_sha256: str | None
    rows: int


def mentions(path: Path, person: Person) -> bool:
    """Whether a record or a text of the DuckDB file at `path` names the person; True where it does not open."""
    try:
        with open_duckdb(path, read_only=True) as con:
            present = {name for (name,) in con.execute("SELECT table_name FROM information_schema.tables").fetchall()}
            if REJECTED_ROWS.name in present and _rejected(con, person):
                return True
            return any(_naming(con, table, person) for table in {*_TEXTS, *_PEOPLE} if table.name in present)
    except duckdb.Error:
        return True


def labels_of(con: duckdb.DuckDBPyConnection, person: Person) -> dict[date, str | None]:
    """The person's cluster in each snapshot that lists them; None where they are unassigned."""
    return dict(
        con.execute(
            f"SELECT snapshot_date, cluster_id FROM {USER_CLUSTERS.name} WHERE user_id = ?", [person.user_id]
        ).fetchall()
    )


def uncount_actions(con: duckdb.DuckDBPyConnection, person: Person) -> list[str]:
    """Subtract the person from the counts of the event catalogue, and delete actions that nobody else did.

    To be called while `events` still holds them. An action that only they did may name them.
    """
    con.execute(
        f"""UPDATE {EVENT_CATALOG.name} AS c SET users = c.users - 1, events = c.events - own.events
            FROM (SELECT e.action, count(*) AS events FROM {EVENTS.name} AS e, {INGESTED_FILES.name} AS f,
                    (FROM {SEGMENTATIONS.name} ORDER BY snapshot_date DESC LIMIT 1) AS s
                  WHERE e.user_id = $user AND e.file_sha256 = f.file_sha256 AND f.ingested_at <= s.created_at
                    AND e.timestamp >= s.window_start AND e.timestamp < s.window_end GROUP BY e.action) AS own
            WHERE c.action = own.action""",
        {"user": person.user_id},
    )
    [(rows,)] = con.execute(f"DELETE FROM {EVENT_CATALOG.name} WHERE users <= 0 OR events <= 0").fetchall()
    return [f"  {rows:,} actions that nobody else did"] if rows else []


def update_counts(
    con: duckdb.DuckDBPyConnection, labels: Mapping[date, str | None], removed: Sequence[Removed]
) -> list[str]:
    """Update every count that included the person; the views read the new files already.

    `ingested_files` counts as if the person's rows had not been in their files; duplicates have no owner and stay. What was
    measured with the person (evidence, validity, stability) stays.
    """
    events: Counter[str] = Counter()
    for file in removed:
        if file.file_sha256 and file.rows:
            events[file.file_sha256] += file.rows
    for sha256, rows in events.items():
        con.execute(
            f"""UPDATE {INGESTED_FILES.name} SET rows_accepted = rows_accepted - $rows, rows_read = rows_read - $rows,
                first_event_at = span.first, last_event_at = span.last
                FROM (SELECT min(timestamp) AS first, max(timestamp) AS last FROM {EVENTS.name} WHERE file_sha256 = $sha) span
                WHERE file_sha256 = $sha""",
            {"rows": rows, "sha": sha256},
        )
    for day in labels:
        _count_snapshot(con, day, [file for file in removed if file.file_sha256])
    _count_moves(con, labels)
    report = [f"  {sum(events.values()):,} events from {len(events)} files"] if events else []
    return report + ([f"  {len(labels)} snapshots: {', '.join(str(day) for day in sorted(labels))}"] if labels else [])


def erase_rejected(con: duckdb.DuckDBPyConnection, person: Person) -> list[str]:
    """Delete rejected rows that name the person, as if they had not been in their file."""
    rejected = _rejected(con, person)
    con.execute(f"DELETE FROM {REJECTED_ROWS.name} WHERE regexp_matches(raw, ?)", [person.in_record])
    for sha256, rows in rejected:
        con.execute(
            f"""UPDATE {INGESTED_FILES.name} SET rows_rejected = rows_rejected - $rows, rows_read = rows_read - $rows
                WHERE file_sha256 = $sha""",
            {"rows": rows, "sha": sha256},
        )
    return [f"  {sum(rows for _, rows in rejected):,} rejected rows"] if rejected else []


def erase_texts(con: duckdb.DuckDBPyConnection, person: Person) -> list[str]:
    """Erase the id from every text and every column of people in the tables of the file behind `con`."""
    present = {name for (name,) in con.execute("SELECT table_name FROM information_schema.tables").fetchall()}
    report = []
    for table in {**_TEXTS, **_PEOPLE}:
        if table.name not in present:
            continue
        rows = _naming(con, table, person)
        if not rows:
            continue
        types = {column.name: column.type for column in table.columns}
        for name in _TEXTS.get(table, ()):
            erased = person.erased_in_json if types[name] == "JSON" else ERASED
            once = f"regexp_replace({name}::VARCHAR, $pattern, $erased, 'g')"
            # One match may end where the next begins, hence twice.
            con.execute(
                f"UPDATE {table.name} SET {name} = regexp_replace({once}, $pattern, $erased, 'g') "
                f"WHERE regexp_matches({name}::VARCHAR, $pattern)",
                {"pattern": person.in_text, "erased": rf"\1{erased}\2"},
            )
        for name in _PEOPLE.get(table, ()):
            con.execute(f"UPDATE {table.name} SET {name} = ? WHERE {name} = ?", [ERASED, person.user_id])
        for name in _LISTS.get(table, ()):
            con.execute(
                f"UPDATE {table.name} SET {name} = list_filter({name}, lambda each: each <> $user)"
                f" WHERE list_contains({name}, $user)",
                {"user": person.user_id},
            )
        report.append(f"  the id in {rows:,} rows of {table.name}")
    return report


def _count_snapshot(con: duckdb.DuckDBPyConnection, day: date, events: Sequence[Removed]) -> None:
    users = f"(SELECT count(*) FROM {USER_CLUSTERS.name} WHERE snapshot_date = $day)"
    con.execute(
        f"""UPDATE {SEGMENTATIONS.name} SET users = {users}, unassigned_share = coalesce(
            (SELECT avg((cluster_id IS NULL)::INT) FROM {USER_CLUSTERS.name} WHERE snapshot_date = $day), 0)
            WHERE snapshot_date = $day""",
        {"day": day},
    )
    for file in events:  # events ingested after the snapshot were not counted in it
        con.execute(
            f"""UPDATE {SEGMENTATIONS.name} SET events = events - $rows WHERE snapshot_date = $day
                AND window_start <= $of AND window_end > $of
                AND created_at >= (SELECT ingested_at FROM {INGESTED_FILES.name} WHERE file_sha256 = $sha)""",
            {"rows": file.rows, "day": day, "of": file.day, "sha": file.file_sha256},
        )
    con.execute(
        f"""UPDATE {CLUSTERS.name} AS c SET size = n, share = n / greatest({users}, 1)
            FROM (SELECT cluster_id, count(u.user_id) AS n FROM {CLUSTERS.name} LEFT JOIN {USER_CLUSTERS.name} u
                  USING (snapshot_date, cluster_id) WHERE snapshot_date = $day GROUP BY cluster_id) counts
            WHERE c.snapshot_date = $day AND c.cluster_id = counts.cluster_id""",
        {"day": day},
    )


def _count_moves(con: duckdb.DuckDBPyConnection, labels: Mapping[date, str | None]) -> None:
    """Subtract the person from their transition between each two snapshots that still have their users."""
    pairs = con.execute(
        """SELECT DISTINCT from_snapshot, to_snapshot FROM cluster_transitions
           WHERE from_snapshot IN (SELECT day FROM published_files WHERE table_name = 'user_clusters')"""
    ).fetchall()
    for old, new in pairs:
        if old in labels or new in labels:
            con.execute(
                """UPDATE cluster_transitions SET users = users - 1 WHERE from_snapshot = ? AND to_snapshot = ?
                   AND from_cluster_id IS NOT DISTINCT FROM ? AND to_cluster_id IS NOT DISTINCT FROM ? AND users > 0""",
                [old, new, labels.get(old), labels.get(new)],
            )
    con.execute("DELETE FROM cluster_transitions WHERE users = 0 AND kind IS NULL")


def _naming(con: duckdb.DuckDBPyConnection, table: Table, person: Person) -> int:
    """Rows of `table` that name the person; a file of an earlier schema version may lack some of its columns."""
    present = con.table(table.name).columns
    texts = [
        f"coalesce(regexp_matches({name}::VARCHAR, $pattern), false)"
        for name in _TEXTS.get(table, ())
        if name in present
    ]
    people = [f"coalesce({name} = $user, false)" for name in _PEOPLE.get(table, ()) if name in present]
    people += [f"coalesce(list_contains({name}, $user), false)" for name in _LISTS.get(table, ()) if name in present]
    parameters = {"pattern": person.in_text} | ({"user": person.user_id} if people else {})
    [(rows,)] = con.execute(
        f"SELECT count(*) FROM {table.name} WHERE {' OR '.join(texts + people)}", parameters
    ).fetchall()
    return int(rows)


def _rejected(con: duckdb.DuckDBPyConnection, person: Person) -> list[tuple[str, int]]:
    """Number of rejected rows that name the person, by file_sha256."""
    return con.execute(
        f"SELECT file_sha256, count(*) FROM {REJECTED_ROWS.name} WHERE regexp_matches(raw, ?) GROUP BY file_sha256",
        [person.in_record],
    ).fetchall()
