"""Group-sequential tests: boundaries by alpha spending, their power, and the users they need.

The statistic at a look is `Z_k = B(t_k) / sqrt(t_k)`, where B is Brownian motion with drift and `t_k` the share of the users by
then. Crossing chances follow by recursive numerical integration (Armitage, McPherson & Rowe 1969; Jennison & Turnbull 2000,
chapter 19). Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import e, inf, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from grupa_pipeline.vocabulary.plan_parts import Looks, Spending

MOST_LOOKS = 5
_POINTS = 1201
_REACH = 8.5  # standard deviations beyond which nothing is left


@dataclass(frozen=True)
class Crossings:
    """Chances to stop at each look: at the upper boundary, and at the lower one."""

    upper: tuple[float, ...]
    lower: tuple[float, ...]


@cache
def design_looks(
    number: int,
    spending: Spending,
    *,
    alpha_each: float = 0.05,
    sides: int = 2,
    power: float = 0.8,
    futility: bool = False,
) -> Looks:
    """A plan of `number` looks after equal shares of the users.

    The upper boundary spends `alpha_each / sides`; what the lower half of a two-sided test adds to it is below that again.
    Futility boundaries are not binding: alpha is not spent anew for them, so ignoring one does no harm.

    Example:
        >>> [round(each, 3) for each in design_looks(3, Spending.OBRIEN_FLEMING).boundaries]
        [3.71, 2.511, 1.993]
    """
    if not 2 <= number <= MOST_LOOKS:
        raise ValueError(f"A group-sequential test has 2 to {MOST_LOOKS} looks.")
    tail, times = alpha_each / sides, tuple((look + 1) / number for look in range(number))
    upper = boundaries(times, spending, tail)
    fixed = float(-ndtri(tail) + ndtri(power))

    def missing(drift: float) -> float:
        lower = _futility(times, upper, spending, 1 - power, drift) if futility else None
        return sum(crossings(times, upper, drift, lower).upper) - power

    drift = float(brentq(missing, fixed * 0.9, fixed * 2.0, xtol=1e-8))
    lower = _futility(times, upper, spending, 1 - power, drift) if futility else ()
    stops = crossings(times, upper, drift, lower or None)
    ended = [a + b for a, b in zip(stops.upper, stops.lower, strict=True)]
    ended[-1] = 1 - sum(ended[:-1])
    inflation = (drift / fixed) ** 2
    expected = inflation * sum(t * chance for t, chance in zip(times, ended, strict=True))
    return Looks(number, spending, futility, upper, tuple(lower), inflation, expected)


def spent(spending: Spending, share: float, total: float) -> float:
    """The part of `total` spent by the time that `share` of the users are there (Lan & DeMets 1983)."""
    if spending is Spending.OBRIEN_FLEMING:
        return float(2 - 2 * ndtr(-ndtri(total / 2) / sqrt(share)))
    return total * log(1 + (e - 1) * share)


def boundaries(times: Sequence[float], spending: Spending, tail: float) -> tuple[float, ...]:
    """Upper boundaries of Z without a drift that spend `tail` in all."""
    found: list[float] = []
    density, grid = _start()
    before, done = 0.0, 0.0
    for time in times:
        step = spent(spending, time, tail) - done
        score = _quantile_above(grid, density, time - before, step)
        found.append(score / sqrt(time))
        density, grid = _continue(grid, density, time - before, 0.0, -_REACH * sqrt(time), score)
        before, done = time, done + step
    return tuple(found)


def crossings(
    times: Sequence[float], upper: Sequence[float], drift: float, lower: Sequence[float] | None = None
) -> Crossings:
    """Chances to stop at each look, where Z at the last look has the mean `drift`."""
    over, under = [], []
    density, grid = _start()
    before = 0.0
    for at, (time, bound) in enumerate(zip(times, upper, strict=True)):
        step = time - before
        high, low = bound * sqrt(time), lower[at] * sqrt(time) if lower else -inf
        over.append(_above(grid, density, step, drift, high))
        under.append(_below(grid, density, step, drift, low))
        left = max(low, drift * time - _REACH * sqrt(time))
        density, grid = _continue(grid, density, step, drift, left, high)
        before = time
    return Crossings(tuple(over), tuple(under))


def _futility(
    times: Sequence[float], upper: Sequence[float], spending: Spending, beta: float, drift: float
) -> tuple[float, ...]:
    """Lower boundaries that spend beta at `drift`; the last is the upper one."""
    found: list[float] = []
    density, grid = _start()
    before, done = 0.0, 0.0
    for time, bound in zip(times[:-1], upper[:-1], strict=True):
        step = spent(spending, time, beta) - done
        high = bound * sqrt(time)

        def missing(low: float, grid: NDArray[np.float64] = grid, density: NDArray[np.float64] = density) -> float:
            return _below(grid, density, time - before, drift, low) - step  # noqa: B023

        low = float(brentq(missing, drift * time - _REACH, high, xtol=1e-10)) if missing(high) > 0 else high
        found.append(low / sqrt(time))
        density, grid = _continue(grid, density, time - before, drift, low, high)
        before, done = time, done + step
    return (*found, upper[-1])


def _start() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """All mass at 0 before the first look: weights, and where they are."""
    return np.ones(1), np.zeros(1)


def _continue(
    grid: NDArray[np.float64], weights: NDArray[np.float64], step: float, drift: float, low: float, high: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights of the paths that went on, by Simpson's rule between the boundaries."""
    to = np.linspace(low, max(high, low + 1e-9), _POINTS)
    simpson = np.full(_POINTS, 2.0)
    simpson[1::2] = 4.0
    simpson[[0, -1]] = 1.0
    simpson *= (to[1] - to[0]) / 3
    away = (to[:, None] - grid[None, :] - drift * step) / sqrt(step)
    density = (np.exp(-0.5 * away**2) / sqrt(2 * np.pi * step)) @ weights
    return density * simpson, to


def _above(grid: NDArray[np.float64], weights: NDArray[np.float64], step: float, drift: float, score: float) -> float:
    return float(ndtr((grid + drift * step - score) / sqrt(step)) @ weights)


def _below(grid: NDArray[np.float64], weights: NDArray[np.float64], step: float, drift: float, score: float) -> float:
    return 0.0 if score == -inf else float(ndtr((score - grid - drift * step) / sqrt(step)) @ weights)


def _quantile_above(grid: NDArray[np.float64], weights: NDArray[np.float64], step: float, chance: float) -> float:
    """The score above which a path ends with `chance`."""
    top = float(grid.max()) + 12 * sqrt(step)
    return float(brentq(lambda score: _above(grid, weights, step, 0.0, score) - chance, -top, top, xtol=1e-12))
