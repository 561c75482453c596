"""Makes forecasts from the earlier weeks of a log, and compares them with the weeks that followed. Pure.

A forecast of a log that comes in bursts (terms, campaigns, a log that stopped and began again) is worth nothing, and nothing
in its own curve tells. How the same forecasts came out before does.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dash_app.planning.duration import Forecast, PastForecasts, forecast_enrolment

FIRST_START = 21
"""Days of a log before the first start from which a forecast is made."""
_AHEAD = 28
_MOST_STARTS = 12
_FEWEST_STARTS = 3
_SAMPLED_USERS = 2_000
"""About so many users are looked at: every so-many-th of more."""
Days = NDArray[np.int64]


def checked_forecast(users: Days, days: Days, log_days: int) -> Forecast:
    """The forecast of a log, with how those from its earlier weeks came out; arguments as `distinct_curve`'s."""
    return replace(forecast_enrolment(users, days, log_days), past=past_forecasts(users, days, log_days))


def past_forecasts(users: Days, days: Days, log_days: int) -> PastForecasts | None:
    """Forecast four weeks from at most twelve earlier weeks of the log; None where it has fewer than three such weeks.

    A start after which nobody came counts too: that is how the end of a term looks.
    """
    starts = np.arange(FIRST_START, log_days - _AHEAD + 1, 7)
    if len(starts) > _MOST_STARTS:
        starts = starts[np.linspace(0, len(starts) - 1, _MOST_STARTS).round().astype(int)]
    users, days = _sample(users, days)
    found = [_came_over_foretold(users, days, int(start)) for start in starts if (days < start).any()]
    if len(found) < _FEWEST_STARTS:
        return None
    low, high = np.quantile(found, [0.1, 0.9])
    spread = float(np.sqrt(np.mean(np.log(found) ** 2)))
    return PastForecasts(len(found), float(low), float(high), spread)


def _came_over_foretold(users: Days, days: Days, start: int) -> float:
    """Different users of the four weeks from `start` on, over those foretold; half a user is added to both."""
    seen, later = days < start, (days >= start) & (days < start + _AHEAD)
    foretold = forecast_enrolment(users[seen], days[seen], start).users_by(_AHEAD)
    return float((len(np.unique(users[later])) + 0.5) / (foretold + 0.5))


def _sample(users: Days, days: Days) -> tuple[Days, Days]:
    every = len(np.unique(users)) // _SAMPLED_USERS
    if every < 2:
        return users, days
    _, codes = np.unique(users, return_inverse=True)
    some = codes % every == 0
    return users[some], days[some]
