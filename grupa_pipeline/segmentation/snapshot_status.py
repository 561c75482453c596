"""Decides a snapshot's status, its reason in words, and which clusters of the chosen grouping are shown."""

import numpy as np

from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.selection import EvaluatedGrouping, stable_groups
from grupa_pipeline.vocabulary.enums import CandidateVerdict, SegmentationStatus


def decide_status(
    chosen: EvaluatedGrouping, p_value: float, in_stable: float, config: SegmentationConfig
) -> tuple[SegmentationStatus, str | None]:
    """The snapshot's status, and its reason in words for someone who decides about a product.

    `in_stable` is the share of all users in groups that may be shown, once all are assigned.
    """
    reason = _weak_grouping(chosen, config) or _weak_stability(in_stable, config) or _weak_against_null(p_value, config)
    return (SegmentationStatus.WEAK_STRUCTURE, reason) if reason else (SegmentationStatus.OK, None)


def _weak_grouping(chosen: EvaluatedGrouping, config: SegmentationConfig) -> str | None:
    """Why the grouping itself is weak."""
    if chosen.verdict is CandidateVerdict.TOO_FEW_CLUSTERS and not chosen.grouping.is_continuum:
        found = chosen.grouping.cluster_count
        return f"Only {found} groups have a gap around them; it takes {config.min_clusters} to rely on a grouping."
    if chosen.verdict is CandidateVerdict.TOO_FEW_CLUSTERS:
        return (
            "No gap was found between groups of these users: they differ by degree rather than in kind. What is shown are "
            "regions of a continuum."
        )
    if chosen.verdict is CandidateVerdict.TOO_MUCH_NOISE:
        return f"The best grouping leaves {chosen.unassigned_share:.0%} of the users in no group: most fit none."
    if chosen.verdict is CandidateVerdict.UNSTABLE:
        stable = int(stable_groups(chosen.grouping, chosen.stability, config).sum())
        return (
            f"Only {stable} of {len(chosen.stability)} groups come out again when part of the users or of their sessions is "
            f"left out; it takes {config.min_clusters} to rely on a grouping."
        )
    return None


def _weak_stability(in_stable: float, config: SegmentationConfig) -> str | None:
    """Why the share of users in stable groups is weak."""
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
    percent = f"{p_value:.0%}" if p_value >= 0.1 else f"{100 * p_value:.2g}%"
    return (
        "The gaps between these groups could be chance: users who differ by degree alone would show them "
        f"{percent} of the time, and it takes less than {config.max_p_value:.0%} to rely on a grouping. "
        "The groups describe, not divide."
    )


def shown_clusters(stable: np.ndarray, status: SegmentationStatus, config: SegmentationConfig) -> np.ndarray:
    """New number of each group, -1 for those not shown, and a last -1 for 'unassigned'.

    Unstable clusters are not shown, unless the status already says 'weak' and no grouping of stable ones would be left:
    then the best grouping found is shown whole, each cluster with its low stability.
    """
    if status is not SegmentationStatus.OK and stable.sum() < config.min_clusters:
        stable = np.ones(len(stable), dtype=bool)
    return np.append(np.where(stable, np.cumsum(stable) - 1, -1), -1)
