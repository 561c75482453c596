"""Events in each user's own order, each beside the one before it: the only place where events are sorted."""

from dataclasses import dataclass
from functools import partial

import ibis
from ibis.expr import types as ir

from grupa_pipeline.features.log import DAY, KEY_BITS, MINUTE, Log

IDLE = 30 * MINUTE
"""A session ends when nothing happens for longer than this."""


@dataclass(frozen=True)
class Steps:
    """What users do one after the other, outcomes left out; of every user, those with few events included.

    Events of the same instant are taken in the order of their actions' names.

    Attributes:
        users: A row a user: user_id, sessions, active_days, active (microseconds within sessions).
        gaps: A row a session that is not a user's first: user_id, gap (microseconds since the session before ended).
        moves: user_id, before, action: from which action to which a user went straight within a session; may repeat.
    """

    users: ir.Table
    gaps: ir.Table
    moves: ir.Table


def take_steps(log: Log) -> Steps:
    """Sum up each piece of the window, and put the pieces together where one ends and the next begins."""
    sums = log.sums.of(["stretches", "gaps", "moves"], partial(_sum_up, log))
    stretches = sums["stretches"]
    order = ibis.window(group_by="user_id", order_by="first_at")
    beside = stretches.mutate(before_at=stretches.last_at.lag().over(order), before=stretches.last.lag().over(order))
    beside = log.engine.keep(beside.mutate(gap=beside.first_at - beside.before_at))
    goes_on = (beside.gap <= IDLE).fill_null(False)
    gaps = log.engine.keep(sums["gaps"].union(beside.filter(beside.gap > IDLE).select("user_id", "gap")))
    moves = beside.filter(beside.gap <= IDLE, beside.before != beside["first"])
    users = beside.group_by("user_id").agg(
        sessions=(beside.sessions.sum() - beside.count(where=goes_on)).cast("int64"),
        active_days=beside.active_days.sum().cast("int64"),
        seen=beside.last_at.max() - beside.first_at.min(),
    )
    idle = gaps.group_by("user_id").agg(idle=gaps.gap.sum().cast("int64"))
    joined = users.left_join(idle, "user_id")
    users = joined.select("user_id", "sessions", "active_days", active=joined.seen - joined.idle.fill_null(0))
    return Steps(users, gaps, sums["moves"].union(moves.select("user_id", "before", action=moves["first"])))


def _sum_up(log: Log, events: ir.Table) -> dict[str, ir.Table]:
    """The sums of each piece by itself: its first event has none before it."""
    bits = KEY_BITS - log.length.bit_length()
    named = events.inner_join(log.names, "action")
    # Time and action in one number: sorting one integer takes half the time of sorting both columns.
    key = ((named["at"] - log.start) << bits) + named.number
    keyed = named.filter(~named.outcome).select("user_id", "piece", key=key)
    order = ibis.window(group_by=["user_id", "piece"], order_by="key")
    kept = log.engine.keep(keyed.mutate(before_key=keyed.key.lag().over(order)))
    at, before_at = kept.key >> bits, kept.before_key >> bits
    starts = before_at.isnull() | (at - before_at > IDLE)
    new_day = before_at.isnull() | ((at + log.start) // DAY != (before_at + log.start) // DAY)
    stretches = kept.group_by("user_id", "piece").agg(
        first_key=kept.key.min(),
        last_key=kept.key.max(),
        sessions=kept.count(where=starts),
        active_days=kept.count(where=new_day),
    )
    mask = (1 << bits) - 1
    moves = kept.filter(~starts).select(
        "user_id", "piece", number=kept.key & mask, before_number=kept.before_key & mask
    )
    moves = moves.filter(moves.number != moves.before_number).distinct()
    return {
        "stretches": _with_names(log, stretches, bits),
        "gaps": kept.filter(at - before_at > IDLE).select("user_id", "piece", gap=at - before_at),
        "moves": _named(log, moves, action="number", before="before_number").select(
            "user_id", "piece", "before", "action"
        ),
    }


def _with_names(log: Log, stretches: ir.Table, bits: int) -> ir.Table:
    mask = (1 << bits) - 1
    ends = stretches.select(
        "user_id",
        "piece",
        "sessions",
        "active_days",
        first_at=(stretches.first_key >> bits) + log.start,
        last_at=(stretches.last_key >> bits) + log.start,
        first_number=stretches.first_key & mask,
        last_number=stretches.last_key & mask,
    )
    return _named(log, ends, first="first_number", last="last_number").drop("first_number", "last_number")


def _named(log: Log, rows: ir.Table, **columns: str) -> ir.Table:
    """`rows` with the actions behind the numbers in `columns`; 0 is the empty text, which is no action's name."""
    numbered = log.names.filter(log.names.number > 0)
    for name, number in columns.items():
        names = numbered.select(action_number="number", **{name: "action"})
        joined = rows.left_join(names, rows[number] == names.action_number).drop("action_number")
        rows = joined.mutate(**{name: joined[name].fill_null("")})
    return rows
