"""How often and how regularly a user comes: sessions, active days, gaps, recency. Outcome events are not counted."""

from functools import partial

from ibis.expr import types as ir

from grupa_pipeline.aggregates.event_window import EventWindow
from grupa_pipeline.aggregates.sessionization import UserSessions
from grupa_pipeline.aggregates.units import DAY, MINUTE
from grupa_pipeline.features.catalog import FeatureColumn, FeatureGroup, mean_count, mean_duration, per_week, ratio
from grupa_pipeline.vocabulary.enums import FeatureRole, Measure
from grupa_pipeline.vocabulary.feature_families import FeatureFamily

_days = partial(mean_duration, family=FeatureFamily.ACTIVITY, unit="days")


def activity(window: EventWindow, sessions: UserSessions) -> FeatureGroup:
    """Sessions, active days, gaps and recency of each user with enough events."""
    median = sessions.gaps.group_by("user_key").agg(median_gap=sessions.gaps.gap.quantile(0.5))
    joined = window.spans.left_join(sessions.users, "user_key").left_join(median, "user_key")
    never = {name: joined[name].fill_null(0) for name in ("sessions", "active_days", "active")}
    rows = joined.select("user_key", "n", "first_at", "last_at", "days", "median_gap", **never)
    return FeatureGroup(rows, [*_sessions(rows), *_regularity(rows, window.length), *_totals(rows)])


def _sessions(rows: ir.Table) -> list[FeatureColumn]:
    return [
        per_week(
            name="sessions_per_week",
            family=FeatureFamily.ACTIVITY,
            value=rows.sessions,
            per=rows.days / 7,
            label="sessions a week",
            description=(
                "sessions a week (one ends after 30 idle minutes), from the first event to the end of the window"
            ),
            unit="sessions/week",
            role=FeatureRole.CLUSTERING,
            numerator="sessions",
            higher_is_better=True,
        ),
        ratio(
            name="events_per_session",
            family=FeatureFamily.ACTIVITY,
            value=rows.n,
            per=rows.sessions,
            label="events a session",
            description="events a session",
            unit="events/session",
            role=FeatureRole.CLUSTERING,
            numerator="events",
            denominator="sessions",
        ),
        ratio(
            name="minutes_per_session",
            family=FeatureFamily.ACTIVITY,
            value=rows.active / MINUTE,
            per=rows.sessions,
            label="minutes a session",
            description="minutes from the first to the last event of a session, on average",
            unit="minutes",
            role=FeatureRole.CONTEXT,
            measure=Measure.DURATION,
            numerator="minutes in sessions",
            denominator="sessions",
        ),
    ]


def _regularity(rows: ir.Table, length: int) -> list[FeatureColumn]:
    since_last = (length - rows.last_at) / DAY
    return [
        ratio(
            name="active_days_share",
            family=FeatureFamily.ACTIVITY,
            value=rows.active_days,
            per=rows.days,
            label="share of days active",
            description="share of days with an event, of the days from the first event to the end of the window",
            unit="share",
            role=FeatureRole.CLUSTERING,
            numerator="active days",
            denominator="days",
            higher_is_better=True,
        ),
        _days(
            name="median_gap_days",
            value=(rows.median_gap / DAY).fill_null(since_last),
            label="days between sessions",
            description=(
                "median days from the end of a session to the next one "
                "(after a single session: to the end of the window)"
            ),
            role=FeatureRole.CLUSTERING,
            higher_is_better=False,
        ),
        _days(
            name="days_since_last_event",
            value=since_last,
            label="days since the last event",
            description="days from the last event to the end of the window",
            role=FeatureRole.CLUSTERING,
            higher_is_better=False,
        ),
    ]


def _totals(rows: ir.Table) -> list[FeatureColumn]:
    return [
        mean_count(
            name="events_total",
            family=FeatureFamily.ACTIVITY,
            value=rows.n,
            label="events",
            description="events in the window, outcomes not counted",
            unit="events",
            role=FeatureRole.CONTEXT,
            numerator="events",
            denominator="users",
        ),
        _days(
            name="first_seen_day",
            value=rows.first_at / DAY,
            label="day first seen",
            description="days from the start of the window to the first event",
            role=FeatureRole.CONTEXT,
        ),
        _days(
            name="last_seen_day",
            value=rows.last_at / DAY,
            label="day last seen",
            description="days from the start of the window to the last event",
            role=FeatureRole.CONTEXT,
        ),
    ]
