"""The events of one window as the features need them: whole numbers, roles assigned, counted once a user and action.

Selection of users lives here, and so does the wall between outcomes and behaviour: what reads `counts` with `outcome`
false, or `steps`, has never seen an outcome event.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import ibis
import pyarrow as pa
from ibis.expr import types as ir

from grupa_pipeline.features.engine import Engine
from grupa_pipeline.features.layout import Layout
from grupa_pipeline.features.roles import Role, Roles

MINUTE = 60 * 1_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
"""Microseconds; all times within a log are counted in them from the start of the window."""
LEAST_DAYS = 7
"""Rates of a user seen for less are taken over this many days, so that a first day is not a fever."""


@dataclass(frozen=True)
class Log:
    """One window of a log.

    Attributes:
        engine: What computes.
        events: user_id, at (microseconds since the window's start), action, metadata.
        counts: A row a user and action: user_id, action, outcome, n, first_at, last_at.
        spans: A row a user with enough events: user_id, n (outcomes not counted), first_at, last_at, days (observed).
        length: Microseconds from the window's start to its end.
        assigned: Role of each action that has one.
        roles: What the roles were assigned from.
        layout: Columns to measure; None to choose them.
    """

    engine: Engine
    events: ir.Table
    counts: ir.Table
    spans: ir.Table
    length: int
    assigned: Mapping[str, Role]
    roles: Roles
    layout: Layout | None

    def actions_of(self, *roles: Role) -> list[str]:
        """Actions that have one of `roles`, sorted."""
        return sorted(action for action, role in self.assigned.items() if role in roles)

    def events_of(self, actions: Collection[str]) -> ir.Table:
        """Events of `actions` by users with enough events."""
        return self.events.filter(self.events.action.isin(actions)).semi_join(self.spans, "user_id")


def open_log(
    engine: Engine,
    events: str,
    *,
    window_start: datetime,
    window_end: datetime,
    roles: Roles,
    min_events: int,
    layout: Layout | None = None,
) -> Log:
    """Read the window of `events` once for its actions and once for the counts. Times are naive UTC."""
    table = engine.events(events)
    inside = table.filter(
        table.timestamp >= ibis.literal(window_start, "timestamp"),
        table.timestamp < ibis.literal(window_end, "timestamp"),
    )
    start = _micros(window_start)
    window = inside.select("user_id", "action", "metadata", at=engine.micros(inside.timestamp) - start)
    names = engine.fetch(window.select("action").distinct())["action"].to_pylist()
    assigned = roles.assign(sorted({*names, *(layout.sources if layout else ())}))
    lookup = engine.keep(
        pa.table({"action": pa.array(assigned, pa.string()), "role": pa.array(assigned.values(), pa.string())})
    )
    counted = window.group_by("user_id", "action").agg(
        n=window.count(), first_at=window["at"].min(), last_at=window["at"].max()
    )
    joined = counted.left_join(lookup, "action")
    outcome = joined.role.isin(["good", "bad"]).fill_null(False)
    counts = engine.keep(joined.select("user_id", "action", "n", "first_at", "last_at", outcome=outcome))
    length = _micros(window_end) - start
    spans = engine.keep(_spans(counts, length, min_events))
    return Log(engine, window, counts, spans, length, assigned, roles, layout)


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
