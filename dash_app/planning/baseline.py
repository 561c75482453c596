"""The baseline of a metric: the days on which it is measured, and its value with an interval.

Pure arithmetic on one value a user; the queries for those values are in `dash_app/data/baselines.py`. Clusters
are chosen by behaviour, so a metric of the same days is biased (regression to the mean): users are picked on the window
without its last days, and the metric is measured on those days.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit

from dash_app.planning.design import Metric
from grupa_pipeline.vocabulary.enums import MetricKind

LONGEST_DAYS = 28
FEWEST_DAYS = 7
EXPOSURE_DAYS = 14
SAME_DAYS = "Measured on the same days that picked these users, so it may flatter."
_LEVEL = 0.95


class BaselineError(ValueError):
    """A baseline that cannot be measured; the message says why and what to do."""


@dataclass(frozen=True)
class BaselineWindow:
    """The days of a baseline, `[start, end)` in UTC.

    Attributes:
        start: First instant. Users are picked on events before it when `unseen`.
        end: End of the days.
        unseen: Whether the users were picked without these days.
        exposure_days: Days from a user's first eligible instant in which the metric counts. Only users whose exposure
            fits before `end` belong in the baseline.
    """

    start: datetime
    end: datetime
    unseen: bool
    exposure_days: int

    @property
    def days(self) -> int:
        """Whole days."""
        return (self.end - self.start).days

    @property
    def last_eligible(self) -> datetime:
        """Users first eligible after this instant have not had their whole exposure yet and are left out."""
        return self.end - timedelta(days=self.exposure_days)

    @property
    def note(self) -> str | None:
        """A caveat to show with these days, if there is one."""
        return None if self.unseen else SAME_DAYS


@dataclass(frozen=True)
class Baseline:
    """A metric's value among `n` users, with its 95% interval; `sd` is the deviation between users (see `measure`).

    `is_share` says that it is a part of a whole, so that it cannot pass 1: a proportion, or a ratio of which no user's
    numerator passes the denominator.
    """

    kind: MetricKind
    value: float
    sd: float
    n: int
    low: float
    high: float
    is_share: bool = False

    @property
    def metric(self) -> Metric:
        """The same, for the formulas."""
        return Metric(self.kind, self.value, self.sd)


def baseline_window(first_event: datetime, window_end: datetime, exposure_days: int | None = None) -> BaselineWindow:
    """Choose the days of a baseline.

    The last H days of the window: 28, or a quarter of the log if that is shorter. When that is fewer than 7, all days
    since `first_event`, which picked the users too. The exposure is 14 days, or half of the baseline's days if that is
    shorter.

    Args:
        first_event: First event in the window (UTC).
        window_end: End of the window (UTC, exclusive).
        exposure_days: Another exposure in days; at most the baseline's days.

    Raises:
        BaselineError: The log holds less than a day, or the exposure does not fit.
    """
    first_day = first_event.replace(hour=0, minute=0, second=0, microsecond=0)
    log_days = (window_end - first_day).days
    if log_days < 1:
        raise BaselineError("The log holds less than a day, so there is no baseline to measure.")
    held_out = min(LONGEST_DAYS, log_days // 4)
    unseen = held_out >= FEWEST_DAYS
    days = held_out if unseen else log_days
    exposure = exposure_days if exposure_days is not None else max(1, min(EXPOSURE_DAYS, days // 2))
    if not 1 <= exposure <= days:
        raise BaselineError(f"The exposure must be 1 to {days} days: the baseline has no more.")
    return BaselineWindow(window_end - timedelta(days=days), window_end, unseen, exposure)


def measure(kind: str, values: ArrayLike, denominators: ArrayLike | None = None) -> Baseline:
    """Measure a metric from one value a user.

    Args:
        kind: `proportion` (values 0 or 1), `mean`, or `ratio` (values are numerators, with `denominators`).
        values: One number a user; NaN where the metric does not apply to that user.
        denominators: For a ratio, each user's denominator.

    Returns:
        A proportion with Wilson's interval (Wilson 1927), a mean with Student's, or a ratio of sums R with the delta
        method's (Deng, Knoblich & Lu 2018), whose `sd` is that of `(x - R y) / mean(y)`.

    Raises:
        BaselineError: Fewer than two users, a proportion that is not of zeros and ones, or an empty denominator.
    """
    if kind not in tuple(MetricKind):
        raise BaselineError(f"A metric is a proportion, a mean or a ratio, not {kind!r}.")
    kind = MetricKind(kind)
    x = np.asarray(values, dtype=float)
    if kind == MetricKind.RATIO:
        return _ratio(x, np.asarray(denominators if denominators is not None else [], dtype=float))
    x = x[~np.isnan(x)]
    _check_count(len(x))
    value, sd = float(x.mean()), float(x.std(ddof=1))
    if kind == MetricKind.PROPORTION:
        if not np.isin(x, (0, 1)).all():
            raise BaselineError("A share of users needs a yes or no for each user.")
        return Baseline(kind, value, sqrt(value * (1 - value)), len(x), *_wilson(value, len(x)), is_share=True)
    half = float(stdtrit(len(x) - 1, (1 + _LEVEL) / 2)) * sd / sqrt(len(x))
    return Baseline(kind, value, sd, len(x), value - half, value + half)


def _ratio(x: NDArray[np.float64], y: NDArray[np.float64]) -> Baseline:
    if x.shape != y.shape:
        raise BaselineError("A ratio needs a numerator and a denominator for each user.")
    known = ~(np.isnan(x) | np.isnan(y))
    x, y = x[known], y[known]
    _check_count(len(x))
    if y.mean() == 0:
        raise BaselineError("The ratio's denominator is 0 for everyone on the baseline's days; choose another metric.")
    value = float(x.sum() / y.sum())
    sd = float(np.std(x - value * y, ddof=1) / abs(y.mean()))
    half = float(ndtri((1 + _LEVEL) / 2)) * sd / sqrt(len(x))
    is_share = bool(((x >= 0) & (x <= y)).all())
    return Baseline(MetricKind.RATIO, value, sd, len(x), value - half, value + half, is_share)


def _wilson(share: float, n: int) -> tuple[float, float]:
    z = float(ndtri((1 + _LEVEL) / 2))
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def _check_count(n: int) -> None:
    if n < 2:
        raise BaselineError("Fewer than two users have this metric on the baseline's days; choose another metric.")
