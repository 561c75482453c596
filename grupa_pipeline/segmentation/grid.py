"""One fit of the whole grid: embed, cluster with every candidate, score; on real rows, subsamples and null tables."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.embedding import embed, exact_neighbors, principal_coordinates
from grupa_pipeline.segmentation.outlier_filter import filter_outliers
from grupa_pipeline.vocabulary.enums import ClusterSelection


@dataclass(frozen=True)
class Candidate:
    """One set of parameters; `cluster_fraction` is the minimum cluster size as a share of the rows fitted."""

    n_neighbors: int
    cluster_fraction: float
    min_samples: int
    selection: ClusterSelection

    def as_parameters(self) -> dict[str, Any]:
        """JSON-ready values, by which a later day knows the candidate again."""
        return asdict(self)


@dataclass(frozen=True)
class Fit:
    """A candidate fitted to rows: labels (-1 unassigned) and strengths (n,), and its density-based validity.

    `raw_labels` are HDBSCAN's own, before `filter_outliers`; `reach` is how far from its fellows a
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
        """The parameters of umap-learn and hdbscan, by their own names."""
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
        """Number of clusters."""
        return int(self.labels.max()) + 1

    @property
    def unassigned_share(self) -> float:
        """Share of the rows in no cluster, 0 to 1."""
        return float((self.labels < 0).mean())


def candidates(config: SegmentationConfig) -> list[Candidate]:
    """The grid, in the order in which it is stored and in which ties are broken."""
    return [
        Candidate(neighbors, fraction, samples, selection)
        for neighbors in config.neighbors
        for fraction, samples, selection in config.densities
    ]


def fit_grid(rows: np.ndarray, axes: np.ndarray, config: SegmentationConfig, seed: int) -> list[Fit]:
    """Fit every candidate on `rows` (n, columns), embedded along `axes` (columns, kept).

    An embedding for each number of neighbours, HDBSCAN on it, then the check in the feature space itself.
    """
    grid = candidates(config)
    signal = rows @ axes
    neighbors = exact_neighbors(signal, max(config.neighbors) + 1)
    around = exact_neighbors(rows, config.fellow_neighbors + 1)
    start = principal_coordinates(signal, config.dimensions)
    fits = []
    for count in config.neighbors:
        points = embed(neighbors, start, n_neighbors=count, epochs=config.epochs, seed=seed, spread=0.0)
        fits += [_fit(points, candidate, around, config) for candidate in grid if candidate.n_neighbors == count]
    return fits


def _fit(
    points: np.ndarray, candidate: Candidate, around: tuple[np.ndarray, np.ndarray], config: SegmentationConfig
) -> Fit:
    import hdbscan

    size = max(config.smallest_cluster, round(candidate.cluster_fraction * len(points)))
    model = hdbscan.HDBSCAN(
        min_cluster_size=size,
        min_samples=min(candidate.min_samples, len(points) - 1),
        cluster_selection_method=candidate.selection,
        gen_min_span_tree=True,
        core_dist_n_jobs=1,
    ).fit(points)
    dbcv = float(model.relative_validity_) if model.labels_.max() >= 1 else -1.0
    filtered = filter_outliers(model.labels_, around)
    return Fit(candidate, filtered.labels, model.labels_, model.probabilities_, filtered.reach, size, dbcv)
