"""Queries on tables with a row per user: the map's points, search, one user.

Counts and averages always come from all users; only the points drawn on the map are a sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from grupa_pipeline.sql import identifier

MAP_LIMIT = 20_000
"""Most points drawn: more cannot be distinguished on a screen and cost megabytes."""
_LEAST_OF_A_CLUSTER = 150
_GRID = 96


@dataclass(frozen=True)
class Points:
    """The map: a sample of the users (all of them up to `MAP_LIMIT`) and the density of all.

    Attributes:
        user_id, cluster_id: One entry per point; cluster_id is None for unassigned.
        x, y: Map coordinates of the points, float32.
        placed: Users on the map in all, drawn or not.
        unassigned: Those of them who are in no cluster.
        labels: Position of each cluster's label, in its middle and above 99% of its users: (cluster_id, x, y).
        density: Users per cell, (rows, columns), with the cells' centres; None when every user is drawn.
    """

    user_id: tuple[str, ...]
    cluster_id: tuple[str | None, ...]
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    placed: int
    labels: tuple[tuple[str, float, float], ...]
    density: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]] | None
    unassigned: int = 0


def load_points(con: duckdb.DuckDBPyConnection, day: date, limit: int = MAP_LIMIT) -> Points:
    """The points of the snapshot's map: a sample that is the same each time and keeps some of every cluster.

    A user is drawn by the hash of their id, a cluster's users all with the same chance: so the sample is faithful within
    each cluster, and takes no sort of all users.
    """
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE placed AS SELECT e.user_id, e.x, e.y, c.cluster_id
        FROM user_embeddings e JOIN user_clusters c USING (snapshot_date, user_id) WHERE e.snapshot_date = ?""",
        [day],
    )
    rows = con.execute(
        """
        WITH sizes AS (SELECT cluster_id, count(*) AS size, sum(count(*)) OVER () AS placed FROM placed GROUP BY cluster_id)
        SELECT user_id, p.cluster_id, x::FLOAT AS x, y::FLOAT AS y, placed::BIGINT AS placed
        FROM placed p JOIN sizes s ON p.cluster_id IS NOT DISTINCT FROM s.cluster_id
        WHERE placed <= $limit OR hash(user_id) / 2::DOUBLE ** 64 < greatest($least / size, $limit / placed)
        ORDER BY p.cluster_id NULLS FIRST, hash(user_id), user_id""",
        {"limit": limit, "least": _LEAST_OF_A_CLUSTER},
    ).fetchnumpy()
    users = [str(each) for each in rows["user_id"]]
    placed = int(rows["placed"][0]) if users else 0
    return Points(
        user_id=tuple(users),
        cluster_id=tuple(_texts(rows["cluster_id"])),
        x=np.asarray(rows["x"], dtype=np.float32),
        y=np.asarray(rows["y"], dtype=np.float32),
        placed=placed,
        labels=_labels(con),
        density=_density(con) if placed > limit else None,
        unassigned=sum(
            each[0] for each in con.execute("SELECT count(*) FROM placed WHERE cluster_id IS NULL").fetchall()
        ),
    )


def load_values(con: duckdb.DuckDBPyConnection, day: date, feature: str, users: Sequence[str]) -> NDArray[np.float64]:
    """`feature` of each of `users`, in their order; NaN where it does not apply.

    Raises:
        KeyError: There is no such feature.
    """
    if feature not in feature_names(con):
        raise KeyError(feature)
    found = con.execute(
        f"SELECT user_id, {identifier(feature)} FROM user_features SEMI JOIN (SELECT unnest($users) AS user_id) USING (user_id)"
        " WHERE snapshot_date = $day",
        {"day": day, "users": list(users)},
    ).fetchall()
    values = dict(found)
    return np.array([np.nan if (value := values.get(user)) is None else value for user in users], dtype=float)


def find_users(
    con: duckdb.DuckDBPyConnection, day: date, text: str, most: int = 8
) -> tuple[tuple[str, str | None], ...]:
    """Users whose id is, starts with or contains `text`, in that order: (user_id, cluster_id)."""
    return tuple(
        con.execute(
            "SELECT user_id, cluster_id FROM user_clusters WHERE snapshot_date = $day AND contains(lower(user_id), lower($text))"
            " ORDER BY user_id <> $text, NOT starts_with(lower(user_id), lower($text)), length(user_id), user_id LIMIT $most",
            {"day": day, "text": text, "most": most},
        ).fetchall()
    )


def load_user(con: duckdb.DuckDBPyConnection, day: date, user_id: str) -> dict[str, Any] | None:
    """One user: cluster_id, probability, membership, unassigned_reason, nearest_cluster_id, nearest_probability, x, y and
    `features` by name; None if absent."""
    found = con.execute(
        "SELECT cluster_id, probability, membership, unassigned_reason, nearest_cluster_id, nearest_probability, x, y"
        " FROM user_clusters"
        " LEFT JOIN user_embeddings USING (snapshot_date, user_id) WHERE snapshot_date = ? AND user_id = ?",
        [day, user_id],
    )
    names = [column[0] for column in found.description or ()]
    row = found.fetchone()
    if row is None:
        return None
    features = con.execute("SELECT * FROM user_features WHERE snapshot_date = ? AND user_id = ?", [day, user_id])
    columns = [column[0] for column in features.description or ()]
    values = features.fetchone() or ()
    named = {
        name: value for name, value in zip(columns, values, strict=False) if name not in ("snapshot_date", "user_id")
    }
    return {**dict(zip(names, row, strict=True)), "user_id": user_id, "features": named}


@dataclass(frozen=True)
class UserGlance:
    """What the map tells of a user: whether they reached the goal (None: not measured), what they did last, and when."""

    reached: bool | None
    last_action: str | None
    last_at: datetime | None


def load_glance(con: duckdb.DuckDBPyConnection, day: date, user_id: str, goal_metric: str | None = None) -> UserGlance:
    """A user at a glance, in the snapshot's window.

    Raises:
        KeyError: There is no such feature.
    """
    if goal_metric is not None and goal_metric not in feature_names(con):
        raise KeyError(goal_metric)
    values = (
        con.execute(
            f"SELECT {identifier(goal_metric)} > 0 FROM user_features WHERE snapshot_date = ? AND user_id = ?",
            [day, user_id],
        ).fetchall()
        if goal_metric
        else []
    )
    last = con.execute(
        "SELECT action, timestamp FROM events JOIN segmentations s ON timestamp >= s.window_start AND timestamp < s.window_end"
        " WHERE s.snapshot_date = ? AND user_id = ? ORDER BY timestamp DESC, sequence DESC NULLS LAST, action LIMIT 1",
        [day, user_id],
    ).fetchall()
    action, at = last[0] if last else (None, None)
    return UserGlance(values[0][0] if values else None, action, at)


def in_polygon(
    x: NDArray[np.float64], y: NDArray[np.float64], xs: NDArray[np.float64], ys: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which of the points lie in the polygon: an odd number of its sides cross the ray to the right (even-odd rule)."""
    hit = np.zeros(len(x), dtype=bool)
    for x0, y0, x1, y1 in zip(xs, ys, np.roll(xs, -1), np.roll(ys, -1), strict=True):
        if y0 != y1:
            hit ^= ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return hit


def feature_names(con: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Names of the feature columns of user_features."""
    columns = con.execute("SELECT * FROM user_features LIMIT 0").description or ()
    return tuple(column[0] for column in columns if column[0] not in ("snapshot_date", "user_id"))


def _labels(con: duckdb.DuckDBPyConnection) -> tuple[tuple[str, float, float], ...]:
    return tuple(
        con.execute(
            "SELECT cluster_id, median(x), quantile_cont(y, 0.99) FROM placed WHERE cluster_id IS NOT NULL GROUP BY 1 ORDER BY 1"
        ).fetchall()
    )


def _density(
    con: duckdb.DuckDBPyConnection,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]] | None:
    bounds = con.execute("SELECT min(x), max(x), min(y), max(y) FROM placed").fetchone()
    if bounds is None or bounds[0] is None or bounds[0] == bounds[1] or bounds[2] == bounds[3]:
        return None
    x0, x1, y0, y1 = bounds
    cells = con.execute(
        "SELECT least(floor((x - $x0) / ($x1 - $x0) * $n), $n - 1)::INT, least(floor((y - $y0) / ($y1 - $y0) * $n), $n - 1)::INT,"
        " count(*) FROM placed GROUP BY 1, 2",
        {"x0": x0, "x1": x1, "y0": y0, "y1": y1, "n": _GRID},
    ).fetchall()
    grid = np.zeros((_GRID, _GRID))
    for column, row, users in cells:
        grid[row, column] = users
    middles = (np.arange(_GRID) + 0.5) / _GRID
    return x0 + middles * (x1 - x0), y0 + middles * (y1 - y0), grid


def _texts(values: Any) -> list[str | None]:
    """Strings of a column that DuckDB may give as a masked array; None for NULL."""
    return [None if each is None or each is np.ma.masked else str(each) for each in values.tolist()]
