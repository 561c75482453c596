"""Seeded event logs of kinds of users that differ in what they do, when, in which order, over what life; and of none.

Independent of the segmentation and of the other planted logs. `SHAPES` have kinds, `CONTINUA` have none: there users differ
by degree. A log is drawn with events as a real log has them; seeds below 100 are for tuning, those from 100 on for reports.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

ACTIONS = 16
DAYS = 90
START = np.datetime64("2026-01-05", "us")  # a Monday
SHOP = ("open", "search", "view_item", "compare", "read_review", "add_item", "remove_item", "checkout")
SOCIAL = ("invite", "comment", "upload", "export", "share", "edit_profile", "follow", "rate")
NAMES = np.array([*SHOP, *SOCIAL])


@dataclass
class Behaviour:
    """What each of the users does.

    `mix` (users, ACTIONS) sums to 1; `sessions` a day and `depth` events a session (users,); `begin` and `end` (users,) are the
    active part of the window, 0 to 1; `hours` (users, 24) and `weekdays` (users, 7) are shares; `order` (users,) picks one of
    `transitions` (orders, ACTIONS, ACTIONS), -1 draws actions independently; `extra` are single events to add:
    (user, action).
    """

    mix: np.ndarray
    sessions: np.ndarray
    depth: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    hours: np.ndarray
    weekdays: np.ndarray
    order: np.ndarray
    transitions: np.ndarray = field(default_factory=lambda: np.empty((0, ACTIONS, ACTIONS)))
    extra: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True)
class BehaviourLog:
    """Events (user_id, timestamp, action), and the kind of each user (user_id -> number)."""

    events: pd.DataFrame
    truth: pd.Series


def _users(rng: np.random.Generator, mix: np.ndarray, own: float = 60.0, activity: float = 0.4) -> Behaviour:
    """Users with the mean `mix` (users, ACTIONS) each; `own` is how closely each keeps to it, `activity` the spread of
    rates."""
    n = len(mix)
    shares = rng.gamma(own * mix + 1e-3)
    return Behaviour(
        mix=shares / shares.sum(axis=1, keepdims=True),
        sessions=0.12 * rng.lognormal(0, activity, n),
        depth=5 * rng.lognormal(0, 0.25, n),
        begin=np.zeros(n),
        end=np.ones(n),
        hours=np.tile(_day_curve(14, 5), (n, 1)),
        weekdays=np.tile(np.full(7, 1 / 7), (n, 1)),
        order=np.full(n, -1),
    )


def _day_curve(peak: float, width: float) -> np.ndarray:
    away = np.abs((np.arange(24) - peak + 12) % 24 - 12)
    curve = np.exp(-0.5 * (away / width) ** 2) + 0.01
    return np.asarray(curve / curve.sum())


def _kind_mixes(rng: np.random.Generator, kinds: int, contrast: float) -> np.ndarray:
    """Mean mixes (kinds, ACTIONS): a common one, and three actions of each kind, at most one of them shared with another."""
    common = rng.dirichlet(np.full(ACTIONS, 2.0))
    own = np.zeros((kinds, ACTIONS))
    taken: list[set[int]] = []
    while len(taken) < kinds:
        actions = set(rng.choice(ACTIONS, 3, replace=False).tolist())
        if all(len(actions & others) <= 1 for others in taken):
            own[len(taken), sorted(actions)] = rng.uniform(0.7, 1.3, 3)
            taken.append(actions)
    return np.asarray((1 - contrast) * common + contrast * own / own.sum(axis=1, keepdims=True))


def _kinds(rng: np.random.Generator, weights: np.ndarray, users: int, contrast: float) -> tuple[Behaviour, np.ndarray]:
    kind = rng.choice(len(weights), users, p=weights / weights.sum())
    behaviour = _users(rng, _kind_mixes(rng, len(weights), contrast)[kind])
    behaviour.sessions *= np.exp(rng.uniform(-0.4, 0.4, len(weights)))[kind]
    behaviour.depth *= np.exp(rng.uniform(-0.3, 0.3, len(weights)))[kind]
    return behaviour, kind


def kinds_shape(weights: list[float], users: int = 1500, contrast: float = 0.65) -> "Shape":
    """Kinds as frequent as `weights` that differ in what they do."""
    return lambda rng: _kinds(rng, np.array(weights), users, contrast)


def sparse_kinds(rng: np.random.Generator) -> tuple[Behaviour, np.ndarray]:
    """Five kinds of users with a dozen events each."""
    behaviour, kind = _kinds(rng, np.ones(5), 1800, 0.85)
    behaviour.sessions *= 0.04 / behaviour.sessions.mean()
    behaviour.depth *= 4 / behaviour.depth.mean()
    return behaviour, kind


def shop(rng: np.random.Generator) -> tuple[Behaviour, np.ndarray]:
    """A shop: lookers, searchers, buyers, returners, bargain hunters and reviewers, unequal in number and activity."""
    weights = np.array([0.34, 0.22, 0.18, 0.1, 0.1, 0.06])
    profiles = np.full((6, ACTIONS), 0.004)
    for row, (places, shares) in zip(
        profiles,
        [
            ((0, 2, 4), (0.3, 0.6, 0.1)),
            ((0, 1, 2, 3), (0.15, 0.45, 0.25, 0.15)),
            ((0, 2, 5, 7), (0.15, 0.3, 0.3, 0.25)),
            ((0, 5, 6, 7, 9), (0.1, 0.25, 0.3, 0.15, 0.2)),
            ((1, 2, 3, 5, 12), (0.15, 0.2, 0.35, 0.2, 0.1)),
            ((4, 9, 14, 15), (0.3, 0.3, 0.15, 0.25)),
        ],
        strict=True,
    ):
        row[list(places)] += shares
    profiles /= profiles.sum(axis=1, keepdims=True)
    kind = rng.choice(6, 2000, p=weights)
    behaviour = _users(rng, profiles[kind], own=40, activity=0.7)
    behaviour.sessions *= np.array([0.6, 0.8, 1.2, 1.0, 1.6, 0.8])[kind]
    return behaviour, kind


def incidents(rng: np.random.Generator) -> tuple[Behaviour, np.ndarray]:
    """Users of three kinds, of whom a quarter met one of two incidents a few times, which changes little else."""
    behaviour, kind = _kinds(rng, np.ones(3), 1800, 0.7)
    met = rng.random(len(kind))
    for user in np.flatnonzero(met < 0.25):
        action = "payment_failed" if met[user] < 0.13 else "upload_stuck"
        behaviour.extra += [(int(user), action)] * int(2 + rng.poisson(2.5))
    return behaviour, np.where(met < 0.13, 3, np.where(met < 0.25, 4, kind))


def order_only(rng: np.random.Generator) -> tuple[Behaviour, np.ndarray]:
    """Four kinds with equal shares of actions who go through them in another order."""
    kind = rng.choice(4, 1500)
    behaviour = _users(rng, np.full((1500, ACTIONS), 1 / ACTIONS))
    behaviour.depth *= 2
    behaviour.order = kind
    behaviour.transitions = np.full((4, ACTIONS, ACTIONS), 0.35 / ACTIONS)
    for number in range(4):
        circle = rng.permutation(ACTIONS)
        behaviour.transitions[number, circle, np.roll(circle, -1)] += 0.65
    return behaviour, kind


def rhythm_only(rng: np.random.Generator) -> tuple[Behaviour, np.ndarray]:
    """Four kinds who do the same in the morning, at night, in the evening of working days, on weekends."""
    kind = rng.choice(4, 1500)
    common = rng.dirichlet(np.full(ACTIONS, 2.0))
    behaviour = _users(rng, np.tile(common, (1500, 1)))
    behaviour.hours = np.array([_day_curve(peak, 2.5) for peak in (9, 2, 19, 14)])[kind]
    working, weekend = np.r_[np.full(5, 0.19), 0.025, 0.025], np.r_[np.full(5, 0.03), 0.425, 0.425]
    behaviour.weekdays = np.array([np.full(7, 1 / 7), np.full(7, 1 / 7), working, weekend])[kind]
    return behaviour, kind


def life_cycle(rng: np.random.Generator) -> tuple[Behaviour, np.ndarray]:
    """New, powerful, dormant and casual users, and some who came and left; all do the same things."""
    kind = rng.choice(5, 2000, p=[0.22, 0.15, 0.22, 0.23, 0.18])
    common = rng.dirichlet(np.full(ACTIONS, 2.0))
    behaviour = _users(rng, np.tile(common, (2000, 1)), activity=0.25)
    early, late = np.array([0.78, 0.0, 0.0, 0.0, 0.35])[kind], np.array([1.0, 1.0, 0.28, 1.0, 0.6])[kind]
    behaviour.begin = np.clip(early + rng.uniform(-0.05, 0.05, 2000), 0, 1)
    behaviour.end = np.clip(late + rng.uniform(-0.05, 0.05, 2000), 0, 1)
    behaviour.sessions *= np.array([2.5, 5.0, 2.2, 0.8, 2.5])[kind]
    return behaviour, kind


def gradient(dimensions: int) -> "Shape":
    """No kinds: the mix moves along `dimensions` latent scales on which users lie evenly."""

    def draw(rng: np.random.Generator) -> tuple[Behaviour, np.ndarray]:
        place = rng.uniform(-1.7, 1.7, (1500, dimensions))
        logits = np.log(rng.dirichlet(np.full(ACTIONS, 3.0))) + place @ rng.normal(0, 0.7, (dimensions, ACTIONS))
        mix = np.exp(logits)
        behaviour = _users(rng, mix / mix.sum(axis=1, keepdims=True))
        behaviour.sessions *= np.exp(0.4 * place[:, 0])
        return behaviour, np.zeros(1500, dtype=int)

    return draw


def funnel(rng: np.random.Generator) -> tuple[Behaviour, np.ndarray]:
    """No kinds: each user gets a little further down one road, by a degree that is spread evenly."""
    degree = rng.uniform(0, 1, 1500)
    steps = np.linspace(0, 1, ACTIONS)
    mix = 1 / (1 + np.exp((steps[None] - degree[:, None]) / 0.12)) * np.linspace(1.5, 0.5, ACTIONS) + 0.003
    return _users(rng, mix / mix.sum(axis=1, keepdims=True)), np.zeros(1500, dtype=int)


def pareto(rng: np.random.Generator) -> tuple[Behaviour, np.ndarray]:
    """No kinds: the same mix for all, and activity with a heavy tail."""
    behaviour = _users(rng, np.tile(rng.dirichlet(np.full(ACTIONS, 2.0)), (1500, 1)))
    behaviour.sessions = np.minimum(0.06 * (1 + rng.pareto(1.3, 1500)), 6)
    return behaviour, np.zeros(1500, dtype=int)


def growth(rng: np.random.Generator) -> tuple[Behaviour, np.ndarray]:
    """No kinds: users join evenly over the window and slow down as they age."""
    behaviour = _users(rng, np.tile(rng.dirichlet(np.full(ACTIONS, 2.0)), (1500, 1)), activity=0.6)
    behaviour.begin = rng.uniform(0, 0.9, 1500)
    behaviour.end = np.minimum(1, behaviour.begin + rng.exponential(0.5, 1500))
    behaviour.sessions *= 2
    return behaviour, np.zeros(1500, dtype=int)


def topics(rng: np.random.Generator) -> tuple[Behaviour, np.ndarray]:
    """No kinds: everyone mixes five topics, to degrees drawn evenly from all mixtures (latent Dirichlet allocation)."""
    base = rng.dirichlet(np.full(ACTIONS, 0.6), 5)
    return _users(rng, rng.dirichlet(np.ones(5), 1500) @ base), np.zeros(1500, dtype=int)


def sparse_noise(rng: np.random.Generator) -> tuple[Behaviour, np.ndarray]:
    """No kinds: a dozen events each from one mix."""
    behaviour = _users(rng, np.tile(rng.dirichlet(np.full(ACTIONS, 1.0)), (1500, 1)))
    behaviour.sessions *= 0.03 / behaviour.sessions.mean()
    behaviour.depth *= 0.8
    return behaviour, np.zeros(1500, dtype=int)


Shape = Callable[[np.random.Generator], tuple[Behaviour, np.ndarray]]
SHAPES: Mapping[str, Shape] = {
    "six": kinds_shape([1] * 6),
    "sixty": kinds_shape([60, 10, 10, 10, 10]),
    "eighty": kinds_shape([80, 5, 5, 5, 5], 2400),
    "twelve": kinds_shape([1] * 12, 2400),
    "rare": kinds_shape([40, 30, 20, 9, 1], 3000),
    "unequal": kinds_shape([35, 25, 18, 12, 7, 3], 2000),
    "overlapping": kinds_shape([1] * 5, 1500, 0.3),
    "sparse": sparse_kinds,
    "shop": shop,
    "incidents": incidents,
    "order": order_only,
    "rhythm": rhythm_only,
    "life_cycle": life_cycle,
}
CONTINUA: Mapping[str, Shape] = {
    "gradient_1": gradient(1),
    "gradient_2": gradient(2),
    "gradient_3": gradient(3),
    "funnel": funnel,
    "pareto": pareto,
    "growth": growth,
    "topics": topics,
    "sparse_noise": sparse_noise,
}


def draw_log(shape: str, seed: int, again: int = 0) -> BehaviourLog:
    """Draw the log of that shape and seed; `again` draws other sessions of the same users."""
    rng = np.random.default_rng([seed, *shape.encode()])
    behaviour, kind = {**SHAPES, **CONTINUA}[shape](rng)
    ids = np.array([f"u{number:05d}" for number in rng.permutation(len(kind))])
    events = _draw_events(np.random.default_rng([seed, again + 1, *shape.encode()]), behaviour, ids)
    return BehaviourLog(events, pd.Series(kind, index=ids, name="kind").sort_index())


def _draw_events(rng: np.random.Generator, behaviour: Behaviour, ids: np.ndarray) -> pd.DataFrame:
    """Sessions at the user's days and hours, each a run of events half a minute apart or so."""
    live = behaviour.end - behaviour.begin
    user_of_session = np.repeat(np.arange(len(ids)), 1 + rng.poisson(behaviour.sessions * DAYS * live))
    day = _days(rng, behaviour, user_of_session)
    hour = (rng.random(len(day))[:, None] > behaviour.hours.cumsum(axis=1)[user_of_session]).sum(axis=1).clip(max=23)
    start = day * 86_400 + hour * 3600 + rng.uniform(0, 3600, len(day))
    length = 1 + rng.poisson(np.maximum(behaviour.depth[user_of_session] - 1, 0.2))
    session = np.repeat(np.arange(len(day)), length)
    place = np.arange(len(session)) - np.repeat(np.cumsum(length) - length, length)
    user = user_of_session[session]
    action = (rng.random(len(user))[:, None] > behaviour.mix.cumsum(axis=1)[user]).sum(axis=1).clip(max=ACTIONS - 1)
    for step in range(1, int(length.max())):
        rows = np.flatnonzero((place == step) & (behaviour.order[user] >= 0))
        if len(rows):
            odds = behaviour.transitions[behaviour.order[user[rows]], action[rows - 1]].cumsum(axis=1)
            action[rows] = (rng.random(len(rows))[:, None] > odds).sum(axis=1).clip(max=ACTIONS - 1)
    waits = rng.exponential(30, len(user)) + 1
    elapsed = waits.cumsum()
    elapsed -= np.repeat(elapsed[np.cumsum(length) - length], length)
    seconds = start[session] + elapsed
    drawn = pd.DataFrame({"user": user, "seconds": seconds, "action": NAMES[action]})
    if behaviour.extra:
        drawn = pd.concat([drawn, _extra_events(rng, behaviour, drawn)])
    moment = START + (drawn["seconds"].to_numpy() * 1e6).astype("int64").astype("timedelta64[us]")
    events = pd.DataFrame({"user_id": ids[drawn["user"]], "timestamp": moment, "action": drawn["action"].to_numpy()})
    return events.sort_values(["timestamp", "user_id"], ignore_index=True)


def _days(rng: np.random.Generator, behaviour: Behaviour, user: np.ndarray) -> np.ndarray:
    """A day of the window for each session, within its user's life and by their weekdays."""
    day = np.empty(len(user), dtype=int)
    left = np.arange(len(user))
    most = behaviour.weekdays.max(axis=1)
    while len(left):
        who = user[left]
        draw = behaviour.begin[who] + rng.random(len(who)) * (behaviour.end - behaviour.begin)[who]
        day[left] = np.minimum((draw * DAYS).astype(int), DAYS - 1)
        kept = rng.random(len(who)) < behaviour.weekdays[who, day[left] % 7] / most[who]
        left = left[~kept]
    return day


def _extra_events(rng: np.random.Generator, behaviour: Behaviour, drawn: pd.DataFrame) -> pd.DataFrame:
    """The single events of `behaviour`, each just after an event that its user has anyway."""
    seconds = dict(iter(drawn.groupby("user")["seconds"]))
    rows = [(user, float(rng.choice(seconds[user].to_numpy())) + 2, action) for user, action in behaviour.extra]
    return pd.DataFrame(rows, columns=["user", "seconds", "action"])
