"""From landmarks to everyone: label, strength and place on the map by nearest landmarks. Learns nothing itself."""

from dataclasses import dataclass

import numpy as np

from grupa_pipeline.segmentation.belonging import fifth_distance
from grupa_pipeline.segmentation.grid import Fit

CHUNK = 50_000


@dataclass(frozen=True)
class Placed:
    """For each row: its label (-1 unassigned), strength of membership 0 to 1, x and y."""

    labels: np.ndarray
    strengths: np.ndarray
    xy: np.ndarray


def place(rows: np.ndarray, landmarks: np.ndarray, *, fit: Fit, xy: np.ndarray, neighbors: int) -> Placed:
    """Place `rows` (n, columns) among `landmarks` (indices into rows) that have the labels of `fit` and the places
    `xy`.

    A row that is no landmark takes the label that its nearest landmarks carry, weighted by closeness; its strength is
    the weight of that label. It is unassigned when no label has half of the weight, when that label is 'unassigned', or
    when it is beyond the cluster's reach, as a landmark would be. Costs one search among the landmarks for each row.
    """
    from sklearn.neighbors import NearestNeighbors

    count = min(neighbors, len(landmarks))
    finder = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(rows[landmarks])
    labels, strengths, places = np.full(len(rows), -1), np.zeros(len(rows)), np.empty((len(rows), 2))
    others = np.setdiff1d(np.arange(len(rows)), landmarks)
    for begin in range(0, len(others), CHUNK):
        part = others[begin : begin + CHUNK]
        distances, indices = finder.kneighbors(rows[part])
        weights = 1 / (distances + distances.mean(axis=1, keepdims=True) * 0.1 + 1e-12)
        weights /= weights.sum(axis=1, keepdims=True)
        winner, strengths[part] = _vote(fit.labels[indices], weights, fit.cluster_count)
        labels[part] = _within_reach(winner, fit, indices, distances)
        places[part] = np.einsum("nk,nkd->nd", weights, xy[indices])
    labels[landmarks], strengths[landmarks], places[landmarks] = fit.labels, fit.strengths, xy
    return Placed(labels, np.where(labels >= 0, np.clip(strengths, 0, 1), 0.0), places)


def _within_reach(labels: np.ndarray, fit: Fit, indices: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """`labels`, but -1 for rows whose fifth nearest landmark of that label is beyond the cluster's reach or not
    listed."""
    own = fifth_distance(fit.labels[indices] == labels[:, None], distances, np.inf)
    reach = np.append(fit.reach, -np.inf)[labels]
    return np.where(own <= reach, labels, -1)


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
