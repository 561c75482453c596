"""The rule of a cluster as data: alternatives of conditions on features, their JSON, and the users they match.

Segmentation writes the JSON to `clusters.rule_conditions` and the app reads it; the text in `clusters.rule` is for display
and is never parsed.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

_BRACKETS = re.compile(r"\s*\([^()]*\)")


class Comparison(StrEnum):
    """How a condition compares a feature with its threshold."""

    MORE_THAN = ">"
    AT_MOST = "<="


@dataclass(frozen=True)
class Condition:
    """One comparison: the feature is more than, or at most, the threshold (in the feature's unit, full precision)."""

    feature: str
    comparison: Comparison
    threshold: float

    def holds(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of `values` (users,) meet the condition; NaN never does."""
        met: NDArray[np.bool_] = (
            values > self.threshold if self.comparison is Comparison.MORE_THAN else values <= self.threshold
        )
        return met


Rule = tuple[tuple[Condition, ...], ...]
"""Alternatives; a user matches when all conditions of one of them hold. An empty rule matches no user."""


def rule_to_json(rule: Rule) -> str:
    """The JSON of a rule: a list of alternatives, each a list of objects with `feature`, `operator` and `value`.

    Example:
        >>> rule_to_json(((Condition("sessions_per_week", Comparison.MORE_THAN, 4.0),),))
        '[[{"feature": "sessions_per_week", "operator": ">", "value": 4.0}]]'
    """
    return json.dumps(
        [
            [
                {"feature": condition.feature, "operator": condition.comparison, "value": condition.threshold}
                for condition in alternative
            ]
            for alternative in rule
        ],
        ensure_ascii=False,
    )


def rule_from_json(text: str) -> Rule:
    """The rule that `rule_to_json` wrote."""
    return tuple(
        tuple(
            Condition(entry["feature"], Comparison(entry["operator"]), float(entry["value"])) for entry in alternative
        )
        for alternative in json.loads(text)
    )


def features_of(rule: Rule) -> set[str]:
    """Names of the features that a rule compares."""
    return {condition.feature for alternative in rule for condition in alternative}


def matching_users(rule: Rule, columns: Mapping[str, NDArray[np.float64]], users: int) -> NDArray[np.bool_]:
    """Which of `users` users match the rule (users,).

    `columns` maps features to values (users,), NaN where not applicable. A missing value, or feature, meets no condition.
    """
    matched = np.zeros(users, dtype=bool)
    for alternative in rule:
        met = np.ones(users, dtype=bool)
        for condition in alternative:
            values = columns.get(condition.feature)
            met &= condition.holds(values) if values is not None else False
        matched |= met
    return matched


def unmet_conditions(rule: Rule, values: Mapping[str, float | None]) -> list[Condition]:
    """The conditions that one user would have to meet to match a rule: those unmet in its nearest alternative.

    Nearest is the alternative with the fewest unmet conditions, of those the one whose thresholds are least far away: the
    distance of a value from a threshold is their difference over the sum of their sizes, 0 to 1. Empty when the user
    matches the rule; a missing value meets nothing and has distance 1.
    """
    unmet = [
        [condition for condition in alternative if not _holds(condition, values.get(condition.feature))]
        for alternative in rule
    ]
    return min(
        unmet,
        key=lambda alternative: (
            len(alternative),
            sum(_distance(condition, values.get(condition.feature)) for condition in alternative),
        ),
        default=[],
    )


def _holds(condition: Condition, value: float | None) -> bool:
    return value is not None and bool(condition.holds(np.array([value]))[0])


def _distance(condition: Condition, value: float | None) -> float:
    if value is None:
        return 1.0
    return abs(value - condition.threshold) / max(abs(value) + abs(condition.threshold), float(np.finfo(float).tiny))


def short_description(description: str) -> str:
    """A feature's description as used in rules: without text in brackets, which would make rules too long."""
    return _BRACKETS.sub("", description)
