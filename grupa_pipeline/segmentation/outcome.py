"""What may be said of the chosen grouping: the snapshot's status, its reason in words, and which clusters are shown."""

import numpy as np

from grupa_pipeline.segmentation.method import Method
from grupa_pipeline.segmentation.selection import Judged
from grupa_pipeline.segmentation.trust import Trust


def judge_outcome(chosen: Judged, trust: Trust, method: Method) -> tuple[str, str | None]:
    """The snapshot's status, and its reason in words for someone who decides about a product."""
    if chosen.verdict == "too_few_clusters":
        return (
            "weak_structure",
            f"No way of grouping these users gave {method.min_clusters} groups set apart from their surroundings: "
            "users differ by degree rather than in kind. What is shown are regions of a continuum.",
        )
    if chosen.verdict == "one_big_cluster":
        return (
            "weak_structure",
            f"The best grouping puts {chosen.fit.largest_share:.0%} of the users into one group; the rest are exceptions.",
        )
    if chosen.verdict == "too_much_noise":
        return (
            "weak_structure",
            f"The best grouping leaves {chosen.fit.unassigned_share:.0%} of the users in no group: most fit none.",
        )
    stable = int((chosen.stability >= method.min_stability).sum())
    if stable < method.min_clusters:
        return (
            "weak_structure",
            f"Only {stable} of {len(chosen.stability)} groups come out again when part of the users is left out; "
            f"it takes {method.min_clusters} to rely on a grouping.",
        )
    if trust.p_value >= method.max_p_value:
        return (
            "weak_structure",
            "Users differ by degree rather than in kind: data with the same ranges and correlations but no groups "
            f"looks as grouped as this {max(trust.p_value, 0.01):.0%} of the time. The groups describe, not divide.",
        )
    return "ok", None


def shown_clusters(chosen: Judged, status: str, method: Method) -> np.ndarray:
    """New number of each of the fit's clusters, -1 for those not shown, and a last -1 for 'unassigned'.

    Unstable clusters are not shown, unless the status already says 'weak' and no grouping of stable ones would be left:
    then the best grouping found is shown whole, each cluster with its low stability.
    """
    stable = chosen.stability >= method.min_stability
    if status != "ok" and stable.sum() < method.min_clusters:
        stable = np.ones(len(stable), dtype=bool)
    return np.append(np.where(stable, np.cumsum(stable) - 1, -1), -1)
