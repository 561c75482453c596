"""Whether a difference replicates: in both halves of the users, and among those who came early and late in the window."""

import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grupa_pipeline.insights.effects import RankedValues
from grupa_pipeline.vocabulary.enums import FeatureRole, Measure

MIN_SIDE = 8
"""Fewest users with a value on either side of a comparison within a half."""
KEPT_SHARE = 0.4
"""A half shows the same difference if it is in the same direction and at least this share of the whole one."""
SAME_RATE = 0.1
"""Where a cluster does not differ, a half shows the same if its share is this near."""
ARRIVAL = "first_seen_day"
"""The feature by which users came early or late."""
_RANKED = (Measure.COUNT, Measure.DURATION)

Mask = NDArray[np.bool_]


def check_replication(
    rows: Iterable[Mapping[str, Any]], features: pd.DataFrame, labels: pd.Series, entries: pd.DataFrame
) -> dict[str, bool]:
    """Whether each of the `rows` on outcomes, loops and retries replicates, by evidence_id.

    Args:
        rows: Rows of `cluster_evidence`.
        features: Shape (users, features), with user_id as index.
        labels: cluster_id of each user of `features`, in their order.
        entries: `feature_catalog` by feature.
    """
    halves = _halves(features)
    found = {}
    for row in rows:
        if entries.loc[row["metric"], "role"] != FeatureRole.OUTCOME and row["measure"] != Measure.LOOP:
            continue
        member = (labels == row["cluster_id"]).to_numpy(dtype=bool)
        values = features[row["metric"]].to_numpy(dtype=np.float64)
        found[str(row["evidence_id"])] = all(_shows(row, values[half], member[half]) for half in halves)
    return found


def _halves(features: pd.DataFrame) -> list[Mask]:
    odd = np.array([zlib.crc32(str(user).encode()) & 1 for user in features.index], dtype=bool)
    halves = [odd, ~odd]
    if ARRIVAL in features:
        came = features[ARRIVAL].to_numpy(dtype=np.float64)
        late = came > np.nanmedian(came) if np.isfinite(came).any() else np.zeros(len(came), dtype=bool)
        if late.any() and not late.all():
            halves += [late, ~late]
    return halves


def _shows(row: Mapping[str, Any], values: NDArray[np.float64], member: Mask) -> bool:
    """Whether one half of the users shows the difference of a row."""
    present = np.isfinite(values)
    own, rest = values[present & member], values[present & ~member]
    if min(len(own), len(rest)) < MIN_SIDE:
        return False
    whole = float(row["effect_size"])
    if float(row["ci_low"]) <= 0 <= float(row["ci_high"]):
        return bool(abs(own.mean() - float(row["cluster_value"])) <= SAME_RATE)
    if row["measure"] in _RANKED:
        effect = RankedValues(values[present]).effect(member[present]).size
    else:
        effect = float(own.mean() - rest.mean())
    return effect * whole > 0 and abs(effect) >= KEPT_SHARE * abs(whole)
