"""Rows of `cluster_trends`: what each group does week by week over the window."""

from datetime import date, timedelta
from typing import Any

import ibis
from ibis.expr import types as ir

from grupa_pipeline.aggregates.units import DAY
from grupa_pipeline.journeys.ordered_events import OrderedEvents
from grupa_pipeline.journeys.user_groups import UserGroups
from grupa_pipeline.vocabulary.enums import Role, TrendMetric

_WEEK = 7 * DAY
_MONDAY = 3 * DAY
"""1970 began on a Thursday: weeks that begin on Mondays are those of the days three later."""


def cluster_trends(groups: UserGroups, ordered: OrderedEvents) -> list[dict[str, Any]]:
    """A row a group, week and metric; weeks with fewer active users than the minimum group are left out."""
    window = groups.window
    rows = ordered.rows.inner_join(groups.rows, "user_key")
    goals, errors = (window.is_one_of(rows, window.actions_of(role)) for role in (Role.GOAL, Role.ERROR))
    week = ((rows["at"] + window.start + _MONDAY) // _WEEK).cast("int64")
    by_user = rows.group_by("user_key", "cluster_id", week=week).agg(
        n=rows.count(),
        goal=(rows.count(where=goals) > 0).cast("int64"),
        error=(rows.count(where=errors) > 0).cast("int64"),
        is_new=rows.place.min() == 0,
    )
    by_user = window.engine.materialize(by_user)
    found = [*_weeks(groups, by_user, ["cluster_id", "week"]), *_weeks(groups, by_user, ["week"])]
    return [
        {"cluster_id": row.get("cluster_id"), "week": _monday(row["week"]), "metric": metric.value, "value": value}
        | {"users": row["users"]}
        for row in sorted(found, key=lambda row: (row.get("cluster_id") or "", row["week"]))
        if row["users"] >= groups.min_group
        for metric, value in _values(row)
    ]


def _weeks(groups: UserGroups, by_user: ir.Table, keys: list[str]) -> list[dict[str, Any]]:
    totals = by_user.group_by(*keys).agg(
        users=by_user.count(),
        events=ibis._.n.sum().cast("int64"),
        goals=ibis._.goal.sum().cast("int64"),
        errors=ibis._.error.sum().cast("int64"),
        new_users=ibis._.is_new.sum().cast("int64"),
    )
    return list(groups.window.engine.fetch(totals).to_pylist())


def _values(row: dict[str, Any]) -> list[tuple[TrendMetric, float]]:
    users = row["users"]
    return [
        (TrendMetric.ACTIVE_USERS, float(users)),
        (TrendMetric.NEW_USERS, float(row["new_users"])),
        (TrendMetric.EVENTS_PER_USER, row["events"] / users),
        (TrendMetric.GOAL_SHARE, row["goals"] / users),
        (TrendMetric.ERROR_SHARE, row["errors"] / users),
    ]


def _monday(week: int) -> date:
    return date(1970, 1, 1) + timedelta(days=7 * week - 3)
