"""Prepares the feature matrix: imputation, scaling, redundant columns and duplicate rows."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

REDUNDANT_CORRELATION = 0.98
CLIP = 4.0


@dataclass(frozen=True)
class ColumnScale:
    """How one column is scaled; other measurements of it (on part of a user's sessions) are scaled in the same way.

    `fill` stands for gaps; `arcsine` and `log_unit` (0: none) are the transformation, `centre` and `spread` what follows it.
    """

    fill: float
    arcsine: bool
    log_unit: float
    centre: float
    spread: float

    def apply(self, values: np.ndarray) -> np.ndarray:
        """`values` (n,) in unit spreads from the centre, drawn in to `CLIP`."""
        if self.spread == 0:
            return np.zeros(len(values))
        moved = _transform(np.where(np.isfinite(values), values, self.fill), self.arcsine, self.log_unit)
        return np.clip((moved - self.centre) / self.spread, -CLIP, CLIP)


@dataclass(frozen=True)
class Prepared:
    """Distinct scaled rows and how users map to them.

    `rows` is (distinct rows, columns) float64; `row_of_user` is (users,) and indexes it; `user_of_row` gives the first
    user (in id order) of each row; `scales` holds what is left of the features, and how each was scaled.
    """

    rows: np.ndarray
    row_of_user: np.ndarray
    user_of_row: np.ndarray
    scales: Mapping[str, ColumnScale]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of `rows` that are features."""
        return tuple(self.scales)


def prepare(features: pd.DataFrame, views: np.ndarray | None = None) -> Prepared:
    """Scale sorted `features` (users x columns, NaN where not applicable) and fold equal rows into one.

    `views` (users, columns) are further columns, scaled already. Equal rows are folded because a hundred users with the same
    few actions are one way to behave, not a dense region; left in, they would look like a cluster to any density method.
    """
    scales = {str(name): fit_scale(features[name].to_numpy(dtype=float)) for name in features.columns}
    matrix = np.empty((len(features), len(features.columns)), order="F")  # by column: a million users are half a GiB
    for column, (name, scale) in enumerate(scales.items()):
        matrix[:, column] = scale.apply(features[name].to_numpy(dtype=float))
    kept = _not_redundant(matrix, np.flatnonzero(np.ptp(matrix, axis=0) > 0))
    names = [str(features.columns[column]) for column in kept]
    matrix = matrix[:, kept] if kept else np.zeros((len(features), 1))
    if views is not None:
        matrix = np.hstack([matrix, views])
    matrix = np.round(matrix, 9) + 0.0  # makes minus zeros zeros, which are hashed apart
    first, row_of_user = _fold(matrix)
    return Prepared(np.ascontiguousarray(matrix[first]), row_of_user, first, {name: scales[name] for name in names})


def _fold(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index of the first of each set of equal rows, rising, and for each row the number of its set.

    Rows are compared by a hash of 64 bits: sorting whole rows takes several times their memory.
    """
    hashed = pd.util.hash_pandas_object(pd.DataFrame(matrix, copy=False), index=False)
    number, _ = pd.factorize(hashed.to_numpy())
    first = np.unique(number, return_index=True)[1]
    return first, number


def fit_scale(values: np.ndarray) -> ColumnScale:
    """How to bring one column to unit spread with its tails drawn in; gaps get the median: 'does not apply' must neither
    attract nor repel.

    Proportions get the arcsine of the square root, which gives binomial noise the same spread everywhere (Anscombe
    1948); skewed counts, rates and durations a logarithm. Then the 0.5% tails are left out of the spread.
    """
    finite = np.isfinite(values)
    fill = float(np.median(values[finite])) if finite.any() else 0.0
    values = np.where(finite, values, fill)
    low, high = float(values.min()), float(values.max())
    arcsine = low >= 0 and high <= 1
    log_unit = float(np.median(values[values > 0])) if not arcsine and low >= 0 and _skewness(values) > 1 else 0.0
    values = _transform(values, arcsine, log_unit)
    inner = np.clip(values, *np.quantile(values, [0.005, 0.995]))
    spread = float(inner.std()) or float(values.std())
    return ColumnScale(fill, arcsine, log_unit, float(inner.mean()), spread)


def _transform(values: np.ndarray, arcsine: bool, log_unit: float) -> np.ndarray:
    if arcsine:
        return np.arcsin(np.sqrt(np.clip(values, 0, 1)))
    return np.log1p(np.maximum(values, 0) / log_unit) if log_unit else values


def _skewness(values: np.ndarray) -> float:
    spread = values.std()
    return float((((values - values.mean()) / spread) ** 3).mean()) if spread > 0 else 0.0


def _not_redundant(matrix: np.ndarray, varying: np.ndarray) -> list[int]:
    """Those of the `varying` columns that correlate with no earlier one; a redundant column would count twice."""
    if len(varying) < 2:
        return [int(column) for column in varying]
    correlation = np.abs(np.corrcoef(matrix[:, varying], rowvar=False))
    kept: list[int] = []
    for index in range(len(varying)):
        if not kept or correlation[index, kept].max() < REDUNDANT_CORRELATION:
            kept.append(index)
    return [int(varying[index]) for index in kept]
