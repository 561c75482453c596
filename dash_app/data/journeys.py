"""Queries on what the users of each cluster go through: funnels, paths, and how many of them reach the goal."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb

from dash_app.data.action_labels import ActionLabels
from grupa_pipeline.sql import identifier, quoted
from grupa_pipeline.vocabulary.enums import UNASSIGNED_GROUP, FeatureRole, MetricKind, PathKind
from grupa_pipeline.vocabulary.feature_families import FeatureFamily

SURE_SHARE = 0.97
"""A step from which this share of users goes on loses nobody to speak of."""


@dataclass(frozen=True)
class FunnelStep:
    """A step of a funnel.

    Attributes:
        users: Users who got there.
        share: Share of them who went on to the next step; None for the goal.
        rest_share: The same of all others.
        median_hours: Hours from here to the next step, of those who got there.
    """

    action: str
    label: str
    users: int
    share: float | None
    rest_share: float | None
    ci_low: float | None
    ci_high: float | None
    median_hours: float | None


@dataclass(frozen=True)
class ClusterFunnel:
    """The way of one group to one goal, which is the last step."""

    goal: str
    steps: tuple[FunnelStep, ...]

    @property
    def worst(self) -> int | None:
        """Place of the step from which the smallest share goes on; None where nobody is lost."""
        shares = [(step.share, place) for place, step in enumerate(self.steps) if step.share is not None]
        share, place = min(shares, default=(1.0, 0))
        return place if share < 1 else None

    @property
    def loses_users(self) -> bool:
        """Whether more than a few are lost at its worst step."""
        return self.worst is not None and (self.steps[self.worst].share or 0) < SURE_SHARE


@dataclass(frozen=True)
class JourneyPath:
    """A row of `journey_paths`: `steps` are labels, `actions` the names in the log."""

    kind: str
    actions: tuple[str, ...]
    steps: tuple[str, ...]
    users: int
    share: float
    rest_share: float | None


@dataclass(frozen=True)
class GroupJourneys:
    """What one group goes through: funnels, that of the commonest goal first, and paths by kind in their rank."""

    funnels: tuple[ClusterFunnel, ...] = ()
    paths: tuple[JourneyPath, ...] = ()

    def of_kind(self, kind: PathKind) -> tuple[JourneyPath, ...]:
        """The paths of that kind."""
        return tuple(path for path in self.paths if path.kind == kind)


@dataclass(frozen=True)
class GoalRates:
    """The share of users who reached a goal, of those with features.

    Attributes:
        goal: The goal's action: of those with a funnel the commonest, else the commonest.
        metric: Its feature.
        everyone: The share of all, 0 to 1.
        by_group: The share of each cluster, and of `UNASSIGNED_GROUP`.
    """

    goal: str
    label: str
    metric: str
    everyone: float
    by_group: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class StepUsers:
    """Who of a group got to a step and went on, or did not; of those who did not, some by id.

    Users with too few events to have features are left out, in a cluster there are none.
    """

    went_on: int
    stayed: int
    user_ids: tuple[str, ...]


MOST_LISTED = 20
"""Users who are listed of those that did not go on."""


def load_step_users(
    con: duckdb.DuckDBPyConnection, day: date, group: str, goal: str, step: str, following: str
) -> StepUsers | None:
    """The users of `group` who got to `step` on the way to `goal`, by whether they got to the `following` one.

    Returns:
        None where the step was not measured by user.
    """
    measured = {column[0] for column in con.execute("SELECT * FROM user_features LIMIT 0").description or ()}
    features = [
        feature
        for (feature,) in con.execute(
            "SELECT feature FROM feature_catalog WHERE family = ? AND subject = ? AND source_action = ?",
            [FeatureFamily.FUNNEL_STEP.value, goal, f"{step}\n{following}"],
        ).fetchall()
        if feature in measured
    ]
    if not features:
        return None
    name = identifier(features[0])
    rows = con.execute(
        f"SELECT user_id, {name} > 0 FROM user_features f JOIN user_clusters c USING (snapshot_date, user_id)"
        f" WHERE snapshot_date = ? AND coalesce(c.cluster_id, {quoted(UNASSIGNED_GROUP)}) = ? AND {name} IS NOT NULL"
        " ORDER BY hash(user_id), user_id",
        [day, group],
    ).fetchall()
    stayed = [user for user, went_on in rows if not went_on]
    return StepUsers(len(rows) - len(stayed), len(stayed), tuple(stayed[:MOST_LISTED]))


def load_action_labels(con: duckdb.DuckDBPyConnection) -> ActionLabels:
    """The labels of the event catalogue; names in words in a warehouse of an earlier release."""
    return ActionLabels.of(_fetch(con, "event_catalog", "SELECT action, label FROM event_catalog"))


def load_journeys(con: duckdb.DuckDBPyConnection, day: date, labels: ActionLabels) -> dict[str | None, GroupJourneys]:
    """Funnels and paths of every group that is large enough to be told of; None is everyone."""
    funnels, paths = _load_funnels(con, day, labels), _load_paths(con, day, labels)
    goals = {funnel.goal: funnel.steps[-1].users for funnel in funnels.get(None, ())}
    return {
        group: GroupJourneys(
            tuple(sorted(funnels.get(group, ()), key=lambda funnel: (-goals.get(funnel.goal, 0), funnel.goal))),
            tuple(paths.get(group, ())),
        )
        for group in funnels.keys() | paths.keys()
    }


def load_goal_rates(con: duckdb.DuckDBPyConnection, day: date, labels: ActionLabels) -> GoalRates | None:
    """How many of each group reach the commonest goal; None where the log has no goal that was measured."""
    goals = _goal_features(con)
    rates = {goal: _rates(con, day, metric) for goal, metric in goals.items()}
    known = {goal: found for goal, found in rates.items() if None in found}
    if not known:
        return None
    goal = min(known, key=lambda each: (-known[each][None], each))
    by_group = {group: rate for group, rate in known[goal].items() if group is not None}
    return GoalRates(goal, labels.label(goal), goals[goal], known[goal][None], by_group)


def _goal_features(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The feature that says whether a user reached a goal, by the goal's action, of those measured."""
    measured = {column[0] for column in con.execute("SELECT * FROM user_features LIMIT 0").description or ()}
    rows = con.execute(
        "SELECT source_action, feature FROM feature_catalog"
        " WHERE role = ? AND metric_kind = ? AND family = ? AND higher_is_better ORDER BY 1",
        [FeatureRole.OUTCOME.value, MetricKind.PROPORTION.value, FeatureFamily.OUTCOME_HAD.value],
    ).fetchall()
    return {goal: feature for goal, feature in rows if goal and feature in measured}


def _rates(con: duckdb.DuckDBPyConnection, day: date, metric: str) -> dict[str | None, float]:
    name = identifier(metric)
    rows = con.execute(
        f"SELECT CASE WHEN grouping(c.cluster_id) = 0 THEN coalesce(c.cluster_id, ?) END, avg({name})"
        " FROM user_features f JOIN user_clusters c USING (snapshot_date, user_id)"
        " WHERE snapshot_date = ? GROUP BY GROUPING SETS ((c.cluster_id), ())",
        [UNASSIGNED_GROUP, day],
    ).fetchall()
    return {group: rate for group, rate in rows if rate is not None}


def _load_funnels(
    con: duckdb.DuckDBPyConnection, day: date, labels: ActionLabels
) -> dict[str | None, list[ClusterFunnel]]:
    steps: defaultdict[tuple[str | None, str], list[FunnelStep]] = defaultdict(list)
    rows = _fetch(
        con,
        "journey_steps",
        "SELECT cluster_id, goal, action, users_reached, continued_share, rest_continued_share, ci_low, ci_high, median_hours"
        " FROM journey_steps WHERE snapshot_date = ? ORDER BY cluster_id NULLS FIRST, goal, position",
        day,
    )
    for group, goal, action, *numbers in rows:
        steps[group, goal].append(FunnelStep(action, labels.label(action), *numbers))
    funnels: defaultdict[str | None, list[ClusterFunnel]] = defaultdict(list)
    for (group, goal), own in steps.items():
        funnels[group].append(ClusterFunnel(goal, tuple(own)))
    return funnels


def _load_paths(con: duckdb.DuckDBPyConnection, day: date, labels: ActionLabels) -> dict[str | None, list[JourneyPath]]:
    paths: defaultdict[str | None, list[JourneyPath]] = defaultdict(list)
    rows = _fetch(
        con,
        "journey_paths",
        "SELECT cluster_id, kind, path, users, share, rest_share FROM journey_paths WHERE snapshot_date = ?"
        " AND kind IN ('typical', 'last_before_end') ORDER BY kind, rank",
        day,
    )
    for group, kind, path, users, share, rest_share in rows:
        steps = tuple(labels.label(action) for action in path)
        paths[group].append(JourneyPath(kind, tuple(path), steps, users, share, rest_share))
    return paths


def _fetch(con: duckdb.DuckDBPyConnection, table: str, sql: str, *parameters: Any) -> Iterable[tuple[Any, ...]]:
    """Rows of a query; none where an earlier release wrote the warehouse and `table` is not there."""
    if not con.execute("SELECT 1 FROM information_schema.tables WHERE table_name = ?", [table]).fetchall():
        return []
    return con.execute(sql, list(parameters)).fetchall()
