"""Sessions of each user and what they do one after the other, put together from the window's ranges of days."""

from dataclasses import dataclass

import ibis
from ibis.expr import types as ir

from grupa_pipeline.aggregates.event_window import EventWindow
from grupa_pipeline.aggregates.units import IDLE


@dataclass(frozen=True)
class UserSessions:
    """Sessions of every user, those with few events included; outcome events are left out.

    Events of the same instant are taken in the order of the log; where that is not known, they are part of no move.

    Attributes:
        users: A row a user: user_key, sessions, active_days, active (microseconds within sessions).
        gaps: A row a session that is not a user's first: user_key, gap (microseconds since the session before ended).
        moves: user_key, before, action: from which action to which a user went directly within a session; may repeat.
    """

    users: ir.Table
    gaps: ir.Table
    moves: ir.Table


def sessionize(window: EventWindow) -> UserSessions:
    """Join the window's ranges of days where one ends and the next begins: a session may run on over midnight."""
    spans = window.ordered["stretches"]
    order = ibis.window(group_by="user_key", order_by="first_at")
    beside = spans.mutate(before_at=spans.last_at.lag().over(order), before=spans.last.lag().over(order))
    beside = window.engine.materialize(beside.mutate(gap=beside.first_at - beside.before_at))
    goes_on = (beside.gap <= IDLE).fill_null(False)
    gaps = window.engine.materialize(
        window.ordered["gaps"].union(beside.filter(beside.gap > IDLE).select("user_key", "gap"))
    )
    moves = beside.filter(beside.gap <= IDLE, beside.before != beside["first"])
    users = beside.group_by("user_key").agg(
        sessions=(beside.sessions.sum() - beside.count(where=goes_on)).cast("int64"),
        active_days=beside.active_days.sum().cast("int64"),
        seen=beside.last_at.max() - beside.first_at.min(),
    )
    idle = gaps.group_by("user_key").agg(idle=gaps.gap.sum().cast("int64"))
    joined = users.left_join(idle, "user_key")
    users = joined.select("user_key", "sessions", "active_days", active=joined.seen - joined.idle.fill_null(0))
    all_moves = window.ordered["moves"].union(moves.select("user_key", "before", action=moves["first"]))
    return UserSessions(users, gaps, all_moves)
