"""Comparison of one group with the rest: effect sizes, 95% confidence intervals and two-sided p-values.

Pure statistics on arrays. Which differences matter is decided in `evidence`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

Z = float(stats.norm.ppf(0.975))
"""Normal quantile of a two-sided 95% interval."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Effect:
    """A difference between a group and the rest.

    Attributes:
        cluster_value: Share or median of the group.
        rest_value: Share or median of the rest.
        size: Difference of shares or Cliff's delta, from -1 to 1.
        low: Lower limit of the 95% interval of `size`.
        high: Upper limit.
        p_value: Two-sided.
        n_cluster: Number of values in the group.
        n_rest: Number of values in the rest.
    """

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
        """`cluster_value / rest_value`; None where `rest_value` is 0."""
        return None if self.rest_value == 0 else self.cluster_value / self.rest_value


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95% score interval of the proportion `hits / n` (Wilson 1927)."""
    share = hits / n
    centre = share + Z**2 / (2 * n)
    half = Z * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    scale = 1 + Z**2 / n
    return float(max(0.0, (centre - half) / scale)), float(min(1.0, (centre + half) / scale))


def proportion_effect(hits: int, n: int, rest_hits: int, n_rest: int) -> Effect:
    """Compare two shares: Newcombe's hybrid score interval (Newcombe 1998, method 10) and Fisher's exact test.

    Example:
        >>> proportion_effect(56, 70, 48, 80).size
        0.2
    """
    share, rest = hits / n, rest_hits / n_rest
    (low, high), (rest_low, rest_high) = wilson(hits, n), wilson(rest_hits, n_rest)
    gap = share - rest
    below = float(np.hypot(share - low, rest_high - rest))
    above = float(np.hypot(high - share, rest - rest_low))
    table = [[hits, n - hits], [rest_hits, n_rest - rest_hits]]
    p_value = float(stats.fisher_exact(table).pvalue)
    return Effect(share, rest, gap, max(-1.0, gap - below), min(1.0, gap + above), p_value, n, n_rest)


class RankedValues:
    """One column of values, sorted once, to compare any group of users with the rest.

    Missing values (NaN) are ignored. Values are not compared pairwise: cumulative counts give the number of values below
    and above each distinct level, and thus the same sums in O(n log n).

    Example:
        >>> RankedValues(np.array([1.0, 2.0, 3.0, 4.0])).effect(np.array([False, False, True, True])).size
        1.0
    """

    def __init__(self, values: FloatArray) -> None:
        # Hashing sorts only the distinct levels, which are far fewer than the values in most columns.
        self._level_of, self._levels = pd.factorize(values, sort=True)
        self._counts = self._count(self._level_of)

    def _count(self, levels: NDArray[np.intp]) -> FloatArray:
        return np.bincount(levels[levels >= 0], minlength=len(self._levels)).astype(np.float64)

    def effect(self, member: NDArray[np.bool_] | NDArray[np.intp]) -> Effect:
        """Compare medians by Cliff's delta (Cliff 1996) with its interval, and the Mann-Whitney test.

        delta = P(member > other) - P(member < other). Both sides need at least two values.

        Args:
            member: Mask or positions of the group, shape (n,).
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

    def _median(self, counts: FloatArray) -> float:
        upto, total = np.cumsum(counts), counts.sum()
        lower = self._levels[np.searchsorted(upto, total / 2, side="left")]
        upper = self._levels[np.searchsorted(upto, total / 2, side="right")]
        return float((lower + upper) / 2)


def _below(counts: FloatArray) -> FloatArray:
    below: FloatArray = np.cumsum(counts) - counts
    return below


def _above(counts: FloatArray) -> FloatArray:
    above: FloatArray = counts.sum() - np.cumsum(counts)
    return above


def _delta_variance(
    own: FloatArray, rest: FloatArray, row_means: FloatArray, column_means: FloatArray, delta: float
) -> float:
    """Unbiased variance of delta (Cliff 1996, equation 3.11), at least its minimum (1 - d^2) / (nm - 1).

    `row_means` is each member's mean dominance over the rest, `column_means` that of each other value over the members.
    """
    n, m = own.sum(), rest.sum()
    rows = (own * (row_means - delta) ** 2).sum()
    columns = (rest * (column_means + delta) ** 2).sum()
    untied = n * m - (own * rest).sum()
    cells = untied - n * m * delta**2
    variance = (m**2 * rows + n**2 * columns - cells) / (n * m * (n - 1) * (m - 1))
    return float(max(variance, (1 - delta**2) / (n * m - 1)))


def _delta_interval(delta: float, variance: float, n: int, m: int) -> tuple[float, float]:
    """Asymmetric interval within -1 to 1 (Feng & Cliff 2004, equation 8).

    At |delta| = 1 the variance is 0. The inner limit is then the score limit for no reversal among the values of the
    smaller side (Wilson 1927), as in Newcombe 2006 for fully separated groups.
    """
    if abs(delta) >= 1:
        inner = 2 * wilson(min(n, m), min(n, m))[0] - 1
        return (inner, 1.0) if delta > 0 else (-1.0, -inner)
    spread = Z * np.sqrt(variance) * np.sqrt((1 - delta**2) ** 2 + Z**2 * variance)
    scale = 1 - delta**2 + Z**2 * variance
    centre = delta - delta**3
    return float(max(-1.0, (centre - spread) / scale)), float(min(1.0, (centre + spread) / scale))


def _mann_whitney(delta: float, n: int, m: int, counts: FloatArray) -> float:
    """Two-sided p-value, normal approximation corrected for ties and continuity (Mann & Whitney 1947; Lehmann 1975)."""
    total = n + m
    ties = float((counts**3 - counts).sum()) / (total * (total - 1))
    spread = np.sqrt(n * m / 12 * ((total + 1) - ties))
    if spread == 0:
        return 1.0
    return float(2 * stats.norm.sf(max(0.0, abs(delta) * n * m / 2 - 0.5) / spread))


def discoveries(p_values: FloatArray, rate: float) -> NDArray[np.bool_]:
    """Mask, shape (n,), of the tests that are significant at a false discovery rate (Benjamini & Hochberg 1995).

    Args:
        p_values: Shape (n,); may be empty.
        rate: False discovery rate.
    """
    count = len(p_values)
    if count == 0:
        return np.zeros(0, dtype=bool)
    order = np.argsort(p_values, kind="stable")
    passed = np.flatnonzero(p_values[order] <= rate * np.arange(1, count + 1) / count)
    significant = np.zeros(count, dtype=bool)
    if len(passed):
        significant[order[: passed[-1] + 1]] = True
    return significant
