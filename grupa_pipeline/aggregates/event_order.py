"""Events in each user's order, each beside the one before it: the only place where events are sorted.

Computes the aggregates behind `event_window` and `sessionization`, each range of days by itself: the first event of a
range has none before it. Times are microseconds since 1970.
"""

from dataclasses import dataclass

import ibis
from ibis.expr import types as ir

from grupa_pipeline.aggregates.engine import Engine
from grupa_pipeline.aggregates.units import DAY, MINUTE

IDLE = 30 * MINUTE
"""A session ends when nothing happens for longer than this."""
KEY_BITS = 63
"""Bits that the time within the window and the rank of an action may take together."""
AGGREGATES = ("counts", "stretches", "gaps", "moves")


@dataclass(frozen=True)
class EventOrder:
    """Orders events by their time, then by the names of their actions.

    Attributes:
        engine: Runs the expressions.
        names: action, action_key, rank (by name, from 1; 0 for the rarest of too many), outcome.
        start: Origin of the times within a sort key, so that they take few bits.
        bits: Bits of a rank.
    """

    engine: Engine
    names: ir.Table
    start: int
    bits: int

    def aggregate(self, events: ir.Table) -> dict[str, ir.Table]:
        """The `AGGREGATES` of each range of days by itself; all have a column `day_range`.

        counts: user_key, action_key, n, first_at, last_at: a row a user and action, outcomes included.
        stretches: user_key, sessions, active_days, first_at, last_at, first, last (actions): a row a user.
        gaps: user_key, gap: a row a session that is not the user's first: time since the session before ended.
        moves: user_key, before, action: which action a user went directly to from which within a session, once each.

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
        stretches = steps.group_by("user_key", "day_range").agg(
            first_key=steps.key.min(),
            last_key=steps.key.max(),
            sessions=steps.count(where=starts),
            active_days=steps.count(where=new_day),
        )
        moves = steps.filter(~starts).select(
            "user_key", "day_range", rank=self._rank(steps.key), before_rank=self._rank(steps.before_key)
        )
        moves = moves.filter(moves["rank"] != moves.before_rank).distinct()
        return {
            "counts": counts,
            "stretches": self._with_ends(stretches),
            "gaps": steps.filter(at - before_at > IDLE).select("user_key", "day_range", gap=at - before_at),
            "moves": self._with_actions(moves, action="rank", before="before_rank"),
        }

    def _beside(self, events: ir.Table) -> ir.Table:
        """user_key, day_range, action_key, outcome, key and before_key: that of the user's previous step."""
        named = self.engine.with_keys(
            events.select("user_id", "day_range", "at", "action").inner_join(self.names, "action")
        )
        # Time and action in one number: sorting one integer takes half the time of sorting two columns.
        keyed = named.select(
            "user_key",
            "day_range",
            "action_key",
            "outcome",
            key=((named["at"] - self.start) << self.bits) + named["rank"],
        )
        order = ibis.window(group_by=["user_key", "day_range", "outcome"], order_by="key")
        return keyed.mutate(before_key=keyed.key.lag().over(order))

    def _with_ends(self, stretches: ir.Table) -> ir.Table:
        ends = stretches.select(
            "user_key",
            "day_range",
            "sessions",
            "active_days",
            first_at=self._at(stretches.first_key),
            last_at=self._at(stretches.last_key),
            first_rank=self._rank(stretches.first_key),
            last_rank=self._rank(stretches.last_key),
        )
        return self._with_actions(ends, first="first_rank", last="last_rank")

    def _with_actions(self, rows: ir.Table, **columns: str) -> ir.Table:
        """`rows` with the ranks in `columns` replaced by action keys; NULL for the rarest of too many."""
        ranked = self.names.filter(self.names["rank"] > 0)
        for name, rank in columns.items():
            actions = ranked.select(action_rank="rank", **{name: "action_key"})
            rows = rows.left_join(actions, rows[rank] == actions.action_rank).drop("action_rank", rank)
        return rows

    def _at(self, key: ir.Value) -> ir.Value:
        return (key >> self.bits) + self.start

    def _rank(self, key: ir.Value) -> ir.Value:
        return key & ((1 << self.bits) - 1)
