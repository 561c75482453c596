"""Seeded feature tables with known kinds of users, shaped like those made from logs.

A user draws a number of events, a mix of actions around their kind's, a session rhythm and a recency; the features are
what the draws show: shares that sum to one and carry counting noise, rates, gaps, spans and a duration that only some
users have. Independent of the segmentation.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from grupa_pipeline.vocabulary.feature_families import FeatureFamily, column_name

ACTIONS = 14
ACTION_SHARES = [column_name(FeatureFamily.ACTION_SHARE, f"a{number:02d}") for number in range(ACTIONS)]
"""The columns of a table that are shares of actions."""


@dataclass(frozen=True)
class Kinds:
    """Parameters of each kind: action mix (kinds, actions), events, sessions a week, events a session, recency,
    hours."""

    mix: np.ndarray
    events: np.ndarray
    sessions: np.ndarray
    depth: np.ndarray
    recency: np.ndarray
    hours: np.ndarray

    def __len__(self) -> int:
        return len(self.mix)


@dataclass(frozen=True)
class Planted:
    """A feature table and the planted kind of each user (-1 is planted noise); `kinds` is how many there are."""

    features: pd.DataFrame
    truth: pd.Series
    kinds: int


def draw_kinds(rng: np.random.Generator, count: int, contrast: float) -> Kinds:
    """Kinds that differ by `contrast`: 1 is far apart, 0 all alike. Every kind has its own two or three main
    actions."""
    base = rng.dirichlet(np.full(ACTIONS, 3.0))
    own = np.full((count, ACTIONS), 0.02)
    for kind in range(count):
        favourites = (kind * 2 + np.arange(3)) % ACTIONS
        own[kind, favourites] += rng.uniform(0.6, 1.4, 3)
    own /= own.sum(axis=1, keepdims=True)
    mix = (1 - contrast) * base + contrast * own

    def spread(centre: float, factor: float) -> np.ndarray:
        return centre * factor ** (contrast * rng.permutation(np.linspace(-1, 1, count)))

    return Kinds(mix, spread(60, 1.8), spread(3, 2.0), spread(6, 1.8), spread(7, 2.5), spread(20, 2.5))


def draw_users(rng: np.random.Generator, kinds: Kinds, kind: np.ndarray, looseness: float = 1.0) -> pd.DataFrame:
    """Feature rows (users, features) for users of the given `kind`; `looseness` widens the spread within a kind."""
    n = len(kind)
    wide = 0.35 * looseness
    events = np.maximum(5, rng.lognormal(np.log(kinds.events[kind]), wide, n)).astype(int)
    mix = np.stack([rng.dirichlet(kinds.mix[k] * 40 / looseness**2 + 0.05) for k in kind])
    counts = rng.multinomial(events, mix)
    sessions = rng.gamma(6, rng.lognormal(np.log(kinds.sessions[kind]), wide * 0.6, n) / 6)
    depth = rng.lognormal(np.log(kinds.depth[kind]), wide, n)
    recency = rng.exponential(kinds.recency[kind])
    hours = rng.lognormal(np.log(kinds.hours[kind]), 0.6 * looseness, n)
    shares = counts / events[:, None]
    table = pd.DataFrame(shares, columns=ACTION_SHARES)
    table["sessions_per_week"] = sessions
    table["events_per_session"] = np.maximum(1.0, depth)
    table["recency_days"] = recency
    table["active_days"] = np.minimum(70, np.ceil(sessions * 10 * rng.uniform(0.5, 0.9, n)))
    table["events"] = events.astype(float)
    table["distinct_actions"] = (counts > 0).sum(axis=1).astype(float)
    table["concentration"] = (shares**2).sum(axis=1)
    table["hours_to_submit"] = np.where(counts[:, 0] + counts[:, 2] > 0, hours, np.nan)
    return table


def _named(table: pd.DataFrame, truth: np.ndarray, rng: np.random.Generator, kinds: int) -> Planted:
    ids = [f"u{i:06d}" for i in rng.permutation(len(table))]
    index = pd.Index(ids, name="user_id")
    return Planted(table.set_axis(index), pd.Series(truth, index=index), kinds)


def _planted(seed: int, weights: np.ndarray, users: int, contrast: float, looseness: float = 1.0) -> Planted:
    rng = np.random.default_rng(seed)
    kinds = draw_kinds(rng, len(weights), contrast)
    kind = rng.choice(len(weights), users, p=weights / weights.sum())
    return _named(draw_users(rng, kinds, kind, looseness), kind, rng, len(weights))


def separable(seed: int, users: int = 2000) -> Planted:
    return _planted(seed, np.ones(6), users, contrast=0.8)


def overlapping(seed: int, users: int = 2000) -> Planted:
    return _planted(seed, np.ones(5), users, contrast=0.45, looseness=1.15)


def unequal(seed: int, users: int = 3000) -> Planted:
    """One kind of about half the users, one of 2%."""
    return _planted(seed, np.array([50, 25, 12, 7, 4, 2.0]), users, contrast=0.75)


def long_tail(seed: int, users: int = 4000) -> Planted:
    """Seven kinds whose sizes fall by a third each."""
    return _planted(seed, (2 / 3) ** np.arange(7), users, contrast=0.8)


NOISE = 0.3


def heavy_noise(seed: int, users: int = 2500) -> Planted:
    """Five kinds, and 30% of the users with a mix, a rhythm and a recency of their own."""
    rng = np.random.default_rng(seed)
    kinds = draw_kinds(rng, 5, contrast=0.8)
    kind = rng.integers(0, 5, users)
    table = draw_users(rng, kinds, kind)
    noisy = rng.random(users) < NOISE
    count = int(noisy.sum())
    own = Kinds(
        rng.dirichlet(np.full(ACTIONS, 0.6), count),
        *(
            centre * factor ** rng.uniform(-1, 1, count)
            for centre, factor in ((60, 3), (3, 4), (6, 3), (7, 4), (20, 5))
        ),
    )
    table.loc[noisy] = draw_users(rng, own, np.arange(count)).to_numpy()
    return _named(table, np.where(noisy, -1, kind), rng, 5)


def independent(seed: int, users: int = 2000) -> Planted:
    """No structure: every column of one kind of users, shuffled on its own."""
    rng = np.random.default_rng(seed)
    table = draw_users(rng, draw_kinds(rng, 1, 0.5), np.zeros(users, dtype=int))
    shuffled = table.apply(lambda column: rng.permutation(column.to_numpy()))
    return _named(shuffled, np.zeros(users, dtype=int), rng, 0)


def one_kind(seed: int, users: int = 2000) -> Planted:
    """No structure: one kind of users, as a log would show it, shares summing to one."""
    rng = np.random.default_rng(seed)
    table = draw_users(rng, draw_kinds(rng, 1, 0.5), np.zeros(users, dtype=int), looseness=1.5)
    return _named(table, np.zeros(users, dtype=int), rng, 0)


def factors(seed: int, users: int = 2000, *, count: int = 1, heavy: bool = False) -> Planted:
    """No structure: `count` latent factors move the columns, without clusters; `heavy` has a long upper
    tail."""
    rng = np.random.default_rng(seed)
    factor = rng.standard_t(2.5, (users, count)) if heavy else rng.normal(size=(users, count))
    loading = rng.normal(size=(count, 20)) + np.sign(rng.normal(size=(count, 20))) * 0.5
    signal = factor @ loading + rng.normal(size=(users, 20))
    table = pd.DataFrame({f"rate_{i:02d}": np.exp(0.7 * signal[:, i]) for i in range(12)})
    for i in range(12, 20):
        table[f"share_{i:02d}"] = 1 / (1 + np.exp(2 - signal[:, i]))
    return _named(table, np.zeros(users, dtype=int), rng, 0)
