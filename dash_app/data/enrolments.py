"""Who comes: the days on which users were there and eligible, and what is foretold from them for an audience."""

from datetime import date
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dash_app.data.baselines import Ask, load_members, load_window
from dash_app.planning.calibration import ReplayedForecasts, replay_forecasts
from dash_app.planning.duration import DurationError, Forecast
from dash_app.planning.forecast_check import checked_forecast
from grupa_pipeline.aggregates.event_window import ActionRoles
from grupa_pipeline.event_catalog.roles import OUTCOMES
from grupa_pipeline.exports.segments import Segment
from grupa_pipeline.vocabulary.plan_parts import Audience, AudienceKind

_REPLAYED = 20_000
"""About so many users are replayed: every so-many-th of more."""


class EligibleDays(NamedTuple):
    """The days on which each user of a snapshot was there and eligible.

    Attributes:
        users: user_id; a user's code is the number of the row.
        visits: user (the code) and day of the log, one row an eligible day of a user, by user and day.
        log: days, the days that the log covers; one row.
    """

    users: pa.Table
    visits: pa.Table
    log: pa.Table


def load_enrolment(
    con: duckdb.DuckDBPyConnection,
    day: date,
    audience: Audience,
    roles: ActionRoles,
    min_events: int,
    segment: Segment | None = None,
) -> Forecast:
    """`find_enrolment` on one connection."""
    return find_enrolment(lambda load, *given: load(con, *given), day, audience, roles, min_events, segment)


def find_enrolment(
    ask: Ask, day: date, audience: Audience, roles: ActionRoles, min_events: int, segment: Segment | None = None
) -> Forecast:
    """How many different eligible users of an audience (or its `segment`) come, from the days on which each was there.

    The days of everyone are found once; audiences are selections of them.

    Raises:
        DurationError: No user of the audience was active and eligible.
    """
    eligible = ask(load_eligible_days, day, roles, min_events)
    users, days, length = _arrays(eligible)
    if segment or audience.kind is not AudienceKind.EVERYONE:
        members = ask(load_members, day, audience.clusters, segment)
        is_member = pc.is_in(eligible.users["user_id"], value_set=members.combine_chunks())
        chosen = is_member.to_numpy(zero_copy_only=False)[users]
        users, days = users[chosen], days[chosen]
    if not len(users):
        who = "this cluster" if audience.kind is AudienceKind.CLUSTER else "these users"
        raise DurationError(f"Nobody of {who} was there in the window, so a test would never fill.")
    return checked_forecast(users, days, length)


def find_replayed(ask: Ask, day: date, roles: ActionRoles, min_events: int) -> ReplayedForecasts:
    """Forecasts from the first weeks of a snapshot's window, against the weeks that followed; for all users."""
    users, days, length = _arrays(ask(load_eligible_days, day, roles, min_events))
    if not len(users):
        return ReplayedForecasts()
    some = users % max(1, int(users.max()) // _REPLAYED) == 0
    return replay_forecasts(users[some], days[some], length)


def load_eligible_days(con: duckdb.DuckDBPyConnection, day: date, roles: ActionRoles, min_events: int) -> EligibleDays:
    """The days on which each user was there and eligible.

    No hindsight: a user is eligible from their `min_events`-th event on (outcomes not counted), as only then anyone
    could have known what kind of user they are.
    """
    _, end, first_event = load_window(con, day)
    first_day = first_event.date()
    actions = [row[0] for row in con.execute("SELECT DISTINCT action FROM events").fetchall()]
    outcomes = [action for action, role in roles.assign(actions).items() if role in OUTCOMES]
    rows = con.sql(
        """
        WITH own AS (
          SELECT user_id, timestamp, action FROM events WHERE timestamp >= $first_event AND timestamp < $end),
        eligible AS (
          SELECT user_id, timestamp AS since FROM own WHERE NOT list_contains($outcomes::VARCHAR[], action)
          QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY timestamp) = $min_events)
        SELECT user_id, date_diff('day', $first_day, day)::INTEGER AS day
        FROM (SELECT DISTINCT user_id, timestamp::DATE AS day FROM own JOIN eligible USING (user_id)
              WHERE timestamp >= since) ORDER BY user_id, day""",
        params={
            "first_event": first_event,
            "end": end,
            "outcomes": outcomes,
            "min_events": min_events,
            "first_day": first_day,
        },
    ).to_arrow_table()
    coded = rows["user_id"].combine_chunks().dictionary_encode()
    visits = pa.table({"user": coded.indices, "day": rows["day"]})
    return EligibleDays(
        pa.table({"user_id": coded.dictionary}), visits, pa.table({"days": [(end.date() - first_day).days]})
    )


def _arrays(eligible: EligibleDays) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """User codes, days, and the days that the log covers."""
    users, days = (eligible.visits[name].to_numpy().astype(np.int64) for name in ("user", "day"))
    return users, days, int(eligible.log["days"][0].as_py())
