"""Evaluates the candidates of the grid and chooses the one that makes the clusters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.grid import Fit
from grupa_pipeline.vocabulary.enums import CandidateVerdict


@dataclass(frozen=True)
class EvaluatedFit:
    """A fit with its clusters' stability, the verdict on it and its score; both shares are of users, 0 to 1."""

    fit: Fit
    stability: np.ndarray
    largest_share: float
    unassigned_share: float
    verdict: CandidateVerdict
    score: float

    @property
    def median_stability(self) -> float:
        """Median over the clusters; 0 where there is none."""
        return float(np.median(self.stability)) if len(self.stability) else 0.0


def evaluate(fit: Fit, stability: np.ndarray, users: np.ndarray, config: SegmentationConfig) -> EvaluatedFit:
    """Compute a fit's verdict and score: the mean of DBCV, median stability and the share in stable clusters.

    `users` is how many users each of the fit's rows stands for.
    """
    unassigned, *sizes = np.bincount(fit.labels + 1, users, minlength=len(stability) + 1) / users.sum()
    shares = np.array(sizes)
    median = float(np.median(stability)) if len(stability) else 0.0
    shown = float(shares[stability >= config.min_stability].sum())
    largest, unassigned = float(shares.max(initial=0.0)), float(unassigned)
    if fit.cluster_count < config.min_clusters:
        verdict = CandidateVerdict.TOO_FEW_CLUSTERS
    elif bad := bad_shares(largest, unassigned, config):
        verdict = bad
    else:
        verdict = CandidateVerdict.UNSTABLE if median < config.min_stability else CandidateVerdict.PASSED
    return EvaluatedFit(fit, stability, largest, unassigned, verdict, float(np.mean([fit.dbcv, median, shown])))


def bad_shares(largest: float, unassigned: float, config: SegmentationConfig) -> CandidateVerdict | None:
    """The verdict on a grouping in whose largest group, and in no group, are these shares of the users; None if neither is
    too high."""
    if largest >= config.max_largest_share:
        return CandidateVerdict.ONE_BIG_CLUSTER
    return CandidateVerdict.TOO_MUCH_NOISE if unassigned > config.max_unassigned else None


def choose(
    evaluated: Sequence[EvaluatedFit], previous: dict[str, Any] | None, config: SegmentationConfig
) -> EvaluatedFit:
    """Take the best that passed; yesterday's candidate unless another is clearly better; else the best of those with
    clusters.

    `previous` is the `parameters` of the last snapshot. Where none passed, the result's own verdict says so.
    """
    passed = [each for each in evaluated if each.verdict is CandidateVerdict.PASSED]
    pool = passed or [each for each in evaluated if each.fit.cluster_count >= config.min_clusters] or list(evaluated)
    best = max(pool, key=lambda each: each.score)
    yesterday = (previous or {}).get("candidate")
    for each in passed:
        if each.fit.candidate.as_parameters() == yesterday and each.score >= best.score - config.keep_margin:
            return each
    return best


def candidates_table(evaluated: Sequence[EvaluatedFit], chosen: EvaluatedFit) -> pd.DataFrame:
    """The grid with its scores, one row a candidate, columns of the table of candidates less snapshot_date."""
    return pd.DataFrame(
        {
            "candidate": number,
            "parameters": each.fit.as_parameters(),
            "cluster_count": each.fit.cluster_count,
            "largest_share": each.largest_share,
            "unassigned_share": each.unassigned_share,
            "dbcv": each.fit.dbcv if each.fit.cluster_count > 1 else None,
            "stability": each.median_stability if len(each.stability) else None,
            "score": each.score,
            "verdict": each.verdict,
            "chosen": each is chosen,
        }
        for number, each in enumerate(evaluated, start=1)
    )
