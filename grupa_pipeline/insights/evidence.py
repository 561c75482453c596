"""Evidence: measured differences between each cluster and all other users, and which of them are reported.

Decides what is compared, how each metric is measured, and which differences are significant and large. The statistics
are in `effects`, the words in `wording`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from grupa_pipeline import tables
from grupa_pipeline.insights.effects import Effect, RankedValues, discoveries, proportion_effect
from grupa_pipeline.insights.replication import check_replication
from grupa_pipeline.vocabulary.enums import FeatureRole, Measure, MetricKind
from grupa_pipeline.vocabulary.feature_families import JOURNEY_MEASURES, FeatureFamily

LIFT_UP, LIFT_DOWN = 1.5, 0.67
"""A difference of shares is large if the lift is at least LIFT_UP or at most LIFT_DOWN, and ..."""
MIN_GAP, WIDE_GAP = 0.03, 0.2
"""... the gap is at least MIN_GAP; a gap of WIDE_GAP is large whatever the lift (60% against 85% is 1.4 times)."""
MIN_DELTA = 0.33
"""A difference of counts or durations is large from this |Cliff's delta|, between small and medium (Romano et al. 2006), ..."""
MIN_RATIO = 1.2
"""... if the ratio of medians is at least this: 23 hours against 22 may never overlap and still be irrelevant."""
FALSE_DISCOVERY_RATE = 0.05
MIN_USERS = 10
"""Minimum number of users with a value on either side of a comparison."""
MIN_ROWS, MAX_ROWS = 3, 24
"""Rows per cluster: at least MIN_ROWS even if small (see `_select`), and at most MAX_ROWS beside outcomes."""

SHARES = frozenset({Measure.PROPORTION, Measure.PATH, Measure.STEP, Measure.ERROR, Measure.LOOP, Measure.LAST_ACTION})
"""Measures that compare shares of users; the others compare medians."""
_DURATIONS = ("seconds", "minutes", "hours", "days", "weeks")
COLUMNS = [name for name in tables.CLUSTER_EVIDENCE.column_names if name != "snapshot_date"]


@dataclass(frozen=True)
class _Comparison:
    """A measured difference: a row of `cluster_evidence`, the metric's role, the p-value and, of a step, the goal."""

    row: dict[str, Any]
    role: str
    p_value: float
    goal: str | None = None


def measure_evidence(features: pd.DataFrame, labels: pd.Series, catalog: pd.DataFrame) -> pd.DataFrame:
    """Compare every cluster with all other users who have enough events, unassigned users included.

    Features of 0 and 1 are compared as shares of users (measure `proportion`, or `path` for a two-step path) by
    difference and lift, other features as medians (`duration` for units of time, else `count`) by Cliff's delta. Users
    without a value are ignored.

    The result has large effects (`is_large`) whose interval excludes 0. Evidence on clustering features is
    `descriptive`. For outcomes the false discovery rate over all tests of the snapshot is kept at .05 by
    Benjamini-Hochberg, and so it is for context features. Both are tested separately, since many true differences in
    context features would admit false ones in outcomes.

    Args:
        features: Shape (users, features), with user_id as index.
        labels: user_id -> cluster_id; None for unassigned users.
        catalog: `feature_catalog`.

    Returns:
        Columns of `cluster_evidence` without snapshot_date, ranked within each cluster (see `rank_evidence`).

    Example:
        >>> measure_evidence(features, labels, catalog)[["cluster_id", "metric", "effect_size"]]
    """
    assigned = labels.reindex(features.index)
    members = {
        str(name): np.flatnonzero((assigned == name).to_numpy(dtype=bool))
        for name in sorted(assigned.dropna().unique())
    }
    entries = catalog.set_index("feature")
    comparisons = [
        comparison
        for metric in features.columns
        if metric in entries.index
        for comparison in _compare(
            str(metric), features[metric].to_numpy(dtype=np.float64), members, entries.loc[metric]
        )
    ]
    significant = _significant(comparisons)
    rows = []
    for cluster_id in members:
        own = _select([item for item in significant if item.row["cluster_id"] == cluster_id])
        named = {row["evidence_id"] for row in own}
        weakest = _weakest_steps([item for item in comparisons if item.row["cluster_id"] == cluster_id])
        rows += [*own, *(row for row in weakest if row["evidence_id"] not in named)]
    replicated = check_replication(rows, features, assigned, entries)
    return rank_evidence(_frame([row | {"replicated": replicated.get(row["evidence_id"])} for row in rows]))


def is_large(row: Mapping[str, Any]) -> bool:
    """Whether the difference in a row of `cluster_evidence` is large enough to matter."""
    gap, lift = abs(float(row["effect_size"])), row["lift"]
    if row["measure"] not in SHARES:
        return bool(gap >= MIN_DELTA and (pd.isna(lift) or not 1 / MIN_RATIO < lift < MIN_RATIO))
    far = pd.isna(lift) or lift >= LIFT_UP or lift <= LIFT_DOWN
    return bool(gap >= WIDE_GAP or (gap >= MIN_GAP and far))


def weight(row: Mapping[str, Any]) -> float:
    """Size of a difference on one scale for all measures; large differences weigh about 1 or more.

    Cliff's delta weighs in units of MIN_DELTA. A difference of shares weighs the mean of its gap in units of WIDE_GAP and
    its log lift in units of LIFT_UP, the latter at most 3, with half a user added on either side so that it is finite.
    """
    if row["measure"] not in SHARES:
        return abs(float(row["effect_size"])) / MIN_DELTA
    floor = 0.5 / min(int(row["n_cluster"]), int(row["n_rest"]))
    ratio = np.log((float(row["cluster_value"]) + floor) / (float(row["rest_value"]) + floor))
    return float((abs(float(row["effect_size"])) / WIDE_GAP + min(abs(ratio) / np.log(LIFT_UP), 3.0)) / 2)


def rank_evidence(evidence: pd.DataFrame) -> pd.DataFrame:
    """Sort rows of `cluster_evidence` by cluster, then by descending weight: the order of aliases."""
    weights = [-weight(row) for row in evidence.to_dict("records")]
    keyed = evidence.assign(_weight=np.array(weights, dtype=np.float64))
    ordered = keyed.sort_values(["cluster_id", "_weight", "evidence_id"], kind="stable")
    return ordered.drop(columns="_weight").reset_index(drop=True)


def _compare(metric: str, values: np.ndarray, members: dict[str, np.ndarray], entry: pd.Series) -> list[_Comparison]:
    """Compare one metric in every cluster, given as positions of its members, with the rest where there are enough values."""
    present = np.isfinite(values)
    values, known = np.where(present, values, np.nan), values[present]
    binary = entry["metric_kind"] == MetricKind.PROPORTION and bool(np.isin(known, (0.0, 1.0)).all())
    measure = _measure(entry, binary)
    ranked = None if binary else RankedValues(values)
    comparisons = []
    for cluster_id, member in members.items():
        n = int(present[member].sum())
        m = len(known) - n
        if min(n, m) < MIN_USERS:
            continue
        if ranked is None:
            hits = int(np.nansum(values[member]))
            effect = proportion_effect(hits, n, int(known.sum()) - hits, m)
        else:
            effect = ranked.effect(member)
        row = _row(cluster_id, metric, measure, entry, effect)
        goal = str(entry["subject"]) if entry["family"] == FeatureFamily.FUNNEL_STEP else None
        comparisons.append(_Comparison(row, str(entry["role"]), effect.p_value, goal))
    return comparisons


def _measure(entry: pd.Series, binary: bool) -> Measure:
    if binary:
        if entry["family"] in JOURNEY_MEASURES:
            return JOURNEY_MEASURES[entry["family"]]
        return Measure.PATH if entry["family"] == FeatureFamily.PATH else Measure.PROPORTION
    return Measure.DURATION if entry["unit"] in _DURATIONS else Measure.COUNT


def _row(cluster_id: str, metric: str, measure: Measure, entry: pd.Series, effect: Effect) -> dict[str, Any]:
    return {
        "cluster_id": cluster_id,
        "evidence_id": f"{cluster_id}-{metric}-{measure}",
        "metric": metric,
        "measure": measure.value,
        "unit": str(entry["unit"]),
        "cluster_value": effect.cluster_value,
        "rest_value": effect.rest_value,
        "lift": effect.lift,
        "effect_size": effect.size,
        "ci_low": effect.low,
        "ci_high": effect.high,
        "n_cluster": effect.n_cluster,
        "n_rest": effect.n_rest,
        "descriptive": entry["role"] == FeatureRole.CLUSTERING,
    }


def _significant(comparisons: list[_Comparison]) -> list[_Comparison]:
    """Comparisons whose interval excludes 0 and which, for outcomes and for context, pass the false discovery rate."""
    passed = [item for item in comparisons if item.role == FeatureRole.CLUSTERING]
    for role in (FeatureRole.OUTCOME, FeatureRole.CONTEXT):
        tests = [item for item in comparisons if item.role == role]
        discovered = discoveries(np.array([item.p_value for item in tests]), FALSE_DISCOVERY_RATE)
        passed += [item for item, is_discovered in zip(tests, discovered, strict=True) if is_discovered]
    return [item for item in passed if item.row["ci_low"] > 0 or item.row["ci_high"] < 0]


def _weakest_steps(comparisons: list[_Comparison]) -> list[dict[str, Any]]:
    """Of each goal, the step at which the largest share of one cluster's users is lost, whether or not others do better."""
    weakest: dict[str, dict[str, Any]] = {}
    for item in comparisons:
        if item.goal is not None and item.row["measure"] == Measure.STEP:
            other = weakest.get(item.goal)
            if other is None or item.row["cluster_value"] < other["cluster_value"]:
                weakest[item.goal] = item.row
    return [row for row in weakest.values() if row["cluster_value"] < 1]


def _select(significant: list[_Comparison]) -> list[dict[str, Any]]:
    """One cluster's rows: all large outcomes and the heaviest other large differences.

    With fewer than MIN_ROWS of them, the next heaviest differences are added, since a cluster without evidence could
    not be described at all; their values show that they are small.
    """
    candidates = sorted((item for item in significant if _differs(item.row)), key=lambda item: -weight(item.row))
    large = [item for item in candidates if is_large(item.row)]
    outcomes = [item.row for item in large if item.role == FeatureRole.OUTCOME]
    others = [item.row for item in large if item.role != FeatureRole.OUTCOME]
    small = [item.row for item in candidates if not is_large(item.row)]
    rows = outcomes + others[:MAX_ROWS]
    return rows + small[: max(0, MIN_ROWS - len(rows))]


def _differs(row: dict[str, Any]) -> bool:
    """Whether both values differ: equal medians (mostly 0) cannot be put in a sentence, whatever the delta."""
    return not np.isclose(row["cluster_value"], row["rest_value"], rtol=0.02, atol=1e-9)


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=COLUMNS)
    numbers = ["cluster_value", "rest_value", "lift", "effect_size", "ci_low", "ci_high"]
    frame["replicated"] = frame["replicated"].astype(object)
    types = (
        dict.fromkeys(numbers, "float64") | dict.fromkeys(("n_cluster", "n_rest"), "int64") | {"descriptive": "bool"}
    )
    return frame.astype(types)
