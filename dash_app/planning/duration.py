"""How long a test takes: how many different eligible users come within so many days, and the weeks that follow from it.

Works on days and counts; `dash_app/data/baselines.py` queries which users are eligible on which days, without hindsight (a
user counts from the first day on which the events until then made them eligible). Users a day times days overcounts, as
the same users return.
"""

from dataclasses import dataclass, replace
from math import ceil, exp, hypot
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls

LONGEST_WEEKS = 8
LEVEL_DAYS = 14
"""The last days of the log say whether more or fewer users come by now; two whole weeks even out weekdays."""

MOST_LEVEL = 2.0
"""Two weeks may double or halve a forecast at most: a holiday is not the end of the product."""

_RATES = 14
HORIZON_DAYS = 3660
"""Ten years: what takes longer never happens."""


LIKELY = 1.645
"""Standard deviations on either side that nine of ten lie within."""
_LEAST_SPREAD = 0.03


class DurationError(ValueError):
    """A duration that cannot be computed; the message says why."""


@dataclass(frozen=True)
class PastForecasts:
    """How forecasts from the earlier weeks of a log came out: the users who came in four weeks over those foretold.

    Attributes:
        starts: How many were made.
        low: A tenth of these quotients are below it.
        high: A tenth are above it.
        spread: Root mean square of their logarithms.
    """

    starts: int
    low: float
    high: float
    spread: float

    @property
    def hold(self) -> bool:
        """Whether they hold to a factor of two; where they do not, the next one is no better than a guess."""
        return self.low >= 1 / MOST_LEVEL and self.high <= MOST_LEVEL

    @property
    def factor(self) -> float:
        """Of ten forecasts, nine are off by at most this factor."""
        return exp(LIKELY * hypot(self.spread, _LEAST_SPREAD))


class Enrolment(Protocol):
    """Expected number of different eligible users within a number of days from the start of a test."""

    @property
    def past(self) -> PastForecasts | None:
        """How earlier forecasts came out; None where the log is too short to make any."""
        ...

    def users_by(self, days: float) -> float:
        """Different eligible users in the first `days` days; never falls, 0 at 0."""
        ...

    def days_until(self, users: float) -> float | None:
        """Days until `users` different eligible users have come; None when that is beyond ten years."""
        ...


@dataclass(frozen=True)
class Forecast:
    """A curve of different users, `level * (inflow * t + sum of pools * (1 - exp(-t / tau)))`, fitted to a log.

    The expected number of different users among people who each come at their own steady rate, with new ones joining,
    is such a mixture (a Bernstein function), so the curve may be read beyond the log's own length.

    Attributes:
        inflow: New users a day who had not been there before.
        pools: Users whose visits are about `taus` days apart.
        taus: Days, shortest first.
        level: What the log's last two weeks, and its trend, make of its average.
        past: How the same forecasts from its earlier weeks came out; None when that is not known.
    """

    inflow: float
    pools: tuple[float, ...]
    taus: tuple[float, ...]
    level: float
    past: PastForecasts | None = None

    def users_by(self, days: float) -> float:
        """Different eligible users expected in the first `days` days of a test."""
        pools = np.asarray(self.pools) * -np.expm1(-days / np.asarray(self.taus))
        return self.level * (self.inflow * days + float(pools.sum()))

    def days_until(self, users: float) -> float | None:
        """Days until `users` different eligible users are expected; None when that is beyond ten years."""
        low, high = 0.0, float(HORIZON_DAYS)
        if users > self.users_by(high):
            return None
        while high - low > 1e-3:
            middle = (low + high) / 2
            low, high = (middle, high) if self.users_by(middle) < users else (low, middle)
        return high


@dataclass(frozen=True)
class Duration:
    """How long a test runs.

    Attributes:
        enrolment_days: Days until enough different users have come, before rounding; None when they never do.
        days: Whole weeks of enrolment and exposure, in days; None when they never come.
        feasible: Whether it ends within eight weeks.
        likely: Whole weeks between which it ends in nine cases of ten (None: beyond ten years), by how earlier forecasts
            came out; None when that is not known.
    """

    enrolment_days: float | None
    days: int | None
    feasible: bool
    likely: tuple[int, int | None] | None = None


def distinct_curve(users: ArrayLike, days: ArrayLike, log_days: int) -> NDArray[np.float64]:
    """Average number of different users within every span of 1, 2, ..., `log_days` days of the log.

    Every span of t days is a test that might have started on its first day. They are counted through the gaps between
    a user's days: a span misses the user when it lies within one (the average footprint of Xiang et al. 2011).

    Args:
        users: User codes (whole numbers), one an eligible day of a user; repeats do no harm.
        days: The day of each, from 0 to `log_days - 1`.
        log_days: Days the log covers.

    Returns:
        `log_days` numbers: element i is for spans of i + 1 days.
    """
    user, day = np.asarray(users, dtype=np.int64), np.asarray(days, dtype=np.int64)
    if log_days < 1 or len(user) == 0:
        raise DurationError("Nobody was eligible in this log, so a test would never fill.")
    if day.min() < 0 or day.max() >= log_days:
        raise DurationError(f"Eligible days must lie within the log's {log_days} days.")
    user, day = _sorted_visits(user, day, log_days)
    first = np.append(True, user[1:] != user[:-1])
    last = np.append(first[1:], True)
    gaps = np.concatenate([day[first], log_days - 1 - day[last], (np.diff(day) - 1)[~first[1:]]])
    count = np.bincount(gaps, minlength=log_days + 1).astype(float)
    length = np.arange(log_days + 1)
    longer = np.cumsum(count[::-1])[::-1]
    total = np.cumsum((count * length)[::-1])[::-1]
    span = length[1:]
    missed = total[span] - (span - 1) * longer[span]
    return np.asarray(first.sum() - missed / (log_days - span + 1), dtype=float)


def forecast_enrolment(users: ArrayLike, days: ArrayLike, log_days: int) -> Forecast:
    """Fit the curve of different eligible users of a log; arguments as `distinct_curve`'s."""
    curve = distinct_curve(users, days, log_days)
    span = np.arange(1, log_days + 1, dtype=float)
    taus = np.geomspace(0.5, 4 * log_days, _RATES)
    basis = np.column_stack([span, -np.expm1(-span[:, None] / taus)])
    scale = basis[-1]
    # Long spans are averages of few starts, and counts vary with their size.
    weight = np.sqrt((log_days - span + 1) / np.maximum(curve, 1))
    weights, _ = nnls(basis / scale * weight[:, None], curve * weight)
    inflow, *pools = (float(value) for value in weights / scale)
    even = Forecast(inflow, tuple(pools), tuple(float(tau) for tau in taus), 1.0)
    return replace(even, level=_level(np.asarray(users), np.asarray(days), log_days, even))


def _level(users: NDArray[np.int64], days: NDArray[np.int64], log_days: int, even: Forecast) -> float:
    """The last two weeks over the log's average, as far as a steady trend explains the log's weeks (its R squared).

    Without a trend the last two weeks are noise around the average; in a growing log they are the best guess.
    """
    recent = min(LEVEL_DAYS, log_days)
    latest = len(np.unique(users[days >= log_days - recent])) / even.users_by(recent)
    latest = min(max(latest, 1 / MOST_LEVEL), MOST_LEVEL)
    weeks = log_days // 7
    if weeks < 4:
        return float(latest**0.5)
    week = (days - log_days % 7) // 7
    whole = week >= 0  # the days before the first whole week have -1
    _, week_of = _sorted_visits(users[whole], week[whole], weeks)
    sizes = np.bincount(week_of, minlength=weeks)
    return float(latest ** _trend(np.log(np.maximum(sizes, 1))))


def _sorted_visits(
    users: NDArray[np.int64], when: NDArray[np.int64], spans: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Users and days (or weeks, below `spans`) without repeats, by user and day; nothing is sorted that is in order."""
    pairs = users * spans + when
    steps = np.diff(pairs)
    pairs = pairs[np.append(True, steps > 0)] if len(pairs) and (steps >= 0).all() else np.unique(pairs)
    return pairs // spans, pairs % spans


def _trend(values: NDArray[np.float64]) -> float:
    """Share of the variance that a straight line explains; 0 when there is none."""
    if np.ptp(values) == 0:
        return 0.0
    return float(np.corrcoef(np.arange(len(values)), values)[0, 1] ** 2)


def duration_of(n_total: int, traffic_share: float, exposure_days: int, enrolment: Enrolment) -> Duration:
    """Whole weeks until `n_total` different users have come and been exposed.

    Args:
        n_total: Users in all arms.
        traffic_share: Share of the eligible users that takes part, above 0 up to 1.
        exposure_days: Days in which the metric counts, after a user's first.
        enrolment: How many different eligible users come; where that cannot be foretold there are no days.
    """
    users = n_total / traffic_share
    enrolment_days = enrolment.days_until(users) if is_foretold(enrolment) else None
    if enrolment_days is None or enrolment_days > HORIZON_DAYS:
        return Duration(None, None, False)
    weeks = _whole_weeks(enrolment_days, exposure_days)
    likely = None
    if enrolment.past is not None:
        first, last = (enrolment.days_until(users * by) for by in (1 / enrolment.past.factor, enrolment.past.factor))
        likely = (
            _whole_weeks(first or enrolment_days, exposure_days),
            None if last is None else _whole_weeks(last, exposure_days),
        )
    return Duration(enrolment_days, 7 * weeks, weeks <= LONGEST_WEEKS, likely)


def is_foretold(enrolment: Enrolment) -> bool:
    """Whether how many users come can be foretold: unless forecasts from the log's earlier weeks did not hold."""
    return enrolment.past is None or enrolment.past.hold


def _whole_weeks(enrolment_days: float, exposure_days: int) -> int:
    return max(1, ceil((enrolment_days + exposure_days) / 7 - 1e-9))


def users_within(weeks: int, traffic_share: float, exposure_days: int, enrolment: Enrolment) -> float:
    """Different users who take part in a test of `weeks` weeks and are exposed in full before its end."""
    return traffic_share * enrolment.users_by(max(0.0, 7.0 * weeks - exposure_days))
