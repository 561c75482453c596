"""Durations predicted from the first weeks of a log against what its later weeks held.

At each whole week, the forecast sees what happened before; then a test is imagined to start, and the days until it has 25%,
50%, 75% and 95% of the different eligible users of the (at most eight) weeks that followed are compared. A user is
eligible from the third event on, counted as they come: no hindsight. Targets reached within a week are left out.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from dash_app.planning.baseline import EXPOSURE_DAYS
from dash_app.planning.duration import forecast_enrolment

WEEKS = 14
ELIGIBLE_FROM = 3
NEVER = 3660.0
RULES = ("ours", "visits a day", "users a day", "hindsight")
"""The forecast; users a day times days; different users of the log over its days; and the same curve fitted to the whole
log, later weeks included: what it still errs by is the coming and going of users that no average foretells."""
Log = tuple[NDArray[np.int64], NDArray[np.int64], int]


def errors(log: Log, first_cutoff: int = 21) -> dict[str, list[float]]:
    """Relative errors in days, before rounding, of the forecast, of two linear rules, and with hindsight.

    For each, of the days until the users have come, and (`..., exposed`) of the whole test with its exposure window.
    """
    users, days, length = log
    hindsight = replace(forecast_enrolment(users, days, length), level=1.0)
    found: dict[str, list[float]] = {}
    for cutoff in range(first_cutoff, length - 13, 7 if length < 400 else 56):
        seen, later = days < cutoff, (days >= cutoff) & (days < cutoff + 56)
        if seen.sum() < 50 or later.sum() < 50:
            continue
        forecast = forecast_enrolment(users[seen], days[seen], cutoff)
        visits = len(np.unique(users[seen] * length + days[seen])) / cutoff
        new_users = len(np.unique(users[seen])) / cutoff
        for wanted, actual in _targets(users[later], days[later] - cutoff):
            ours, known = (each.days_until(wanted) or NEVER for each in (forecast, hindsight))
            predictions = (ours, wanted / visits, wanted / new_users, known)
            for rule, predicted in zip(RULES, predictions, strict=True):
                miss = abs(predicted - actual)
                found.setdefault(rule, []).append(miss / actual)
                found.setdefault(f"{rule}, exposed", []).append(miss / (actual + EXPOSURE_DAYS))
    return found


def _targets(users: NDArray[np.int64], days: NDArray[np.int64]) -> Iterator[tuple[float, float]]:
    """Users wanted, and the (fractional) day on which so many different ones had come."""
    first = np.full(users.max() + 1, -1)
    order = np.argsort(-days, kind="stable")
    first[users[order]] = days[order]
    curve = np.concatenate([[0], np.cumsum(np.bincount(first[first >= 0]))])
    for share in (0.25, 0.5, 0.75, 0.95):
        wanted = share * curve[-1]
        day = int(np.searchsorted(curve, wanted))
        actual = day - 1 + (wanted - curve[day - 1]) / (curve[day] - curve[day - 1])
        if actual >= 7:
            yield wanted, float(actual)


def planted(seed: int = 3) -> dict[str, Log]:
    """Logs of which the law is known: who comes, how often, and how new users arrive."""
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
    """Users with gamma-distributed rates of visits, from a first day for some days, weighted by weekday."""
    rate = rng.gamma(shape, a_day / shape, users)[:, None] * (np.ones(length) if weekday is None else weekday)
    came = rng.random((users, length)) < -np.expm1(-rate)
    day = np.arange(length)
    if start is not None and stay is not None:
        came &= (day >= start[:, None]) & (day < (start + stay)[:, None])
    found = np.nonzero(came)
    return found[0], found[1], length


def real() -> dict[str, Log]:
    """Real logs that are there (GRUPA_REAL_LOGS, default ../shared/data); a missing one is left out."""
    folder = Path(os.environ.get("GRUPA_REAL_LOGS", "../shared/data"))
    found = {}
    loans = folder / "bpi2012_loans.csv.gz"
    course = folder / "moodle_edify_raw.csv.gz"
    if loans.exists():
        found["bpi2012_loans"] = _eligible_days(loans, "try_cast(timestamp AS TIMESTAMPTZ)::TIMESTAMP")
        users, days, length = found["bpi2012_loans"]
        first = np.unique(users, return_index=True)[1]
        found["bpi2012_loans, each user once"] = users[first], days[first], length
    if course.exists():
        found["moodle_edify_raw (270 users, 4.6 years)"] = _eligible_days(
            course, "try_strptime(timestamp, '%d/%m/%y, %H:%M')"
        )
    return found


def _eligible_days(path: Path, at: str) -> Log:
    """(user, day) of every event from the user's third on, in the order of user and time."""
    rows = duckdb.execute(
        f"""
        WITH events AS (
            SELECT user_id, {at} AS happened FROM read_csv('{path}', all_varchar = true) WHERE user_id <> ''
        ), counted AS (
            SELECT dense_rank() OVER (ORDER BY user_id) AS code, happened,
                min(happened) OVER () AS beginning, max(happened) OVER () AS ending,
                row_number() OVER (PARTITION BY user_id ORDER BY happened) AS event
            FROM events WHERE happened IS NOT NULL
        )
        SELECT code, date_diff('day', beginning, happened) AS day, date_diff('day', beginning, ending) + 1 AS days
        FROM counted WHERE event >= {ELIGIBLE_FROM} ORDER BY code, happened
        """
    ).fetchnumpy()
    return rows["code"].astype(np.int64), rows["day"].astype(np.int64), int(rows["days"][0])
