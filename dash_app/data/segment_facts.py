"""Queries on a segment: who is in it, how it differs from everyone else or from another one, and its way to the goal."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from math import sqrt
from typing import Any

import duckdb
import numpy as np

from dash_app.data.journeys import ClusterFunnel, FunnelStep
from dash_app.data.users import feature_names, in_polygon
from grupa_pipeline.exports.segments import Segment
from grupa_pipeline.journeys.intervals import share_interval
from grupa_pipeline.sql import identifier
from grupa_pipeline.vocabulary.feature_families import FeatureFamily

_CHOSEN = "SEMI JOIN chosen USING (user_id)"
_SAMPLE = 5
_SAMPLED_ROWS, _MOST_VALUES, _MOST_FIELDS = 20_000, 30, 20
"""Events in which fields of metadata are looked for, and the most values and fields that are proposed."""


@dataclass(frozen=True)
class Difference:
    """How the averages of one feature differ between two groups; `distance` is in standard deviations of all users."""

    feature: str
    left: float
    right: float
    distance: float


@dataclass(frozen=True)
class SegmentFacts:
    """What the app shows of a segment.

    Attributes:
        users: Users in it.
        measured: Those of them with enough events to have features: of whom goal rate, differences and funnels are.
        clusters: The clusters of its users (None: no cluster), the commonest first.
        goal_rate: Share of the measured users who reach the goal; None where there is no goal, or none was measured.
        differences: To everyone else, the farthest first.
        funnels: Ways to the goals, in the order of everyone's.
        sample: Some of its users.
        drawn: Places of its users among the drawn points of each cluster ("": no cluster) on the map.
    """

    users: int
    measured: int
    clusters: tuple[tuple[str | None, int], ...]
    goal_rate: float | None
    differences: tuple[Difference, ...]
    funnels: tuple[ClusterFunnel, ...]
    sample: tuple[str, ...] = ()
    drawn: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Average:
    """Users who have a feature, its mean among them and its variance."""

    users: int
    mean: float
    variance: float


@dataclass(frozen=True, eq=False)
class Averages:
    """The averages of a group: its users with features, and of each feature that any of them has."""

    users: int
    features: Mapping[str, Average]

    def without(self, part: "Averages") -> "Averages":
        """The averages of the users of this group who are not in `part`, a part of it; their variances are not known."""
        rest = {}
        for name, whole in self.features.items():
            own = part.features.get(name, Average(0, 0.0, 0.0))
            if (users := whole.users - own.users) > 0:
                mean = (whole.users * whole.mean - own.users * own.mean) / users
                rest[name] = Average(users, mean, float("nan"))
        return Averages(self.users - part.users, rest)


def load_averages(con: duckdb.DuckDBPyConnection, day: date) -> Averages:
    """The averages of everyone in a snapshot: read once, from which those of everyone but a segment follow."""
    return _averages(con, day, "")


def describe_segment(
    con: duckdb.DuckDBPyConnection,
    day: date,
    segment: Segment,
    everyone: Averages,
    goal_metric: str | None = None,
    ways: tuple[ClusterFunnel, ...] = (),
    drawn: tuple[tuple[str, str | None], ...] = (),
) -> SegmentFacts:
    """Who is in the segment on a day, against everyone else.

    Args:
        con: The warehouse.
        day: The snapshot.
        segment: Whom it holds.
        everyone: The averages of all users.
        goal_metric: The feature that says whether a user reached the goal.
        ways: Everyone's funnels, whose steps are counted.
        drawn: The users on the map and their clusters, in the order in which they are drawn.
    """
    _choose(con, "chosen", segment, day)
    clusters = con.execute(
        "SELECT cluster_id, count(*) FROM user_clusters SEMI JOIN chosen USING (user_id) WHERE snapshot_date = ?"
        " GROUP BY 1 ORDER BY 2 DESC, 1",
        [day],
    ).fetchall()
    own = _averages(con, day, _CHOSEN)
    others = everyone.without(own)
    goal = own.features.get(goal_metric or "")
    sample = con.execute(
        "SELECT user_id FROM user_features SEMI JOIN chosen USING (user_id) WHERE snapshot_date = ?"
        f" ORDER BY hash(user_id) LIMIT {_SAMPLE}",
        [day],
    ).fetchall()
    names = _step_features(con)
    return SegmentFacts(
        users=sum(users for _, users in clusters),
        measured=own.users,
        clusters=tuple(clusters),
        goal_rate=goal.mean if goal else None,
        differences=_differences(own, others, everyone),
        funnels=tuple(_funnel(way, names, own, others) for way in ways if _is_measured(way, names, own)),
        sample=tuple(user for (user,) in sample),
        drawn=_places(con, drawn),
    )


def compare_segments(
    con: duckdb.DuckDBPyConnection, day: date, left: Segment, right: Segment | None = None
) -> tuple[Difference, ...]:
    """How the users of `left` differ from those of `right` (None: from everyone else), the farthest first."""
    _choose(con, "chosen", left, day)
    own = _averages(con, day, _CHOSEN)
    if right is None:
        everyone = load_averages(con, day)
        return _differences(own, everyone.without(own), everyone)
    _choose(con, "chosen", right, day)
    return _differences(own, _averages(con, day, _CHOSEN))


def find_in_area(
    con: duckdb.DuckDBPyConnection, day: date, xs: tuple[float, ...], ys: tuple[float, ...]
) -> tuple[str, ...]:
    """The users, drawn or not, who are placed in the polygon with corners (`xs`, `ys`), in order of their ids."""
    rows = con.sql(
        "SELECT user_id, x, y FROM user_embeddings WHERE snapshot_date = ? AND x BETWEEN ? AND ? AND y BETWEEN ? AND ?"
        " ORDER BY user_id",
        params=[day, min(xs), max(xs), min(ys), max(ys)],
    ).to_arrow_table()
    hit = in_polygon(rows["x"].to_numpy(), rows["y"].to_numpy(), np.array(xs), np.array(ys))
    return tuple(rows.filter(hit)["user_id"].to_pylist())


def load_metadata_values(con: duckdb.DuckDBPyConnection, day: date) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Fields of the events' metadata with their commonest values, found in a sample; fields of too many values have none."""
    rows = con.execute(
        f"""
        WITH held AS (
          SELECT metadata FROM events JOIN segmentations s ON timestamp >= s.window_start AND timestamp < s.window_end
          WHERE s.snapshot_date = $day AND metadata IS NOT NULL),
        sampled AS (SELECT metadata FROM held USING SAMPLE reservoir({_SAMPLED_ROWS} ROWS) REPEATABLE (1)),
        fields AS (SELECT metadata, unnest(json_keys(metadata)) AS field FROM sampled WHERE json_type(metadata) = 'OBJECT')
        SELECT field, json_extract_string(metadata, '/' || replace(replace(field, '~', '~0'), '/', '~1')) AS value, count(*)
        FROM fields GROUP BY 1, 2 HAVING value IS NOT NULL ORDER BY 3 DESC, 1, 2""",
        {"day": day},
    ).fetchall()
    values: defaultdict[str, list[str]] = defaultdict(list)
    for name, value, _ in rows:
        values[name].append(value)
    return tuple(
        (name, tuple(found) if len(found) <= _MOST_VALUES else ())
        for name, found in sorted(values.items(), key=lambda item: (len(item[1]), item[0]))[:_MOST_FIELDS]
    )


def export_users(
    con: duckdb.DuckDBPyConnection, day: date, segment: Segment, only: Sequence[str] | None = None
) -> Iterator[tuple[Any, ...]]:
    """Rows of a segment's users (those in `only`, where it is given), the heading first, with their cluster and features."""
    names = ", ".join(f"f.{identifier(name)}" for name in feature_names(con))
    found = con.execute(
        "SELECT c.user_id, c.cluster_id, c.probability, c.membership, c.unassigned_reason, c.nearest_cluster_id,"
        f" c.nearest_probability{', ' + names if names else ''}"
        " FROM user_clusters c LEFT JOIN user_features f USING (snapshot_date, user_id)"
        f" WHERE c.snapshot_date = $day AND c.user_id IN ({segment.ids})"
        " AND ($only IS NULL OR list_contains($only::VARCHAR[], c.user_id)) ORDER BY c.user_id",
        segment.values | {"day": day, "only": None if only is None else list(only)},
    )
    yield tuple(column[0] for column in found.description or ())
    while rows := found.fetchmany(5_000):
        yield from rows


def _choose(con: duckdb.DuckDBPyConnection, table: str, segment: Segment, day: date) -> None:
    """Make the users of a segment the table of that name on this connection."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {segment.ids}", segment.values | {"day": day})


def _averages(con: duckdb.DuckDBPyConnection, day: date, join: str) -> Averages:
    """The averages of the users with features that `join` leaves."""
    names = feature_names(con)
    aggregates = "".join(f", count({each}), avg({each}), var_pop({each})" for each in map(identifier, names))
    [values] = con.execute(
        f"SELECT count(*){aggregates} FROM user_features {join} WHERE snapshot_date = ?", [day]
    ).fetchall()
    found = {name: Average(*values[3 * place + 1 : 3 * place + 4]) for place, name in enumerate(names)}
    return Averages(values[0], {name: each for name, each in found.items() if each.users})


def _differences(own: Averages, others: Averages, everyone: Averages | None = None) -> tuple[Difference, ...]:
    """Differences of means over the deviation of both groups together, which may be known as that of `everyone`."""
    differences = []
    for name in own.features.keys() & others.features.keys():
        left, right = own.features[name], others.features[name]
        if spread := sqrt(everyone.features[name].variance) if everyone else _spread(left, right):
            differences.append(Difference(name, left.mean, right.mean, (left.mean - right.mean) / spread))
    return tuple(sorted(differences, key=lambda each: (-abs(each.distance), each.feature)))


def _spread(own: Average, other: Average) -> float:
    """Standard deviation of two groups together (Chan et al. 1979)."""
    n, m = own.users, other.users
    within = (n * own.variance + m * other.variance) / (n + m)
    return sqrt(within + n * m * (own.mean - other.mean) ** 2 / (n + m) ** 2)


def _step_features(con: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], str]:
    """The feature that says whether a user got to a step, by goal and the two actions, or the first one alone."""
    rows = con.execute(
        "SELECT subject, source_action, feature FROM feature_catalog WHERE family = ?",
        [FeatureFamily.FUNNEL_STEP.value],
    ).fetchall()
    return {(goal, actions): feature for goal, actions, feature in rows}


def _features_of(way: ClusterFunnel, names: Mapping[tuple[str, str], str]) -> list[str | None]:
    """The feature of each step of a funnel; None where it was not measured by user."""
    actions = [step.action for step in way.steps]
    pairs = [actions[0], *(f"{before}\n{after}" for before, after in pairwise(actions))]
    return [names.get((way.goal, each)) for each in pairs]


def _is_measured(way: ClusterFunnel, names: Mapping[tuple[str, str], str], own: Averages) -> bool:
    features = _features_of(way, names)
    return None not in features and features[0] in own.features


def _funnel(way: ClusterFunnel, names: Mapping[tuple[str, str], str], own: Averages, others: Averages) -> ClusterFunnel:
    """Everyone's funnel with the counts of a segment: a step's feature has a value for those who got to the step before."""
    features = [each or "" for each in _features_of(way, names)]
    steps = []
    for place, step in enumerate(way.steps):
        reached = _hits(own.features.get(features[place]))
        following = features[place + 1] if place + 1 < len(features) else ""
        went_on, rest = own.features.get(following), others.features.get(following)
        low, high = share_interval(_hits(went_on), went_on.users) if went_on else (None, None)
        share, rest_share = (each.mean if each else None for each in (went_on, rest))
        steps.append(FunnelStep(step.action, step.label, reached, share, rest_share, low, high, None))
    return ClusterFunnel(way.goal, tuple(steps))


def _hits(average: Average | None) -> int:
    return round(average.users * average.mean) if average else 0


def _places(con: duckdb.DuckDBPyConnection, drawn: tuple[tuple[str, str | None], ...]) -> dict[str, tuple[int, ...]]:
    """Places of the users in `chosen` among those drawn, by cluster."""
    if not drawn:
        return {}
    found = con.execute(
        "SELECT user_id FROM chosen SEMI JOIN (SELECT unnest($drawn::VARCHAR[]) AS user_id) USING (user_id)",
        {"drawn": [user for user, _ in drawn]},
    ).fetchall()
    inside = {user for (user,) in found}
    seen: defaultdict[str, int] = defaultdict(int)
    places: defaultdict[str, list[int]] = defaultdict(list)
    for user, cluster in drawn:
        if user in inside:
            places[cluster or ""].append(seen[cluster or ""])
        seen[cluster or ""] += 1
    return {cluster: tuple(own) for cluster, own in places.items()}
