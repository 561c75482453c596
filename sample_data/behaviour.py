"""Simulates a block of users over the days of a log: arrays of events, drawn from the planted kinds.

Times are seconds from the start of the log (float64), users are row numbers within the block. `generate.py` adds names and
ids and writes files. All draws come from one generator in a fixed order, so a block depends only on its seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sample_data.kinds import Kind

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DAY = 86_400.0
HOUR = 3_600.0
MIX_ACTIONS = ("search", "proposal_view", "feature_use", "message_send", "profile_update")
PROPOSAL_ACTIONS = ("proposal_create", "proposal_revise", "proposal_submit", "proposal_withdraw", "deal_complete")
ACTIONS = (*MIX_ACTIONS, "login", *PROPOSAL_ACTIONS, "support_ticket", "drop_off")
FEATURES = (
    "templates",
    "saved_search",
    "pitch_deck",
    "team_board",
    "onboarding_tour",
    "calendar",
    "analytics",
    "budget_planner",
    "video_call",
    "file_share",
    "contracts",
    "alerts",
)
CODE = {name: code for code, name in enumerate(ACTIONS)}
WITHDRAW_SHARE = 0.04
REVISION_SESSIONS = 3
"""Number of sessions between creation and end of a proposal in which it may be revised."""


@dataclass(frozen=True)
class Events:
    """Parallel arrays, one entry per event; `feature` and `proposal` are -1 where the event has none."""

    user: Ints
    time: Floats
    action: Ints
    feature: Ints
    proposal: Ints


@dataclass(frozen=True)
class Block:
    """The users of a block (kind, mobile and paid, by row) and their events in time order."""

    kind: Ints
    mobile: NDArray[np.bool_]
    paid: NDArray[np.bool_]
    events: Events


@dataclass(frozen=True)
class _Users:
    """Draws per user: first and last day of activity, pace, and cumulative shares of actions and features."""

    kind: Ints
    start: Floats
    end: Floats
    pace: Floats
    mix: Floats
    features: Floats


def simulate(kinds: Sequence[Kind], *, users: int, days: int, activity: float, rng: np.random.Generator) -> Block:
    """Draw `users` users of the `kinds` over `days` days (day 0 is a Monday).

    `activity` multiplies the rates of sessions and proposals only.
    """
    drawn = _users(kinds, users, days, rng)
    parts = [*_sessions(kinds, drawn, activity, rng), *_proposals(kinds, drawn, activity, rng)]
    merged = Events(*(np.concatenate([getattr(part, name) for part in parts]) for name in Events.__annotations__))
    mobile = rng.random(users) < _by_user(kinds, drawn.kind, "mobile")
    paid = rng.random(users) < _by_user(kinds, drawn.kind, "paid")
    order = np.argsort(merged.time, kind="stable")
    order = order[(merged.time[order] >= 0) & (merged.time[order] < days * DAY)]
    return Block(drawn.kind, mobile, paid, _take(merged, order))


def _by_user(kinds: Sequence[Kind], kind: Ints, name: str) -> Floats:
    return np.array([getattr(entry, name) for entry in kinds], dtype=float)[kind]


def _take(events: Events, rows: Ints) -> Events:
    return Events(*(getattr(events, name)[rows] for name in Events.__annotations__))


def _users(kinds: Sequence[Kind], users: int, days: int, rng: np.random.Generator) -> _Users:
    kind = rng.choice(len(kinds), size=users, p=[entry.share for entry in kinds])
    start = rng.random(users) * np.minimum(_by_user(kinds, kind, "join_days"), days - 1)
    life = _by_user(kinds, kind, "life_days") * rng.lognormal(0, 0.2, users)
    end = np.where(life > 0, np.minimum(start + life, days), days)
    pace = rng.lognormal(0, _by_user(kinds, kind, "spread"))
    mix = np.array([[entry.mix[action] for action in MIX_ACTIONS] for entry in kinds])[kind]
    likeness = _by_user(kinds, kind, "likeness")[:, None]
    features = np.array([_feature_weights(entry) for entry in kinds])[kind]
    return _Users(
        kind,
        start,
        end,
        pace,
        _cumulative_dirichlet(mix * likeness, rng),
        _cumulative_dirichlet(features * likeness, rng),
    )


def _feature_weights(kind: Kind) -> list[float]:
    rest = (1 - kind.favourite_share) / (len(FEATURES) - 1)
    return [kind.favourite_share if feature == kind.favourite else rest for feature in FEATURES]


def _cumulative_dirichlet(alpha: Floats, rng: np.random.Generator) -> Floats:
    """One cumulative Dirichlet draw per row; the small constant avoids dividing a row of zeros by zero."""
    draws = rng.gamma(alpha) + 1e-12
    cumulated: Floats = np.cumsum(draws / draws.sum(axis=1, keepdims=True), axis=1)
    return cumulated


def _pick(cumulative: Floats, rng: np.random.Generator) -> Ints:
    """Draw one category per row of cumulative shares."""
    chosen: Ints = (cumulative[:, :-1] < rng.random(len(cumulative))[:, None]).sum(axis=1)
    return chosen


def _clock(kinds: Sequence[Kind], kind: Ints, day: Floats, rng: np.random.Generator) -> Floats:
    """Time in seconds of a visit on each `day`, around the kind's peak hour; some weekend visits move to Friday."""
    day = np.floor(day)
    weekday = day % 7
    moved = (weekday >= 5) & (rng.random(len(day)) > _by_user(kinds, kind, "weekend"))
    day = np.where(moved, np.maximum(day - (weekday - 4), 0), day)
    hour = np.clip(_by_user(kinds, kind, "peak_hour") + rng.normal(0, 2.5, len(day)), 0.2, 23.4) + 0.4 * rng.random(
        len(day)
    )
    return day * DAY + hour * HOUR


def _events(
    user: Ints, time: Floats, action: Ints | str, feature: Ints | None = None, proposal: Ints | None = None
) -> Events:
    none = np.full(len(user), -1)
    code = np.full(len(user), CODE[action]) if isinstance(action, str) else action
    return Events(user, time, code, none if feature is None else feature, none if proposal is None else proposal)


def _sessions(kinds: Sequence[Kind], users: _Users, activity: float, rng: np.random.Generator) -> list[Events]:
    """Sessions: a login, actions from the user's mix seconds to minutes apart, sometimes a ticket or drop-off."""
    span = users.end - users.start
    count = 1 + rng.poisson(_by_user(kinds, users.kind, "sessions_a_week") * users.pace * span / 7 * activity)
    user = np.repeat(np.arange(len(span)), count)
    kind = users.kind[user]
    first = np.r_[0, np.cumsum(count)[:-1]]
    day = users.start[user] + rng.random(len(user)) * span[user]
    day[first] = users.start
    login = _clock(kinds, kind, day, rng)
    length = 1 + rng.poisson(_by_user(kinds, kind, "actions_a_session") - 1)
    session = np.repeat(np.arange(len(user)), length)
    passed = np.cumsum(np.clip(rng.exponential(75, len(session)), 3, 900))
    before = np.r_[0.0, passed][np.cumsum(length) - length]
    time = login[session] + passed - before[session]
    action = _pick(users.mix[user[session]], rng)
    feature = np.where(action == CODE["feature_use"], _pick(users.features[user[session]], rng), -1)
    over = login + np.diff(np.r_[before, passed[-1]])
    ticket = np.flatnonzero(rng.random(len(user)) < _by_user(kinds, kind, "tickets"))
    drop = np.flatnonzero(rng.random(len(user)) < _by_user(kinds, kind, "drop_offs"))
    return [
        _events(user, login, "login"),
        _events(user[session], time, action, feature),
        _events(user[ticket], over[ticket] + 90, "support_ticket", _pick(users.features[user[ticket]], rng)),
        _events(user[drop], over[drop] + 20, "drop_off"),
    ]


def _proposals(kinds: Sequence[Kind], users: _Users, activity: float, rng: np.random.Generator) -> list[Events]:
    """Proposals from creation to deal: revised, submitted or abandoned, sometimes withdrawn, closed days later."""
    earliest = users.start + _by_user(kinds, users.kind, "first_proposal_day") * rng.lognormal(0, 0.3, len(users.kind))
    span = np.maximum(users.end - earliest, 0)
    count = rng.poisson(_by_user(kinds, users.kind, "proposals_a_week") * users.pace * span / 7 * activity)
    user = np.repeat(np.arange(len(span)), count)
    kind = users.kind[user]
    proposal = np.arange(len(user))
    create = _clock(kinds, kind, earliest[user] + rng.random(len(user)) * span[user], rng)
    submitted = rng.random(len(user)) < _by_user(kinds, kind, "submit_share")
    took = np.maximum(_by_user(kinds, kind, "submit_hours") * rng.lognormal(0, 0.5, len(user)) * HOUR, 300)
    sent = np.flatnonzero(submitted)
    withdrawn = sent[rng.random(len(sent)) < WITHDRAW_SHARE]
    closed = np.setdiff1d(sent[rng.random(len(sent)) < _by_user(kinds, kind[sent], "deal_share")], withdrawn)
    deal_time = create + took + rng.lognormal(1, 0.5, len(user)) * DAY
    abandoned = np.flatnonzero(~submitted & (rng.random(len(user)) < 0.4))
    return [
        _events(user, create - 60, "login"),
        _events(user, create, "proposal_create", proposal=proposal),
        *_revisions(user, create, took, _by_user(kinds, kind, "revisions"), rng),
        _events(user[sent], (create + took)[sent], "proposal_submit", proposal=sent),
        _login_before(user[sent], (create + took)[sent], took[sent], rng),
        _events(user[withdrawn], (create + took)[withdrawn] + 2 * DAY, "proposal_withdraw", proposal=withdrawn),
        _events(user[closed], deal_time[closed], "deal_complete", proposal=closed),
        _events(user[abandoned], (create + took)[abandoned], "drop_off", proposal=abandoned),
    ]


def _revisions(user: Ints, create: Floats, took: Floats, mean: Floats, rng: np.random.Generator) -> list[Events]:
    """Revisions of each proposal (arrays with one entry per proposal), in a few sessions between creation and end."""
    revised = np.repeat(np.arange(len(user)), rng.poisson(mean))
    revision_session = revised * REVISION_SESSIONS + rng.integers(REVISION_SESSIONS, size=len(revised))
    into = (revision_session % REVISION_SESSIONS + 1) / (REVISION_SESSIONS + 1) * took[revised]
    minutes = rng.random(len(revised)) * np.minimum(0.4 * HOUR, 0.2 * took[revised])
    _, first = np.unique(revision_session, return_index=True)
    return [
        _events(user[revised], create[revised] + into + minutes, "proposal_revise", proposal=revised),
        _login_before(user[revised[first]], (create[revised] + into)[first], into[first], rng),
    ]


def _login_before(user: Ints, time: Floats, since: Floats, rng: np.random.Generator) -> Events:
    """Logins before proposal steps more than half an hour (`since`, seconds) after the proposal was created."""
    returning = np.flatnonzero(since > 0.5 * HOUR)
    return _events(user[returning], time[returning] - 30 - 60 * rng.random(len(returning)), "login")
