"""Events in each user's order, each beside the one before it: the only place where events are sorted.

Computes the aggregates behind `event_window` and `sessionization`, each range of days by itself: the first event of a
range has none before it. Times are microseconds since 1970.
"""

from dataclasses import dataclass

import ibis
from ibis.expr import types as ir

from grupa_pipeline.aggregates.engine import Engine
from grupa_pipeline.aggregates.units import DAY, IDLE

KEY_BITS = 63
"""Bits that the time within the window and the place among the events of one instant may take together."""
AGGREGATES = ("counts", "stretches", "gaps", "moves", "returns")


@dataclass(frozen=True)
class EventOrder:
    """Orders events by their time, then by their place in the log.

    Where the order of events of one instant is not known, no action is before or after another one there.

    Attributes:
        engine: Runs the expressions.
        names: action, action_key, outcome.
        start: Origin of the times within a sort key, so that they take few bits.
        bits: Bits of a place among the events of one instant.
    """

    engine: Engine
    names: ir.Table
    start: int
    bits: int

    def aggregate(self, events: ir.Table) -> dict[str, ir.Table]:
        """The `AGGREGATES` of each range of days by itself; all have a column `day_range`.

        counts: user_key, action_key, n, first_at, last_at: a row a user and action, outcomes included.
        stretches: user_key, sessions, active_days, first_at, last_at, first, last (actions; NULL where unknown): a row a user.
        gaps: user_key, gap: a row a session that is not the user's first: time since the session before ended.
        moves: user_key, before, action: which action a user went directly to from which within a session, once each.
        returns: user_key, before, action, n: how often a user came back to an action within a session with one other action
            between (`before`), or with none (then `before` is the action itself).

        Only counts contain outcome events.
        """
        ordered = self.engine.materialize(self._beside(events))
        at = self._at(ordered.key)
        counts = ordered.group_by("user_key", "day_range", "action_key").agg(
            n=ordered.count(), first_at=at.min(), last_at=at.max()
        )
        steps = ordered.filter(~ordered.outcome)
        at, before_at = self._at(steps.key), self._at(steps.before_key)
        starts = before_at.isnull() | (at - before_at > IDLE)
        new_day = before_at.isnull() | (at // DAY != before_at // DAY)
        follows = steps.before_key.isnull() | (steps.before_key != steps.key)
        precedes = steps.next_key.isnull() | (steps.next_key != steps.key)
        stretches = steps.group_by("user_key", "day_range").agg(
            first_at=at.min(),
            last_at=at.max(),
            sessions=steps.count(where=starts),
            active_days=steps.count(where=new_day),
            first=steps.action_key.max(where=steps.before_key.isnull() & precedes),
            last=steps.action_key.max(where=steps.next_key.isnull() & follows),
        )
        before_follows = steps.earlier_key.isnull() | (steps.earlier_key != steps.before_key)
        moves = steps.filter(~starts, follows, precedes, before_follows, steps.action_key != steps.before_action)
        return {
            "counts": counts,
            "stretches": stretches,
            "gaps": steps.filter(at - before_at > IDLE).select("user_key", "day_range", gap=at - before_at),
            "moves": moves.select("user_key", "day_range", before="before_action", action="action_key").distinct(),
            "returns": self._returns(steps, starts, follows & precedes & before_follows),
        }

    def _returns(self, steps: ir.Table, starts: ir.BooleanValue, in_order: ir.BooleanValue) -> ir.Table:
        again = steps.action_key == steps.before_action
        earlier_in_session = self._at(steps.before_key) - self._at(steps.earlier_key) <= IDLE
        back = (steps.action_key == steps.earlier_action) & earlier_in_session & ~again
        kept = steps.filter(~starts, in_order, (again | back).fill_null(False))
        return kept.group_by("user_key", "day_range", before="before_action", action="action_key").agg(n=kept.count())

    def _beside(self, events: ir.Table) -> ir.Table:
        """user_key, day_range, action_key, outcome and key; of the user's steps before, before_key and before_action, earlier_key
        and earlier_action (the one before that); next_key of the one after.

        Events of one instant and user have the same key if their order is not known.
        """
        named = self.engine.with_keys(
            events.select("user_id", "day_range", "at", "action", "sequence").inner_join(self.names, "action")
        )
        unknown = (1 << self.bits) - 1
        # Time and place in one number: sorting one integer takes half the time of sorting two columns.
        keyed = named.select(
            "user_key",
            "day_range",
            "action_key",
            "outcome",
            key=((named["at"] - self.start) << self.bits)
            + ibis.least(named.sequence.fill_null(unknown).cast("int64"), unknown),
        )
        order = ibis.window(group_by=["user_key", "day_range", "outcome"], order_by="key")
        return keyed.mutate(
            before_key=keyed.key.lag().over(order),
            before_action=keyed.action_key.lag().over(order),
            earlier_key=keyed.key.lag(2).over(order),
            earlier_action=keyed.action_key.lag(2).over(order),
            next_key=keyed.key.lead().over(order),
        )

    def _at(self, key: ir.Value) -> ir.Value:
        return (key >> self.bits) + self.start
