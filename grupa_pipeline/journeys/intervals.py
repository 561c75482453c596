"""95% score intervals of shares and of their differences."""

from math import hypot, sqrt

Z = 1.959963984540054
"""Normal quantile of a two-sided 95% interval."""


def share_interval(hits: int, n: int) -> tuple[float, float]:
    """Interval of the share `hits / n` (Wilson 1927); `n` is at least 1.

    Example:
        >>> tuple(round(end, 3) for end in share_interval(5, 10))
        (0.237, 0.763)
    """
    share = hits / n
    centre, scale = share + Z**2 / (2 * n), 1 + Z**2 / n
    half = Z * sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def difference_interval(hits: int, n: int, other_hits: int, other_n: int) -> tuple[float, float]:
    """Interval of `hits / n - other_hits / other_n` (Newcombe 1998, method 10); both `n` are at least 1."""
    share, other = hits / n, other_hits / other_n
    (low, high), (other_low, other_high) = share_interval(hits, n), share_interval(other_hits, other_n)
    gap = share - other
    return max(-1.0, gap - hypot(share - low, other_high - other)), min(
        1.0, gap + hypot(high - share, other - other_low)
    )
