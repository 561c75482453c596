"""Users measured twice, on two halves of their sessions: what holds in both is theirs, what does not is chance.

The same feature code runs on each half. Views are counted there too: at which hours, on which weekdays, in which part of the
window and in which order users act.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import ibis
import pyarrow as pa
from ibis.expr import types as ir

from grupa_pipeline.aggregates.engine import Engine
from grupa_pipeline.aggregates.event_window import ActionRoles
from grupa_pipeline.aggregates.folding import fold_actions
from grupa_pipeline.aggregates.units import DAY, HOUR, IDLE
from grupa_pipeline.features.feature_set import measure_features
from grupa_pipeline.vocabulary.enums import FeatureView, Role

LIFE_PARTS = 64
"""Equal parts of the window that the view of life counts events in."""
STRETCHES = 8
"""A user's sessions alternate between the halves in about so many stretches: what is done over several sessions in a row, such as
a proposal drafted in one and sent in the next, would else be seen in both halves although it was done once."""
HOURS = 3
"""Hours that are counted together."""
MONDAY = 3
"""Days from the Monday of its week to 1 January 1970."""


@dataclass(frozen=True)
class SessionHalves:
    """Two measurements of the same users.

    Attributes:
        features: Features of each half, the columns of the catalog given; a user without events in a half is missing.
        sessions: user_id, sessions.
    """

    features: tuple[pa.Table, pa.Table]
    sessions: pa.Table


def measure_halves(
    engine: Engine,
    events: str,
    *,
    window_start: datetime,
    window_end: datetime,
    roles: ActionRoles,
    catalog: pa.Table,
    users: Iterable[str],
) -> SessionHalves:
    """Measure `users` on two halves of their sessions, in stretches that alternate (`STRETCHES`); those with a single session on
    their odd and even events.

    Args:
        engine: Sees the events.
        events: Name of a table or view with user_id, timestamp, action, metadata, sequence.
        window_start: First instant of the window (naive UTC, at midnight).
        window_end: End of the window.
        roles: Assigns roles to actions; outcomes are left out.
        catalog: The columns to measure, as rows of `feature_catalog`.
        users: Ids of the users.
    """
    halved = engine.materialize(_halve(engine, events, window_start, window_end, roles, users))
    features = []
    for half in (0, 1):
        part = halved.filter(halved.half == half)
        features.append(_measure_part(engine, part, window_start, window_end, roles, catalog))
    sessions = halved.group_by("user_id").agg(sessions=halved.session.max().cast("int64"))
    return SessionHalves((features[0], features[1]), engine.fetch(sessions.order_by("user_id")))


def measure_beginnings(
    engine: Engine,
    events: str,
    *,
    window_start: datetime,
    window_end: datetime,
    roles: ActionRoles,
    catalog: pa.Table,
    lengths: Mapping[str, int],
) -> pa.Table:
    """Features of users on their first events alone, outcomes left out: what would be known of them, had they stopped there.

    `lengths` is how many events by user_id; the other arguments are those of `measure_halves`.
    """
    rows = _halve(engine, events, window_start, window_end, roles, lengths)
    wanted = engine.materialize(
        pa.table(
            {"user_id": pa.array(sorted(lengths), pa.string()), "length": [lengths[user] for user in sorted(lengths)]}
        )
    )
    rows = rows.inner_join(wanted, "user_id")
    return _measure_part(engine, rows.filter(rows.place < rows.length), window_start, window_end, roles, catalog)


def _measure_part(
    engine: Engine, rows: ir.Table, window_start: datetime, window_end: datetime, roles: ActionRoles, catalog: pa.Table
) -> pa.Table:
    """Features of users on a part of their events."""
    part = rows.select("user_id", "timestamp", "action", "metadata", "sequence")
    return measure_features(
        engine,
        engine.materialize(part).get_name(),
        window_start=window_start,
        window_end=window_end,
        roles=roles,
        min_events=1,
        like=catalog,
    ).features


def measure_views(
    engine: Engine,
    events: str,
    *,
    window_start: datetime,
    window_end: datetime,
    roles: ActionRoles,
    users: Iterable[str],
) -> dict[FeatureView, pa.Table]:
    """Counts of each view by user and half, outcomes left out: user_id, half, n and key, or for the order before and action.

    Hours are counted in days, odd against even ones, and weekdays in weeks: what somebody does within an hour of one day, however
    much it is, says once that they act at that hour, and two sessions of one day say nothing about other days. Order and life
    are counted in events. The arguments are those of `measure_halves`.
    """
    rows = engine.materialize(_halve(engine, events, window_start, window_end, roles, users))
    origin = int((window_start - datetime(1970, 1, 1)).total_seconds()) * 1_000_000
    length = int((window_end - window_start).total_seconds()) * 1_000_000
    day = rows["at"] // DAY
    views = {
        FeatureView.HOUR: _count_periods(rows, day, rows["at"] % DAY // (HOURS * HOUR)),
        FeatureView.WEEKDAY: _count_periods(rows, (day + MONDAY) // 7, day % 7),
        FeatureView.LIFE: _count(rows, (rows["at"] - origin) * LIFE_PARTS // length),
        FeatureView.ORDER: _count_moves(rows),
    }
    return {view: engine.fetch(counts) for view, counts in views.items()}


def _halve(
    engine: Engine, events: str, start: datetime, end: datetime, roles: ActionRoles, users: Iterable[str]
) -> ir.Table:
    """Events of `users` in the window with `at` (microseconds), `session` (from 1), `half` and `half_by_chance` (0 or 1)."""
    wanted = engine.materialize(pa.table({"user_id": pa.array(sorted(users), pa.string())}))
    rows = fold_actions(engine.events(events), roles.fold)
    if "sequence" not in rows.columns:
        rows = rows.mutate(sequence=ibis.null("int64"))  # events of an earlier release
    rows = rows.filter(
        rows.timestamp >= ibis.literal(start, "timestamp"), rows.timestamp < ibis.literal(end, "timestamp")
    )
    rows = rows.semi_join(wanted, "user_id").select("user_id", "timestamp", "action", "metadata", "sequence")
    named = sorted(engine.fetch(rows.select("action").distinct())["action"].to_pylist())
    outcomes = [action for action, role in roles.assign(named).items() if role in (Role.GOAL, Role.BAD_END)]
    if outcomes:  # outcomes make no clusters: neither by themselves nor by where a session begins
        rows = rows.filter(~rows.action.isin(outcomes))
    rows = rows.mutate(at=engine.microseconds(rows.timestamp))
    described = rows.metadata.cast(
        "string"
    )  # so that the order of the rows does not decide between events of one instant
    order = ibis.window(group_by="user_id", order_by=[rows["at"], rows.sequence, rows.action, described])
    rows = rows.mutate(before_at=rows["at"].lag().over(order), place=ibis.row_number().over(order))
    rows = rows.mutate(starts=(rows.before_at.isnull() | (rows["at"] - rows.before_at > IDLE)).cast("int64"))
    running = ibis.window(
        group_by="user_id", order_by=["at", "sequence", "action", "place"], preceding=None, following=0
    )
    rows = rows.mutate(session=rows.starts.sum().over(running))
    user = ibis.window(group_by="user_id")
    rows = rows.mutate(sessions=rows.session.max().over(user))
    began = rows["at"].min().over(ibis.window(group_by=["user_id", "session"]))
    # The halves' sessions alternate in time, so when they are is the same by construction. A scrambled bit of the second at
    # which a session begins is as good as a coin, and the same on every engine.
    coin = ((began // 1_000_000) * 1_103_515_245 + 12_345) // 65_536 % 2
    stretch = ibis.greatest(rows.sessions // STRETCHES, 1)
    place = ibis.ifelse(rows.sessions >= 2, 1 + (rows.session - 1) // stretch, rows.place)
    return rows.mutate(half=place % 2, half_by_chance=coin)


def _count_periods(rows: ir.Table, period: ir.Value, key: ir.Value) -> ir.Table:
    """In how many periods (of a number each) a user acted at each key; odd periods are one half, even ones the other."""
    keyed = rows.select("user_id", half=(period % 2).cast("int64"), key=key.cast("int64"), period=period)
    counted = keyed.group_by("user_id", "half", "key").agg(n=keyed.period.nunique().cast("int64"))
    return counted.order_by("user_id", "half", "key")


def _count(rows: ir.Table, key: ir.Value) -> ir.Table:
    keyed = rows.select("user_id", half=rows.half_by_chance.cast("int64"), key=key.cast("int64"))
    return keyed.group_by("user_id", "half", "key").agg(n=keyed.count()).order_by("user_id", "half", "key")


def _count_moves(rows: ir.Table) -> ir.Table:
    """From which action to which; none into or out of an instant whose events are in no known order."""
    instant = ibis.window(group_by=["user_id", "at"])
    rows = rows.mutate(
        unordered=(rows.count().over(instant) > 1) & (rows.sequence.count().over(instant) < rows.count().over(instant))
    )
    order = ibis.window(group_by=["user_id", "session"], order_by=["place"])
    beside = rows.mutate(
        before=rows.action.lag().over(order),
        after_unordered=rows.unordered.lag().over(order),
    )
    moves = beside.filter(
        beside.before.notnull(), ~beside.unordered, ~beside.after_unordered, beside.before != beside.action
    )
    counted = moves.select("user_id", "before", "action", half=moves.half.cast("int64"))
    return (
        counted.group_by("user_id", "half", "before", "action")
        .agg(n=counted.count())
        .order_by("user_id", "half", "before", "action")
    )
