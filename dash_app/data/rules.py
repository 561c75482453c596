"""Reads a cluster's rule back from its text: who fits it, and what somebody lacks who does not. No queries."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dash_app.data.snapshot import Feature

_ASIDE = re.compile(r"\s*\([^()]*\)")


@dataclass(frozen=True)
class Condition:
    """One comparison of a rule: the feature lies above the threshold, or at most at it."""

    feature: str
    above: bool
    threshold: float


Rule = Sequence[Sequence[Condition]]
"""Alternatives of conditions; those of one of them all hold for who fits it."""


def in_short(feature: Feature) -> str:
    """A feature's description without what stands in brackets, as rules have it."""
    return _ASIDE.sub("", feature.description)


def read_rule(rule: str, catalog: Mapping[str, Feature]) -> tuple[tuple[Condition, ...], ...] | None:
    """A rule's text as alternatives of conditions that all hold; None when it is not one that the pipeline writes.

    Conditions read `description: more than 4 unit` or `description: at most 20%`, joined by `and` and `; or `; the
    description is the catalog's without what stands in brackets.
    """
    by_words = {in_short(feature): feature for feature in catalog.values()}
    names = "|".join(re.escape(each) for each in sorted(by_words, key=len, reverse=True))
    condition = re.compile(
        rf"(?P<name>{names}): (?P<side>more than|at most) (?P<value>-?[\d.]+(?:e[+-]?\d+)?)(?P<rest>%?)"
    )
    branches = []
    for branch in rule.split("; or "):
        found: list[Condition] = []
        left = branch
        while match := condition.match(left):
            feature = by_words[match["name"]]
            value = float(match["value"]) / (100 if match["rest"] else 1)
            found.append(Condition(feature.feature, match["side"] == "more than", value))
            left = left[match.end() :].removeprefix(f" {feature.unit}").removeprefix(" and ")
        if left or not found:
            return None
        branches.append(tuple(found))
    return tuple(branches)


def matching(rule: Rule, features: pa.Table) -> NDArray[np.bool_]:
    """Which rows of `features` fit the rule; a missing value, or feature, meets none."""
    found = np.zeros(len(features), dtype=bool)
    for branch in rule:
        met = np.ones(len(features), dtype=bool)
        for each in branch:
            if each.feature not in features.column_names:
                met[:] = False
                break
            values = features[each.feature].to_numpy(zero_copy_only=False).astype(float)
            met &= values > each.threshold if each.above else values <= each.threshold
        found |= met
    return found


def lacking(rule: Rule, values: Mapping[str, float | None]) -> list[Condition]:
    """What one user would have to change to fit a rule: of its alternatives, the nearest one's conditions they do not meet.

    Nearest is the one that takes the fewest changes, of those the one with the least way to go, each way measured as a part
    of the two values between which it lies. Empty for who fits the rule; a missing value meets nothing and is as far as can be.
    """
    unmet = [[each for each in branch if not _meets(each, values.get(each.feature))] for branch in rule]
    return min(unmet, key=lambda branch: (len(branch), sum(_way(each, values.get(each.feature)) for each in branch)))


def _meets(condition: Condition, value: float | None) -> bool:
    return value is not None and (value > condition.threshold) == condition.above


def _way(condition: Condition, value: float | None) -> float:
    """How far a value is from a threshold, 0 to 1: their difference over the sum of their sizes."""
    if value is None:
        return 1.0
    return abs(value - condition.threshold) / max(abs(value) + abs(condition.threshold), np.finfo(float).tiny)
