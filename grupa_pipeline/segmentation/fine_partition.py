"""Fine partitions of the landmarks: many small cells, of which `merging.py` makes groups."""

import numpy as np

NEIGHBORS_OF_STRAYS = 10
CELL_ROWS = 12
"""Rows that a cell takes at least on average: what smaller cells learn of themselves is noise."""


def kmeans_cells(rows: np.ndarray, cells: int, seed: int) -> np.ndarray:
    """Cells (n,) of `rows` (n, columns) by k-means, at most one for each `CELL_ROWS` rows."""
    from sklearn.cluster import KMeans

    cells = max(1, min(cells, len(rows) // CELL_ROWS))
    labels = KMeans(cells, n_init=2, random_state=seed).fit_predict(rows)
    return np.asarray(np.unique(labels, return_inverse=True)[1])


def leaf_cells(points: np.ndarray, smallest: int) -> np.ndarray:
    """Cells (n,) of the map's `points` (n, 2): the finest groups of HDBSCAN's tree, strays with those nearest.

    On the map what is dense is far from what is not, whatever its form, so these cells follow rings and crescents, which
    k-means cuts (Campello et al. 2013; McInnes, Healy & Melville 2018).
    """
    import hdbscan
    from sklearn.neighbors import KNeighborsClassifier

    model = hdbscan.HDBSCAN(
        min_cluster_size=smallest, min_samples=5, cluster_selection_method="leaf", core_dist_n_jobs=1
    ).fit(points)
    labels, inside = model.labels_.copy(), model.labels_ >= 0
    if not inside.any():
        return np.zeros(len(points), dtype=int)
    if not inside.all():
        near = KNeighborsClassifier(min(NEIGHBORS_OF_STRAYS, int(inside.sum())))
        labels[~inside] = near.fit(points[inside], labels[inside]).predict(points[~inside])
    return np.asarray(labels)


def earlier_cells(rows: np.ndarray, before: np.ndarray) -> np.ndarray | None:
    """Cells (n,) that are the clusters of an earlier day, `before` (n,; -1: not in one): others join the likeliest.

    None where fewer than half of the rows, or fewer than two clusters, are known.
    """
    from grupa_pipeline.segmentation.discriminant import fit_discriminant

    names, labels = np.unique(before, return_inverse=True)
    labels = labels - int(names[0] < 0)
    known = labels >= 0
    groups = int(labels.max()) + 1
    if groups < 2 or known.sum() < len(rows) / 2:
        return None
    labels[~known] = fit_discriminant(rows, labels, groups).scores(rows[~known]).argmax(axis=1)
    return labels
