"""What may be said of the chosen grouping: the snapshot's status, its reason in words, and which clusters are shown."""

import numpy as np

from grupa_pipeline.segmentation.cluster_validation import Trust
from grupa_pipeline.segmentation.config import Method
from grupa_pipeline.segmentation.selection import Judged, bad_shares


def judge_outcome(chosen: Judged, trust: Trust, shares: np.ndarray, method: Method) -> tuple[str, str | None]:
    """The snapshot's status, and its reason in words for someone who decides about a product.

    `shares` are those of the users in each stable cluster, once everyone is placed.
    """
    reason = (
        _in_the_fit(chosen, method)
        or _in_its_stability(chosen, len(shares), method)
        or _in_what_is_stable(shares, method)
        or _in_the_null(trust, method)
    )
    return ("weak_structure", reason) if reason else ("ok", None)


def _in_the_fit(chosen: Judged, method: Method) -> str | None:
    """What is wrong with the grouping itself."""
    if chosen.verdict == "too_few_clusters":
        shown = (
            "What is shown are regions of a continuum." if chosen.fit.cluster_count else "There is no group to show."
        )
        return (
            f"No way of grouping these users gave {method.min_clusters} groups set apart from their surroundings: "
            f"users differ by degree rather than in kind. {shown}"
        )
    if chosen.verdict == "one_big_cluster":
        return _one_big(chosen.largest_share)
    if chosen.verdict == "too_much_noise":
        return f"The best grouping leaves {chosen.unassigned_share:.0%} of the users in no group: most fit none."
    return None


def _in_its_stability(chosen: Judged, stable: int, method: Method) -> str | None:
    """What is wrong with how its clusters come out again; `stable` is how many do."""
    ways, found = len(chosen.fit.labels), len(chosen.stability)
    if stable < method.min_clusters and method.trust_size(ways) < method.min_clusters * method.smallest_cluster:
        return (
            f"These users behave in only {ways} different ways: too few to see whether groups come out again when some "
            "are left out."
        )
    if stable < method.min_clusters:
        return (
            f"Only {stable} of {found} groups come out again when part of the users is left out; "
            f"it takes {method.min_clusters} to rely on a grouping."
        )
    if chosen.verdict == "unstable":
        return f"Only {stable} of {found} groups come out again when part of the users is left out: most do not."
    return None


def _in_what_is_stable(shares: np.ndarray, method: Method) -> str | None:
    """What is wrong with the shares of the users that stable clusters hold."""
    verdict = bad_shares(float(shares.max()), 1 - float(shares.sum()), method)
    if verdict == "one_big_cluster":
        return _one_big(float(shares.max()))
    if verdict == "too_much_noise":
        return (
            f"The groups that come out again when part of the users is left out leave {1 - shares.sum():.0%} of all users "
            "in none."
        )
    return None


def _in_the_null(trust: Trust, method: Method) -> str | None:
    """What is wrong with how far it stands out from data without groups."""
    if trust.p_value < method.max_p_value:
        return None
    return (
        "Users differ by degree rather than in kind: data with the same ranges and correlations but no groups "
        f"looks as grouped as this {100 * trust.p_value:.2g}% of the time, and it takes less than "
        f"{method.max_p_value:.0%} to rely on a grouping. The groups describe, not divide."
    )


def _one_big(share: float) -> str:
    return f"The best grouping puts {share:.0%} of the users into one group; the rest are exceptions."


def stable_clusters(chosen: Judged, method: Method) -> np.ndarray:
    """Which of the fit's clusters are stable (clusters,)."""
    return chosen.stability >= method.min_stability


def shown_clusters(chosen: Judged, status: str, method: Method) -> np.ndarray:
    """New number of each of the fit's clusters, -1 for those not shown, and a last -1 for 'unassigned'.

    Unstable clusters are not shown, unless the status already says 'weak' and no grouping of stable ones would be left:
    then the best grouping found is shown whole, each cluster with its low stability.
    """
    stable = stable_clusters(chosen, method)
    if status != "ok" and stable.sum() < method.min_clusters:
        stable = np.ones(len(stable), dtype=bool)
    return np.append(np.where(stable, np.cumsum(stable) - 1, -1), -1)
