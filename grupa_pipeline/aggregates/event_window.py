"""The events of one window as features need them: whole numbers, roles assigned, counted per user and action.

Users with enough events are selected here, and outcomes are separated from behaviour: what reads `counts` with `outcome`
false, or sessions, never sees an outcome event.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, reduce
from typing import Any, Protocol

import ibis
import pyarrow as pa
from ibis.expr import types as ir

from grupa_pipeline.aggregates.day_aggregates import AggregateCache, DayAggregates, DayRange, split_days
from grupa_pipeline.aggregates.engine import Engine
from grupa_pipeline.aggregates.event_order import AGGREGATES, KEY_BITS, EventOrder
from grupa_pipeline.aggregates.folding import fold_actions
from grupa_pipeline.aggregates.units import DAY
from grupa_pipeline.vocabulary.enums import Role

MIN_OBSERVED_DAYS = 7
"""Rates of a user observed for less are taken over this many days, so that a busy first day does not look like a habit."""


class ActionRoles(Protocol):
    """What is needed of the event catalogue: the roles of actions, and where metadata names proposals and features."""

    @property
    def proposal_key(self) -> str:
        """Metadata key that names a proposal."""

    @property
    def feature_key(self) -> str:
        """Metadata key that names the feature used."""

    @property
    def fold(self) -> Sequence[str]:
        """Patterns of actions that are read as one; see `folding.fold_actions`."""

    def assign(self, actions: Iterable[str]) -> dict[str, Role]:
        """Role of each action that has one."""


@dataclass(frozen=True)
class EventWindow:
    """The events of one window.

    Attributes:
        engine: Runs the expressions; has keys for all users and actions.
        aggregates: Aggregates of the window's events; times there are microseconds since 1970.
        names: A row an action that occurs: action, action_key, outcome.
        keys: The same keys by action.
        ordered: The `AGGREGATES` of `EventOrder` over all ranges of days.
        start: The window's start in microseconds since 1970; times in `counts` and `spans` are counted from here.
        length: Microseconds from the window's start to its end.
        min_events: Fewest events, outcomes not counted, of a user with features.
        assigned: Role of each action that has one.
        roles: What the roles were assigned by.
    """

    engine: Engine
    aggregates: DayAggregates
    names: ir.Table
    keys: Mapping[str, Any]
    ordered: Mapping[str, ir.Table]
    start: int
    length: int
    min_events: int
    assigned: Mapping[str, Role]
    roles: ActionRoles

    @cached_property
    def counts(self) -> ir.Table:
        """A row a user and action: user_key, action_key, outcome, n, first_at, last_at."""
        by_range = self.ordered["counts"]
        counts = by_range.group_by("user_key", "action_key").agg(
            n=by_range.n.sum().cast("int64"),
            first_at=by_range.first_at.min() - self.start,
            last_at=by_range.last_at.max() - self.start,
        )
        return self.engine.materialize(self._with_outcome(counts))

    @cached_property
    def spans(self) -> ir.Table:
        """A row a user with enough events: user_key, n (outcomes not counted), first_at, last_at, days (observed)."""
        return self.engine.materialize(_spans(self.counts, self.length, self.min_events))

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


def open_window(
    engine: Engine,
    events: str,
    *,
    window_start: datetime,
    window_end: datetime,
    roles: ActionRoles,
    min_events: int,
    extra_actions: Collection[str] = (),
    cache: AggregateCache | None = None,
) -> EventWindow:
    """Count the events of a window.

    Args:
        engine: Sees the events.
        events: Name of a table or view with user_id, timestamp, action, metadata, sequence.
        window_start: First instant of the window (naive UTC, at midnight).
        window_end: End of the window.
        roles: Assigns roles to actions.
        min_events: Fewest events, outcomes not counted, of a user with features.
        extra_actions: Actions that get a role whether or not they occur in the window.
        cache: Aggregates of earlier runs; None computes all of them.
    """
    whole = DayRange(window_start, window_end)
    ranges = cache.with_events(split_days(window_start, window_end)) if cache is not None else []
    aggregates = DayAggregates(
        engine, fold_actions(engine.events(events), roles.fold), ranges or [whole], cache if ranges else None
    )
    action_counts = _count_actions(aggregates)
    assigned = roles.assign(sorted({*action_counts["action"].to_pylist(), *extra_actions}))
    start = _micros(window_start)
    length = _micros(window_end) - start
    names = engine.materialize(_mark_outcomes(action_counts, assigned))
    order = EventOrder(engine, names, start, KEY_BITS - length.bit_length())
    return EventWindow(
        engine=engine,
        aggregates=aggregates,
        names=names,
        keys=dict(zip(action_counts["action"].to_pylist(), action_counts["action_key"].to_pylist(), strict=True)),
        ordered=aggregates.compute(AGGREGATES, order.aggregate),
        start=start,
        length=length,
        min_events=min_events,
        assigned=assigned,
        roles=roles,
    )


def _count_actions(aggregates: DayAggregates) -> pa.Table:
    """action, action_key, n: of each action that occurs. Gives keys to the users and actions of events not cached."""
    engine, uncached = aggregates.engine, aggregates.uncached_events(AGGREGATES)
    if uncached:
        engine.assign_keys(
            reduce(lambda one, other: one.union(other), (part.select("user_id", "action") for part in uncached))
        )
    counted = [engine.with_keys(part.group_by("action").agg(n=part.count())) for part in uncached]
    cached = [
        part.group_by("action_key").agg(n=part.n.sum().cast("int64"))
        for part in aggregates.cached("counts", AGGREGATES)
    ]
    both = reduce(lambda one, other: one.union(other), [part.select("action_key", "n") for part in (*counted, *cached)])
    return engine.fetch(engine.with_actions(both.group_by("action_key").agg(n=both.n.sum().cast("int64"))))


def _mark_outcomes(action_counts: pa.Table, assigned: Mapping[str, Role]) -> pa.Table:
    """`EventWindow.names`."""
    outcomes = (Role.GOAL, Role.BAD_END)
    is_outcome = [assigned.get(action) in outcomes for action in action_counts["action"].to_pylist()]
    return pa.table(
        {
            "action": action_counts["action"],
            "action_key": action_counts["action_key"],
            "outcome": pa.array(is_outcome, pa.bool_()),
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
    # Calendar days from the day of the first event to the end of the window, both counted. A user with outcomes alone is
    # observed from the first of those.
    first_day = spans.first_at.fill_null(spans.came_at) // DAY * DAY
    days = ibis.greatest((length - first_day + DAY - 1) // DAY, MIN_OBSERVED_DAYS)
    return spans.filter(spans.n >= min_events).select("user_key", "n", "first_at", "last_at", days=days)


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)
