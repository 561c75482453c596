"""How good the planner's forecasts were: on finished tests, and by replay on the log's own past. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dash_app.planning.baseline import EXPOSURE_DAYS
from dash_app.planning.duration import forecast_enrolment
from dash_app.planning.plan import Plan

FIRST_START = 21
"""Days of the log before the first start that is replayed."""
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
class Calibration:
    """Errors of forecasts, each over what was seen; medians, None where there is nothing to compare.

    Attributes:
        replayed: Of the days that a test takes, by replay on the log.
        replays: How many of those.
        days: Of the days of finished tests.
        users: Of their users.
        tests: How many of those.
    """

    replayed: float | None
    replays: int
    days: float | None
    users: float | None
    tests: int


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


def replayed_errors(users: Days, days: Days, log_days: int) -> tuple[float, ...]:
    """Relative errors of the days that a test takes, its usual exposure included, as forecast from the days before each start."""
    errors = []
    for start in starts(users, days, log_days):
        forecast = forecast_enrolment(users[start.seen], days[start.seen], start.day)
        for wanted, actual in start.targets:
            errors.append(abs((forecast.days_until(wanted) or _NEVER) - actual) / (actual + EXPOSURE_DAYS))
    return tuple(errors)


def calibration(plans: Iterable[Plan], replayed: tuple[float, ...]) -> Calibration:
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
    return Calibration(_median(replayed), len(replayed), _median(days), _median(users), len(days))


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
