"""Decides a snapshot's status, its reason in words, and which clusters of the chosen grouping are shown."""

import numpy as np

from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.selection import EvaluatedGrouping
from grupa_pipeline.vocabulary.enums import CandidateVerdict, SegmentationStatus


def decide_status(
    chosen: EvaluatedGrouping,
    stability: np.ndarray,
    p_value: float,
    in_stable: float,
    config: SegmentationConfig,
) -> tuple[SegmentationStatus, str | None]:
    """The snapshot's status, and its reason in words for someone who decides about a product.

    `stability` (groups,) is that of the chosen groups, `in_stable` the share of all users in those that may be shown, once all
    are assigned.
    """
    reason = (
        _weak_grouping(chosen, config)
        or _weak_stability(chosen, stability, in_stable, config)
        or _weak_against_null(p_value, config)
    )
    return (SegmentationStatus.WEAK_STRUCTURE, reason) if reason else (SegmentationStatus.OK, None)


def _weak_grouping(chosen: EvaluatedGrouping, config: SegmentationConfig) -> str | None:
    """Why the grouping itself is weak."""
    if chosen.verdict is CandidateVerdict.TOO_FEW_CLUSTERS:
        return (
            "No gap was found between groups of these users: they differ by degree rather than in kind. What is shown are "
            "regions of a continuum."
        )
    if chosen.verdict is CandidateVerdict.TOO_MUCH_NOISE:
        return f"The best grouping leaves {chosen.unassigned_share:.0%} of the users in no group: most fit none."
    if chosen.verdict is CandidateVerdict.UNSTABLE:
        return (
            f"Fewer than {config.min_clusters} groups could be told from the others in sessions that were not used to find "
            "them."
        )
    return None


def _weak_stability(
    chosen: EvaluatedGrouping, stability: np.ndarray, in_stable: float, config: SegmentationConfig
) -> str | None:
    """Why the groups' stability is weak."""
    stable, found = int(stable_clusters(chosen, stability, config).sum()), len(stability)
    if stable < config.min_clusters:
        return (
            f"Only {stable} of {found} groups come out again when part of the users or of their sessions is left out; "
            f"it takes {config.min_clusters} to rely on a grouping."
        )
    if 1 - in_stable > config.max_unassigned:
        return (
            "The groups that come out again when part of the users or of their sessions is left out leave "
            f"{1 - in_stable:.0%} of all users in none."
        )
    return None


def _weak_against_null(p_value: float, config: SegmentationConfig) -> str | None:
    """Why the null test did not pass."""
    if p_value < config.max_p_value:
        return None
    return (
        "The gaps between these groups could be chance: users who differ by degree alone would show them "
        f"{100 * p_value:.2g}% of the time, and it takes less than {config.max_p_value:.0%} to rely on a grouping. "
        "The groups describe, not divide."
    )


def stable_clusters(chosen: EvaluatedGrouping, stability: np.ndarray, config: SegmentationConfig) -> np.ndarray:
    """Which of the groups may be shown under `ok` (groups,): stable, and told apart in other sessions."""
    replicated = chosen.grouping.replication >= config.min_replication
    return np.asarray((stability >= config.min_stability) & replicated)


def shown_clusters(stable: np.ndarray, status: SegmentationStatus, config: SegmentationConfig) -> np.ndarray:
    """New number of each group, -1 for those not shown, and a last -1 for 'unassigned'.

    Unstable clusters are not shown, unless the status already says 'weak' and no grouping of stable ones would be left:
    then the best grouping found is shown whole, each cluster with its low stability.
    """
    if status is not SegmentationStatus.OK and stable.sum() < config.min_clusters:
        stable = np.ones(len(stable), dtype=bool)
    return np.append(np.where(stable, np.cumsum(stable) - 1, -1), -1)
