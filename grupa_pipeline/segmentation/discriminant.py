"""A linear discriminant with one covariance for all groups: who is nearer to which group, by columns that tell them apart."""

from dataclasses import dataclass

import numpy as np

SHRINKAGE = 0.1
"""How far the covariance within groups is drawn to a sphere of the same size, so that few members give a stable one."""


@dataclass(frozen=True)
class Discriminant:
    """Groups in the coordinates in which each is a unit sphere.

    `whitening` is (columns, columns); `centres` (groups, columns) are already in those coordinates; `log_priors` (groups,) are
    the logarithms of the groups' shares.
    """

    whitening: np.ndarray
    centres: np.ndarray
    log_priors: np.ndarray

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """Log density of each of `rows` (n, columns) in each group plus its log share, up to a constant: (n, groups)."""
        points = rows @ self.whitening
        squared = (points**2).sum(axis=1)[:, None] - 2 * points @ self.centres.T + (self.centres**2).sum(axis=1)
        return np.asarray(-0.5 * squared + self.log_priors)

    def distances(self, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Distance of each row from the centre of its group (n,), in spreads within groups."""
        away = rows @ self.whitening - self.centres[labels]
        return np.asarray(np.sqrt((away**2).sum(axis=1)))

    def direction(self, first: int, second: int) -> np.ndarray:
        """The direction (columns,) along which two groups lie apart (Fisher 1936, Annals of Eugenics 7, 179-188)."""
        return np.asarray(self.whitening @ (self.centres[second] - self.centres[first]))


def fit_discriminant(rows: np.ndarray, labels: np.ndarray, groups: int) -> Discriminant:
    """Fit to `rows` (n, columns) whose `labels` (n,) are 0 to `groups` - 1; rows of label -1 are left out."""
    rows, labels = rows[labels >= 0], labels[labels >= 0]
    sizes = np.bincount(labels, minlength=groups).astype(float)
    means = np.zeros((groups, rows.shape[1]))
    np.add.at(means, labels, rows)
    means /= np.maximum(sizes, 1)[:, None]
    within = rows - means[labels]
    covariance = within.T @ within / len(rows)
    width = len(covariance)
    sphere = max(float(np.trace(covariance)) / width, 1e-9)
    covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * sphere * np.eye(width)
    whitening = np.linalg.cholesky(np.linalg.inv(covariance))
    return Discriminant(whitening, means @ whitening, np.log(np.maximum(sizes, 0.5) / len(rows)))


def reassign(rows: np.ndarray, labels: np.ndarray, rounds: int = 2) -> np.ndarray:
    """`labels` (n,) after each row joined the group it is likeliest in, some `rounds` over; renumbered without gaps.

    Cells of a fine partition have ragged edges; what two groups share is divided where they are equally dense.
    """
    for _ in range(rounds):
        groups = int(labels.max()) + 1
        if groups < 2:
            break
        labels = np.unique(fit_discriminant(rows, labels, groups).scores(rows).argmax(axis=1), return_inverse=True)[1]
    return labels
