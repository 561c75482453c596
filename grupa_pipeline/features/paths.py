"""In what order users do things: two-step paths within a session, and the time from one action to another.

All of it is context: it describes clusters and makes none. Outcome events are not counted.
"""

from collections.abc import Mapping, Sequence
from itertools import permutations

import pyarrow as pa
from ibis.expr import types as ir

from grupa_pipeline.aggregates.event_window import EventWindow
from grupa_pipeline.aggregates.sessionization import UserSessions
from grupa_pipeline.aggregates.units import HOUR, MINUTE
from grupa_pipeline.features.action_columns import ActionColumn, ActionColumns
from grupa_pipeline.features.action_counts import ActionCounts
from grupa_pipeline.features.catalog import FeatureColumn, FeatureGroup, mean_duration, share_of_users
from grupa_pipeline.vocabulary.enums import FeatureRole, Measure
from grupa_pipeline.vocabulary.feature_families import FeatureFamily, column_name

MAX_PATHS = 20
MAX_TIMES = 12
TIMED_ACTIONS = 8
"""Times are measured between the commonest actions only: the number of pairs grows with the square."""
_TIMED_SHARE = 0.05
"""Minimum share of users who went from one action to the other for its time to be a feature."""
_SHORTEST_TIME = MINUTE
"""Shortest mean time that is a feature: what follows within seconds was done by a machine."""


def paths(window: EventWindow, actions: ActionColumns, sessions: UserSessions) -> FeatureGroup | None:
    """Whether a user ever went directly from one action to another within a session, for the commonest such pairs."""
    action_of = dict(enumerate(sorted(actions.common, key=lambda action: action.name), 1))
    base = len(action_of) + 1
    pairs = window.engine.materialize(_pairs(window, sessions, action_of, base))
    if actions.layout:
        code_of = {action.slug: code for code, action in action_of.items()}
        known = [pair for pair in actions.layout.paths if code_of.keys() >= set(pair)]
        chosen = [code_of[first] * base + code_of[then] for first, then in known]
    else:
        chosen = _commonest(window, actions, pairs)
    if not chosen:
        return None
    by_user = pairs.group_by("user_key").agg(**{f"p{pair}": (pairs.pair == pair).any() for pair in chosen})
    rows = window.spans.select("user_key").left_join(by_user, "user_key")
    return FeatureGroup(
        rows, [_path(rows[f"p{pair}"], action_of[pair // base], action_of[pair % base]) for pair in chosen]
    )


def _pairs(window: EventWindow, sessions: UserSessions, action_of: Mapping[int, ActionColumn], base: int) -> ir.Table:
    """A row a user with enough events and pair of common actions, coded as one number."""
    codes = {action.name: code for code, action in action_of.items()}
    coded = window.engine.materialize(
        pa.table({"action": pa.array(codes, pa.string()), "code": pa.array(codes.values(), pa.int64())})
    )
    common = coded.inner_join(window.names, "action").select("code", action="action_key")
    first = common.select(before="action", before_code="code")
    moves = sessions.moves.inner_join(common, "action").inner_join(first, "before").semi_join(window.spans, "user_key")
    return moves.select("user_key", pair=moves.before_code * base + moves.code).distinct()


def _commonest(window: EventWindow, actions: ActionColumns, pairs: ir.Table) -> list[int]:
    counts = window.engine.fetch(pairs.group_by("pair").agg(users=pairs.count())).to_pylist()
    ranked = sorted((-row["users"], row["pair"]) for row in counts if actions.is_informative(row["users"]))
    return [pair for _, pair in ranked[:MAX_PATHS]]


def _path(took: ir.Value, first: ActionColumn, then: ActionColumn) -> FeatureColumn:
    return share_of_users(
        name=column_name(FeatureFamily.PATH, first.slug, then.slug),
        family=FeatureFamily.PATH,
        source_action=f"{first.name}\n{then.name}",
        value=took.fill_null(False).cast("int64"),
        label=f"{first.name} then {then.name}",
        description=f"users who went straight from {first.name} to {then.name} within a session",
        role=FeatureRole.CONTEXT,
        measure=Measure.PATH,
        numerator=f"users with {first.name} then {then.name}",
    )


def timed_actions(actions: ActionColumns) -> list[ActionColumn]:
    """The actions between which times are measured, the commonest first."""
    timed = sorted(actions.common, key=lambda action: (-action.users, -action.events, action.name))
    if actions.layout:
        in_pair = {slug for pair in actions.layout.times for slug in pair}
        return [action for action in timed if action.slug in in_pair]
    return timed[:TIMED_ACTIONS]


def times_between(window: EventWindow, actions: ActionColumns, counts: ActionCounts) -> FeatureGroup | None:
    """Hours from a user's first time of one action to their first time of another, where that came later."""
    timed = timed_actions(actions)
    if len(timed) < 2:
        return None
    rows = counts.rows.select("user_key", **{f"a{n}": counts.firsts[action.name] for n, action in enumerate(timed)})
    if actions.layout:
        number = {action.slug: n for n, action in enumerate(timed)}
        chosen = [(number[a], number[b]) for a, b in actions.layout.times if number.keys() >= {a, b}]
    else:
        chosen = _commonest_in_order(window, actions, timed, rows)
    return FeatureGroup(rows, [_time(rows[f"a{a}"], rows[f"a{b}"], timed[a], timed[b]) for a, b in chosen])


def _commonest_in_order(
    window: EventWindow, actions: ActionColumns, timed: Sequence[ActionColumn], rows: ir.Table
) -> list[tuple[int, int]]:
    pairs = list(permutations(range(len(timed)), 2))
    sums = window.engine.fetch(rows.agg(**_users_and_time(rows, pairs))).to_pylist()[0]
    ranked = sorted(
        (-sums[f"users_{a}_{b}"], timed[a].name, timed[b].name, a, b)
        for a, b in pairs
        if sums[f"users_{a}_{b}"] >= _TIMED_SHARE * actions.users
        and sums[f"time_{a}_{b}"] >= _SHORTEST_TIME * sums[f"users_{a}_{b}"]
    )
    return [(a, b) for *_, a, b in ranked[:MAX_TIMES]]


def _users_and_time(rows: ir.Table, pairs: Sequence[tuple[int, int]]) -> dict[str, ir.Value]:
    """For each pair of actions, the users who did the second one later and the sum of their times."""
    sums: dict[str, ir.Value] = {}
    for a, b in pairs:
        later = rows[f"a{a}"] < rows[f"a{b}"]
        sums[f"users_{a}_{b}"] = later.sum().fill_null(0).cast("int64")
        sums[f"time_{a}_{b}"] = (rows[f"a{b}"] - rows[f"a{a}"]).sum(where=later).fill_null(0).cast("float64")
    return sums


def _time(first_at: ir.Value, then_at: ir.Value, first: ActionColumn, then: ActionColumn) -> FeatureColumn:
    return mean_duration(
        name=column_name(FeatureFamily.TIME_BETWEEN, first.slug, then.slug),
        family=FeatureFamily.TIME_BETWEEN,
        source_action=f"{first.name}\n{then.name}",
        value=(first_at < then_at).ifelse((then_at - first_at) / HOUR, None),
        label=f"hours from {first.name} to {then.name}",
        description=(
            f"hours from the first {first.name} to the first {then.name}, of users who did both in this order"
        ),
        unit="hours",
        role=FeatureRole.CONTEXT,
    )
