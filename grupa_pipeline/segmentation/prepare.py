"""From a table of features to a matrix in which distances mean something.

Holds imputation, scaling, redundant columns and duplicate rows. Choosing which rows to cluster is `landmarks.py`.
"""

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
    scaled = {name: _scale(_impute(features[name].to_numpy(dtype=float))) for name in features.columns}
    kept = _without_redundant({name: values for name, values in scaled.items() if np.ptp(values) > 0})
    matrix = np.column_stack(list(kept.values())) if kept else np.zeros((len(features), 1))
    rows, first, inverse = np.unique(np.round(matrix, 9), axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return Prepared(rows[order], rank[inverse.ravel()], first[order], tuple(kept))


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


def _without_redundant(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Leave out columns that say what an earlier one says: told twice, a thing would count twice."""
    if len(columns) < 2:
        return columns
    names = list(columns)
    correlation = np.abs(np.corrcoef(np.stack(list(columns.values()))))
    kept: list[int] = []
    for index in range(len(names)):
        if not kept or correlation[index, kept].max() < REDUNDANT_CORRELATION:
            kept.append(index)
    return {names[index]: columns[names[index]] for index in kept}
