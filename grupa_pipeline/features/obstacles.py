"""What gets into users' way: errors, going back and forth, doing the same again and again, and where users stop for good.

A value is NULL for users who were never at the place: who never tries to pay meets no error of a payment.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import ibis
from ibis.expr import types as ir

from grupa_pipeline.aggregates.event_window import EventWindow
from grupa_pipeline.aggregates.sessionization import UserSessions
from grupa_pipeline.aggregates.units import DAY
from grupa_pipeline.features.action_columns import ActionColumns
from grupa_pipeline.features.catalog import FeatureColumn, FeatureGroup, share_of_users
from grupa_pipeline.vocabulary.action_names import numbered, slug
from grupa_pipeline.vocabulary.enums import FeatureRole, Role
from grupa_pipeline.vocabulary.feature_families import COLUMN_PREFIX, JOURNEY_MEASURES, FeatureFamily

MAX_ERRORS, MAX_LOOPS, MAX_RETRIES, MAX_STOPS = 8, 6, 6, 8
TIMES_AGAIN = 3
"""From so many returns on, a user goes back and forth, or does the same again and again."""
SILENT_DAYS = 7
"""Users are silent when nothing happened for this long up to the window's end, or for a quarter of a shorter window."""


@dataclass(frozen=True)
class ObstacleColumn:
    """One column to measure: its family, and the actions that it is about."""

    family: FeatureFamily
    actions: tuple[str, ...]


def obstacles(window: EventWindow, actions: ActionColumns, sessions: UserSessions) -> FeatureGroup | None:
    """Errors, loops, retries and last actions of the users with enough events; None where there are none."""
    returns = window.engine.materialize(_returns(window))
    stops = window.engine.materialize(_stops(window))
    if actions.layout is None:
        chosen = _choose(window, actions, sessions, returns, stops)
    else:
        chosen = [ObstacleColumn(family, names) for family, names in actions.layout.obstacles]
    if not chosen:
        return None
    rows = window.engine.materialize(_wide(window, chosen, returns, stops))
    taken: set[str] = set()
    return FeatureGroup(rows, [_column(rows, number, chosen[number], taken) for number in range(len(chosen))])


def _returns(window: EventWindow) -> ir.Table:
    """user_key, one, other, n: how often a user came back to one of two actions by the other; both are one in a retry."""
    rows = window.ordered["returns"].semi_join(window.spans, "user_key")
    rows = rows.mutate(one=ibis.least(rows.before, rows.action), other=ibis.greatest(rows.before, rows.action))
    return rows.group_by("user_key", "one", "other").agg(n=rows.n.sum().cast("int64"))


def _stops(window: EventWindow) -> ir.Table:
    """user_key, action_key: the last action of each user who reached no goal and had a bad end or fell silent.

    Users whose last instant holds several actions are left out.
    """
    silent = min(SILENT_DAYS * DAY, window.length // 4)
    counts = window.counts
    goal, bad = (window.is_one_of(counts, window.actions_of(role)) for role in (Role.GOAL, Role.BAD_END))
    users = counts.group_by("user_key").agg(
        goals=counts.n.sum(where=goal).fill_null(0),
        bad_ends=counts.n.sum(where=bad).fill_null(0),
        end_at=counts.last_at.max(where=~counts.outcome),
        seen_at=counts.last_at.max(),
    )
    ended = users.filter(
        users.goals == 0, (users.bad_ends > 0) | (users.seen_at < window.length - silent), users.end_at.notnull()
    )
    joined = counts.filter(~counts.outcome).inner_join(ended.select("user_key", "end_at"), "user_key")
    last = joined.filter(joined.last_at == joined.end_at)
    return last.group_by("user_key").agg(action_key=last.action_key.max(), n=last.count()).filter(ibis._.n == 1)


def _choose(
    window: EventWindow, actions: ActionColumns, sessions: UserSessions, returns: ir.Table, stops: ir.Table
) -> list[ObstacleColumn]:
    """The commonest of each kind that separate enough users from the others."""
    name_of = {key: action for action, key in window.keys.items()}
    again = returns.filter(returns.n >= TIMES_AGAIN).group_by("one", "other").agg(users=ibis._.count())
    pairs = [
        (row["users"], *sorted((name_of[row["one"]], name_of[row["other"]])))
        for row in window.engine.fetch(again).to_pylist()
        if actions.is_informative(row["users"])
    ]
    pairs.sort(key=lambda pair: (-pair[0], *pair[1:]))
    loops = [ObstacleColumn(FeatureFamily.LOOP, (one, other)) for _, one, other in pairs if one != other][:MAX_LOOPS]
    retries = [ObstacleColumn(FeatureFamily.RETRY, (one,)) for _, one, other in pairs if one == other][:MAX_RETRIES]
    if not window.actions_of(Role.GOAL):
        return [*_errors(window, sessions), *loops, *retries]
    counted = window.engine.fetch(
        stops.semi_join(window.spans, "user_key").group_by("action_key").agg(users=ibis._.count())
    )
    last = sorted((-row["users"], name_of[row["action_key"]]) for row in counted.to_pylist())
    common = [name for users, name in last if actions.is_informative(-users)][:MAX_STOPS]
    return [
        *_errors(window, sessions), *loops, *retries, *(ObstacleColumn(FeatureFamily.STOPPED_AT, (name,)) for name in common)
    ]  # fmt: skip


def _errors(window: EventWindow, sessions: UserSessions) -> list[ObstacleColumn]:
    """The commonest errors, each after the action that most users came from; alone where none comes before."""
    errors = [name for name in window.actions_of(Role.ERROR) if name in window.keys]
    if not errors:
        return []
    name_of = {key: action for action, key in window.keys.items()}
    met = window.counts.filter(window.is_one_of(window.counts, errors)).semi_join(window.spans, "user_key")
    counted = window.engine.fetch(met.group_by("action_key").agg(users=met.count())).to_pylist()
    common = sorted((-row["users"], name_of[row["action_key"]]) for row in counted)[:MAX_ERRORS]
    moves = sessions.moves.rename(action_key="action")
    moves = moves.filter(window.is_one_of(moves, errors)).distinct()
    before = window.engine.fetch(moves.group_by("before", "action_key").agg(users=moves.count())).to_pylist()
    unusual = {*errors, *window.actions_of(Role.HELP, Role.SYSTEM)}
    places: dict[str, list[tuple[int, str]]] = {}
    for row in before:
        if name_of[row["before"]] not in unusual:
            places.setdefault(name_of[row["action_key"]], []).append((-row["users"], name_of[row["before"]]))
    return [
        ObstacleColumn(FeatureFamily.ERROR_MET, (min(places[name])[1], name) if name in places else (name,))
        for _, name in common
    ]


def _wide(window: EventWindow, chosen: Sequence[ObstacleColumn], returns: ir.Table, stops: ir.Table) -> ir.Table:
    """A row a user with enough events; for obstacle n the columns met_n (times) and, but for last actions, was_n_m (whether
    the user did its action m)."""
    counts = window.counts.semi_join(window.spans, "user_key")
    did = counts.group_by("user_key").agg(
        **{
            f"was_{n}_{m}": counts.count(where=window.is_one_of(counts, [action])) > 0
            for n, obstacle in enumerate(chosen)
            for m, action in enumerate(obstacle.actions)
        }
    )
    keys = window.keys
    again = returns.group_by("user_key").agg(
        events=returns.n.sum().cast("int64"),
        **{
            f"met_{n}": returns.n.sum(
                where=(returns.one == min(keys.get(name, -1) for name in obstacle.actions))
                & (returns.other == max(keys.get(name, -1) for name in obstacle.actions))
            )
            for n, obstacle in enumerate(chosen)
            if obstacle.family in (FeatureFamily.LOOP, FeatureFamily.RETRY) and keys.keys() >= set(obstacle.actions)
        },
    )
    last = stops.select("user_key", "action_key").mutate(
        **{
            f"met_{n}": window.is_one_of(stops, obstacle.actions)
            for n, obstacle in enumerate(chosen)
            if obstacle.family is FeatureFamily.STOPPED_AT
        }
    )
    rows = did.left_join(again.drop("events"), "user_key")
    rows = rows.drop("user_key_right") if "user_key_right" in rows.columns else rows
    rows = rows.left_join(last.drop("action_key"), "user_key")
    return rows.drop("user_key_right") if "user_key_right" in rows.columns else rows


def _column(rows: ir.Table, number: int, obstacle: ObstacleColumn, taken: set[str]) -> FeatureColumn:
    names = "__".join(
        slug(action) for action in obstacle.actions[-2 if obstacle.family is FeatureFamily.LOOP else -1 :]
    )
    name = numbered(COLUMN_PREFIX[obstacle.family] + names, taken)
    taken.add(name)
    label, description, of = _texts(obstacle)
    return share_of_users(
        name=name,
        family=obstacle.family,
        subject=None if obstacle.family is FeatureFamily.LOOP else obstacle.actions[-1],
        source_action="\n".join(obstacle.actions),
        value=_value(rows, number, obstacle),
        label=label,
        description=description,
        role=FeatureRole.CONTEXT
        if obstacle.family in (FeatureFamily.LOOP, FeatureFamily.RETRY)
        else FeatureRole.OUTCOME,
        measure=JOURNEY_MEASURES[obstacle.family],
        numerator=description,
        denominator=of,
        higher_is_better=False if obstacle.family in (FeatureFamily.ERROR_MET, FeatureFamily.STOPPED_AT) else None,
    )


def _value(rows: ir.Table, number: int, obstacle: ObstacleColumn) -> ir.Value:
    was = [rows[f"was_{number}_{m}"] for m in range(len(obstacle.actions))]
    if obstacle.family is FeatureFamily.STOPPED_AT:
        return rows[f"met_{number}"].fill_null(False).cast("int64")
    if obstacle.family is FeatureFamily.ERROR_MET:
        if len(was) == 1:
            return was[0].cast("int64")
        return (was[0] | was[1]).ifelse(was[1].cast("int64"), None)
    there = was[0] & was[-1]
    name = f"met_{number}"
    if name not in rows.columns:  # an action of an earlier catalog that nobody does any more
        return ibis.ifelse(there, 0, None)
    return there.ifelse((rows[name].fill_null(0) >= TIMES_AGAIN).cast("int64"), None)


def _texts(obstacle: ObstacleColumn) -> tuple[str, str, str]:
    """Label, description and denominator."""
    first, last = obstacle.actions[0], obstacle.actions[-1]
    match obstacle.family:
        case FeatureFamily.ERROR_MET:
            of = f"users with {first}" if first != last else "users"
            return (
                f"met {last}",
                f"users who met {last}, of those with {first}" if first != last else f"users who met {last}",
                of,
            )
        case FeatureFamily.LOOP:
            of = f"users with {first} and {last}"
            return f"back and forth: {first}, {last}", f"users who went back and forth between {first} and {last}", of
        case FeatureFamily.RETRY:
            return f"{last} again and again", f"users who did {last} again and again at once", f"users with {last}"
        case _:
            return f"stopped at {last}", f"users whose last step was {last} and who reached no goal", "users"
