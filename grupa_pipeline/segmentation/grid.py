"""One fit of the whole grid: embed, cluster with every candidate, score. Used alike on real rows, subsamples and
nulls."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from grupa_pipeline.segmentation.embedding import embed, exact_neighbors, principal_coordinates
from grupa_pipeline.segmentation.method import Method


@dataclass(frozen=True)
class Candidate:
    """One set of parameters; `cluster_fraction` is the minimum cluster size as a share of the rows fitted."""

    n_neighbors: int
    cluster_fraction: float
    min_samples: int
    selection: str

    def as_parameters(self) -> dict[str, Any]:
        """JSON-ready values, by which a later day knows the candidate again."""
        return asdict(self)


@dataclass(frozen=True)
class Fit:
    """What a candidate made of some rows: labels (-1 unassigned) and strengths (n,), and its density-based validity."""

    candidate: Candidate
    labels: np.ndarray
    strengths: np.ndarray
    min_cluster_size: int
    dbcv: float

    def as_parameters(self) -> dict[str, Any]:
        """What umap-learn and hdbscan were given, by their own names."""
        return {
            "n_neighbors": self.candidate.n_neighbors,
            "min_cluster_size": self.min_cluster_size,
            "min_samples": self.candidate.min_samples,
            "cluster_selection_method": self.candidate.selection,
        }

    @property
    def cluster_count(self) -> int:
        """Clusters found."""
        return int(self.labels.max()) + 1

    @property
    def largest_share(self) -> float:
        """Share of the rows in the largest cluster, 0 to 1."""
        assigned = self.labels[self.labels >= 0]
        return float(np.bincount(assigned).max() / len(self.labels)) if len(assigned) else 0.0

    @property
    def unassigned_share(self) -> float:
        """Share of the rows in no cluster, 0 to 1."""
        return float((self.labels < 0).mean())


def candidates(method: Method) -> list[Candidate]:
    """The grid, in the order in which it is stored and in which ties are broken."""
    return [
        Candidate(neighbors, fraction, samples, selection)
        for neighbors in method.neighbors
        for fraction, samples, selection in method.densities
    ]


def fit_grid(rows: np.ndarray, method: Method, seed: int) -> list[Fit]:
    """Fit every candidate on `rows` (n, columns): an embedding for each number of neighbours, then HDBSCAN on it."""
    grid = candidates(method)
    neighbors = exact_neighbors(rows, max(method.neighbors) + 1)
    start = principal_coordinates(rows, method.dimensions)
    fits = []
    for count in method.neighbors:
        points = embed(neighbors, start, n_neighbors=count, epochs=method.epochs, seed=seed, spread=0.0)
        fits += _cluster(points, [c for c in grid if c.n_neighbors == count], method)
    return fits


def _cluster(points: np.ndarray, grid: Iterable[Candidate], method: Method) -> list[Fit]:
    import hdbscan

    fits = []
    for candidate in grid:
        size = max(method.smallest_cluster, round(candidate.cluster_fraction * len(points)))
        model = hdbscan.HDBSCAN(
            min_cluster_size=size,
            min_samples=min(candidate.min_samples, len(points) - 1),
            cluster_selection_method=candidate.selection,
            gen_min_span_tree=True,
            core_dist_n_jobs=1,
        ).fit(points)
        dbcv = float(model.relative_validity_) if model.labels_.max() >= 1 else -1.0
        fits.append(Fit(candidate, model.labels_, model.probabilities_, size, dbcv))
    return fits
