"""Queries across snapshots: cluster sizes, moves of users, transitions of clusters."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from dash_app.data.snapshot import ClusterChange

ClusterLabels = Mapping[str, tuple[str, int | None]]
"""Name and colour slot of clusters, by id; None is the look of unassigned users."""

CHANGES = (
    "(SELECT t.* REPLACE (CASE WHEN kind = 'birth' AND first_seen < to_snapshot THEN 'return' ELSE kind END AS kind)"
    " FROM cluster_transitions t LEFT JOIN cluster_identities i ON i.snapshot_date = to_snapshot AND i.cluster_id = to_cluster_id)"
)
"""cluster_transitions, where the birth of a cluster that an earlier snapshot had is a `return`."""


@dataclass(frozen=True)
class ClusterSize:
    """A cluster's size in one snapshot."""

    day: date
    cluster_id: str
    users: int


NEWEST, OLDER = 30, 30
"""Snapshots of the sizes over time: the newest, and how many of those before, evenly spread. So a year draws as fast as a month."""


def load_sizes(con: duckdb.DuckDBPyConnection) -> tuple[ClusterSize, ...]:
    """Sizes of all clusters in the newest snapshots, and in some of those before, oldest first."""
    rows = con.execute(
        f"""WITH days AS (
              SELECT snapshot_date, row_number() OVER (ORDER BY snapshot_date DESC) - 1 AS age, count(*) OVER () AS days
              FROM segmentations)
            SELECT snapshot_date, cluster_id, size FROM clusters SEMI JOIN (
              SELECT snapshot_date FROM days
              WHERE age < {NEWEST} OR (age - {NEWEST}) % greatest(1, ceil((days - {NEWEST}) / {OLDER})) = 0) USING (snapshot_date)
            ORDER BY 1, 2"""
    ).fetchall()
    return tuple(ClusterSize(*row) for row in rows)


def load_latest_names(con: duckdb.DuckDBPyConnection) -> tuple[tuple[str, str, int], ...]:
    """Every cluster of any snapshot with its newest name and its colour slot: (cluster_id, name, color_slot)."""
    return tuple(
        con.execute(
            "SELECT cluster_id, arg_max(name, snapshot_date), arg_max(color_slot, snapshot_date)"
            " FROM clusters GROUP BY 1 ORDER BY 1"
        ).fetchall()
    )


def load_moves(
    con: duckdb.DuckDBPyConnection, day: date, later: date
) -> tuple[tuple[str | None, str | None, int], ...]:
    """Users by their cluster on two days: (from, to, users); None is unassigned or absent.

    From `user_clusters` where both days are still in it, else from the transitions of neighbouring snapshots.
    """
    days_held = con.execute(
        "SELECT count(DISTINCT snapshot_date) FROM user_clusters WHERE snapshot_date IN (?, ?)", [day, later]
    ).fetchone()
    if days_held and days_held[0] == 2:
        sql = (
            "SELECT a.cluster_id, b.cluster_id, count(*)"
            " FROM (SELECT user_id, cluster_id FROM user_clusters WHERE snapshot_date = ?) a"
            " FULL JOIN (SELECT user_id, cluster_id FROM user_clusters WHERE snapshot_date = ?) b USING (user_id)"
            " WHERE a.cluster_id IS NOT NULL OR b.cluster_id IS NOT NULL GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2"
        )
    else:
        sql = (
            "SELECT from_cluster_id, to_cluster_id, users FROM cluster_transitions WHERE from_snapshot = ? AND to_snapshot = ?"
            " AND (from_cluster_id IS NOT NULL OR to_cluster_id IS NOT NULL) ORDER BY 3 DESC, 1, 2"
        )
    return tuple(con.execute(sql, [day, later]).fetchall())


def load_transitions(con: duckdb.DuckDBPyConnection) -> tuple[dict[str, Any], ...]:
    """Rows of `CHANGES` that have a kind, oldest first."""
    cursor = con.execute(f"SELECT * FROM {CHANGES} WHERE kind IS NOT NULL ORDER BY to_snapshot, kind")
    names = [column[0] for column in cursor.description or ()]
    return tuple(dict(zip(names, row, strict=True)) for row in cursor.fetchall())


def load_turns(con: duckdb.DuckDBPyConnection, most: int) -> tuple[int, tuple[tuple[date, ClusterChange], ...]]:
    """How many births, returns, splits, merges and ends there were, and the newest of them with their days, newest first."""
    turns = f"{CHANGES} WHERE kind IS NOT NULL AND kind <> 'continue'"
    rows = con.execute(
        f"SELECT count(*) OVER (), to_snapshot, kind, from_cluster_id, to_cluster_id, users FROM {turns}"
        " ORDER BY to_snapshot DESC, kind, users DESC, 4, 5 LIMIT ?",
        [most],
    ).fetchall()
    return (rows[0][0] if rows else 0), tuple((day, ClusterChange(*change)) for _, day, *change in rows)
