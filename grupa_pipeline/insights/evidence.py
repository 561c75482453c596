"""Evidence: the measured differences between each cluster and everyone else, and which of them are worth telling.

Here is decided what is compared, how a metric is measured, and what is kept. The statistics are in `effects.py`; words
are nobody's business here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from grupa_pipeline import tables
from grupa_pipeline.insights.effects import Effect, Ranked, discoveries, proportion_effect

LIFT_UP, LIFT_DOWN = 1.5, 0.67
"""A share of users matters from this many times the others', or down to it, ..."""
LEAST_GAP, WIDE_GAP = 0.03, 0.2
"""... if the gap is at least LEAST_GAP; a gap of WIDE_GAP matters whatever the lift (60% against 85% is 1.4 times)."""
LEAST_DELTA = 0.33
"""A count or duration matters from this |Cliff's delta|: between small and medium (Romano et al. 2006)."""
LEAST_RATIO = 1.2
"""... if its medians are at least this far apart: 23 hours against 22 may never overlap and still matter to nobody."""
FALSE_DISCOVERY_RATE = 0.05
LEAST_USERS = 10
"""A metric is measured on at least so many users on either side."""
LEAST_PIECES, MOST_PIECES = 3, 24
"""Pieces kept for a cluster: LEAST_PIECES even if small (see `_keep`), and beside outcomes MOST_PIECES at most."""

_DURATIONS = ("seconds", "minutes", "hours", "days", "weeks")
COLUMNS = [name for name in tables.CLUSTER_EVIDENCE.column_names if name != "snapshot_date"]


@dataclass(frozen=True)
class _Tested:
    """A difference that was measured (a row of `cluster_evidence`), before it is known whether it is kept."""

    row: dict[str, Any]
    role: str
    p_value: float


def measure_evidence(features: pd.DataFrame, labels: pd.Series, catalog: pd.DataFrame) -> pd.DataFrame:
    """Compare every cluster with everyone else who has enough events, unassigned users included.

    `features` has user_id as index and one column a feature; `labels` gives user_id -> cluster_id, None for unassigned;
    `catalog` is `feature_catalog`. Returns the columns of `cluster_evidence` but snapshot_date, ranked within each
    cluster (`rank_evidence`). A user whose value is missing counts on neither side.

    - Features of 0 and 1 are shares of users (measure proportion, or path for a two-step path): difference and lift.
      Other features are medians with Cliff's delta (duration for units of time, else count).
    - Kept: large enough effects (`is_large`) whose interval leaves out 0. Pieces on the features that made the clusters
      are `descriptive`. For outcomes, and apart from them for context, Benjamini-Hochberg over all tests of the
      snapshot keeps the false discovery rate at .05; apart, since many true differences in context would let outcomes
      slip in.
    """
    assigned = labels.reindex(features.index)
    members = {
        str(name): np.flatnonzero((assigned == name).to_numpy(dtype=bool))
        for name in sorted(assigned.dropna().unique())
    }
    known = catalog.set_index("feature")
    tested = [
        piece
        for metric in features.columns
        if metric in known.index
        for piece in _compare(str(metric), features[metric].to_numpy(dtype=np.float64), members, known.loc[metric])
    ]
    held = _hold(tested)
    rows = [row for name in members for row in _keep([piece for piece in held if piece.row["cluster_id"] == name])]
    return rank_evidence(_frame(rows))


def is_large(row: Mapping[str, Any]) -> bool:
    """Whether a piece of evidence (a row of `cluster_evidence`) matters, or is just the best there is."""
    gap, lift = abs(float(row["effect_size"])), row["lift"]
    if row["measure"] not in ("proportion", "path"):
        return bool(gap >= LEAST_DELTA and (pd.isna(lift) or not 1 / LEAST_RATIO < lift < LEAST_RATIO))
    far = pd.isna(lift) or lift >= LIFT_UP or lift <= LIFT_DOWN
    return bool(gap >= WIDE_GAP or (gap >= LEAST_GAP and far))


def weight(row: Mapping[str, Any]) -> float:
    """Shares, counts and durations on one scale: from about 1 a difference matters.

    A delta weighs in units of LEAST_DELTA; a share by the mean of its gap in units of WIDE_GAP and its log lift in
    units of LIFT_UP (three at most, half a user added on either side so that a lift over 0 stays finite).
    """
    if row["measure"] not in ("proportion", "path"):
        return abs(float(row["effect_size"])) / LEAST_DELTA
    floor = 0.5 / min(int(row["n_cluster"]), int(row["n_rest"]))
    ratio = np.log((float(row["cluster_value"]) + floor) / (float(row["rest_value"]) + floor))
    return float((abs(float(row["effect_size"])) / WIDE_GAP + min(abs(ratio) / np.log(LIFT_UP), 3.0)) / 2)


def rank_evidence(evidence: pd.DataFrame) -> pd.DataFrame:
    """Sort rows of `cluster_evidence` by cluster, then heaviest first: the order in which aliases are given."""
    weights = [-weight(row) for row in evidence.to_dict("records")]
    keyed = evidence.assign(_weight=np.array(weights, dtype=np.float64))
    ordered = keyed.sort_values(["cluster_id", "_weight", "evidence_id"], kind="stable")
    return ordered.drop(columns="_weight").reset_index(drop=True)


def _compare(metric: str, values: np.ndarray, members: dict[str, np.ndarray], entry: pd.Series) -> list[_Tested]:
    """One metric in every cluster (positions of its members) against the rest; those with too few values are passed over."""
    present = np.isfinite(values)
    values, held = np.where(present, values, np.nan), values[present]
    binary = entry["metric_kind"] == "proportion" and bool(np.isin(held, (0.0, 1.0)).all())
    measure = _measure(metric, str(entry["unit"]), binary)
    ranked = None if binary else Ranked(values)
    tested = []
    for cluster_id, member in members.items():
        n = int(present[member].sum())
        m = len(held) - n
        if min(n, m) < LEAST_USERS:
            continue
        if ranked is None:
            hits = int(np.nansum(values[member]))
            effect = proportion_effect(hits, n, int(held.sum()) - hits, m)
        else:
            effect = ranked.effect(member)
        row = _row(cluster_id, metric, measure, entry, effect)
        tested.append(_Tested(row, str(entry["role"]), effect.p_value))
    return tested


def _measure(metric: str, unit: str, binary: bool) -> str:
    if binary:
        return "path" if metric.startswith("path_") else "proportion"
    return "duration" if unit in _DURATIONS else "count"


def _row(cluster_id: str, metric: str, measure: str, entry: pd.Series, effect: Effect) -> dict[str, Any]:
    return {
        "cluster_id": cluster_id,
        "evidence_id": f"{cluster_id}-{metric}-{measure}",
        "metric": metric,
        "measure": measure,
        "unit": str(entry["unit"]),
        "cluster_value": effect.cluster_value,
        "rest_value": effect.rest_value,
        "lift": effect.lift,
        "effect_size": effect.size,
        "ci_low": effect.low,
        "ci_high": effect.high,
        "n_cluster": effect.n_cluster,
        "n_rest": effect.n_rest,
        "descriptive": entry["role"] == "clustering",
    }


def _hold(tested: list[_Tested]) -> list[_Tested]:
    """Those that are no accident: the interval leaves out 0, and tests of outcomes and context pass together."""
    passed = [piece for piece in tested if piece.role == "clustering"]
    for role in ("outcome", "context"):
        family = [piece for piece in tested if piece.role == role]
        kept = discoveries(np.array([piece.p_value for piece in family]), FALSE_DISCOVERY_RATE)
        passed += [piece for piece, holds in zip(family, kept, strict=True) if holds]
    return [piece for piece in passed if piece.row["ci_low"] > 0 or piece.row["ci_high"] < 0]


def _keep(held: list[_Tested]) -> list[dict[str, Any]]:
    """One cluster's pieces that are told: all large outcomes, and the heaviest of the rest.

    Where fewer than LEAST_PIECES are large, the next ones that held are told too, with their small size in plain sight:
    a cluster without any evidence could not be spoken of at all.
    """
    telling = sorted((piece for piece in held if _tells(piece.row)), key=lambda piece: -weight(piece.row))
    outcomes = [piece.row for piece in telling if piece.role == "outcome" and is_large(piece.row)]
    others = [piece.row for piece in telling if piece.role != "outcome" and is_large(piece.row)]
    small = [piece.row for piece in telling if not is_large(piece.row)]
    large = outcomes + others[:MOST_PIECES]
    return large + small[: max(0, LEAST_PIECES - len(large))]


def _tells(row: dict[str, Any]) -> bool:
    """A median that is the same on both sides (mostly 0) cannot be told in a sentence, whatever its delta."""
    return not np.isclose(row["cluster_value"], row["rest_value"], rtol=0.02, atol=1e-9)


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=COLUMNS)
    numbers = ["cluster_value", "rest_value", "lift", "effect_size", "ci_low", "ci_high"]
    types = (
        dict.fromkeys(numbers, "float64") | dict.fromkeys(("n_cluster", "n_rest"), "int64") | {"descriptive": "bool"}
    )
    return frame.astype(types)
