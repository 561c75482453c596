"""Decides a snapshot's status, its reason in words, and which clusters of the chosen grouping are shown."""

import numpy as np

from grupa_pipeline.segmentation.cluster_validation import ClusterValidation
from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.selection import EvaluatedFit, bad_shares
from grupa_pipeline.vocabulary.enums import CandidateVerdict, SegmentationStatus


def decide_status(
    chosen: EvaluatedFit, validation: ClusterValidation, shares: np.ndarray, config: SegmentationConfig
) -> tuple[SegmentationStatus, str | None]:
    """The snapshot's status, and its reason in words for someone who decides about a product.

    `shares` are those of the users in each stable cluster, once all users are assigned.
    """
    reason = (
        _weak_fit(chosen, config)
        or _weak_stability(chosen, len(shares), config)
        or _weak_stable_shares(shares, config)
        or _weak_against_null(validation, config)
    )
    return (SegmentationStatus.WEAK_STRUCTURE, reason) if reason else (SegmentationStatus.OK, None)


def _weak_fit(chosen: EvaluatedFit, config: SegmentationConfig) -> str | None:
    """Why the grouping itself is weak."""
    if chosen.verdict is CandidateVerdict.TOO_FEW_CLUSTERS:
        shown = (
            "What is shown are regions of a continuum." if chosen.fit.cluster_count else "There is no group to show."
        )
        return (
            f"No way of grouping these users gave {config.min_clusters} groups set apart from their surroundings: "
            f"users differ by degree rather than in kind. {shown}"
        )
    if chosen.verdict is CandidateVerdict.ONE_BIG_CLUSTER:
        return _one_big(chosen.largest_share)
    if chosen.verdict is CandidateVerdict.TOO_MUCH_NOISE:
        return f"The best grouping leaves {chosen.unassigned_share:.0%} of the users in no group: most fit none."
    return None


def _weak_stability(chosen: EvaluatedFit, stable: int, config: SegmentationConfig) -> str | None:
    """Why its stability is weak; `stable` is the number of stable clusters."""
    ways, found = len(chosen.fit.labels), len(chosen.stability)
    if stable < config.min_clusters and config.validation_size(ways) < config.min_clusters * config.smallest_cluster:
        return (
            f"These users behave in only {ways} different ways: too few to see whether groups come out again when some "
            "are left out."
        )
    if stable < config.min_clusters:
        return (
            f"Only {stable} of {found} groups come out again when part of the users is left out; "
            f"it takes {config.min_clusters} to rely on a grouping."
        )
    if chosen.verdict is CandidateVerdict.UNSTABLE:
        return f"Only {stable} of {found} groups come out again when part of the users is left out: most do not."
    return None


def _weak_stable_shares(shares: np.ndarray, config: SegmentationConfig) -> str | None:
    """Why the shares of users in stable clusters are weak."""
    verdict = bad_shares(float(shares.max()), 1 - float(shares.sum()), config)
    if verdict is CandidateVerdict.ONE_BIG_CLUSTER:
        return _one_big(float(shares.max()))
    if verdict is CandidateVerdict.TOO_MUCH_NOISE:
        return (
            f"The groups that come out again when part of the users is left out leave {1 - shares.sum():.0%} of all users "
            "in none."
        )
    return None


def _weak_against_null(validation: ClusterValidation, config: SegmentationConfig) -> str | None:
    """Why the null test did not pass."""
    if validation.p_value < config.max_p_value:
        return None
    return (
        "Users differ by degree rather than in kind: data with the same ranges and correlations but no groups "
        f"looks as grouped as this {100 * validation.p_value:.2g}% of the time, and it takes less than "
        f"{config.max_p_value:.0%} to rely on a grouping. The groups describe, not divide."
    )


def _one_big(share: float) -> str:
    return f"The best grouping puts {share:.0%} of the users into one group; the rest are exceptions."


def stable_clusters(chosen: EvaluatedFit, config: SegmentationConfig) -> np.ndarray:
    """Which of the fit's clusters are stable (clusters,)."""
    return chosen.stability >= config.min_stability


def shown_clusters(chosen: EvaluatedFit, status: SegmentationStatus, config: SegmentationConfig) -> np.ndarray:
    """New number of each of the fit's clusters, -1 for those not shown, and a last -1 for 'unassigned'.

    Unstable clusters are not shown, unless the status already says 'weak' and no grouping of stable ones would be left:
    then the best grouping found is shown whole, each cluster with its low stability.
    """
    stable = stable_clusters(chosen, config)
    if status is not SegmentationStatus.OK and stable.sum() < config.min_clusters:
        stable = np.ones(len(stable), dtype=bool)
    return np.append(np.where(stable, np.cumsum(stable) - 1, -1), -1)
