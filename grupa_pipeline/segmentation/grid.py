"""One fit of the whole grid: embed, cluster with every candidate, score. Used alike on real rows, subsamples and
nulls."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from grupa_pipeline.segmentation.config import Method
from grupa_pipeline.segmentation.embedding import embed, exact_neighbors, principal_coordinates
from grupa_pipeline.segmentation.outlier_filter import check_belonging


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
    """What a candidate made of some rows: labels (-1 unassigned) and strengths (n,), and its density-based validity.

    `raw_labels` are HDBSCAN's own, before the check of who belongs nowhere; `reach` is how far from its fellows a
    member of each cluster may be; `dbcv` is hdbscan's relative validity of the
    clusters in the embedding (Moulavi et al. 2014), -1 where there are fewer than two.
    """

    candidate: Candidate
    labels: np.ndarray
    raw_labels: np.ndarray
    strengths: np.ndarray
    reach: np.ndarray
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

    def unchecked(self) -> "Fit":
        """The same fit with HDBSCAN's own labels: what there is to show where no group is denser than its
        surroundings."""
        reach = np.full(int(self.raw_labels.max()) + 1, np.inf)
        return replace(self, labels=self.raw_labels, reach=reach)

    @property
    def cluster_count(self) -> int:
        """Clusters found."""
        return int(self.labels.max()) + 1

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


def fit_grid(rows: np.ndarray, axes: np.ndarray, method: Method, seed: int) -> list[Fit]:
    """Fit every candidate on `rows` (n, columns), embedded along `axes` (columns, kept).

    An embedding for each number of neighbours, HDBSCAN on it, then the check in the feature space itself.
    """
    grid = candidates(method)
    signal = rows @ axes
    neighbors = exact_neighbors(signal, max(method.neighbors) + 1)
    around = exact_neighbors(rows, method.fellow_neighbors + 1)
    start = principal_coordinates(signal, method.dimensions)
    fits = []
    for count in method.neighbors:
        points = embed(neighbors, start, n_neighbors=count, epochs=method.epochs, seed=seed, spread=0.0)
        fits += [_fit(points, candidate, around, method) for candidate in grid if candidate.n_neighbors == count]
    return fits


def _fit(points: np.ndarray, candidate: Candidate, around: tuple[np.ndarray, np.ndarray], method: Method) -> Fit:
    import hdbscan

    size = max(method.smallest_cluster, round(candidate.cluster_fraction * len(points)))
    model = hdbscan.HDBSCAN(
        min_cluster_size=size,
        min_samples=min(candidate.min_samples, len(points) - 1),
        cluster_selection_method=candidate.selection,
        gen_min_span_tree=True,
        core_dist_n_jobs=1,
    ).fit(points)
    dbcv = float(model.relative_validity_) if model.labels_.max() >= 1 else -1.0
    belonging = check_belonging(model.labels_, around)
    return Fit(candidate, belonging.labels, model.labels_, model.probabilities_, belonging.reach, size, dbcv)
