"""What users do one after the other, put together from the pieces of the window."""

from dataclasses import dataclass

import ibis
from ibis.expr import types as ir

from grupa_pipeline.aggregates.event_order import IDLE
from grupa_pipeline.aggregates.event_window import Log


@dataclass(frozen=True)
class Steps:
    """What users do one after the other, outcomes left out; of every user, those with few events included.

    Events of the same instant are taken in the order of their actions' names.

    Attributes:
        users: A row a user: user_key, sessions, active_days, active (microseconds within sessions).
        gaps: A row a session that is not a user's first: user_key, gap (microseconds since the session before ended).
        moves: user_key, before, action: from which action to which a user went straight within a session; may repeat.
    """

    users: ir.Table
    gaps: ir.Table
    moves: ir.Table


def take_steps(log: Log) -> Steps:
    """Put the pieces of the window together where one ends and the next begins."""
    stretches = log.ordered["stretches"]
    order = ibis.window(group_by="user_key", order_by="first_at")
    beside = stretches.mutate(before_at=stretches.last_at.lag().over(order), before=stretches.last.lag().over(order))
    beside = log.engine.keep(beside.mutate(gap=beside.first_at - beside.before_at))
    goes_on = (beside.gap <= IDLE).fill_null(False)
    gaps = log.engine.keep(log.ordered["gaps"].union(beside.filter(beside.gap > IDLE).select("user_key", "gap")))
    moves = beside.filter(beside.gap <= IDLE, beside.before != beside["first"])
    users = beside.group_by("user_key").agg(
        sessions=(beside.sessions.sum() - beside.count(where=goes_on)).cast("int64"),
        active_days=beside.active_days.sum().cast("int64"),
        seen=beside.last_at.max() - beside.first_at.min(),
    )
    idle = gaps.group_by("user_key").agg(idle=gaps.gap.sum().cast("int64"))
    joined = users.left_join(idle, "user_key")
    users = joined.select("user_key", "sessions", "active_days", active=joined.seen - joined.idle.fill_null(0))
    return Steps(users, gaps, log.ordered["moves"].union(moves.select("user_key", "before", action=moves["first"])))
