"""How a metric stands among users like a cluster's.

Users are picked by the cluster's rule on the days before the baseline's; the metric is measured on the baseline's days,
each user's own exposure alone. The arithmetic is in `planning/`; how a feature is made is in the pipeline.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple, cast

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dash_app.data.snapshot import Feature
from dash_app.planning.baseline import Baseline, BaselineError, BaselineWindow, baseline_window, measure
from dash_app.planning.replay import delta_terms
from grupa_pipeline.aggregates.event_window import ActionRoles
from grupa_pipeline.exports.segments import Segment
from grupa_pipeline.features.catalog import fraction_columns
from grupa_pipeline.features.feature_set import build_features
from grupa_pipeline.vocabulary.enums import BaselineUsers, MetricKind
from grupa_pipeline.vocabulary.plan_parts import Audience, AudienceKind
from grupa_pipeline.vocabulary.rule_conditions import Rule, features_of, matching_users, rule_from_json

_FEWEST_COME = 30
"""Fewer users than this on the unseen days are no baseline; then the cluster's own users on all days are."""


@dataclass(frozen=True)
class Population:
    """The users of an audience, as they did on the baseline's days.

    Attributes:
        window: The baseline's days; not `unseen`, and all of the log's, when too few of the rule's users came again.
        values: user_id and one column a feature, over each user's own exposure.
        fractions: user_id, then numerator and denominator of every ratio, for the same users and days.
        users: How many were picked; fewer have values, as not all came again in time.
        picked_by: Whether the rule picked them, or why they are the cluster's own users.
        before: user_id and one column a feature, for the same users on the days before; empty where the days picked them.
    """

    window: BaselineWindow
    values: pa.Table
    fractions: pa.Table
    users: int
    picked_by: BaselineUsers
    before: pa.Table


class Exposed(NamedTuple):
    """Every user over their own exposure: features, and both sums of the ratios, in the same order."""

    values: pa.Table
    fractions: pa.Table


Ask = Callable[..., Any]
"""Calls a function of this module with a connection and the given arguments; `Database.query` keeps the results."""


def load_population(
    con: duckdb.DuckDBPyConnection,
    day: date,
    audience: Audience,
    roles: ActionRoles,
    min_events: int,
    exposure_days: int | None = None,
    segment: Segment | None = None,
) -> Population:
    """`find_population` on one connection."""
    return find_population(
        lambda load, *arguments: load(con, *arguments), day, audience, roles, min_events, exposure_days, segment
    )


def find_population(
    ask: Ask,
    day: date,
    audience: Audience,
    roles: ActionRoles,
    min_events: int,
    exposure_days: int | None = None,
    segment: Segment | None = None,
    *,
    rules_of: date | None = None,
) -> Population:
    """Pick the users of an audience (`segment`: those of its segment) and take their features over their exposure.

    Everyone is measured once for a window, and audiences are parts of everyone: with `Database.query` as `ask` the second
    audience, and the second recommendation, cost a selection. `rules_of` is a snapshot whose rules pick them, in place of its own.

    Raises:
        BaselineError: There are too few days, or the exposure does not fit them.
    """
    start, end, first_event = ask(load_window, day)
    window = baseline_window(first_event, end, exposure_days)
    rules = () if segment else ask(load_rules, rules_of or day, audience.clusters)
    is_ruled = all(rules) and (bool(rules) or audience.kind is AudienceKind.EVERYONE)
    if is_ruled and window.unseen:
        before = ask(load_before, start, window.start, roles, min_events)
        picked = _picked_by_rules(before, rules)
        exposed = _of_users(ask(load_exposed, window, roles), picked["user_id"])
        if len(exposed.values) >= _FEWEST_COME:
            same = _rows_of(picked, exposed.values["user_id"])
            return Population(window, exposed.values, exposed.fractions, len(picked), BaselineUsers.RULE, same)
    first_day = first_event.replace(hour=0, minute=0, second=0, microsecond=0)
    same_days = BaselineWindow(first_day, end, False, window.exposure_days)
    members = ask(load_members, day, audience.clusters, segment)
    exposed = _of_users(ask(load_exposed, same_days, roles), members)
    picked_by = BaselineUsers.MEMBERS if is_ruled or segment else BaselineUsers.MEMBERS_NO_RULE
    nothing = exposed.values.select(["user_id"]).slice(0, 0)
    return Population(same_days, exposed.values, exposed.fractions, len(members), picked_by, nothing)


def measure_metric(population: Population, feature: Feature) -> Baseline:
    """The baseline of a metric among a population; a ratio is that of sums over all of them.

    Raises:
        BaselineError: Too few users have it.
    """
    names, table = [feature.feature], population.values
    if feature.metric_kind == MetricKind.RATIO:
        names, table = list(fraction_columns(feature.feature)), population.fractions
    return measure(feature.metric_kind, *(table[name].to_numpy(zero_copy_only=False) for name in names))


def user_values(population: Population, feature: Feature) -> NDArray[np.float64]:
    """The metric of each user of a population (n,); of a ratio its delta-method terms. NaN where it does not apply."""
    if feature.metric_kind == MetricKind.RATIO:
        parts = (population.fractions[name] for name in fraction_columns(feature.feature))
        return delta_terms(*(part.to_numpy(zero_copy_only=False).astype(float) for part in parts))
    return np.asarray(population.values[feature.feature].to_numpy(zero_copy_only=False), dtype=float)


def values_before(population: Population, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """What the same users did on the days before, by metric, in the same order; empty where the days picked them."""
    if not len(population.before):
        return {}
    return {
        name: np.asarray(population.before[name].to_numpy(zero_copy_only=False), dtype=float)
        for name in names
        if name in population.before.column_names
    }


def load_window(con: duckdb.DuckDBPyConnection, day: date) -> tuple[datetime, datetime, datetime]:
    """Start and end of a snapshot's window, and the first event in it."""
    found = con.execute(
        "SELECT s.window_start, s.window_end, min(e.timestamp) FROM segmentations s JOIN events e"
        " ON e.timestamp >= s.window_start AND e.timestamp < s.window_end WHERE s.snapshot_date = ? GROUP BY ALL",
        [day],
    ).fetchone()
    if found is None:
        raise BaselineError("The events of this snapshot are no longer held, so there is no baseline to measure.")
    return found


def load_rules(con: duckdb.DuckDBPyConnection, day: date, clusters: tuple[str, ...]) -> tuple[Rule | None, ...]:
    """The clusters' rules; None for one that an earlier release wrote and that could not be turned into conditions."""
    stored = dict(
        con.execute("SELECT cluster_id, rule_conditions FROM clusters WHERE snapshot_date = ?", [day]).fetchall()
    )
    return tuple((rule_from_json(stored[each]) if stored.get(each) else None) or None for each in clusters)


def load_members(
    con: duckdb.DuckDBPyConnection, day: date, clusters: tuple[str, ...], segment: Segment | None = None
) -> pa.ChunkedArray:
    """The users of `segment`, else of these clusters in a snapshot, or all of its users where there are none, in order."""
    if segment:
        own = con.sql(f"{segment.ids} ORDER BY 1", params=segment.values | {"day": day})
        return cast(pa.ChunkedArray, own.to_arrow_table()["user_id"])
    rows = con.sql(
        "SELECT user_id FROM user_clusters WHERE snapshot_date = $day"
        " AND (len($clusters::VARCHAR[]) = 0 OR list_contains($clusters::VARCHAR[], cluster_id)) ORDER BY 1",
        params={"day": day, "clusters": list(clusters)},
    )
    return cast(pa.ChunkedArray, rows.to_arrow_table()["user_id"])


def load_before(
    con: duckdb.DuckDBPyConnection, start: datetime, end: datetime, roles: ActionRoles, min_events: int
) -> pa.Table:
    """Everyone with enough events on `[start, end)`, in the features of the snapshots."""
    return build_features(
        con, "events", window_start=start, window_end=end, roles=roles, min_events=min_events, like=_columns(con)
    ).features


def load_exposed(con: duckdb.DuckDBPyConnection, window: BaselineWindow, roles: ActionRoles) -> Exposed:
    """Everyone over their own exposure on the baseline's days.

    An exposure begins with the user's first event on those days. Each user's events are moved so that all exposures end
    together: then one window of `exposure_days` fits everyone.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE exposed AS
        SELECT e.* REPLACE (
            e.timestamp + (TIMESTAMP '{window.end}' - f.first - INTERVAL {window.exposure_days} DAY) AS timestamp)
        FROM events e JOIN (
          SELECT user_id, min(timestamp) AS first FROM events
          WHERE timestamp >= TIMESTAMP '{window.start}' AND timestamp < TIMESTAMP '{window.end}' GROUP BY user_id
          HAVING min(timestamp) <= TIMESTAMP '{window.last_eligible}') f USING (user_id)
        WHERE e.timestamp >= f.first AND e.timestamp < f.first + INTERVAL {window.exposure_days} DAY"""
    )
    made = build_features(
        con,
        "exposed",
        window_start=window.last_eligible,
        window_end=window.end,
        roles=roles,
        min_events=0,
        like=_columns(con),
    )
    return Exposed(made.features, cast(pa.Table, made.fractions))


def _picked_by_rules(before: pa.Table, rules: Sequence[Rule | None]) -> pa.Table:
    """The rows of `before` that match one of the rules; all where there are none."""
    if not rules:
        return before
    matched = np.zeros(len(before), dtype=bool)
    for rule in rules:
        if rule:
            compared = features_of(rule).intersection(before.column_names)
            columns = {name: before[name].to_numpy(zero_copy_only=False).astype(float) for name in compared}
            matched |= np.asarray(matching_users(rule, columns, len(before)), dtype=bool)
    return before.filter(pa.array(matched))


def _of_users(exposed: Exposed, users: pa.ChunkedArray) -> Exposed:
    return Exposed(_rows_of(exposed.values, users), _rows_of(exposed.fractions, users))


def _rows_of(table: pa.Table, users: pa.ChunkedArray) -> pa.Table:
    """The rows of these users, in the table's order; the table itself where they are all its users."""
    chosen = pc.is_in(table["user_id"], value_set=users.combine_chunks())
    return table if pc.all(chosen).as_py() else table.filter(chosen)


def _columns(con: duckdb.DuckDBPyConnection) -> pa.Table:
    """What the snapshots measure, so that other days and users are measured in exactly the same."""
    return con.sql("SELECT * FROM feature_catalog ORDER BY feature").to_arrow_table()
