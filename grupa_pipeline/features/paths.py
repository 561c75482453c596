"""In what order users do things: two-step paths within a session, and the time from one action to another.

All of it is context: it tells clusters apart on their cards and makes none. Outcome events are not seen here.
"""

from collections.abc import Mapping, Sequence
from itertools import permutations

import pyarrow as pa
from ibis.expr import types as ir

from grupa_pipeline.aggregates.event_window import Log
from grupa_pipeline.aggregates.sessionization import Steps
from grupa_pipeline.aggregates.units import HOUR, MINUTE
from grupa_pipeline.features.action_columns import Action, Census
from grupa_pipeline.features.action_counts import Tally
from grupa_pipeline.features.catalog import Feature, Part

MOST_PATHS = 20
MOST_TIMES = 12
TIMED_ACTIONS = 8
"""Times are looked for between the commonest actions only: their number grows with the square."""
_TIMED_SHARE = 0.05
"""Share of users who must have gone from one action to the other for its time to be a feature."""
_SHORTEST_TIME = MINUTE
"""Shortest mean time that is a feature: what follows within seconds was done by a machine."""


def paths(log: Log, census: Census, steps: Steps) -> Part | None:
    """Whether a user ever went straight from one action to another within a session, for the commonest such pairs."""
    action_of = dict(enumerate(sorted(census.common, key=lambda action: action.name), 1))
    base = len(action_of) + 1
    pairs = log.engine.keep(_pairs(log, steps, action_of, base))
    if census.layout:
        code_of = {action.slug: code for code, action in action_of.items()}
        asked = [pair for pair in census.layout.paths if code_of.keys() >= set(pair)]
        chosen = [code_of[first] * base + code_of[then] for first, then in asked]
    else:
        chosen = _commonest(log, census, pairs)
    if not chosen:
        return None
    taken = pairs.group_by("user_key").agg(**{f"p{pair}": (pairs.pair == pair).any() for pair in chosen})
    rows = log.spans.select("user_key").left_join(taken, "user_key")
    return Part(rows, [_path(rows[f"p{pair}"], action_of[pair // base], action_of[pair % base]) for pair in chosen])


def _pairs(log: Log, steps: Steps, action_of: Mapping[int, Action], base: int) -> ir.Table:
    """A row a user with enough events and pair of common actions, which is one number."""
    codes = {action.name: code for code, action in action_of.items()}
    coded = log.engine.keep(
        pa.table({"action": pa.array(codes, pa.string()), "code": pa.array(codes.values(), pa.int64())})
    )
    common = coded.inner_join(log.names, "action").select("code", action="action_key")
    first = common.select(before="action", before_code="code")
    moves = steps.moves.inner_join(common, "action").inner_join(first, "before").semi_join(log.spans, "user_key")
    return moves.select("user_key", pair=moves.before_code * base + moves.code).distinct()


def _commonest(log: Log, census: Census, pairs: ir.Table) -> list[int]:
    counted = log.engine.fetch(pairs.group_by("pair").agg(users=pairs.count())).to_pylist()
    ranked = sorted((-row["users"], row["pair"]) for row in counted if census.tells(row["users"]))
    return [pair for _, pair in ranked[:MOST_PATHS]]


def _path(taken: ir.Value, first: Action, then: Action) -> Feature:
    return Feature(
        f"path_{first.slug}__{then.slug}",
        taken.fill_null(False).cast("int64"),
        f"{first.name} then {then.name}",
        f"users who went straight from {first.name} to {then.name} within a session",
        "share",
        "context",
        "proportion",
        "path",
        f"users with {first.name} then {then.name}",
        "users",
        source_action=f"{first.name}\n{then.name}",
    )


def timed_actions(census: Census) -> list[Action]:
    """The actions between which times are looked for, the commonest first."""
    timed = sorted(census.common, key=lambda action: (-action.users, -action.events, action.name))
    if census.layout:
        in_pair = {slug for pair in census.layout.times for slug in pair}
        return [action for action in timed if action.slug in in_pair]
    return timed[:TIMED_ACTIONS]


def times_between(log: Log, census: Census, tally: Tally) -> Part | None:
    """Hours from a user's first time of one action to their first time of another, where that came later."""
    timed = timed_actions(census)
    if len(timed) < 2:
        return None
    rows = tally.rows.select("user_key", **{f"a{n}": tally.firsts[action.name] for n, action in enumerate(timed)})
    if census.layout:
        number = {action.slug: n for n, action in enumerate(timed)}
        chosen = [(number[a], number[b]) for a, b in census.layout.times if number.keys() >= {a, b}]
    else:
        chosen = _commonest_in_order(log, census, timed, rows)
    return Part(rows, [_time(rows[f"a{a}"], rows[f"a{b}"], timed[a], timed[b]) for a, b in chosen])


def _commonest_in_order(log: Log, census: Census, timed: Sequence[Action], rows: ir.Table) -> list[tuple[int, int]]:
    pairs = list(permutations(range(len(timed)), 2))
    counted = log.engine.fetch(rows.agg(**_users_and_time(rows, pairs))).to_pylist()[0]
    ranked = sorted(
        (-counted[f"users_{a}_{b}"], timed[a].name, timed[b].name, a, b)
        for a, b in pairs
        if counted[f"users_{a}_{b}"] >= _TIMED_SHARE * census.users
        and counted[f"time_{a}_{b}"] >= _SHORTEST_TIME * counted[f"users_{a}_{b}"]
    )
    return [(a, b) for *_, a, b in ranked[:MOST_TIMES]]


def _users_and_time(rows: ir.Table, pairs: Sequence[tuple[int, int]]) -> dict[str, ir.Value]:
    """For each pair of actions, the users who did the second one later and the sum of their times."""
    sums: dict[str, ir.Value] = {}
    for a, b in pairs:
        later = rows[f"a{a}"] < rows[f"a{b}"]
        sums[f"users_{a}_{b}"] = later.sum().fill_null(0).cast("int64")
        sums[f"time_{a}_{b}"] = (rows[f"a{b}"] - rows[f"a{a}"]).sum(where=later).fill_null(0).cast("float64")
    return sums


def _time(first_at: ir.Value, then_at: ir.Value, first: Action, then: Action) -> Feature:
    return Feature(
        f"hours_{first.slug}__{then.slug}",
        (first_at < then_at).ifelse((then_at - first_at) / HOUR, None),
        f"hours from {first.name} to {then.name}",
        f"hours from the first {first.name} to the first {then.name}, of users who did both in this order",
        "hours",
        "context",
        "mean",
        "duration",
        source_action=f"{first.name}\n{then.name}",
    )
