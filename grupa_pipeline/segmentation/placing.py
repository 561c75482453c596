"""From landmarks to everyone: label, strength and place on the map by nearest landmarks. Learns nothing itself."""

from dataclasses import dataclass

import numpy as np

CHUNK = 50_000


@dataclass(frozen=True)
class Placed:
    """For each row: its label (-1 unassigned), strength of membership 0 to 1, x and y."""

    labels: np.ndarray
    strengths: np.ndarray
    xy: np.ndarray


def place(
    rows: np.ndarray,
    landmarks: np.ndarray,
    *,
    labels: np.ndarray,
    strengths: np.ndarray,
    xy: np.ndarray,
    neighbors: int,
) -> Placed:
    """Place `rows` (n, columns) among `landmarks` (indices into rows) with `labels`, `strengths` and `xy` of the
    landmarks.

    A row that is no landmark takes the label that most of its nearest landmarks carry, weighted by closeness, and is
    unassigned when that is 'unassigned' or no label has half of the weight; its strength is that weight.
    """
    from sklearn.neighbors import NearestNeighbors

    count = min(neighbors, len(landmarks))
    finder = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(rows[landmarks])
    all_labels = np.empty(len(rows), dtype=int)
    all_strengths, all_xy = np.empty(len(rows)), np.empty((len(rows), 2))
    for begin in range(0, len(rows), CHUNK):
        part = slice(begin, begin + CHUNK)
        distances, indices = finder.kneighbors(rows[part])
        weights = 1 / (distances + distances.mean(axis=1, keepdims=True) * 0.1 + 1e-12)
        weights /= weights.sum(axis=1, keepdims=True)
        all_labels[part], all_strengths[part] = _vote(labels[indices], weights, int(labels.max()) + 1)
        all_xy[part] = np.einsum("nk,nkd->nd", weights, xy[indices])
    all_labels[landmarks], all_strengths[landmarks], all_xy[landmarks] = labels, strengths, xy
    all_strengths[all_labels < 0] = 0.0
    return Placed(all_labels, all_strengths, all_xy)


def _vote(labels: np.ndarray, weights: np.ndarray, clusters: int) -> tuple[np.ndarray, np.ndarray]:
    """Weighted vote of neighbours' `labels` (n, k): the winner (or -1) and its weight."""
    votes = np.zeros((len(labels), clusters + 1))
    rows = np.arange(len(labels))
    for column in range(labels.shape[1]):
        votes[rows, labels[:, column]] += weights[:, column]
    winner = votes.argmax(axis=1)
    weight = votes[rows, winner]
    return np.where((winner == clusters) | (weight < 0.5), -1, winner), weight


def nearest_other(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The cluster other than a row's own whose centre is nearest; -1 where there is no other."""
    clusters = int(labels.max(initial=-1)) + 1
    if clusters == 0:
        return np.full(len(rows), -1)
    centres = np.stack([rows[labels == cluster].mean(axis=0) for cluster in range(clusters)])
    squared = ((centres**2).sum(axis=1) - 2 * rows @ centres.T).astype(float)
    own = labels >= 0
    squared[own, labels[own]] = np.inf
    nearest = squared.argmin(axis=1)
    return np.where(np.isfinite(squared[np.arange(len(rows)), nearest]), nearest, -1)
