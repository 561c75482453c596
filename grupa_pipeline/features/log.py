"""The events of one window as the features need them: whole numbers, roles assigned, counted once a user and action.

Selection of users lives here, and so does the wall between outcomes and behaviour: what reads `counts` with `outcome`
false, or `steps`, has never seen an outcome event.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import ibis
import pyarrow as pa
from ibis.expr import types as ir

from grupa_pipeline.features.engine import Engine
from grupa_pipeline.features.layout import Layout
from grupa_pipeline.features.pieces import Piece, Shelf, Sums, cut
from grupa_pipeline.features.roles import Role, Roles

MINUTE = 60 * 1_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
"""Microseconds."""
KEY_BITS = 63
"""Bits that the time within the window and the number of an action may take together."""
LEAST_DAYS = 7
"""Rates of a user seen for less are taken over this many days, so that a first day is not a fever."""


@dataclass(frozen=True)
class Log:
    """One window of a log.

    Attributes:
        engine: What computes.
        sums: The window's events, which are only ever summed up; times there are microseconds since 1970.
        names: A row an action that somebody did: action, number (from 1, by name; 0 for the rarest of too many), outcome.
        counts: A row a user and action: user_id, action, outcome, n, first_at, last_at.
        spans: A row a user with enough events: user_id, n (outcomes not counted), first_at, last_at, days (observed).
        start: The window's start in microseconds since 1970; times in `counts` and `spans` are counted from here.
        length: Microseconds from the window's start to its end.
        assigned: Role of each action that has one.
        roles: What the roles were assigned from.
        layout: Columns to measure; None to choose them.
    """

    engine: Engine
    sums: Sums
    names: ir.Table
    counts: ir.Table
    spans: ir.Table
    start: int
    length: int
    assigned: Mapping[str, Role]
    roles: Roles
    layout: Layout | None

    def actions_of(self, *roles: Role) -> list[str]:
        """Actions that have one of `roles`, sorted."""
        return sorted(action for action, role in self.assigned.items() if role in roles)


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
    counted = engine.keep(_in_all(sums.of(["counts"], _counts)["counts"]))
    done = engine.fetch(counted.group_by("action").agg(n=counted.n.sum().cast("int64")))
    assigned = roles.assign(sorted({*done["action"].to_pylist(), *(layout.sources if layout else ())}))
    start = _micros(window_start)
    length = _micros(window_end) - start
    numbers = 1 << (KEY_BITS - length.bit_length())
    if len(done) >= numbers:  # which actions are numbered then hangs on all days of the window, so no sum is kept
        sums = replace(sums, pieces=[Piece(window_start, window_end)], shelf=None)
    names = engine.keep(_names(done, assigned, numbers - 1))
    joined = counted.left_join(names, "action")
    first_at, last_at = joined.first_at - start, joined.last_at - start
    counts = engine.keep(joined.select("user_id", "action", "outcome", "n", first_at=first_at, last_at=last_at))
    spans = engine.keep(_spans(counts, length, min_events))
    return Log(engine, sums, names, counts, spans, start, length, assigned, roles, layout)


def _counts(events: ir.Table) -> dict[str, ir.Table]:
    by_action = events.group_by("user_id", "piece", "action")
    return {"counts": by_action.agg(n=events.count(), first_at=events["at"].min(), last_at=events["at"].max())}


def _in_all(counts: ir.Table) -> ir.Table:
    """Counts a user and action, of counts by piece."""
    return counts.group_by("user_id", "action").agg(
        n=counts.n.sum().cast("int64"), first_at=counts.first_at.min(), last_at=counts.last_at.max()
    )


def _names(done: pa.Table, assigned: Mapping[str, Role], most: int) -> pa.Table:
    commonest = done.sort_by([("n", "descending"), ("action", "ascending")])["action"].to_pylist()
    numbers = {action: number for number, action in enumerate(sorted(commonest[:most]), 1)}
    return pa.table(
        {
            "action": pa.array(commonest, pa.string()),
            "number": pa.array([numbers.get(action, 0) for action in commonest], pa.int64()),
            "outcome": pa.array([assigned.get(action) in ("good", "bad") for action in commonest], pa.bool_()),
        }
    )


def count_users(log: Log) -> pa.Table:
    """Every user with an event: user_id, events, clustering_events (outcomes not counted); sorted by user_id."""
    counts = log.counts
    users = counts.group_by("user_id").agg(
        events=counts.n.sum().cast("int64"),
        clustering_events=counts.n.sum(where=~counts.outcome).fill_null(0).cast("int64"),
    )
    return log.engine.fetch(users.order_by("user_id"))


def _spans(counts: ir.Table, length: int, min_events: int) -> ir.Table:
    behaviour = ~counts.outcome
    spans = counts.group_by("user_id").agg(
        n=counts.n.sum(where=behaviour).fill_null(0).cast("int64"),
        first_at=counts.first_at.min(where=behaviour),
        last_at=counts.last_at.max(where=behaviour),
        came_at=counts.first_at.min(),
    )
    # Calendar days from the day of the first event to the end of the window, both counted. Only who did nothing but
    # have outcomes is seen from the first of those.
    first_day = spans.first_at.fill_null(spans.came_at) // DAY * DAY
    days = ibis.greatest((length - first_day + DAY - 1) // DAY, LEAST_DAYS)
    return spans.filter(spans.n >= min_events).select("user_id", "n", "first_at", "last_at", days=days)


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)
