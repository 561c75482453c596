"""Compares durations predicted from the first weeks of a log with its later weeks.

At each whole week a test is assumed to start, and the forecast uses only earlier events. It predicts the days until the test
has enrolled 25%, 50%, 75% and 95% of the distinct eligible users of the following weeks (at most eight). A user is eligible
from the third event on, as of that time. Targets reached within a week are excluded.
"""

import os
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from dash_app.planning.baseline import EXPOSURE_DAYS
from dash_app.planning.calibration import forecast_error, is_within, starts
from dash_app.planning.duration import forecast_enrolment, is_foretold
from dash_app.planning.forecast_check import checked_forecast

WEEKS = 14
ELIGIBLE_FROM = 3
NEVER = 3660.0
RULES = ("ours", "visits a day", "users a day", "hindsight")
"""The forecast; daily visits, and distinct users of the log per day, extrapolated linearly; and the forecast's curve fitted to
the whole log, whose remaining error no forecast can avoid."""
Log = tuple[NDArray[np.int64], NDArray[np.int64], int]


def errors(log: Log) -> dict[str, list[float]]:
    """Relative errors of predicted days, before rounding, by rule (`RULES`).

    Each rule has the errors of the days until enrolment and, as `..., exposed`, of the whole test with its exposure window.
    `shown` has the latter of ours where the app would show it, `held` 1 where what was seen lay in its likely range, else 0.
    """
    users, days, length = log
    hindsight = replace(forecast_enrolment(users, days, length), level=1.0)
    result: dict[str, list[float]] = {}
    for start in starts(users, days, length):
        forecast = checked_forecast(users[start.seen], days[start.seen], start.day)
        visits = len(np.unique(users[start.seen] * length + days[start.seen])) / start.day
        new_users = len(np.unique(users[start.seen])) / start.day
        for wanted, actual in start.targets:
            if is_foretold(forecast):
                result.setdefault("shown", []).append(forecast_error(forecast, wanted, actual))
                if forecast.past is not None:
                    result.setdefault("held", []).append(float(is_within(forecast, wanted, actual)))
            ours, known = (curve.days_until(wanted) or NEVER for curve in (forecast, hindsight))
            predictions = (ours, wanted / visits, wanted / new_users, known)
            for rule, predicted in zip(RULES, predictions, strict=True):
                miss = abs(predicted - actual)
                result.setdefault(rule, []).append(miss / actual)
                result.setdefault(f"{rule}, exposed", []).append(miss / (actual + EXPOSURE_DAYS))
    return result


def planted(seed: int = 3) -> dict[str, Log]:
    """Simulated logs with known visit rates and arrivals of users."""
    rng = np.random.default_rng(seed)
    length = 7 * WEEKS
    weekday = np.tile([1, 1, 1, 1, 1, 0.4, 0.3], WEEKS)
    some = np.arange(4000.0)
    return {
        "regulars, few visits": _visits(rng, 3000, 0.5, 0.1, length),
        "regulars, many visits": _visits(rng, 3000, 1.0, 0.3, length),
        "regulars, workdays": _visits(rng, 3000, 0.7, 0.15, length, weekday=weekday),
        "steady inflow, leaving after 30 days": _visits(
            rng,
            len(some),
            0.7,
            0.3,
            length,
            start=rng.uniform(-60, length, len(some)),
            stay=rng.exponential(30, len(some)),
        ),
        "slow growth": _visits(
            rng,
            len(some),
            0.7,
            0.3,
            length,
            start=-150 + (length + 150) * np.sqrt(rng.random(len(some))),
            stay=40 + 0 * some,
        ),
        "passers-by": (np.arange(5000), rng.integers(0, length, 5000), length),
        "passers-by, workdays": (np.arange(5000), rng.choice(length, 5000, p=weekday / weekday.sum()), length),
    }


def _visits(
    rng: np.random.Generator,
    users: int,
    shape: float,
    a_day: float,
    length: int,
    *,
    start: NDArray[np.float64] | None = None,
    stay: NDArray[np.float64] | None = None,
    weekday: NDArray[np.float64] | None = None,
) -> Log:
    """Simulate users with gamma-distributed visit rates from day `start` for `stay` days, weighted by weekday."""
    rate = rng.gamma(shape, a_day / shape, users)[:, None] * (np.ones(length) if weekday is None else weekday)
    visited = rng.random((users, length)) < -np.expm1(-rate)
    day = np.arange(length)
    if start is not None and stay is not None:
        visited &= (day >= start[:, None]) & (day < (start + stay)[:, None])
    visitors, visit_days = np.nonzero(visited)
    return visitors, visit_days, length


def real() -> dict[str, Log]:
    """Real logs from GRUPA_REAL_LOGS (default ../shared/data); missing ones are skipped."""
    folder = Path(os.environ.get("GRUPA_REAL_LOGS", "../shared/data"))
    logs = {}
    loans = folder / "bpi2012_loans.csv.gz"
    course = folder / "moodle_edify_raw.csv.gz"
    if loans.exists():
        logs["bpi2012_loans"] = _eligible_days(loans, "try_cast(timestamp AS TIMESTAMPTZ)::TIMESTAMP")
        users, days, length = logs["bpi2012_loans"]
        first = np.unique(users, return_index=True)[1]
        logs["bpi2012_loans, each user once"] = users[first], days[first], length
    if course.exists():
        logs["moodle_edify_raw (270 users, 4.6 years)"] = _eligible_days(
            course, "try_strptime(timestamp, '%d/%m/%y, %H:%M')"
        )
    for name in ("helpdesk", "env_permit", "bpi_13_incidents"):
        if (folder / f"{name}.csv").exists():
            logs[name] = _eligible_days(folder / f"{name}.csv", "try_cast(CompleteTimestamp AS TIMESTAMP)", "CaseID")
    if (folder / "cdnow.txt").exists():
        logs["cdnow"] = _cdnow(folder / "cdnow.txt")
    return logs


def _cdnow(path: Path) -> Log:
    """Purchases of a shop's new customers of one quarter; a customer is eligible from the first on."""
    table = np.loadtxt(path, usecols=(0, 1), skiprows=1, dtype=np.int64)
    day = np.array([np.datetime64(f"{each // 10000}-{each // 100 % 100:02}-{each % 100:02}") for each in table[:, 1]])
    days = (day - day.min()).astype(np.int64)
    order = np.lexsort((days, table[:, 0]))
    return table[order, 0], days[order], int(days.max()) + 1


def _eligible_days(path: Path, at: str, user: str = "user_id") -> Log:
    """User and day of every event from each user's third on, sorted by user and time."""
    rows = (
        duckdb.connect()
        .execute(
            f"""
        WITH events AS (
            SELECT "{user}" AS user_id, {at} AS happened FROM read_csv('{path}', all_varchar = true) WHERE "{user}" <> ''
        ), counted AS (
            SELECT dense_rank() OVER (ORDER BY user_id) AS code, happened,
                min(happened) OVER () AS beginning, max(happened) OVER () AS ending,
                row_number() OVER (PARTITION BY user_id ORDER BY happened) AS event
            FROM events WHERE happened IS NOT NULL
        )
        SELECT code, date_diff('day', beginning, happened) AS day, date_diff('day', beginning, ending) + 1 AS days
        FROM counted WHERE event >= {ELIGIBLE_FROM} ORDER BY code, happened
        """
        )
        .fetchnumpy()
    )
    return rows["code"].astype(np.int64), rows["day"].astype(np.int64), int(rows["days"][0])
