"""How far one group stands from the rest: effect sizes, their 95% intervals and two-sided p-values.

Pure statistics on arrays, each formula with its source. Which differences matter, and what they are called, is decided
in `evidence.py`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

Z = float(stats.norm.ppf(0.975))
"""Normal quantile of a two-sided 95% interval."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Effect:
    """A difference between a group and the rest. `size`, a difference of shares or Cliff's delta, lies in -1 to 1."""

    cluster_value: float
    rest_value: float
    size: float
    low: float
    high: float
    p_value: float
    n_cluster: int
    n_rest: int

    @property
    def lift(self) -> float | None:
        """cluster_value / rest_value; None where the rest's value is 0."""
        return None if self.rest_value == 0 else self.cluster_value / self.rest_value


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Score interval of a proportion (Wilson 1927)."""
    share = hits / n
    centre = share + Z**2 / (2 * n)
    half = Z * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    scale = 1 + Z**2 / n
    return float(max(0.0, (centre - half) / scale)), float(min(1.0, (centre + half) / scale))


def proportion_effect(hits: int, n: int, rest_hits: int, n_rest: int) -> Effect:
    """Difference of two shares: Newcombe's hybrid score interval (Newcombe 1998, method 10) and Fisher's exact test."""
    share, rest = hits / n, rest_hits / n_rest
    (low, high), (rest_low, rest_high) = wilson(hits, n), wilson(rest_hits, n_rest)
    gap = share - rest
    below = float(np.hypot(share - low, rest_high - rest))
    above = float(np.hypot(high - share, rest - rest_low))
    table = [[hits, n - hits], [rest_hits, n_rest - rest_hits]]
    p_value = float(stats.fisher_exact(table).pvalue)
    return Effect(share, rest, gap, max(-1.0, gap - below), min(1.0, gap + above), p_value, n, n_rest)


class Ranked:
    """One column of values, sorted once, from which any group is compared with the rest in one pass over its levels.

    Who has no value (NaN) counts nowhere. Pairwise comparisons of the group with the rest are never made: at each level, the
    numbers of values below and above are known from cumulative counts, which gives the same sums in n log n.
    """

    def __init__(self, values: Floats) -> None:
        # By hashing: only the levels are sorted, which are far fewer than the values in most columns.
        self._level_of, self._levels = pd.factorize(values, sort=True)
        self._counts = self._count(self._level_of)

    def _count(self, levels: NDArray[np.intp]) -> Floats:
        return np.bincount(levels[levels >= 0], minlength=len(self._levels)).astype(np.float64)

    def effect(self, member: NDArray[np.bool_] | NDArray[np.intp]) -> Effect:
        """Medians of members (a mask, or positions) and rest, with Cliff's delta (Cliff 1996), its interval and the
        Mann-Whitney test.

        Both sides need at least two values. delta = P(member > other) - P(member < other).
        """
        own = self._count(self._level_of[member])
        rest = self._counts - own
        n, m = int(own.sum()), int(rest.sum())
        ahead_of_rest = _below(rest) - _above(rest)
        ahead_of_own = _below(own) - _above(own)
        delta = float((own * ahead_of_rest).sum() / n / m)
        variance = _delta_variance(own, rest, ahead_of_rest / m, ahead_of_own / n, delta)
        low, high = _delta_interval(delta, variance, n, m)
        p_value = _mann_whitney(delta, n, m, self._counts)
        return Effect(self._median(own), self._median(rest), delta, low, high, p_value, n, m)

    def _median(self, counts: Floats) -> float:
        upto, total = np.cumsum(counts), counts.sum()
        lower = self._levels[np.searchsorted(upto, total / 2, side="left")]
        upper = self._levels[np.searchsorted(upto, total / 2, side="right")]
        return float((lower + upper) / 2)


def _below(counts: Floats) -> Floats:
    return np.cumsum(counts) - counts


def _above(counts: Floats) -> Floats:
    return counts.sum() - np.cumsum(counts)


def _delta_variance(own: Floats, rest: Floats, row_means: Floats, column_means: Floats, delta: float) -> float:
    """Unbiased variance of delta (Cliff 1996, equation 3.11), never below its least possible value (1 - d^2) / (nm -
    1).

    `row_means` are a member's mean dominance over the rest, `column_means` another's over the members (sign reversed).
    """
    n, m = own.sum(), rest.sum()
    rows = (own * (row_means - delta) ** 2).sum()
    columns = (rest * (column_means + delta) ** 2).sum()
    untied = n * m - (own * rest).sum()
    cells = untied - n * m * delta**2
    variance = (m**2 * rows + n**2 * columns - cells) / (n * m * (n - 1) * (m - 1))
    return float(max(variance, (1 - delta**2) / (n * m - 1)))


def _delta_interval(delta: float, variance: float, n: int, m: int) -> tuple[float, float]:
    """Asymmetric interval (Feng & Cliff 2004, equation 8), which stays within -1 to 1.

    At |delta| = 1 the variance is 0; the inner end is then the score limit for no reversal among the smaller side's
    values (Wilson 1927, as Newcombe 2006 does for fully separated groups).
    """
    if abs(delta) >= 1:
        inner = 2 * wilson(min(n, m), min(n, m))[0] - 1
        return (inner, 1.0) if delta > 0 else (-1.0, -inner)
    spread = Z * np.sqrt(variance) * np.sqrt((1 - delta**2) ** 2 + Z**2 * variance)
    scale = 1 - delta**2 + Z**2 * variance
    centre = delta - delta**3
    return float(max(-1.0, (centre - spread) / scale)), float(min(1.0, (centre + spread) / scale))


def _mann_whitney(delta: float, n: int, m: int, counts: Floats) -> float:
    """Two-sided normal approximation with ties and continuity corrected (Mann & Whitney 1947; Lehmann 1975)."""
    total = n + m
    ties = float((counts**3 - counts).sum()) / (total * (total - 1))
    spread = np.sqrt(n * m / 12 * ((total + 1) - ties))
    if spread == 0:
        return 1.0
    return float(2 * stats.norm.sf(max(0.0, abs(delta) * n * m / 2 - 0.5) / spread))


def discoveries(p_values: Floats, rate: float) -> NDArray[np.bool_]:
    """Which tests hold at that false discovery rate (Benjamini & Hochberg 1995). An empty array gives an empty one."""
    count = len(p_values)
    if count == 0:
        return np.zeros(0, dtype=bool)
    order = np.argsort(p_values, kind="stable")
    passed = np.flatnonzero(p_values[order] <= rate * np.arange(1, count + 1) / count)
    kept = np.zeros(count, dtype=bool)
    if len(passed):
        kept[order[: passed[-1] + 1]] = True
    return kept
