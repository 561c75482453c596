"""The same grid fitted again and again on bounded samples, in worker processes. What the fits mean is decided
elsewhere."""

import os
from collections.abc import Sequence

import numpy as np

from grupa_pipeline.segmentation.grid import Fit, fit_grid
from grupa_pipeline.segmentation.method import Method


def fit_samples(samples: Sequence[np.ndarray], axes: np.ndarray, method: Method, seed: int) -> list[list[Fit]]:
    """Fit the grid on each of `samples` (rows, columns). Sample i is seeded with seed + i, so workers change no
    result."""
    from joblib import Parallel, delayed

    workers = max(1, min(method.workers, os.cpu_count() or 1, len(samples)))
    jobs = (delayed(_fit_one)(rows, axes, method, seed + index) for index, rows in enumerate(samples))
    return list(Parallel(n_jobs=workers, backend="loky", inner_max_num_threads=1)(jobs))


def release_workers() -> None:
    """End the worker processes, which otherwise wait some minutes for more fits."""
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True)


def _fit_one(rows: np.ndarray, axes: np.ndarray, method: Method, seed: int) -> list[Fit]:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return fit_grid(rows, axes, method, seed)
