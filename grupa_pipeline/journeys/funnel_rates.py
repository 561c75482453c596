"""Rows of `journey_steps`: how many users of each group get to each step towards each goal, and go on."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ibis.expr import types as ir

from grupa_pipeline.aggregates.funnels import Funnel, FunnelTimes, funnel_times
from grupa_pipeline.aggregates.units import HOUR
from grupa_pipeline.journeys.intervals import share_interval
from grupa_pipeline.journeys.user_groups import UserGroups

Counts = dict[str | None, dict[str, Any]]
"""By group, what was counted of each column."""


def journey_steps(groups: UserGroups, funnels: Sequence[Funnel]) -> list[dict[str, Any]]:
    """A row a group, goal and step: users who got there, and the share of them who went on, against the rest.

    A group appears when at least the minimum group got to the first step; the last step is the goal, from which none goes on.
    """
    if not funnels:
        return []
    times = funnel_times(groups.window, funnels)
    counts = _count(groups, times)
    rows = []
    for funnel in funnels:
        columns = times.columns[funnel.goal]
        for cluster_id, own in counts.items():
            if own[columns[0]] < groups.min_group:
                continue
            for place, action in enumerate(funnel.steps):
                following = columns[place + 1] if place + 1 < len(columns) else None
                rows.append(
                    {
                        "cluster_id": cluster_id,
                        "goal": funnel.goal,
                        "position": place + 1,
                        "action": action,
                        **_rates(own, counts[None], columns[place], following, is_everyone=cluster_id is None),
                    }
                )
    return rows


def _count(groups: UserGroups, times: FunnelTimes) -> Counts:
    """Users at each column and, as `hours_<column>`, median hours from the column before, by group and for everyone."""
    joined = times.rows.inner_join(groups.rows, "user_key")
    values: dict[str, ir.Value] = {}
    for own in times.columns.values():
        values |= {name: joined[name].count() for name in own}
        for before, name in pairwise(own):
            values[f"hours_{name}"] = (joined[name] - joined[before]).median() / HOUR
    fetch = groups.window.engine.fetch
    counts: Counts = {None: fetch(joined.agg(**values)).to_pylist()[0]}
    by_group = fetch(joined.group_by("cluster_id").agg(**values)).to_pylist()
    return counts | {row["cluster_id"]: row for row in sorted(by_group, key=lambda row: row["cluster_id"])}


def _rates(
    own: dict[str, Any], everyone: dict[str, Any], column: str, following: str | None, *, is_everyone: bool
) -> dict[str, Any]:
    reached = int(own[column])
    row: dict[str, Any] = {"users_reached": reached}
    if following is None:
        return row
    continued = int(own[following])
    rest_reached, rest_continued = int(everyone[column]) - reached, int(everyone[following]) - continued
    low, high = share_interval(continued, reached) if reached else (None, None)
    return row | {
        "users_continued": continued,
        "continued_share": continued / reached if reached else None,
        "rest_continued_share": rest_continued / rest_reached if rest_reached and not is_everyone else None,
        "ci_low": low,
        "ci_high": high,
        "median_hours": own[f"hours_{following}"],
    }
