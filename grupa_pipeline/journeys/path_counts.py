"""Rows of `journey_paths`, but for the typical journeys: from where to where users go, begin, turn round and stop."""

from collections.abc import Sequence
from typing import Any

import ibis
from ibis.expr import types as ir

from grupa_pipeline.aggregates.units import DAY
from grupa_pipeline.journeys.ordered_events import OrderedEvents
from grupa_pipeline.journeys.user_groups import UserGroups, count_paths, strongest
from grupa_pipeline.vocabulary.enums import PathKind, Role

MAX_PATHS = 12
"""Rows of a kind and group."""
FIRST_STEPS = 5
"""Actions of a first session that are told."""
TIMES_AGAIN = 3
"""From so many returns on, a user goes back and forth, or does the same again and again."""
SILENT_DAYS = 7
"""Users are silent when nothing happened for this long up to the window's end, or for a quarter of a shorter window."""


def journey_paths(groups: UserGroups, ordered: OrderedEvents) -> list[dict[str, Any]]:
    """All kinds but `typical`, of at least the minimum group of users each."""
    kinds = {
        PathKind.TRANSITION: (_transitions(ordered), ["before", "action_key"]),
        PathKind.ENTRY: (_entries(ordered), ["action_key"]),
        PathKind.FIRST_SESSION: _first_sessions(groups, ordered),
        PathKind.AFTER_ERROR: (_after_errors(groups, ordered), ["before", "action_key"]),
        PathKind.LAST_BEFORE_END: (_before_ends(groups, ordered), ["before", "action_key"]),
        PathKind.LOOP: (_returns(groups, retries=False), ["one", "other"]),
        PathKind.RETRY: (_returns(groups, retries=True), ["one"]),
    }
    return [
        {"kind": kind.value, **row}
        for kind, (rows, columns) in kinds.items()
        for row in strongest(count_paths(groups, rows, columns), MAX_PATHS)
    ]


def _transitions(ordered: OrderedEvents) -> ir.Table:
    rows = ordered.folded
    return rows.filter(~rows.starts).select("user_key", "before", "action_key").distinct()


def _entries(ordered: OrderedEvents) -> ir.Table:
    return ordered.rows.filter(ordered.rows.place == 0).select("user_key", "action_key")


def _first_sessions(groups: UserGroups, ordered: OrderedEvents) -> tuple[ir.Table, list[str]]:
    """The first actions of each user's first session, runs folded: one column each."""
    rows = ordered.rows
    ends = rows.filter(rows.starts, rows.place > 0).group_by("user_key").agg(end=ibis._.place.min())
    folded = ordered.folded.left_join(ends, "user_key")
    folded = folded.filter(folded.end.isnull() | (folded.place < folded.end))
    steps = folded.select("user_key", "action_key", "place")
    numbered = steps.mutate(number=ibis.row_number().over(ibis.window(group_by="user_key", order_by=steps.place)))
    numbered = groups.window.engine.materialize(numbered.filter(numbered.number < FIRST_STEPS))
    names = [f"step_{number}" for number in range(FIRST_STEPS)]
    columns = {name: numbered.action_key.max(where=numbered.number == number) for number, name in enumerate(names)}
    return numbered.group_by("user_key").agg(**columns), names


def _after_errors(groups: UserGroups, ordered: OrderedEvents) -> ir.Table:
    """error, then what came next within the session; the error alone where nothing did."""
    window = groups.window
    errors = _keys(groups, window.actions_of(Role.ERROR))
    rows = ordered.folded
    after = rows.filter(~rows.starts, rows.before.isin(errors)) if errors else rows.filter(ibis.literal(False))
    return after.select("user_key", "before", "action_key").distinct()


def _before_ends(groups: UserGroups, ordered: OrderedEvents) -> ir.Table:
    """The action before each user's first bad end, and that end; alone, the last one of who fell silent without a goal."""
    window = groups.window
    bad, goals = (_keys(groups, window.actions_of(role)) for role in (Role.BAD_END, Role.GOAL))
    rows = ordered.folded
    is_bad = rows.action_key.isin(bad) if bad else ibis.literal(False)
    ended = rows.filter(is_bad, rows.before.notnull())
    firsts = ended.group_by("user_key").agg(place=ended.place.min())
    ends = ended.inner_join(firsts, ["user_key", "place"]).select("user_key", "before", "action_key")
    silent = min(SILENT_DAYS * DAY, window.length // 4)
    counts = window.counts
    outcome = counts.action_key.isin([*bad, *goals]) if bad or goals else ibis.literal(False)
    succeeded = counts.filter(outcome).select("user_key").distinct()
    last = ordered.rows.filter(ordered.rows.is_last, ordered.rows["at"] < window.length - silent)
    last = last.anti_join(succeeded, "user_key")
    key_type = ordered.rows.action_key.type()
    stopped = last.select("user_key", before="action_key", action_key=ibis.null(key_type))
    return ends.union(stopped)


def _returns(groups: UserGroups, *, retries: bool) -> ir.Table:
    """Users who came back often to one of two actions by the other (one, other), or to one at once (one)."""
    rows = groups.window.ordered["returns"]
    rows = rows.mutate(one=ibis.least(rows.before, rows.action), other=ibis.greatest(rows.before, rows.action))
    rows = rows.filter(rows.one == rows.other if retries else rows.one != rows.other)
    again = rows.group_by("user_key", "one", "other").agg(n=rows.n.sum())
    return again.filter(again.n >= TIMES_AGAIN).select("user_key", "one", "other")


def _keys(groups: UserGroups, actions: Sequence[str]) -> list[Any]:
    keys = groups.window.keys
    return [keys[action] for action in actions if action in keys]
