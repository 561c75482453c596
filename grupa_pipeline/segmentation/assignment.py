"""Assigns all users by their nearest landmarks: label, strength of membership and map coordinates."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from grupa_pipeline.segmentation.grid import Fit
from grupa_pipeline.segmentation.outlier_filter import NEIGHBOR

CHUNK = 50_000
MAP_NEIGHBORS = 15


@dataclass(frozen=True)
class Assignment:
    """For each row: its label (-1 unassigned), strength of membership 0 to 1, x and y."""

    labels: np.ndarray
    strengths: np.ndarray
    xy: np.ndarray


class AssignUsers(Protocol):
    """The signature of `assign_users`, which `segment` takes so that assignment can run elsewhere."""

    def __call__(
        self, rows: np.ndarray, landmarks: np.ndarray, *, axes: np.ndarray, fit: Fit, xy: np.ndarray, neighbors: int
    ) -> Assignment:
        """See `assign_users`."""


def assign_users(
    rows: np.ndarray, landmarks: np.ndarray, *, axes: np.ndarray, fit: Fit, xy: np.ndarray, neighbors: int
) -> Assignment:
    """Assign `rows` (n, columns) by the `landmarks` (indices into rows), whose labels are in `fit` and coordinates in
    `xy`.

    A row that is no landmark takes the label that its nearest `neighbors` among the landmarks carry, weighted by
    closeness along `axes` (columns, kept), where the landmarks were clustered too; its strength is the weight of that
    label. It is unassigned when no label has half of the weight, when that label is 'unassigned', or when in the whole
    space it is beyond the cluster's reach, as a landmark would be. Costs two searches among the landmarks for each row.
    """
    from sklearn.neighbors import NearestNeighbors

    known = rows[landmarks]
    finder = NearestNeighbors(n_neighbors=min(neighbors, len(landmarks)), algorithm="brute").fit(known @ axes)
    labels, strengths, coordinates = np.full(len(rows), -1), np.zeros(len(rows)), np.empty((len(rows), 2))
    others = np.setdiff1d(np.arange(len(rows)), landmarks)
    for begin in range(0, len(others), CHUNK):
        part = others[begin : begin + CHUNK]
        distances, indices = finder.kneighbors(rows[part] @ axes)
        winner, strengths[part] = _vote(fit.labels[indices], _closeness(distances), fit.cluster_count)
        labels[part] = _within_reach(rows[part], winner, known, fit)
        weights = _closeness(distances[:, :MAP_NEIGHBORS])
        coordinates[part] = np.einsum("nk,nkd->nd", weights, xy[indices[:, :MAP_NEIGHBORS]])
    labels[landmarks], strengths[landmarks], coordinates[landmarks] = fit.labels, fit.strengths, xy
    return Assignment(labels, np.where(labels >= 0, np.clip(strengths, 0, 1), 0.0), coordinates)


def _closeness(distances: np.ndarray) -> np.ndarray:
    """Weights (n, k) that fall with distance and sum to one in each row."""
    weights = 1 / (distances + distances.mean(axis=1, keepdims=True) * 0.1 + 1e-12)
    return weights / weights.sum(axis=1, keepdims=True)


def _within_reach(rows: np.ndarray, labels: np.ndarray, known: np.ndarray, fit: Fit) -> np.ndarray:
    """`labels`, but -1 for `rows` whose fifth nearest landmark of that label is beyond the cluster's reach.

    `known` are the landmarks' rows. A cluster of fewer than five landmarks reaches nobody.
    """
    from sklearn.neighbors import NearestNeighbors

    within = np.full(len(rows), -1)
    for cluster, reach in enumerate(fit.reach):
        candidates, fellows = np.flatnonzero(labels == cluster), known[fit.labels == cluster]
        if len(candidates) and len(fellows) >= NEIGHBOR:
            finder = NearestNeighbors(n_neighbors=NEIGHBOR, algorithm="brute").fit(fellows)
            within[candidates[finder.kneighbors(rows[candidates])[0][:, -1] <= reach]] = cluster
    return within


def _vote(labels: np.ndarray, weights: np.ndarray, clusters: int) -> tuple[np.ndarray, np.ndarray]:
    """Weighted vote of neighbours' `labels` (n, k): the winner (or -1) and its weight."""
    rows, kinds = np.arange(len(labels)), clusters + 1  # the last kind is -1
    ballots = rows[:, None] * kinds + labels % kinds
    votes = np.bincount(ballots.ravel(), weights.ravel(), len(labels) * kinds).reshape(-1, kinds)
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
