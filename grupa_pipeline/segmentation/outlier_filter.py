"""Filters outliers in the feature space: groups no denser than their surroundings, and members far from their group.

An embedding packs everything, noise included, into clumps; distances in the feature space show which are none.
"""

from dataclasses import dataclass

import numpy as np

NEIGHBOR = 5
TOUCHING = 0.9
FAR = 3.5


@dataclass(frozen=True)
class FilteredLabels:
    """Labels (n,) after the checks, renumbered from 0, -1 unassigned; `reach` of each cluster: see
    `filter_outliers`."""

    labels: np.ndarray
    reach: np.ndarray


def filter_outliers(labels: np.ndarray, neighbors: tuple[np.ndarray, np.ndarray]) -> FilteredLabels:
    """Dissolve groups that are not dense and unassign members that are far off, from each row's nearest `neighbors`
    (itself first).

    A group is dissolved when, for the middle one of its members, the fifth nearest fellow member is hardly nearer than
    the fifth nearest outsider (ratio `TOUCHING` or more; the idea of the local outlier factor, Breunig et al. 2000,
    turned on groups). A member is unassigned when the fifth nearest fellow member is farther than the group's `reach`:
    `FAR` spreads above its typical value, on a logarithmic scale.
    """
    own, other = fellow_distances(labels, neighbors)
    reach = np.zeros(int(labels.max(initial=-1)) + 1)
    filtered = np.full(len(labels), -1)
    count = 0
    for cluster in range(len(reach)):
        members = labels == cluster
        if np.median(own[members] / other[members]) >= TOUCHING:
            continue
        reach[count] = _reach(own[members])
        filtered[members & (own <= reach[count])] = count
        count += 1
    return FilteredLabels(filtered, reach[:count])


def fellow_distances(labels: np.ndarray, neighbors: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Distance of each row to its fifth nearest fellow member and its fifth nearest outsider.

    Where the listed neighbours hold fewer, the distance to the last one listed stands for an outsider's, and infinity
    for a fellow member's.
    """
    indices, distances = neighbors
    fellow = labels[indices[:, 1:]] == labels[:, None]
    distances = np.maximum(distances[:, 1:], 1e-12)
    return fifth_distance(fellow, distances, np.inf), fifth_distance(~fellow, distances, None)


def fifth_distance(wanted: np.ndarray, distances: np.ndarray, missing: float | None) -> np.ndarray:
    """Distance at which the fifth `wanted` neighbour is met, else `missing` (None: the last distance listed)."""
    seen = wanted.cumsum(axis=1) >= NEIGHBOR
    fifth = distances[np.arange(len(distances)), seen.argmax(axis=1)]
    return np.where(seen[:, -1], fifth, distances[:, -1] if missing is None else missing)


def _reach(own: np.ndarray) -> float:
    """The distance beyond which a member is far off, from the lower quantiles alone: strays only ever raise the
    upper."""
    low, quarter = np.quantile(np.log(own[np.isfinite(own)]), [0.05, 0.25])
    spread = (quarter - low) / (1.645 - 0.674)
    return float(np.exp(quarter + (0.674 + FAR) * spread))
