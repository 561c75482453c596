"""Selects the principal axes that carry more variance than chance; neighbours are searched along those only."""

import numpy as np

PERMUTATIONS = 5
SAMPLE = 20_000


def signal_axes(rows: np.ndarray, fewest: int, seed: int) -> np.ndarray:
    """Axes (columns, kept) of the principal components of `rows` (n, columns) that stand out from unrelated columns.

    Parallel analysis (Horn 1965, Psychometrika 30, 179-185): components are kept while their variance is above the
    largest seen at that rank after shuffling each column on its own; at least `fewest`, where there are as many
    columns. Columns that carry nothing but noise of their own would otherwise blur who is near to whom. Of more than
    `SAMPLE` rows a random `SAMPLE` is looked at.
    """
    rng = np.random.default_rng(seed)
    if len(rows) > SAMPLE:
        rows = rows[np.sort(rng.choice(len(rows), SAMPLE, replace=False))]
    values, vectors = _components(rows)
    chance = np.max([_components(rng.permuted(rows, axis=0))[0] for _ in range(PERMUTATIONS)], axis=0)
    below = np.flatnonzero(values <= chance)
    kept = max(int(below[0]) if len(below) else len(values), min(fewest, len(values)))
    return vectors[:, :kept]


def _components(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Variances, largest first, and their axes, each with its largest entry positive so that signs never flip."""
    centred = rows - rows.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(rows))
    vectors = vectors[:, ::-1]
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]
    return values[::-1], vectors * np.where(largest < 0, -1, 1)
