"""How good the planner's forecasts were: on finished tests, and by replay on the log's own past. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dash_app.planning.baseline import EXPOSURE_DAYS
from dash_app.planning.duration import Forecast, is_foretold
from dash_app.planning.forecast_check import FIRST_START, checked_forecast
from dash_app.planning.plan import Plan

LATER_DAYS = 56
"""Days after a start that count: the eight weeks of the longest test."""
_FEWEST = 50
_LONG_LOG = 400
"""Longer logs are replayed every eight weeks, shorter ones every week."""
_NEVER = 3660.0
_TARGETS = (0.25, 0.5, 0.75, 0.95)
Days = NDArray[np.int64]


@dataclass(frozen=True)
class TestStart:
    """A start that is replayed: what was seen before it, and when how many different users had come after it.

    Attributes:
        day: Days of the log before it.
        seen: Which of the log's visits were before it.
        targets: Numbers of users and the (fractional) days after the start on which so many had come.
    """

    day: int
    seen: NDArray[np.bool_]
    targets: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class ReplayedForecasts:
    """Forecasts made again from the first weeks of a log.

    Attributes:
        errors: Of the days that a test takes, over what was seen; of the forecasts that are shown.
        withheld: Forecasts that are not shown, as those before them did not hold.
        covered: How many of those shown with a range had what was seen within it.
        ranged: How many were shown with a range.
    """

    errors: tuple[float, ...] = ()
    withheld: int = 0
    covered: int = 0
    ranged: int = 0


@dataclass(frozen=True)
class Calibration:
    """Errors of forecasts, each over what was seen; medians, None where there is nothing to compare.

    Attributes:
        replayed: Of the days that a test takes, by replay on the log.
        replays: How many of those.
        withheld: Replayed forecasts that would not have been shown.
        covered: Share of those shown with a range that held what was seen.
        days: Of the days of finished tests.
        users: Of their users.
        tests: How many of those.
    """

    replayed: float | None
    replays: int
    days: float | None
    users: float | None
    tests: int
    withheld: int = 0
    covered: float | None = None


def starts(users: Days, days: Days, log_days: int) -> Iterator[TestStart]:
    """Starts at whole weeks of a log that have enough visits on either side.

    Args:
        users: User codes, one an eligible day of a user.
        days: The day of each, from 0.
        log_days: Days the log covers.
    """
    for day in range(FIRST_START, log_days - 13, 7 if log_days < _LONG_LOG else LATER_DAYS):
        seen, later = days < day, (days >= day) & (days < day + LATER_DAYS)
        if seen.sum() >= _FEWEST and later.sum() >= _FEWEST:
            yield TestStart(day, seen, tuple(_targets(users[later], days[later] - day)))


def replay_forecasts(users: Days, days: Days, log_days: int) -> ReplayedForecasts:
    """Forecast the days that a test takes, its usual exposure included, from the days before each start of a log."""
    errors: list[float] = []
    withheld = covered = ranged = 0
    for start in starts(users, days, log_days):
        forecast = checked_forecast(users[start.seen], days[start.seen], start.day)
        if not is_foretold(forecast):
            withheld += len(start.targets)
            continue
        errors += [forecast_error(forecast, *target) for target in start.targets]
        if forecast.past is not None:
            ranged += len(start.targets)
            covered += sum(is_within(forecast, *target) for target in start.targets)
    return ReplayedForecasts(tuple(errors), withheld, covered, ranged)


def forecast_error(forecast: Forecast, users: float, actual_days: float) -> float:
    """How far the forecast days to `users` users were off, over the whole test with its usual exposure."""
    return abs((forecast.days_until(users) or _NEVER) - actual_days) / (actual_days + EXPOSURE_DAYS)


def is_within(forecast: Forecast, users: float, actual_days: float) -> bool:
    """Whether `users` users came within the days that the forecast calls likely."""
    if forecast.past is None:
        return False
    by = forecast.past.factor
    first, last = forecast.days_until(users / by), forecast.days_until(users * by)
    return (first or 0.0) <= actual_days <= (last or _NEVER)


def calibration(plans: Iterable[Plan], replayed: ReplayedForecasts) -> Calibration:
    """The errors on finished tests among `plans`, and of what was replayed."""
    days, users = [], []
    for plan in plans:
        if plan.result is None or not (plan.start_date and plan.duration_days and plan.n_total):
            continue
        ran = (plan.result.measured_on - plan.start_date).days + 1
        came = sum(arm.users for arm in plan.result.arms)
        if ran >= 1:
            days.append(abs(plan.duration_days - ran) / ran)
            users.append(abs(plan.n_total - came) / came)
    share = replayed.covered / replayed.ranged if replayed.ranged else None
    errors = replayed.errors
    return Calibration(_median(errors), len(errors), _median(days), _median(users), len(days), replayed.withheld, share)


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return float(np.median(found)) if found else None


def _targets(users: Days, days: Days) -> Iterator[tuple[float, float]]:
    """Numbers of users and the day on which so many had come; those of the first week are left out."""
    first = np.full(users.max() + 1, -1)
    order = np.argsort(-days, kind="stable")
    first[users[order]] = days[order]
    curve = np.concatenate([[0], np.cumsum(np.bincount(first[first >= 0]))])
    for share in _TARGETS:
        wanted = share * curve[-1]
        day = int(np.searchsorted(curve, wanted))
        actual = day - 1 + (wanted - curve[day - 1]) / (curve[day] - curve[day - 1])
        if actual >= 7:
            yield float(wanted), float(actual)
