"""Funnels: the steps that most users who reach a goal pass on their way, in the order in which they pass them.

Computed from the first and last time of each action of each user alone, so no event is read for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import ibis
from ibis.expr import types as ir

from grupa_pipeline.aggregates.event_window import EventWindow
from grupa_pipeline.vocabulary.enums import Role

MAX_FUNNELS = 4
MAX_STEPS = 8
"""Steps of a funnel, the goal included."""
MIN_REACHED = 20
"""Fewest users who reached a goal for a funnel."""
MAX_GOAL_SHARE = 0.9
"""What nearly every user has is no goal to get to."""
PASSED_SHARE = 0.9
"""Share of the users who reached the goal that did an action before, for it to be a step."""
SURE_SHARE = 0.97
"""A step to which this share of users goes on loses nobody, and is left out."""
_NO_STEPS = frozenset({Role.ERROR, Role.HELP, Role.BAD_END, Role.SYSTEM})


@dataclass(frozen=True)
class Funnel:
    """The way to a goal.

    Attributes:
        goal: The goal's action.
        steps: Actions in the order in which most users pass them; the last one is the goal.
    """

    goal: str
    steps: tuple[str, ...]


@dataclass(frozen=True)
class FunnelTimes:
    """When users got to the steps of funnels.

    Attributes:
        rows: A row a user of the window: user_key, and the columns named below (microseconds from the window's start).
        columns: The columns of a funnel's steps by goal, in order: NULL where a user did not get there. A user gets to a step
            by doing it at or after the time of the step before.
    """

    rows: ir.Table
    columns: Mapping[str, Sequence[str]]


def find_funnels(window: EventWindow) -> list[Funnel]:
    """The funnel to each goal that enough users reach and not nearly all have, the commonest goal first."""
    passed = _passed_before(window)
    chains = {goal: _in_order(window, goal, actions) for goal, actions in passed.items()}
    chains = {goal: steps for goal, steps in chains.items() if len(steps) > 1}
    if not chains:
        return []
    times = funnel_times(window, [Funnel(goal, steps) for goal, steps in chains.items()])
    reached = _count_reached(window, times)
    return [Funnel(goal, _with_losses(steps, reached[goal])) for goal, steps in chains.items()]


def funnel_times(window: EventWindow, funnels: Sequence[Funnel]) -> FunnelTimes:
    """When each user of the window got to each step of `funnels`."""
    actions = sorted({step for funnel in funnels for step in funnel.steps})
    number = {action: place for place, action in enumerate(actions)}
    counts = window.counts
    spans: dict[str, ir.Value] = {}
    for action, place in number.items():
        is_action = window.is_one_of(counts, [action])
        spans[f"first{place}"] = counts.first_at.min(where=is_action)
        spans[f"last{place}"] = counts.last_at.max(where=is_action)
    rows = window.engine.materialize(counts.group_by("user_key").agg(events=counts.n.sum().cast("int64"), **spans))
    columns: dict[str, list[str]] = {}
    for goal, funnel in enumerate(funnels):
        for place, step in enumerate(funnel.steps):
            first, last = rows[f"first{number[step]}"], rows[f"last{number[step]}"]
            name = f"at_{goal}_{place}"
            before = rows[columns[funnel.goal][-1]] if place else first
            rows = rows.mutate(**{name: ibis.ifelse(last >= before, ibis.greatest(first, before), None)})
            columns.setdefault(funnel.goal, []).append(name)
    names = [name for own in columns.values() for name in own]
    return FunnelTimes(window.engine.materialize(rows.select("user_key", *names)), columns)


def _passed_before(window: EventWindow) -> dict[str, list[str]]:
    """The actions that `PASSED_SHARE` of those who reached a goal did before it, by goal, the commonest goal first."""
    total = window.engine.fetch(window.counts.agg(users=window.counts.user_key.nunique()))["users"][0].as_py()
    pairs = _before_goals(window, window.actions_of(Role.GOAL))
    if pairs is None:
        return {}
    grouped = pairs.group_by("goal", "action").agg(users=pairs.count())
    counts = {(row["goal"], row["action"]): row["users"] for row in window.engine.fetch(grouped).to_pylist()}
    goals = {goal: users for (goal, action), users in counts.items() if goal == action}
    wanted = [goal for goal, users in goals.items() if MIN_REACHED <= users <= MAX_GOAL_SHARE * total]
    passed: dict[str, list[str]] = {}
    for goal in sorted(wanted, key=lambda goal: (-goals[goal], goal))[:MAX_FUNNELS]:
        passed[goal] = sorted(
            action
            for (of, action), users in counts.items()
            if of == goal
            and action != goal
            and users >= PASSED_SHARE * goals[goal]
            and window.assigned.get(action) not in _NO_STEPS
        )
    return passed


def _before_goals(window: EventWindow, goals: Sequence[str]) -> ir.Table | None:
    """goal, action, user_key, first_at: what users did up to the first time of each goal, itself included."""
    is_goal = window.is_one_of(window.counts, goals)
    if not any(goal in window.keys for goal in goals):
        return None
    names = window.names.select("action", "action_key")
    reached = window.counts.filter(is_goal).inner_join(names, "action_key")
    reached = reached.select("user_key", goal="action", goal_at="first_at")
    done = window.counts.inner_join(names, "action_key").select("user_key", "action", "first_at")
    joined = done.inner_join(reached, "user_key")
    return joined.filter(joined.first_at <= joined.goal_at).select("goal", "action", "user_key", "first_at")


def _in_order(window: EventWindow, goal: str, actions: Sequence[str]) -> tuple[str, ...]:
    """`actions` by their mean place among each other on the way to the goal, then the goal."""
    pairs = _before_goals(window, [goal])
    if pairs is None or not actions:
        return (goal,)
    steps = pairs.filter(pairs.action.isin(list(actions)))
    placed = steps.mutate(place=ibis.rank().over(ibis.window(group_by="user_key", order_by=steps.first_at)))
    means = window.engine.fetch(placed.group_by("action").agg(total=placed.place.sum().cast("int64"), n=placed.count()))
    ranked = sorted((row["total"] / row["n"], row["action"]) for row in means.to_pylist())
    return (*(action for _, action in ranked), goal)


def _count_reached(window: EventWindow, times: FunnelTimes) -> dict[str, list[int]]:
    """Users who got to each step of each funnel."""
    names = [name for own in times.columns.values() for name in own]
    counts = window.engine.fetch(times.rows.agg(**{name: times.rows[name].count() for name in names})).to_pylist()[0]
    return {goal: [counts[name] for name in own] for goal, own in times.columns.items()}


def _with_losses(steps: Sequence[str], reached: Sequence[int]) -> tuple[str, ...]:
    """The steps at which users are lost, at most `MAX_STEPS` of them, the goal always among them.

    The step at which most begin stays as well, as the place from which the next one is reached.
    """
    rates = [1.0, *(after / max(before, 1) for before, after in pairwise(reached))]
    losing = [place for place in range(1, len(steps) - 1) if rates[place] < SURE_SHARE]
    kept = sorted(sorted(losing, key=lambda place: rates[place])[: MAX_STEPS - 2])
    return tuple(steps[place] for place in (0, *kept, len(steps) - 1))
