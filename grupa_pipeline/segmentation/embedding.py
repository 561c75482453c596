"""UMAP with exact neighbours, seeded and without needless compilation. No clustering.

umap-learn is imported inside the functions because it brings numba along.
"""

import warnings

import numpy as np


def exact_neighbors(rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices and distances (n, count) of each row's nearest rows, itself first, as UMAP wants them."""
    from sklearn.neighbors import NearestNeighbors

    count = min(count, len(rows))
    distances, indices = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(rows).kneighbors(rows)
    return indices, distances


def principal_coordinates(rows: np.ndarray, dimensions: int) -> np.ndarray:
    """The first principal coordinates, scaled to UMAP's starting box; columns of zeros where the data has fewer."""
    centred = rows - rows.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    axes = vectors[:, ::-1][:, :dimensions]
    axes = axes * np.where(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])] < 0, -1, 1)
    coordinates = centred @ axes
    coordinates = np.pad(coordinates, ((0, 0), (0, dimensions - coordinates.shape[1])))
    return 10 * coordinates / (np.abs(coordinates).max() or 1.0)


def embed(
    neighbors: tuple[np.ndarray, np.ndarray],
    start: np.ndarray,
    *,
    n_neighbors: int,
    epochs: int,
    seed: int,
    spread: float,
) -> np.ndarray:
    """Embed rows by their `neighbors` (indices and distances, at least `n_neighbors` of them) from `start` (n,
    dimensions).

    `spread` is UMAP's `min_dist`: 0 packs clusters for a density method, more opens them for the eye. Exact neighbours
    and a start of our own leave out NN-descent and the spectral start, which cost most of a short run and vary with the
    platform (McInnes, Healy & Melville 2018).
    """
    import umap

    _cache_compiled()
    rng = np.random.default_rng(seed)
    start = (start + rng.normal(scale=1e-4, size=start.shape)).astype(np.float32)
    indices, distances = neighbors
    model = umap.UMAP(
        n_neighbors=min(n_neighbors, indices.shape[1] - 1),
        n_components=start.shape[1],
        n_epochs=epochs,
        min_dist=spread,
        init=start,
        random_state=seed,
        n_jobs=1,
        precomputed_knn=(indices, distances),
    )
    with warnings.catch_warnings():
        # Both are expected: a seed makes UMAP single-threaded, and exact neighbours come without a search index.
        warnings.filterwarnings("ignore", message=".*knn_search_index.*|.*n_jobs value.*")
        return model.fit_transform(np.ascontiguousarray(distances, dtype=np.float32)).astype(float)


def _cache_compiled() -> None:
    """Let numba keep UMAP's compiled inner loops on disk: they are 4 s of work in every process that starts.

    umap-learn caches only some of its functions; `enable_caching` is what `njit(cache=True)` calls.
    """
    from umap import layouts, umap_

    for function in (
        umap_.smooth_knn_dist,
        umap_.compute_membership_strengths,
        layouts._nb_optimize_layout_euclidean_single_epoch,
    ):
        if not function.signatures:
            function.enable_caching()
