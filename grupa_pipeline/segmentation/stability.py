"""Cluster stability: Hennig's clusterwise Jaccard similarity over subsamples."""

from collections.abc import Sequence

import numpy as np


def draw_subsamples(rows: int, size: int, count: int, seed: int) -> list[np.ndarray]:
    """Draw `count` sorted index arrays of `size` out of `rows`, without replacement."""
    rng = np.random.default_rng(seed)
    return [np.sort(rng.choice(rows, size, replace=False)) for _ in range(count)]


def cluster_stability(
    labels: np.ndarray, subsamples: Sequence[np.ndarray], sublabels: Sequence[np.ndarray]
) -> np.ndarray:
    """Mean best-match Jaccard of each cluster of `labels` (n,; -1 unassigned) over subsamples clustered anew, 0 to 1.

    For each subsample, a cluster's members in it are compared with the most similar new cluster (Hennig 2007,
    Computational Statistics & Data Analysis 52, 258-271, scheme 'subset'). A cluster of which no member was ever drawn
    scores 0.
    """
    count = int(labels.max(initial=-1)) + 1
    total, seen = np.zeros(count), np.zeros(count)
    for index, sublabel in zip(subsamples, sublabels, strict=True):
        overlap = contingency(labels[index], sublabel)
        sizes = np.bincount(labels[index][labels[index] >= 0], minlength=count)
        others = np.bincount(sublabel[sublabel >= 0], minlength=overlap.shape[1])
        union = sizes[:, None] + others[None, :] - overlap
        best = (overlap / np.maximum(union, 1)).max(axis=1, initial=0.0)
        total += np.where(sizes > 0, best, 0.0)
        seen += sizes > 0
    return total / np.maximum(seen, 1)


def contingency(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Counts (clusters of `first`, clusters of `second`) of members in both; -1 is in no cluster."""
    both = (first >= 0) & (second >= 0)
    shape = (int(first.max(initial=-1)) + 1, int(second.max(initial=-1)) + 1)
    table = np.zeros(shape, dtype=int)
    np.add.at(table, (first[both], second[both]), 1)
    return table
