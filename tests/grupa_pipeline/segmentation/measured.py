"""Rows of users measured twice, as tests of grouping need them."""

from collections.abc import Sequence

import numpy as np

from grupa_pipeline.segmentation.merging import Halves


def measured_twice(truth: np.ndarray, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, Halves]:
    """Rows of users whose true values are `truth` (n, columns), and their halves, each with `noise` of its own."""
    first, second = (truth + noise * rng.normal(size=truth.shape) for _ in range(2))
    return (first + second) / 2, Halves(first, second, np.ones(len(truth), dtype=bool))


def kinds(
    sizes: Sequence[int], *, apart: float = 6.0, columns: int = 4, noise: float = 0.3, seed: int = 0
) -> tuple[np.ndarray, Halves, np.ndarray]:
    """Rows, halves and truth of kinds of these `sizes`, round in `columns` and `apart` along an axis each."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    centres = np.zeros((len(sizes), columns))
    centres[np.arange(len(sizes)), np.arange(len(sizes)) % columns] = apart
    rows, halves = measured_twice(centres[truth] + rng.normal(size=(len(truth), columns)), noise, rng)
    return rows, halves, truth
