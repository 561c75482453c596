"""Assigns all users by what the landmarks show: cluster, chance of membership, the next cluster, and map coordinates."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from grupa_pipeline.segmentation.discriminant import Discriminant, fit_discriminant
from grupa_pipeline.segmentation.grouping import Grouping
from grupa_pipeline.segmentation.merging import Halves

CHUNK = 50_000
TEMPERATURES = np.geomspace(1, 30, 35)


@dataclass(frozen=True)
class GroupModel:
    """What is needed to assign a user: the groups' discriminant and `reach` (see `Grouping`), and the temperature that makes the
    discriminant's odds chances."""

    discriminant: Discriminant
    reach: np.ndarray
    temperature: float


@dataclass(frozen=True)
class Assignment:
    """For each row: its group (-1 unassigned) and the chance of it; the likeliest other group (-1: none; of one unassigned the
    likeliest) and its chance; x and y."""

    labels: np.ndarray
    probabilities: np.ndarray
    others: np.ndarray
    other_probabilities: np.ndarray
    xy: np.ndarray

    def take(self, rows: np.ndarray) -> "Assignment":
        """The assignment of the `rows` with those indices, which may repeat."""
        return Assignment(*(column[rows] for column in self._columns()))

    def updated(self, rows: np.ndarray, some: "Assignment") -> "Assignment":
        """This with that of the `rows` (indices) replaced by `some`."""
        columns = [column.copy() for column in self._columns()]
        for column, new in zip(columns, some._columns(), strict=True):
            column[rows] = new
        return Assignment(*columns)

    def _columns(self) -> tuple[np.ndarray, ...]:
        return self.labels, self.probabilities, self.others, self.other_probabilities, self.xy


class AssignUsers(Protocol):
    """The signature of `assign_users`, which `segment` takes so that assignment can run elsewhere."""

    def __call__(
        self, rows: np.ndarray, landmarks: np.ndarray, *, model: GroupModel, xy: np.ndarray, neighbors: int
    ) -> Assignment:
        """See `assign_users`."""


def fit_group_model(halves: Halves, grouping: Grouping) -> GroupModel:
    """The model of the groups of the landmarks.

    The temperature is the one under which the chances learnt on one half of the sessions are right most often about the other
    (temperature scaling, Guo et al. 2017, ICML); 1 at least, as halves say less than the whole.
    """
    used = (grouping.labels >= 0) & halves.measured
    asked = [
        (fit_discriminant(learn, grouping.labels, grouping.cluster_count).scores(ask[used]), grouping.labels[used])
        for learn, ask in ((halves.first, halves.second), (halves.second, halves.first))
        if used.any()
    ]
    return GroupModel(grouping.discriminant, grouping.reach, fit_temperature(asked))


def fit_temperature(asked: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """The temperature under which chances are right most often, of log odds (n, groups) and the true groups (n,); 1 without any."""
    loss = np.zeros(len(TEMPERATURES))
    for scores, truly in asked:
        for number, temperature in enumerate(TEMPERATURES):
            right = _chances(scores, temperature)[np.arange(len(truly)), truly]
            loss[number] -= np.log(np.maximum(right, 1e-12)).mean()
    return float(TEMPERATURES[loss.argmin()])


def assign_users(
    rows: np.ndarray, landmarks: np.ndarray, *, model: GroupModel, xy: np.ndarray, neighbors: int
) -> Assignment:
    """Assign `rows` (n, columns) by the `landmarks` (indices into rows), whose coordinates are in `xy`.

    A row joins the group it is likeliest in, unless it is out of that group's reach. Coordinates of a row that is no landmark
    are the mean of its nearest `neighbors` among the landmarks, weighted by closeness.
    """
    chosen = choose_groups(rows, model)
    coordinates = np.empty((len(rows), 2))
    coordinates[landmarks] = xy
    others = np.setdiff1d(np.arange(len(rows)), landmarks)
    coordinates[others] = place(rows[others], rows[landmarks], xy, neighbors)
    return replace(chosen, xy=coordinates)


def choose_groups(rows: np.ndarray, model: GroupModel) -> Assignment:
    """The group, chances and next group of each of `rows` (n, columns), all at the map's origin."""
    count = len(model.reach)
    if count == 0:
        nobody = np.full(len(rows), -1)
        return Assignment(nobody, np.zeros(len(rows)), nobody, np.zeros(len(rows)), np.zeros((len(rows), 2)))
    chances = _chances(model.discriminant.scores(rows), model.temperature)
    order = np.argsort(-chances, axis=1, kind="stable")
    best, everyone = order[:, 0], np.arange(len(rows))
    second = order[:, 1] if count > 1 else np.full(len(rows), -1)
    best_chance = chances[everyone, best]
    second_chance = chances[everyone, second] if count > 1 else np.zeros(len(rows))
    inside = model.discriminant.distances(rows, best) <= model.reach[best]
    return Assignment(
        np.where(inside, best, -1),
        np.where(inside, best_chance, 0.0),
        np.where(inside, second, best),
        np.where(inside, second_chance, best_chance),
        np.zeros((len(rows), 2)),
    )


def _chances(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Chances (n, groups) that sum to one, of log odds `scores` divided by the `temperature`."""
    scaled = (scores - scores.max(axis=1, keepdims=True)) / temperature
    odds = np.exp(scaled)
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def place(rows: np.ndarray, known: np.ndarray, xy: np.ndarray, neighbors: int) -> np.ndarray:
    """Map coordinates (n, 2) of `rows`: means of those (`xy`) of the nearest `neighbors` among the `known` rows."""
    from sklearn.neighbors import NearestNeighbors

    coordinates = np.empty((len(rows), 2))
    finder = NearestNeighbors(n_neighbors=min(neighbors, len(known)), algorithm="brute").fit(known)
    for begin in range(0, len(rows), CHUNK):
        part = slice(begin, begin + CHUNK)
        distances, indices = finder.kneighbors(rows[part])
        coordinates[part] = np.einsum("nk,nkd->nd", _closeness(distances), xy[indices])
    return coordinates


def _closeness(distances: np.ndarray) -> np.ndarray:
    """Weights (n, k) that fall with distance and sum to one in each row."""
    weights = 1 / (distances + distances.mean(axis=1, keepdims=True) * 0.1 + 1e-12)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
