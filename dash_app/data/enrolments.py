"""Who comes: the days on which users of an audience were there and eligible, and what is foretold from them."""

from datetime import date

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dash_app.data.baselines import load_members, load_window
from dash_app.planning.calibration import replayed_errors
from dash_app.planning.duration import DurationError, Forecast, forecast_enrolment
from grupa_pipeline.aggregates.event_window import ActionRoles
from grupa_pipeline.event_catalog.roles import OUTCOMES
from grupa_pipeline.exports.segments import Segment
from grupa_pipeline.vocabulary.plan_parts import Audience, AudienceKind

_REPLAYED = 20_000
"""About so many users are replayed: every so-many-th of more."""
EligibleDays = tuple[NDArray[np.int64], NDArray[np.int64], int]
"""User codes and days of the log, one row an eligible day of a user; and the days that the log covers."""


def load_enrolment(
    con: duckdb.DuckDBPyConnection,
    day: date,
    audience: Audience,
    roles: ActionRoles,
    min_events: int,
    segment: Segment | None = None,
) -> Forecast:
    """How many different eligible users of an audience (or its `segment`) come, from the days on which each was there.

    Raises:
        DurationError: No user of the audience was active and eligible.
    """
    return forecast_enrolment(*_eligible_days(con, day, audience, roles, min_events, segment))


def load_replayed_errors(
    con: duckdb.DuckDBPyConnection, day: date, roles: ActionRoles, min_events: int
) -> tuple[float, ...]:
    """Errors of forecasts from the first weeks of a snapshot's window, against the weeks that followed; for all users."""
    try:
        users, days, length = _eligible_days(con, day, Audience(AudienceKind.EVERYONE), roles, min_events)
    except DurationError:
        return ()
    some = users % max(1, int(users.max()) // _REPLAYED) == 0
    return replayed_errors(users[some], days[some], length)


def _eligible_days(
    con: duckdb.DuckDBPyConnection,
    day: date,
    audience: Audience,
    roles: ActionRoles,
    min_events: int,
    segment: Segment | None = None,
) -> EligibleDays:
    """The days on which each user of an audience (or its `segment`) was there and eligible.

    No hindsight: a user is eligible from their `min_events`-th event on (outcomes not counted), as only then anyone
    could have known what kind of user they are.

    Raises:
        DurationError: No user of the audience was active and eligible.
    """
    _, end, first_event = load_window(con, day)
    first_day = first_event.date()
    actions = [row[0] for row in con.execute("SELECT DISTINCT action FROM events").fetchall()]
    outcomes = [action for action, role in roles.assign(actions).items() if role in OUTCOMES]
    con.register("members", pa.table({"user_id": load_members(con, day, audience.clusters, segment)}))
    rows = con.execute(
        """
        WITH own AS (
          SELECT user_id, timestamp, action FROM events WHERE timestamp >= $first_event AND timestamp < $end
          AND user_id IN (SELECT user_id FROM members)),
        eligible AS (
          SELECT user_id, timestamp AS since FROM own WHERE NOT list_contains($outcomes::VARCHAR[], action)
          QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY timestamp) = $min_events)
        SELECT dense_rank() OVER (ORDER BY user_id) AS user, date_diff('day', $first_day, day) AS day
        FROM (SELECT DISTINCT user_id, timestamp::DATE AS day FROM own JOIN eligible USING (user_id)
              WHERE timestamp >= since)""",
        {
            "first_event": first_event,
            "end": end,
            "outcomes": outcomes,
            "min_events": min_events,
            "first_day": first_day,
        },
    ).fetchnumpy()
    if not len(rows["user"]):
        who = "this cluster" if audience.kind is AudienceKind.CLUSTER else "these users"
        raise DurationError(f"Nobody of {who} was there in the window, so a test would never fill.")
    return rows["user"].astype(np.int64), rows["day"].astype(np.int64), (end.date() - first_day).days
