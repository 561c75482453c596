"""Where each action stands in users' histories: how often it is the last, done once, before another, or at once after it."""

import ibis
import pyarrow as pa
from ibis.expr import types as ir

from grupa_pipeline.aggregates.event_window import EventWindow
from grupa_pipeline.aggregates.units import SECOND

PAIRED_ACTIONS = 30
"""Orders are counted between the commonest actions only: the number of pairs grows with the square."""
AT_ONCE = 2 * SECOND
"""What follows within this time was not decided by the user."""


def count_actions(window: EventWindow, limit: int) -> pa.Table:
    """Of each action, the commonest `limit` by users: where it stands in histories.

    Returns:
        action; users, events; once (users who did it once); last (users whose history ends with it, alone at that
        instant); first (users whose history begins with it, perhaps with others at that instant); last_by_chance (users
        whose history would end with it if its events were in random order); first_at and last_at (microseconds from the
        window's start).
    """
    counts = window.counts
    users = counts.group_by("user_key").agg(
        total=counts.n.sum(), start_at=counts.first_at.min(), end_at=counts.last_at.max()
    )
    joined = counts.inner_join(users, "user_key")
    at_end = joined.filter(joined.last_at == joined.end_at)
    alone = at_end.group_by("user_key").agg(at_end=at_end.count())
    rows = joined.left_join(alone, "user_key")
    is_last = (rows.last_at == rows.end_at) & (rows.at_end == 1)
    grouped = rows.group_by("action_key").agg(
        users=rows.count(),
        events=rows.n.sum().cast("int64"),
        once=(rows.n == 1).sum().cast("int64"),
        last=is_last.sum().cast("int64"),
        first=(rows.first_at == rows.start_at).sum().cast("int64"),
        last_by_chance=(rows.n / rows.total).sum().cast("float64"),
        first_at=rows.first_at.min(),
        last_at=rows.last_at.max(),
    )
    named = grouped.inner_join(window.names.select("action", "action_key"), "action_key").drop("action_key")
    return window.engine.fetch(named.order_by([ibis.desc("users"), ibis.desc("events"), "action"]).limit(limit))


def count_orders(window: EventWindow, actions: list[str]) -> pa.Table:
    """Of each pair of the first `PAIRED_ACTIONS` of `actions` that any user did both of: how they follow each other.

    Returns:
        action, other; both (users who did both); before (users whose first `action` is earlier than their first `other`);
        at_once (users whose first `other` follows their first `action` within `AT_ONCE`).
    """
    names = window.names.filter(window.names.action.isin(actions[:PAIRED_ACTIONS])).select("action", "action_key")
    firsts = window.engine.materialize(
        window.counts.select("user_key", "action_key", "first_at").inner_join(names, "action_key").drop("action_key")
    )
    others = firsts.select("user_key", other="action", other_at="first_at")
    pairs = firsts.inner_join(others, "user_key")
    pairs = pairs.filter(pairs.action != pairs.other)
    return window.engine.fetch(_orders(pairs))


def _orders(pairs: ir.Table) -> ir.Table:
    after = pairs.other_at - pairs.first_at
    return (
        pairs.group_by("action", "other")
        .agg(
            both=pairs.count(),
            before=(after > 0).sum().cast("int64"),
            at_once=((after >= 0) & (after <= AT_ONCE)).sum().cast("int64"),
        )
        .order_by(["action", "other"])
    )
