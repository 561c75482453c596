"""Diagnosis: at which steps towards a goal a cluster's users are lost or held up, and where they do better than the others.

Reads evidence on journeys alone (steps, errors, loops, last actions). Never an obstacle: what others decide, an error or loop
that is rarer than among the others, and what a cluster does well.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from grupa_pipeline.insights.event_roles import is_unwanted
from grupa_pipeline.insights.evidence import MIN_USERS, is_large
from grupa_pipeline.insights.remedies import Cause, is_offer, step_kind
from grupa_pipeline.insights.templates import EvidenceRow, reads_the_same
from grupa_pipeline.insights.wording import Wording
from grupa_pipeline.vocabulary.enums import DecidedBy, Measure, Role
from grupa_pipeline.vocabulary.feature_families import JOURNEY_MEASURES, FeatureFamily

MIN_SEVERITY = 0.03
"""Share of the cluster's users lost at a place, beyond the others' loss, from which it is reported."""
WEAK_SHARE, WEAK_LOSS = 0.8, 0.15
"""A weakest step that is not behind the others is told if at most WEAK_SHARE go on and at least WEAK_LOSS of the cluster stop."""
_SLOW_WEIGHT, _WEAK_WEIGHT = 0.3, 0.3
"""Nobody is lost by being slow, or by a step at which others do no better: such places weigh less than those where users stop."""
MIN_SLOW_RATIO = 2.0
"""A step is slow if its median time is so many times the others'."""

NEARLY_ALL = 0.9
"""Share of a cluster's users from which on a first step is what they all begin with."""
_ON_THE_WAY = ("payment", "pricing", "form", "waiting")
"""Kinds of first steps that are part of what is to be done for a goal."""

_COMING_BACK = "return_visit"
"""Nothing is open after such a step: the time from it to the next says how often users come, not that they wait."""

Rows = Mapping[str, EvidenceRow]


@dataclass(frozen=True)
class Obstacle:
    """A place at which users of a cluster are lost or held up.

    Attributes:
        cause: What is seen there.
        alias: The evidence of it.
        support: Second evidence.
        severity: Share of the cluster lost there beyond the others' loss, weighted by cause.
        actions: The step before and the step; one action where there is no step before.
        goal: The goal that the step leads to; None where that is not known.
        about: The error, or the other action of a loop.
        target: The metric to move; None where a step's own metric is not known.
        is_behind: Whether the others do better.
        usual: What sets the users apart, where nothing between the step before and the step is known.
    """

    cause: Cause
    alias: str
    support: str
    severity: float
    actions: tuple[str, ...]
    goal: str | None
    target: str | None
    about: str | None = None
    is_behind: bool = True
    usual: str | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """Obstacles of equal key are the same, whatever cluster they are in."""
        return (self.cause, *self.actions, self.about or "", self.usual or "")


def is_about_journeys(entry: Mapping[str, Any]) -> bool:
    """Whether a metric of `feature_catalog` is about a place on users' way."""
    return entry["family"] in JOURNEY_MEASURES


def places_of(catalog: pd.DataFrame) -> dict[str, str]:
    """The action at which a metric about journeys happens, by metric; without names that `privacy` withheld."""
    entries = [entry for entry in catalog.to_dict("records") if entry["family"] in JOURNEY_MEASURES]
    places = {str(entry["feature"]): str(entry["source_action"]).splitlines()[-1] for entry in entries}
    return {metric: place for metric, place in places.items() if not re.fullmatch(r"other_\d+", place)}


def find_obstacles(rows: Rows, wording: Wording) -> list[Obstacle]:
    """Where users of a cluster are lost or held up, the most severe first; each place once."""
    size = max((int(row["n_cluster"]) for row in rows.values()), default=0)
    steps = {alias: row for alias, row in rows.items() if row["measure"] == Measure.STEP}
    found = [
        *(_dropping(alias, rows, wording, size) for alias in steps),
        *(_slow(alias, rows, wording, size) for alias in rows),
    ]
    told = [each for each in found if each is not None]
    explained = {each.about for each in told if each.about}
    told += [
        each
        for alias in rows
        for find in (_error_alone, _error_where_others_are_not)
        if (each := find(alias, rows, wording, size)) is not None and each.about not in explained
    ]
    refused = _refused(rows, wording, size)
    if refused is not None:  # where they turn away is known
        told = [refused, *(each for each in told if not is_far(each, rows, wording))]
    if not any(each.cause is not Cause.SLOW and each.cause is not Cause.WAIT for each in told):
        told += _weakest(steps, rows, wording, size)
    places = _each_place_once(sorted(told, key=lambda each: (-each.severity, each.alias)))
    return _each_support_once(places, rows, wording)


def is_far(obstacle: Obstacle, rows: Rows, wording: Wording) -> bool:
    """Whether users are lost between what nearly all of them begin with and the goal itself.

    Nothing that is known lies between such steps, so what helps at the one or the other says nothing of why, unless the first is
    part of what is to be done for the goal.
    """
    if len(obstacle.actions) < 2 or obstacle.actions[-1] != obstacle.goal or obstacle.about:
        return False
    size = max(int(row["n_cluster"]) for row in rows.values())
    if int(rows[obstacle.alias]["n_cluster"]) < NEARLY_ALL * size or step_kind(obstacle.actions[0]) in _ON_THE_WAY:
        return False
    steps = [
        str(entry["source_action"]).splitlines()
        for entry in map(wording.entry, wording.metrics())
        if entry["family"] == FeatureFamily.FUNNEL_STEP and entry["subject"] == obstacle.goal
    ]
    return not any(len(own) > 1 and own[-1] == obstacle.actions[0] for own in steps)


def decided_step(rows: Rows, wording: Wording) -> str | None:
    """The step at which most users of a cluster are lost beyond the others' loss, because others decide so; its evidence."""
    lost = [
        (float(row["effect_size"]) * int(row["n_cluster"]), alias)
        for alias, row in rows.items()
        if row["measure"] == Measure.STEP
        and row["ci_high"] < 0
        and is_large(row)
        and _is_decided_elsewhere(row, wording)
        and len(_actions(row, wording)) > 1
    ]
    return min(lost)[1] if lost else None


def goal_standing(rows: Rows, wording: Wording) -> int:
    """1 where a cluster reaches goals more often than the others, -1 where less, 0 where it differs in none or is both."""
    signs = {
        1 if row["effect_size"] > 0 else -1
        for row in rows.values()
        if wording.entry(str(row["metric"]))["family"] == FeatureFamily.OUTCOME_HAD
        and wording.entry(str(row["metric"]))["higher_is_better"]
        and is_large(row)
    }
    return signs.pop() if len(signs) == 1 else 0


def find_strengths(rows: Rows, wording: Wording) -> list[str]:
    """Aliases of the evidence on what the cluster does better: goals reached, then steps, the largest first."""
    better = [
        (entry["family"] != FeatureFamily.OUTCOME_HAD, -float(row["effect_size"]), alias)
        for alias, row in rows.items()
        if (entry := wording.entry(str(row["metric"])))["higher_is_better"]
        and entry["family"] in (FeatureFamily.OUTCOME_HAD, FeatureFamily.FUNNEL_STEP)
        and row["ci_low"] > 0
        and not _is_decided_elsewhere(row, wording)
    ]
    return [alias for *_, alias in sorted(better)]


def _dropping(alias: str, rows: Rows, wording: Wording, size: int) -> Obstacle | None:
    """A step to which fewer go on than of the others, with what is seen there."""
    row = rows[alias]
    actions = _actions(row, wording)
    severity = -float(row["effect_size"]) * int(row["n_cluster"]) / max(size, 1)
    if row["ci_high"] >= 0 or not is_large(row) or severity < MIN_SEVERITY or _is_decided_elsewhere(row, wording):
        return None
    cause, seen = _seen_at(actions[0], rows, wording)
    support = seen or _any_support(alias, actions, rows, wording)
    if support is None:
        return None
    about = _about(rows[support], actions, wording) if cause in (Cause.ERROR, Cause.LOOP) else None
    goal = wording.entry(str(row["metric"]))["subject"]
    return Obstacle(cause, alias, support, severity, actions, goal, str(row["metric"]), about)


def _seen_at(place: str, rows: Rows, wording: Wording) -> tuple[Cause, str | None]:
    """What is more common in the cluster at a place: an error, repeats, a loop; with its evidence."""
    kinds = (
        (Cause.ERROR, FeatureFamily.ERROR_MET, lambda own: own[0] == place),
        (Cause.RETRY, FeatureFamily.RETRY, lambda own: own[0] == place),
        (Cause.LOOP, FeatureFamily.LOOP, lambda own: place in own),
    )
    for cause, family, is_there in kinds:
        seen = [
            (-float(row["effect_size"]), alias)
            for alias, row in rows.items()
            if wording.entry(str(row["metric"]))["family"] == family
            and row["ci_low"] > 0
            and is_large(row)
            and is_there(_actions(row, wording))
        ]
        if seen:
            return cause, min(seen)[1]
    return Cause.DROP, None


def _slow(alias: str, rows: Rows, wording: Wording, size: int) -> Obstacle | None:
    """A step that those who get there take much longer for."""
    row = rows[alias]
    entry = wording.entry(str(row["metric"]))
    if entry["family"] != FeatureFamily.FUNNEL_HOURS or row["ci_low"] <= 0 or not is_large(row):
        return None
    if float(row["cluster_value"]) < MIN_SLOW_RATIO * float(row["rest_value"]) or float(row["cluster_value"]) < 1:
        return None
    actions = _actions(row, wording)
    support = _any_support(alias, actions, rows, wording)
    if support is None or step_kind(actions[0]) == _COMING_BACK:
        return None
    severity = _SLOW_WEIGHT * float(row["effect_size"]) * int(row["n_cluster"]) / max(size, 1)
    cause = Cause.WAIT if _is_decided_elsewhere(row, wording) else Cause.SLOW
    return Obstacle(cause, alias, support, severity, actions, entry["subject"], str(row["metric"]))


def _error_alone(alias: str, rows: Rows, wording: Wording, size: int) -> Obstacle | None:
    """An error that more users meet, of those who are where it occurs, without a step at which fewer go on."""
    row = rows[alias]
    entry = wording.entry(str(row["metric"]))
    if entry["family"] != FeatureFamily.ERROR_MET or row["ci_low"] <= 0 or not is_large(row):
        return None
    severity = float(row["effect_size"]) * int(row["n_cluster"]) / max(size, 1)
    actions = _actions(row, wording)
    following = [
        (other, _actions(rows[other], wording))
        for other in rows
        if rows[other]["measure"] == Measure.STEP and _actions(rows[other], wording)[0] == actions[0]
    ]
    following = [
        (other, steps) for other, steps in following if len(steps) > 1 and not reads_the_same(rows[other], rows[alias])
    ]
    support = following[0][0] if following else _any_support(alias, actions, rows, wording)
    if severity < MIN_SEVERITY or support is None:
        return None
    place = following[0][1] if following else (actions[0],)
    target = str(rows[following[0][0]]["metric"]) if following else str(row["metric"])
    goal = wording.entry(target)["subject"] if following else None
    cause = Cause.ERROR if following else Cause.ERROR_ALONE
    return Obstacle(cause, alias, support, severity, place, goal, target, actions[-1])


def _error_where_others_are_not(alias: str, rows: Rows, wording: Wording, size: int) -> Obstacle | None:
    """An error at a place to which too few of the others come for the share that meets it there to be compared."""
    row = rows[alias]
    entry = wording.entry(str(row["metric"]))
    is_error = entry["family"] == FeatureFamily.PATH and entry.get("event_role") == Role.ERROR
    if not is_error or row["ci_low"] <= 0 or not is_large(row):
        return None
    place, error = _actions(row, wording)
    there = [
        float(other["rest_value"]) * int(other["n_rest"])
        for other in rows.values()
        if wording.entry(str(other["metric"]))["family"] == FeatureFamily.ACTION_DONE
        and _actions(other, wording) == (place,)
    ]
    support = _any_support(alias, (place,), rows, wording)
    if not there or there[0] >= MIN_USERS or support is None:
        return None
    severity = float(row["effect_size"]) * int(row["n_cluster"]) / max(size, 1)
    return Obstacle(Cause.ERROR_ALONE, alias, support, severity, (place,), None, str(row["metric"]), error)


def _refused(rows: Rows, wording: Wording, size: int) -> Obstacle | None:
    """An offer that more users turn down than of the others, where fewer reach the goal."""
    behind = [
        (float(row["effect_size"]), alias)
        for alias, row in rows.items()
        if (entry := wording.entry(str(row["metric"])))["family"] == FeatureFamily.OUTCOME_HAD
        and entry["higher_is_better"]
        and row["ci_high"] < 0
    ]
    turned_down = [
        (-float(row["effect_size"]), alias)
        for alias, row in rows.items()
        if (entry := wording.entry(str(row["metric"])))["family"] == FeatureFamily.ACTION_DONE
        and row["ci_low"] > 0
        and is_large(row)
        and not is_unwanted(entry)
        and not _is_decided_elsewhere(row, wording)
        and is_offer(str(entry["source_action"]), refused=True)
    ]
    if not behind or not turned_down:
        return None
    (_, support), (_, alias) = min(behind), min(turned_down)
    row, goal = rows[alias], str(rows[support]["metric"])
    severity = float(row["effect_size"]) * int(row["n_cluster"]) / max(size, 1)
    return Obstacle(Cause.REFUSED, alias, support, severity, _actions(row, wording), None, goal)


def _weakest(steps: Rows, rows: Rows, wording: Wording, size: int) -> list[Obstacle]:
    """The step at which most users of the cluster stop, although the others do no better: at most one."""
    weak = [
        (float(row["cluster_value"]), alias)
        for alias, row in steps.items()
        if len(_actions(row, wording)) > 1
        and float(row["cluster_value"]) <= WEAK_SHARE
        and (1 - float(row["cluster_value"])) * int(row["n_cluster"]) >= WEAK_LOSS * size
        and not _is_decided_elsewhere(row, wording)
    ]
    if not weak:
        return []
    share, alias = min(weak)
    actions = _actions(rows[alias], wording)
    support = _any_support(alias, actions, rows, wording)
    if support is None:
        return []
    metric = str(rows[alias]["metric"])
    severity = _WEAK_WEIGHT * (1 - share) * int(rows[alias]["n_cluster"]) / max(size, 1)
    goal = wording.entry(metric)["subject"]
    return [Obstacle(Cause.WEAK, alias, support, severity, actions, goal, metric, is_behind=False)]


def _any_support(
    alias: str, actions: tuple[str, ...], rows: Rows, wording: Wording, used: Collection[str] = ()
) -> str | None:
    """Second evidence on a place: where users stop for good, the step's goal, the time it takes, another goal or step.

    None where all other evidence says the same as the first; what is `used` comes last.
    """
    goal = wording.entry(str(rows[alias]["metric"]))["subject"]

    def order(other: str) -> tuple[bool, bool, bool, bool, float]:
        row = rows[other]
        entry = wording.entry(str(row["metric"]))
        is_here = (
            row["measure"] == Measure.LAST_ACTION and row["effect_size"] > 0 and _actions(row, wording)[0] in actions
        )
        is_goal = entry["family"] == FeatureFamily.OUTCOME_HAD and bool(entry["higher_is_better"])
        is_step = entry["family"] in (FeatureFamily.FUNNEL_HOURS, FeatureFamily.FUNNEL_STEP)
        is_own = is_goal and entry["subject"] == goal
        return other in used, not (is_here or is_own), not is_step, not is_goal, -abs(float(row["effect_size"]))

    others = [other for other in rows if other != alias and not reads_the_same(rows[other], rows[alias])]
    return min(others, key=order, default=None)


def _each_support_once(obstacles: Sequence[Obstacle], rows: Rows, wording: Wording) -> list[Obstacle]:
    """The obstacles, with another second evidence where an earlier one cites the same and there is some left."""
    used: set[str] = set()
    told = []
    for each in obstacles:
        support = each.support
        if support in used and each.about is None:
            other = _any_support(each.alias, each.actions, rows, wording, used)
            support = other if other is not None and other not in used else support
        used |= {each.alias, support}
        told.append(replace(each, support=support))
    return told


def _each_place_once(obstacles: Sequence[Obstacle]) -> list[Obstacle]:
    kept: list[Obstacle] = []
    for each in obstacles:
        is_same = any(each.actions == other.actions or (each.about and each.about == other.about) for other in kept)
        if not is_same:
            kept.append(each)
    return kept


def _actions(row: EvidenceRow, wording: Wording) -> tuple[str, ...]:
    return tuple(str(wording.entry(str(row["metric"]))["source_action"]).splitlines())


def _about(row: EvidenceRow, actions: tuple[str, ...], wording: Wording) -> str:
    """The error, or the action of a loop that is not the step's own place."""
    own = _actions(row, wording)
    return next((action for action in own if action != actions[0]), own[-1])


def _is_decided_elsewhere(row: EvidenceRow, wording: Wording) -> bool:
    return wording.entry(str(row["metric"])).get("decided_by") == DecidedBy.SYSTEM
