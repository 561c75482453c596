"""The window's events in each user's order, read once for all that journeys count."""

from dataclasses import dataclass

import ibis
from ibis.expr import types as ir

from grupa_pipeline.aggregates.units import IDLE
from grupa_pipeline.journeys.user_groups import UserGroups

_UNKNOWN = 1 << 40
"""Place of an event whose place among those of its instant is not known: after the known ones, then by its name."""


@dataclass(frozen=True)
class OrderedEvents:
    """Events of every user, outcomes included.

    Attributes:
        rows: user_key, action_key, at (microseconds from the window's start), place (from 0), before (the action before; NULL
            for the first), starts (whether a session starts), is_last.
    """

    rows: ir.Table

    @property
    def folded(self) -> ir.Table:
        """The events without those that repeat the one before within a session."""
        rows = self.rows
        return rows.filter(rows.starts | (rows.action_key != rows.before))


def order_events(groups: UserGroups) -> OrderedEvents:
    """Read and order the window's events."""
    window = groups.window
    events, engine = window.aggregates.events, window.engine
    ranges = window.aggregates.ranges
    events = events.filter(
        events.timestamp >= ibis.literal(ranges[0].start, "timestamp"),
        events.timestamp < ibis.literal(ranges[-1].end, "timestamp"),
    )
    place = events.sequence if "sequence" in events.columns else ibis.null("int64")
    named = events.select(
        "user_id",
        "action",
        name=events.action,
        place=place.fill_null(_UNKNOWN).cast("int64"),
        at=engine.microseconds(events.timestamp) - window.start,
    )
    keyed = engine.with_keys(named)
    order = ibis.window(group_by="user_key", order_by=[keyed["at"], keyed["place"], keyed["name"]])
    beside = keyed.select(
        "user_key",
        "action_key",
        "at",
        number=ibis.row_number().over(order),
        before=keyed.action_key.lag().over(order),
        before_at=keyed["at"].lag().over(order),
        following=keyed.action_key.lead().over(order),
    )
    rows = beside.select(
        "user_key",
        "action_key",
        "at",
        "before",
        place="number",
        starts=beside.before_at.isnull() | (beside["at"] - beside.before_at > IDLE),
        is_last=beside.following.isnull(),
    )
    return OrderedEvents(engine.materialize(rows))
