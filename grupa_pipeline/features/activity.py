"""How often and how regularly a user comes: sessions, active days, gaps, recency. Outcome events are not seen here."""

from ibis.expr import types as ir

from grupa_pipeline.aggregates.event_window import Log
from grupa_pipeline.aggregates.sessionization import Steps
from grupa_pipeline.aggregates.units import DAY, MINUTE
from grupa_pipeline.features.catalog import Feature, Part


def rhythm(log: Log, steps: Steps) -> Part:
    """Sessions, active days, gaps and recency of each user with enough events."""
    median = steps.gaps.group_by("user_key").agg(median_gap=steps.gaps.gap.quantile(0.5))
    joined = log.spans.left_join(steps.users, "user_key").left_join(median, "user_key")
    never = {name: joined[name].fill_null(0) for name in ("sessions", "active_days", "active")}
    rows = joined.select("user_key", "n", "first_at", "last_at", "days", "median_gap", **never)
    return Part(rows, [*_sessions(rows), *_regularity(rows, log.length), *_totals(rows)])


def _sessions(rows: ir.Table) -> list[Feature]:
    return [
        Feature(
            "sessions_per_week",
            rows.sessions,
            "sessions a week",
            "sessions a week (one ends after 30 idle minutes), from the first event to the end of the window",
            "sessions/week",
            "clustering",
            "mean",
            "count",
            "sessions",
            "weeks",
            True,
            per=rows.days / 7,
        ),
        Feature(
            "events_per_session",
            rows.n,
            "events a session",
            "events a session",
            "events/session",
            "clustering",
            "ratio",
            "count",
            "events",
            "sessions",
            per=rows.sessions,
        ),
        Feature(
            "minutes_per_session",
            rows.active / MINUTE,
            "minutes a session",
            "minutes from the first to the last event of a session, on average",
            "minutes",
            "context",
            "ratio",
            "duration",
            "minutes in sessions",
            "sessions",
            per=rows.sessions,
        ),
    ]


def _regularity(rows: ir.Table, length: int) -> list[Feature]:
    since_last = (length - rows.last_at) / DAY
    return [
        Feature(
            "active_days_share",
            rows.active_days,
            "share of days active",
            "share of days with an event, of the days from the first event to the end of the window",
            "share",
            "clustering",
            "ratio",
            "count",
            "active days",
            "days",
            True,
            per=rows.days,
        ),
        Feature(
            "median_gap_days",
            (rows.median_gap / DAY).fill_null(since_last),
            "days between sessions",
            "median days from the end of a session to the next one (after a single session: to the end of the window)",
            "days",
            "clustering",
            "mean",
            "duration",
            higher_is_better=False,
        ),
        Feature(
            "days_since_last_event",
            since_last,
            "days since the last event",
            "days from the last event to the end of the window",
            "days",
            "clustering",
            "mean",
            "duration",
            higher_is_better=False,
        ),
    ]


def _totals(rows: ir.Table) -> list[Feature]:
    return [
        Feature(
            "events_total",
            rows.n,
            "events",
            "events in the window, outcomes not counted",
            "events",
            "context",
            "mean",
            "count",
            "events",
            "users",
        ),
        Feature(
            "first_seen_day",
            rows.first_at / DAY,
            "day first seen",
            "days from the start of the window to the first event",
            "days",
            "context",
            "mean",
            "duration",
        ),
        Feature(
            "last_seen_day",
            rows.last_at / DAY,
            "day last seen",
            "days from the start of the window to the last event",
            "days",
            "context",
            "mean",
            "duration",
        ),
    ]
