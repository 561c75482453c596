"""CUPED: what a metric of the days before takes off the variance of a test's metric (Deng, Xu, Kohavi & Walker 2013). Pure."""

from collections.abc import Mapping
from math import atanh, sqrt, tanh

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from grupa_pipeline.vocabulary.plan_parts import Cuped

REPLAYS = 200
WORTH_IT = 0.95
"""A variance ratio above this saves less than a twentieth of the users, and is not claimed."""
_SURE = 0.995
_FEWEST = 60
Values = NDArray[np.float64]


def find_covariate(values: Values, before: Mapping[str, Values], seed: int = 5) -> Cuped | None:
    """The metric of the days before that takes off most variance; None where none is worth claiming.

    Each replay chooses the covariate and its slope on one half of the users and measures the variance left on the other,
    so that choosing among many does not flatter. It is claimed where the correlation is above 0 for certain (99.5%) on
    users that did not choose it, and a twentieth of the variance goes.

    Args:
        values: The metric, one a user (n,): of a ratio its delta-method terms.
        before: Metrics of the days before, by name, for the same users; NaN counts as the mean.
        seed: Of the halves.
    """
    known = np.isfinite(values)
    y = values[known]
    columns = {name: _filled(each[known]) for name, each in before.items()}
    columns = {name: each for name, each in columns.items() if each.std() > 0}
    if len(y) < _FEWEST or not columns or y.std() == 0:
        return None
    names, x = list(columns), np.column_stack(list(columns.values()))
    ratios, correlations, chosen = _replayed(y, x, np.random.default_rng(seed))
    name = names[int(np.bincount(chosen, minlength=len(names)).argmax())]
    ratio = float(np.median(ratios))
    # A half is what each correlation was measured on.
    low = tanh(atanh(min(float(np.median(correlations)), 0.999999)) - float(ndtri(_SURE)) / sqrt(len(y) / 2 - 3))
    if low <= 0 or ratio > WORTH_IT:
        return None
    ends = np.quantile(ratios, (0.025, 0.975))
    return Cuped(name, float(np.corrcoef(y, columns[name])[0, 1]), ratio, float(ends[0]), float(ends[1]))


def variance_ratio(y: Values, x: Values) -> float:
    """Variance left over variance, with the slope that takes off most: `1 - r^2`."""
    return float(1 - np.corrcoef(y, x)[0, 1] ** 2)


def adjusted(y: Values, x: Values) -> Values:
    """`y` less what `x` foretells of it; the mean stays."""
    slope = np.cov(y, x)[0, 1] / np.var(x, ddof=1)
    return np.asarray(y - slope * (x - x.mean()))


def _replayed(y: Values, x: Values, rng: np.random.Generator) -> tuple[Values, Values, NDArray[np.int64]]:
    ratios, correlations, chosen = np.empty(REPLAYS), np.empty(REPLAYS), np.empty(REPLAYS, dtype=np.int64)
    for at in range(REPLAYS):
        order = rng.permutation(len(y))
        one, other = order[: len(y) // 2], order[len(y) // 2 :]
        away = x[one] - x[one].mean(axis=0)
        spread = (away**2).sum(axis=0)
        lean = away.T @ (y[one] - y[one].mean())
        with np.errstate(divide="ignore", invalid="ignore"):
            strength = np.where(spread > 0, np.abs(lean) / np.sqrt(spread), -1.0)
        best = int(strength.argmax())
        slope = lean[best] / spread[best]
        foretold = x[other, best]
        ratios[at] = np.var(y[other] - slope * foretold) / np.var(y[other]) if np.var(y[other]) else 1.0
        flat = foretold.std() == 0 or y[other].std() == 0
        # The sign counts: a slope that turns around on other users foretells nothing.
        correlations[at] = 0.0 if flat else np.sign(slope) * np.corrcoef(y[other], foretold)[0, 1]
        chosen[at] = best
    return ratios, correlations, chosen


def _filled(values: Values) -> Values:
    known = np.isfinite(values)
    return np.where(known, values, values[known].mean() if known.any() else 0.0)
