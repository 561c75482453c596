"""Seeded planted event logs and their features, computed by `grupa_pipeline.features` as for a real log.

A user has a rate of sessions, a number of events a session, a mix of actions and a pace; kinds differ in all four. Without
kinds, only latent factors vary, so there are no clusters. Independent of the segmentation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb
import numpy as np
import pandas as pd

from benchmarks.segmentation.planted import Planted
from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.features.feature_set import build_features

ACTIONS = 14
DAYS = 60
START = datetime(2026, 1, 1)
USERS = 1200


@dataclass(frozen=True)
class Habits:
    """What each user does: sessions a day, events a session, seconds between events (users,), action mix (users,
    actions)."""

    sessions: np.ndarray
    depth: np.ndarray
    pace: np.ndarray
    mix: np.ndarray


def kinds_log(
    seed: int,
    weights: Sequence[float],
    *,
    contrast: float,
    noise: float = 0.0,
    users: int = USERS,
) -> Planted:
    """Users of kinds as frequent as their `weights`, which differ by `contrast`: 1 is far apart, 0 all alike.

    A share of `noise` of the users has a mix, a rate, a depth and a pace of their own each.
    """
    rng = np.random.default_rng(seed)
    kinds = len(weights)
    kind = rng.choice(kinds, users, p=np.divide(weights, np.sum(weights)))
    base = rng.dirichlet(np.full(ACTIONS, 3.0))
    own = np.full((kinds, ACTIONS), 0.02)
    for number in range(kinds):
        own[number, (number * 2 + np.arange(3)) % ACTIONS] += rng.uniform(0.6, 1.4, 3)
    mixes = (1 - contrast) * base + contrast * own / own.sum(axis=1, keepdims=True)
    noisy = rng.random(users) < noise

    def levels(centre: float, factor: float) -> np.ndarray:
        of_kind = (contrast * rng.permutation(np.linspace(-1, 1, kinds)))[kind]
        alone = rng.uniform(-2, 2, users)
        return centre * factor ** np.where(noisy, alone, of_kind) * rng.lognormal(0, 0.3, users)

    mix = np.stack([rng.dirichlet(40 * mixes[each]) for each in kind])
    mix[noisy] = rng.dirichlet(np.full(ACTIONS, 0.6), int(noisy.sum()))
    habits = Habits(levels(0.3, 2.0), levels(6, 1.8), levels(90, 2.5), mix)
    return _measured(rng, habits, np.where(noisy, -1, kind), kinds)


def factors_log(seed: int, *, factors: int, heavy: bool = False, users: int = USERS) -> Planted:
    """No kinds: `factors` latent factors move rate, depth, pace and mix; none, one mix for all with its own spread."""
    rng = np.random.default_rng(seed)
    base = np.log(rng.dirichlet(np.full(ACTIONS, 3.0)))
    width = 3 + ACTIONS
    factor = rng.standard_t(2.5, (users, factors)) if heavy else rng.normal(size=(users, factors))
    moved = np.clip(factor @ rng.normal(0, 0.5, (factors, width)), -3, 3) + rng.normal(0, 0.3, (users, width))
    mix = np.exp(base + moved[:, 3:])
    habits = Habits(
        0.25 * np.exp(moved[:, 0]),
        6 * np.exp(moved[:, 1]),
        90 * np.exp(moved[:, 2]),
        mix / mix.sum(axis=1, keepdims=True),
    )
    return _measured(rng, habits, np.zeros(users, dtype=int), 0)


def _measured(rng: np.random.Generator, habits: Habits, kind: np.ndarray, kinds: int) -> Planted:
    """Draw the events and measure them; the truth is of the users who have enough of them."""
    events = _draw_events(rng, habits)
    con = duckdb.connect()
    con.register("drawn", events)
    con.execute("CREATE TABLE events AS SELECT *, NULL::JSON AS metadata, NULL::BIGINT AS sequence FROM drawn")
    end = START + pd.Timedelta(days=DAYS).to_pytimedelta()
    built = build_features(con, "events", window_start=START, window_end=end, roles=Roles.load(None), min_events=5)
    con.close()
    catalog = built.catalog.to_pandas()
    features = built.features.to_pandas().set_index("user_id")
    features = features[list(catalog.loc[catalog["role"] == "clustering", "feature"])]
    truth = pd.Series(kind, index=[f"u{i:05d}" for i in range(len(kind))], name="kind").reindex(features.index)
    return Planted(features, truth, kinds)


def _draw_events(rng: np.random.Generator, habits: Habits) -> pd.DataFrame:
    """Events (user_id, timestamp, action): sessions at any time of the window, each a run of events at the user's
    pace."""
    sessions = np.repeat(np.arange(len(habits.mix)), rng.poisson(habits.sessions * DAYS))
    depth = 1 + rng.poisson(np.maximum(habits.depth[sessions] - 1, 0))
    session = np.repeat(np.arange(len(sessions)), depth)
    user = sessions[session]
    waits = rng.exponential(np.minimum(habits.pace[user], 600))
    elapsed = np.cumsum(waits)
    first = np.cumsum(depth) - depth
    elapsed -= elapsed[first][session]
    start = rng.uniform(0, DAYS * 86_400 - 7_200, len(sessions))
    draws = rng.random(len(user))[:, None]
    action = (draws > np.cumsum(habits.mix, axis=1)[user]).sum(axis=1).clip(max=ACTIONS - 1)
    micros = ((start[session] + elapsed) * 1e6).astype("int64")
    return pd.DataFrame(
        {
            "user_id": np.char.add("u", np.char.zfill(user.astype(str), 5)),
            "timestamp": np.datetime64(START, "us") + micros.astype("timedelta64[us]"),
            "action": np.char.add("step_", action.astype(str)),
        }
    )
