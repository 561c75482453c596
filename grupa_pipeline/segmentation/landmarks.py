"""Chooses the landmarks: a bounded, density-biased sample of the rows that are embedded and clustered."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CELL_SAMPLE = 20_000


@dataclass(frozen=True)
class Landmarks:
    """The rows chosen, rising, and how many users each of them stands for."""

    rows: np.ndarray
    users: np.ndarray


def choose_landmarks(
    rows: np.ndarray, ids: Sequence[str], users: np.ndarray, *, limit: int, cells: int, seed: int
) -> Landmarks:
    """Choose at most `limit` of `rows` (n, columns); `ids` names each row, `users` (n,) is how many users have it.

    The space is cut into `cells` by k-means on a bounded sample and a row's weight is 1 / sqrt(rows in its cell), so
    that a sparsely settled region keeps more than its share (density-biased sampling, Palmer & Faloutsos 2000). The
    draw is a priority sample on a hash of the id (Duffield, Lund & Thorup 2007): most users are drawn again tomorrow.
    """
    if len(rows) <= limit:
        return Landmarks(np.arange(len(rows)), users.astype(float))
    cell = _cells(rows, cells, seed)
    weight = 1 / np.sqrt(np.bincount(cell, minlength=cells)[cell])
    priority = _hashed(ids, seed) / weight
    chosen = np.sort(np.argpartition(priority, limit)[:limit])
    return Landmarks(chosen, _users_behind(chosen, users, cell))


def _users_behind(landmarks: np.ndarray, users: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """How many users each of the `landmarks` stands for, given the `users` of every row and the `cell` it lies in.

    Those of its own row, and its part of the users in its cell whose rows were not drawn (post-stratification, Holt & Smith
    1979). A landmark of a sparse region stands for few: shares of landmarks are not shares of users.
    """
    own = users[landmarks].astype(float)
    drawn = np.bincount(cell[landmarks], own, minlength=int(cell.max()) + 1)
    everyone = np.bincount(cell, users, minlength=len(drawn))
    return own * (everyone / np.maximum(drawn, 1))[cell[landmarks]]


def _cells(rows: np.ndarray, cells: int, seed: int) -> np.ndarray:
    from sklearn.cluster import KMeans

    rng = np.random.default_rng(seed)
    sample = rows if len(rows) <= CELL_SAMPLE else rows[np.sort(rng.choice(len(rows), CELL_SAMPLE, replace=False))]
    model = KMeans(cells, n_init=1, max_iter=20, random_state=seed).fit(sample)
    return model.predict(rows)


def _hashed(ids: Sequence[str], seed: int) -> np.ndarray:
    """A number in (0, 1] from each id, the same in every process and on every day."""
    salt = seed.to_bytes(8, "big", signed=True)
    digests = b"".join(hashlib.blake2b(str(i).encode(), digest_size=8, salt=salt).digest() for i in ids)
    return (np.frombuffer(digests, dtype=">u8").astype(np.float64) + 1) / 2.0**64
