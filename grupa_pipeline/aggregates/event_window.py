"""The events of one window as the features need them: whole numbers, roles assigned, counted once a user and action.

Selection of users lives here, and so does the wall between outcomes and behaviour: what reads `counts` with `outcome`
false, or `steps`, has never seen an outcome event.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property, reduce
from typing import Any

import ibis
import pyarrow as pa
from ibis.expr import types as ir

from grupa_pipeline.aggregates.day_aggregates import Piece, Shelf, Sums, cut
from grupa_pipeline.aggregates.engine import Engine
from grupa_pipeline.aggregates.event_order import KEY_BITS, SUMS, Order
from grupa_pipeline.aggregates.units import DAY
from grupa_pipeline.event_catalog.roles import Role, Roles
from grupa_pipeline.features.column_layout import Layout

LEAST_DAYS = 7
"""Rates of a user seen for less are taken over this many days, so that a first day is not a fever."""


@dataclass(frozen=True)
class Log:
    """One window of a log.

    Attributes:
        engine: What computes, and knows every user and action.
        sums: The window's events, which are only ever summed up; times there are microseconds since 1970.
        names: A row an action that somebody did: action, action_key, rank, outcome; see `Order`.
        keys: The same keys by action.
        ordered: What `Order` says of the events, put together from piece to piece.
        start: The window's start in microseconds since 1970; times in `counts` and `spans` are counted from here.
        length: Microseconds from the window's start to its end.
        min_events: Fewest events, outcomes not counted, that are enough.
        assigned: Role of each action that has one.
        roles: What the roles were assigned from.
        layout: Columns to measure; None to choose them.
    """

    engine: Engine
    sums: Sums
    names: ir.Table
    keys: Mapping[str, Any]
    ordered: Mapping[str, ir.Table]
    start: int
    length: int
    min_events: int
    assigned: Mapping[str, Role]
    roles: Roles
    layout: Layout | None

    @cached_property
    def counts(self) -> ir.Table:
        """A row a user and action: user_key, action_key, outcome, n, first_at, last_at."""
        by_piece = self.ordered["counts"]
        counts = by_piece.group_by("user_key", "action_key").agg(
            n=by_piece.n.sum().cast("int64"),
            first_at=by_piece.first_at.min() - self.start,
            last_at=by_piece.last_at.max() - self.start,
        )
        return self.engine.keep(self._with_outcome(counts))

    @cached_property
    def spans(self) -> ir.Table:
        """A row a user with enough events: user_key, n (outcomes not counted), first_at, last_at, days (observed)."""
        return self.engine.keep(_spans(self.counts, self.length, self.min_events))

    def count_users(self) -> pa.Table:
        """Every user with an event: user_id, events, clustering_events (outcomes not counted); sorted by user_id."""
        counts = self._with_outcome(self.ordered["counts"])
        users = counts.group_by("user_key").agg(
            events=counts.n.sum().cast("int64"),
            clustering_events=counts.n.sum(where=~counts.outcome).fill_null(0).cast("int64"),
        )
        return self.engine.fetch_users([users])

    def _with_outcome(self, rows: ir.Table) -> ir.Table:
        return rows.inner_join(self.names.select("action_key", "outcome"), "action_key")

    def actions_of(self, *roles: Role) -> list[str]:
        """Actions that have one of `roles`, sorted."""
        return sorted(action for action, role in self.assigned.items() if role in roles)

    def is_one_of(self, rows: ir.Table, actions: Iterable[str]) -> ir.BooleanValue:
        """Whether the action_key of a row is that of one of `actions`."""
        keys = [self.keys[action] for action in actions if action in self.keys]
        return rows.action_key.isin(keys) if keys else ibis.literal(False)


def open_log(
    engine: Engine,
    events: str,
    *,
    window_start: datetime,
    window_end: datetime,
    roles: Roles,
    min_events: int,
    layout: Layout | None = None,
    shelf: Shelf | None = None,
) -> Log:
    """Count the window of `events`. Times are naive UTC."""
    pieces = shelf.with_events(cut(window_start, window_end)) if shelf is not None else []
    sums = Sums(engine, engine.events(events), pieces or [Piece(window_start, window_end)], shelf if pieces else None)
    done = _actions_done(sums)
    assigned = roles.assign(sorted({*done["action"].to_pylist(), *(layout.sources if layout else ())}))
    start = _micros(window_start)
    length = _micros(window_end) - start
    bits = KEY_BITS - length.bit_length()
    if len(done) >= 1 << bits:  # the rank of an action then hangs on all days of the window, so no sum is kept
        sums = replace(sums, pieces=[Piece(window_start, window_end)], shelf=None)
    ranked = _names(done, assigned, (1 << bits) - 1)
    names = engine.keep(ranked)
    ordered = sums.of(SUMS, Order(engine, names, start, bits).sum_up)
    return Log(
        engine=engine,
        sums=sums,
        names=names,
        keys=dict(zip(ranked["action"].to_pylist(), ranked["action_key"].to_pylist(), strict=True)),
        ordered=ordered,
        start=start,
        length=length,
        min_events=min_events,
        assigned=assigned,
        roles=roles,
        layout=layout,
    )


def _actions_done(sums: Sums) -> pa.Table:
    """action, action_key, n: of each action that somebody did; makes users and actions known to the engine."""
    engine, missing = sums.engine, sums.missing(SUMS)
    if missing:
        engine.know(reduce(lambda one, other: one.union(other), (part.select("user_id", "action") for part in missing)))
    read = [engine.keyed(part.group_by("action").agg(n=part.count())) for part in missing]
    held = [part.group_by("action_key").agg(n=part.n.sum().cast("int64")) for part in sums.held("counts", SUMS)]
    each = reduce(lambda one, other: one.union(other), [part.select("action_key", "n") for part in (*read, *held)])
    return engine.fetch(engine.named(each.group_by("action_key").agg(n=each.n.sum().cast("int64"))))


def _names(done: pa.Table, assigned: Mapping[str, Role], most: int) -> pa.Table:
    """`Log.names`: at most `most` ranks are given, to the commonest."""
    done = done.sort_by([("n", "descending"), ("action", "ascending")])
    commonest = done["action"].to_pylist()
    ranks = {action: rank for rank, action in enumerate(sorted(commonest[:most]), 1)}
    return pa.table(
        {
            "action": done["action"],
            "action_key": done["action_key"],
            "rank": pa.array([ranks.get(action, 0) for action in commonest], pa.int64()),
            "outcome": pa.array([assigned.get(action) in ("good", "bad") for action in commonest], pa.bool_()),
        }
    )


def _spans(counts: ir.Table, length: int, min_events: int) -> ir.Table:
    behaviour = ~counts.outcome
    spans = counts.group_by("user_key").agg(
        n=counts.n.sum(where=behaviour).fill_null(0).cast("int64"),
        first_at=counts.first_at.min(where=behaviour),
        last_at=counts.last_at.max(where=behaviour),
        came_at=counts.first_at.min(),
    )
    # Calendar days from the day of the first event to the end of the window, both counted. Only who did nothing but
    # have outcomes is seen from the first of those.
    first_day = spans.first_at.fill_null(spans.came_at) // DAY * DAY
    days = ibis.greatest((length - first_day + DAY - 1) // DAY, LEAST_DAYS)
    return spans.filter(spans.n >= min_events).select("user_key", "n", "first_at", "last_at", days=days)


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)
