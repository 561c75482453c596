"""Planted histories: feature tables of the same users day by day, while their kinds change."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from benchmarks.segmentation.planted import ACTION_SHARES, Kinds, draw_kinds, draw_users

USERS = 900
WINDOW_DAYS = 28


@dataclass(frozen=True)
class Day:
    """One day's feature table and each user's kind on it."""

    number: int
    features: pd.DataFrame
    truth: pd.Series


def drifting_days(seed: int, days: int = 30, turnover: float = 0.05) -> Iterator[Day]:
    """Six drifting kinds; each day a share of the users is replaced by others of their kind, and all values vary.

    Over the days each kind's mix of actions moves a fifth of the way to another kind's, and its rhythm by a fifth.
    """
    rng = np.random.default_rng(seed)
    first, last = draw_kinds(rng, 6, 0.8), draw_kinds(rng, 6, 0.8)
    kind = rng.integers(0, 6, USERS)
    ids = np.array([f"u{i:05d}" for i in range(USERS)], dtype=object)
    table = draw_users(rng, first, kind)
    for number in range(days):
        yield Day(number, *_indexed(_remeasured(rng, table), kind, ids))
        kinds = _between(first, last, 0.2 * number / days)
        gone = rng.choice(USERS, round(turnover * USERS), replace=False)
        ids[gone] = [f"u{number:02d}x{i:05d}" for i in gone]
        table.iloc[gone] = draw_users(rng, kinds, kind[gone]).to_numpy()


def changing_days(seed: int, change: str, days: int = WINDOW_DAYS, step: int = 2) -> Iterator[Day]:
    """Five kinds; after day 0 half of kind 0 moves to a new behaviour (`split`), or all of it to that of kind 1 (`merge`).

    The window is `WINDOW_DAYS` long, so each day a user's features move to the new behaviour by 1/WINDOW_DAYS. The
    truth has the new kinds from the start, with 5 for the half that split off.
    """
    rng = np.random.default_rng(seed)
    kinds = draw_kinds(rng, 6, 0.8)
    kind = rng.integers(0, 5, USERS)
    movers = (kind == 0) & (rng.random(USERS) < (0.5 if change == "split" else 1.0))
    later = np.where(movers, 5 if change == "split" else 1, kind)
    ids = np.array([f"u{i:05d}" for i in range(USERS)], dtype=object)
    before, after = draw_users(rng, kinds, kind), draw_users(rng, kinds, later)
    for number in range(0, days + 1, step):
        table = before.copy()
        part = number / WINDOW_DAYS
        table[movers] = (1 - part) * before[movers].fillna(20) + part * after[movers].fillna(20)
        yield Day(number, *_indexed(_remeasured(rng, table), later, ids))


def _between(first: Kinds, last: Kinds, part: float) -> Kinds:
    mix = (1 - part) * first.mix + part * last.mix
    return replace(first, mix=mix, sessions=first.sessions * (1 + part), events=first.events * (1 - part / 2))


def _remeasured(rng: np.random.Generator, table: pd.DataFrame) -> pd.DataFrame:
    """The same users a day later: every value varies by about 4%, and shares still sum to one."""
    moved = table * rng.lognormal(0, 0.04, table.shape)
    moved[ACTION_SHARES] = moved[ACTION_SHARES].div(moved[ACTION_SHARES].sum(axis=1), axis=0)
    moved["concentration"] = (moved[ACTION_SHARES] ** 2).sum(axis=1)
    return moved


def _indexed(table: pd.DataFrame, kind: np.ndarray, ids: np.ndarray) -> tuple[pd.DataFrame, pd.Series]:
    index = pd.Index(ids.copy(), name="user_id")
    return table.set_axis(index), pd.Series(kind.copy(), index=index)
