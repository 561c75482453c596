"""Evaluates the candidates and chooses the one that makes the clusters."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.grouping import Grouping
from grupa_pipeline.vocabulary.enums import CandidateVerdict, CellSource


@dataclass(frozen=True)
class EvaluatedGrouping:
    """A grouping with its groups' stability (groups,), the verdict on it and its score; both shares are of users, 0 to 1; `dbcv`
    is None below two groups."""

    grouping: Grouping
    stability: np.ndarray
    largest_share: float
    unassigned_share: float
    dbcv: float | None
    verdict: CandidateVerdict
    score: float


def evaluate(
    grouping: Grouping, stability: np.ndarray, points: np.ndarray, users: np.ndarray, config: SegmentationConfig
) -> EvaluatedGrouping:
    """Compute a grouping's shares, verdict, density-based validity on the map's `points` (n, 2) and score.

    The score is how much the groups say of other sessions, in bits, times the share of users in groups that come out again when
    part of the users is left out. `users` is how many users each landmark stands for.
    """
    unassigned, *shares = np.bincount(grouping.labels + 1, users, minlength=grouping.cluster_count + 1) / users.sum()
    if grouping.cluster_count < config.min_clusters:
        verdict = CandidateVerdict.TOO_FEW_CLUSTERS
    elif unassigned > config.max_unassigned:
        verdict = CandidateVerdict.TOO_MUCH_NOISE
    elif stable_groups(grouping, stability, config).sum() < config.min_clusters:
        verdict = CandidateVerdict.UNSTABLE
    else:
        verdict = CandidateVerdict.PASSED
    in_stable = float(np.array(shares)[stable_groups(grouping, stability, config)].sum())
    return EvaluatedGrouping(
        grouping,
        stability,
        float(max(shares, default=0.0)),
        float(unassigned),
        density_validity(points, grouping.labels),
        verdict,
        grouping.information * in_stable,
    )


def stable_groups(grouping: Grouping, stability: np.ndarray, config: SegmentationConfig) -> np.ndarray:
    """Which of the groups may be shown under `ok` (groups,): they come out again, and are told apart in other sessions."""
    return np.asarray((stability >= config.min_stability) & (grouping.replication >= config.min_replication))


def density_validity(points: np.ndarray, labels: np.ndarray, most: int = 1000) -> float | None:
    """DBCV (Moulavi et al. 2014) of the groups among `points` (n, 2), -1 to 1, of `most` of them evenly taken; None below two
    groups."""
    from hdbscan.validity import validity_index

    step = -(-len(labels) // most)
    points, labels = np.ascontiguousarray(points[::step], dtype=float), labels[::step]
    sizes = np.bincount(labels[labels >= 0])
    labels = np.where((labels >= 0) & (sizes[labels] > 2), labels, -1)
    if len(np.unique(labels[labels >= 0])) < 2:
        return None
    with np.errstate(all="ignore"):
        value = float(validity_index(points, np.unique(labels, return_inverse=True)[1] - int(labels.min() < 0)))
    return value if np.isfinite(value) else None


def choose(evaluated: Sequence[EvaluatedGrouping], config: SegmentationConfig) -> EvaluatedGrouping:
    """Take the one that says most about other sessions of those that passed; yesterday's clusters unless another says clearly
    more.

    Where none passed, the result's own verdict says so.
    """
    passed = [candidate for candidate in evaluated if candidate.verdict is CandidateVerdict.PASSED]
    best = max(passed or evaluated, key=lambda candidate: (candidate.score, candidate.grouping.information))
    for candidate in passed:
        earlier = candidate.grouping.candidate.source is CellSource.EARLIER
        if earlier and candidate.score >= (1 - config.keep_margin) * best.score:
            return candidate
    return best


def candidates_table(evaluated: Sequence[EvaluatedGrouping], chosen: EvaluatedGrouping) -> pd.DataFrame:
    """The candidates with their scores, one row each, columns of `segmentation_candidates` less snapshot_date."""
    rows = [
        {
            "candidate": number,
            "parameters": candidate.grouping.candidate.as_parameters(),
            "cluster_count": candidate.grouping.cluster_count,
            "largest_share": candidate.largest_share,
            "unassigned_share": candidate.unassigned_share,
            "dbcv": candidate.dbcv,
            "stability": float(np.median(candidate.stability)) if len(candidate.stability) else None,
            "score": candidate.score,
            "verdict": candidate.verdict,
            "chosen": candidate is chosen,
        }
        for number, candidate in enumerate(evaluated, start=1)
    ]
    return pd.DataFrame(rows).astype({"dbcv": float, "stability": float})
