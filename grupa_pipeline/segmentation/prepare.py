"""Prepares the feature matrix: imputation, scaling, redundant columns and duplicate rows."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

REDUNDANT_CORRELATION = 0.98
CLIP = 4.0


@dataclass(frozen=True)
class Prepared:
    """Distinct scaled rows and how users map to them.

    `rows` is (distinct rows, columns) float64; `row_of_user` is (users,) and indexes it; `user_of_row` gives the first
    user (in id order) of each row; `columns` names what is left of the features.
    """

    rows: np.ndarray
    row_of_user: np.ndarray
    user_of_row: np.ndarray
    columns: tuple[str, ...]


def prepare(features: pd.DataFrame) -> Prepared:
    """Scale sorted `features` (users x columns, NaN where not applicable) and fold equal rows into one.

    Equal rows are folded because a hundred users with the same few actions are one way to behave, not a dense region;
    left in, they would look like a cluster to any density method.
    """
    matrix = np.empty((len(features), len(features.columns)), order="F")  # by column: a million users are half a GiB
    for column, name in enumerate(features.columns):
        matrix[:, column] = _scale(_impute(features[name].to_numpy(dtype=float)))
    kept = _not_redundant(matrix, np.flatnonzero(np.ptp(matrix, axis=0) > 0))
    names = tuple(features.columns[kept])
    matrix = matrix[:, kept] if kept else np.zeros((len(features), 1))
    np.round(matrix, 9, out=matrix)
    matrix += 0.0  # makes minus zeros zeros, which are hashed apart
    first, row_of_user = _fold(matrix)
    return Prepared(np.ascontiguousarray(matrix[first]), row_of_user, first, names)


def _fold(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index of the first of each set of equal rows, rising, and for each row the number of its set.

    Rows are compared by a hash of 64 bits: sorting whole rows takes several times their memory.
    """
    hashed = pd.util.hash_pandas_object(pd.DataFrame(matrix, copy=False), index=False)
    number, _ = pd.factorize(hashed.to_numpy())
    first = np.unique(number, return_index=True)[1]
    return first, number


def _impute(values: np.ndarray) -> np.ndarray:
    """Fill gaps with the median: 'does not apply' must neither attract nor repel."""
    finite = np.isfinite(values)
    fill = float(np.median(values[finite])) if finite.any() else 0.0
    return np.where(finite, values, fill)


def _scale(values: np.ndarray) -> np.ndarray:
    """One column to unit spread with its tails drawn in.

    Proportions get the arcsine of the square root, which gives binomial noise the same spread everywhere (Anscombe
    1948); skewed counts, rates and durations a logarithm. Then the 0.5% tails are left out of the spread and values
    beyond `CLIP` spreads are drawn in to it.
    """
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 1:
        values = np.arcsin(np.sqrt(values))
    elif low >= 0 and _skewness(values) > 1:
        positive = values[values > 0]
        values = np.log1p(values / np.median(positive))
    inner = np.clip(values, *np.quantile(values, [0.005, 0.995]))
    spread = float(inner.std()) or float(values.std())
    if spread == 0:
        return np.zeros_like(values)
    return np.clip((values - inner.mean()) / spread, -CLIP, CLIP)


def _skewness(values: np.ndarray) -> float:
    spread = values.std()
    return float((((values - values.mean()) / spread) ** 3).mean()) if spread > 0 else 0.0


def _not_redundant(matrix: np.ndarray, varying: np.ndarray) -> list[int]:
    """Those of the `varying` columns that correlate with no earlier one; a redundant column would count twice."""
    if len(varying) < 2:
        return list(varying)
    correlation = np.abs(np.corrcoef(matrix[:, varying], rowvar=False))
    kept: list[int] = []
    for index in range(len(varying)):
        if not kept or correlation[index, kept].max() < REDUNDANT_CORRELATION:
            kept.append(index)
    return [int(varying[index]) for index in kept]
