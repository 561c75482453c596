"""Questions behind a plan: how a metric stands among users like a cluster's, and how many such users come.

Users are picked by the cluster's rule on the days before the baseline's; the metric is measured on the baseline's days,
each user's own exposure alone. The arithmetic is in `planning/`; how a feature is made is in the pipeline.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

import duckdb
import pyarrow as pa

from dash_app.data.snapshot import Feature
from dash_app.planning.baseline import Baseline, BaselineError, BaselineWindow, baseline_window, measure
from dash_app.planning.duration import DurationError, Forecast, forecast_enrolment
from grupa_pipeline.aggregates.event_window import ActionRoles
from grupa_pipeline.event_catalog.roles import OUTCOMES
from grupa_pipeline.features.catalog import fraction_columns
from grupa_pipeline.features.feature_set import build_features
from grupa_pipeline.vocabulary.enums import BaselineUsers, MetricKind
from grupa_pipeline.vocabulary.rule_conditions import Rule, features_of, matching_users, rule_from_json

_FEWEST_COME = 30
"""Fewer users than this on the unseen days are no baseline; then the cluster's own users on all days are."""


@dataclass(frozen=True)
class Population:
    """Users like a cluster's, as they did on the baseline's days.

    Attributes:
        window: The baseline's days; not `unseen`, and all of the log's, when too few of the rule's users came again.
        values: user_id and one column a feature, over each user's own exposure.
        fractions: user_id, then numerator and denominator of every ratio, for the same users and days.
        users: How many were picked; fewer have values, as not all came again in time.
        picked_by: Whether the rule picked them, or why they are the cluster's own users.
    """

    window: BaselineWindow
    values: pa.Table
    fractions: pa.Table
    users: int
    picked_by: BaselineUsers


def load_population(
    con: duckdb.DuckDBPyConnection,
    day: date,
    cluster_id: str,
    roles: ActionRoles,
    min_events: int,
    exposure_days: int | None = None,
) -> Population:
    """Pick users like the cluster's and measure every feature over their exposure.

    Raises:
        BaselineError: There are too few days, or the exposure does not fit them.
    """
    start, end, first_event = _window(con, day)
    window = baseline_window(first_event, end, exposure_days)
    rule = _stored_rule(con, day, cluster_id)
    if rule and window.unseen:
        picked = _picked_by_rule(con, rule, (start, window.start), roles, min_events)
        values, fractions = _exposed(con, picked, window, roles)
        if len(values) >= _FEWEST_COME:
            return Population(window, values, fractions, len(picked), BaselineUsers.RULE)
    first_day = first_event.replace(hour=0, minute=0, second=0, microsecond=0)
    same_days = BaselineWindow(first_day, end, False, window.exposure_days)
    members = _members(con, day, cluster_id)
    picked_by = BaselineUsers.MEMBERS if rule else BaselineUsers.MEMBERS_NO_RULE
    return Population(same_days, *_exposed(con, members, same_days, roles), len(members), picked_by)


def measure_metric(population: Population, feature: Feature) -> Baseline:
    """The baseline of a metric among a population; a ratio is that of sums over all of them.

    Raises:
        BaselineError: Too few users have it.
    """
    names, table = [feature.feature], population.values
    if feature.metric_kind == MetricKind.RATIO:
        names, table = list(fraction_columns(feature.feature)), population.fractions
    return measure(feature.metric_kind, *(table[name].to_numpy(zero_copy_only=False) for name in names))


def load_enrolment(
    con: duckdb.DuckDBPyConnection, day: date, cluster_id: str, roles: ActionRoles, min_events: int
) -> Forecast:
    """How many different eligible users of a cluster come, from the days on which each was there and eligible.

    No hindsight: a user is eligible from their `min_events`-th event on (outcomes not counted), as only then anyone
    could have known what kind of user they are.

    Raises:
        DurationError: No user of the cluster was active and eligible.
    """
    _, end, first_event = _window(con, day)
    first_day = first_event.date()
    actions = [row[0] for row in con.execute("SELECT DISTINCT action FROM events").fetchall()]
    outcomes = [action for action, role in roles.assign(actions).items() if role in OUTCOMES]
    rows = con.execute(
        """
        WITH own AS (
          SELECT user_id, timestamp, action FROM events WHERE timestamp >= $first_event AND timestamp < $end
          AND user_id IN (SELECT user_id FROM user_clusters WHERE snapshot_date = $day AND cluster_id = $cluster)),
        eligible AS (
          SELECT user_id, timestamp AS since FROM own WHERE NOT list_contains($outcomes::VARCHAR[], action)
          QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY timestamp) = $min_events)
        SELECT dense_rank() OVER (ORDER BY user_id) AS user, date_diff('day', $first_day, day) AS day
        FROM (SELECT DISTINCT user_id, timestamp::DATE AS day FROM own JOIN eligible USING (user_id)
              WHERE timestamp >= since)""",
        {
            "first_event": first_event,
            "end": end,
            "day": day,
            "cluster": cluster_id,
            "outcomes": outcomes,
            "min_events": min_events,
            "first_day": first_day,
        },
    ).fetchnumpy()
    if not len(rows["user"]):
        raise DurationError("Nobody of this cluster was there in the window, so a test would never fill.")
    return forecast_enrolment(rows["user"], rows["day"], (end.date() - first_day).days)


def _window(con: duckdb.DuckDBPyConnection, day: date) -> tuple[datetime, datetime, datetime]:
    found = con.execute(
        "SELECT s.window_start, s.window_end, min(e.timestamp) FROM segmentations s JOIN events e"
        " ON e.timestamp >= s.window_start AND e.timestamp < s.window_end WHERE s.snapshot_date = ? GROUP BY ALL",
        [day],
    ).fetchone()
    if found is None:
        raise BaselineError("The events of this snapshot are no longer held, so there is no baseline to measure.")
    return found


def _stored_rule(con: duckdb.DuckDBPyConnection, day: date, cluster_id: str) -> Rule | None:
    """The cluster's rule; None when an earlier release wrote it and it could not be turned into conditions."""
    rows = con.execute(
        "SELECT rule_conditions FROM clusters WHERE snapshot_date = ? AND cluster_id = ?", [day, cluster_id]
    ).fetchall()
    return rule_from_json(rows[0][0]) if rows and rows[0][0] else None


def _picked_by_rule(
    con: duckdb.DuckDBPyConnection, rule: Rule, window: tuple[datetime, datetime], roles: ActionRoles, min_events: int
) -> list[str]:
    """Users that match the rule on the days of `window`, measured in the features of the snapshots."""
    features = build_features(
        con,
        "events",
        window_start=window[0],
        window_end=window[1],
        roles=roles,
        min_events=min_events,
        like=_columns(con),
    ).features
    compared = features_of(rule).intersection(features.column_names)
    columns = {name: features[name].to_numpy(zero_copy_only=False).astype(float) for name in compared}
    matched = matching_users(rule, columns, len(features))
    return cast(list[str], features["user_id"].filter(pa.array(matched)).to_pylist())


def _members(con: duckdb.DuckDBPyConnection, day: date, cluster_id: str) -> list[str]:
    rows = con.execute(
        "SELECT user_id FROM user_clusters WHERE snapshot_date = ? AND cluster_id = ? ORDER BY 1", [day, cluster_id]
    ).fetchall()
    return [row[0] for row in rows]


def _exposed(
    con: duckdb.DuckDBPyConnection, picked: Sequence[str], window: BaselineWindow, roles: ActionRoles
) -> tuple[pa.Table, pa.Table]:
    """Features of the picked users, and both sums of the ratios, over their own exposure on the baseline's days.

    An exposure begins with the user's first event on those days. Each user's events are moved so that all exposures end
    together: then one window of `exposure_days` fits everyone.
    """
    con.register("picked", pa.table({"user_id": pa.array(picked, pa.string())}))
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE exposed AS
        SELECT e.* REPLACE (
            e.timestamp + (TIMESTAMP '{window.end}' - f.first - INTERVAL {window.exposure_days} DAY) AS timestamp)
        FROM events e JOIN (
          SELECT user_id, min(timestamp) AS first FROM events SEMI JOIN picked USING (user_id)
          WHERE timestamp >= TIMESTAMP '{window.start}' AND timestamp < TIMESTAMP '{window.end}' GROUP BY user_id
          HAVING min(timestamp) <= TIMESTAMP '{window.last_eligible}') f USING (user_id)
        WHERE e.timestamp >= f.first AND e.timestamp < f.first + INTERVAL {window.exposure_days} DAY"""
    )
    con.unregister("picked")
    made = build_features(
        con,
        "exposed",
        window_start=window.last_eligible,
        window_end=window.end,
        roles=roles,
        min_events=0,
        like=_columns(con),
    )
    return made.features, cast(pa.Table, made.fractions)


def _columns(con: duckdb.DuckDBPyConnection) -> pa.Table:
    """What the snapshots measure, so that other days and users are measured in exactly the same."""
    return con.sql("SELECT * FROM feature_catalog ORDER BY feature").to_arrow_table()
