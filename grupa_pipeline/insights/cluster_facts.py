"""Facts about a cluster's users that decide whether a difference may be told as a pain, read from the users themselves.

A bad end that only users far along can meet is more common wherever more users get that far: this is no pain. A user who came
once has no gap between visits, and the time since is no pause.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grupa_pipeline.insights.effects import proportion_effect
from grupa_pipeline.insights.evidence import MIN_USERS, is_large
from grupa_pipeline.insights.true_names import ClusterUsers
from grupa_pipeline.insights.wording import Wording
from grupa_pipeline.vocabulary.enums import Measure
from grupa_pipeline.vocabulary.feature_families import FeatureFamily

MIN_PASSED = 0.95
"""A step is on the way to a bad end if at least this share of those who ended so had got to the step."""
PAUSES = frozenset({"median_gap_days", "days_since_last_event"})
"""Metrics of pauses, which users of a single visit do not have."""
_EVENTS, _PER_SESSION = "events_total", "events_per_session"

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class ClusterFacts:
    """What is known of a cluster's users.

    Attributes:
        comes_once: Whether half of them or more came a single time.
        explained: Metrics of bad ends that are no more common than among the others who got as far.
    """

    comes_once: bool = False
    explained: frozenset[str] = frozenset()


def read_facts(users: ClusterUsers | None, cluster_id: str, wording: Wording) -> ClusterFacts:
    """The facts of one cluster; nothing is known without users."""
    if users is None:
        return ClusterFacts()
    member = (users.labels == cluster_id).to_numpy(dtype=bool)
    ends = [
        metric for metric in wording.metrics() if _is_outcome(metric, wording, good=False) and metric in users.columns
    ]
    explained = {metric for metric in ends if _is_explained(metric, users, member, wording)}
    return ClusterFacts(comes_once(users.features[member]), frozenset(explained))


def comes_once(features: pd.DataFrame) -> bool:
    """Whether half of the users or more came a single time, by rows of `user_features`."""
    if not {_EVENTS, _PER_SESSION} <= set(features.columns) or features.empty:
        return False
    sessions = features[_EVENTS].astype(float) / features[_PER_SESSION].astype(float)
    return bool((sessions.round() <= 1).mean() >= 0.5)


def _is_explained(metric: str, users: ClusterUsers, member: Mask, wording: Wording) -> bool:
    """Whether a bad end is not clearly more common among those of the cluster who got to the last step before it."""
    ended = _reached(metric, users)
    passed = [
        mask
        for other in wording.metrics()
        if other in users.columns and (_is_step(other, wording) or _is_outcome(other, wording, good=True))
        if (mask := _reached(other, users)).sum() >= MIN_USERS and mask[ended].mean() >= MIN_PASSED
    ]
    if not ended.any() or not passed:
        return False
    there = min(passed, key=lambda mask: int(mask.sum()))
    own, rest = member & there, ~member & there
    if min(own.sum(), rest.sum()) < MIN_USERS:
        return False
    effect = proportion_effect(int(ended[own].sum()), int(own.sum()), int(ended[rest].sum()), int(rest.sum()))
    row = {"measure": Measure.STEP, "effect_size": effect.size, "lift": effect.lift}
    return not (effect.low > 0 and is_large(row))


def _reached(metric: str, users: ClusterUsers) -> Mask:
    reached: Mask = users.features[users.columns[metric]].to_numpy(dtype=np.float64) == 1
    return reached


def _is_step(metric: str, wording: Wording) -> bool:
    is_step: bool = wording.entry(metric)["family"] == FeatureFamily.FUNNEL_STEP
    return is_step


def _is_outcome(metric: str, wording: Wording, *, good: bool) -> bool:
    entry = wording.entry(metric)
    better = entry["higher_is_better"]
    is_outcome: bool = entry["family"] == FeatureFamily.OUTCOME_HAD
    return is_outcome and not pd.isna(better) and bool(better) is good
