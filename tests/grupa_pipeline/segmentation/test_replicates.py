from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

from grupa_pipeline.segmentation.prepare import prepare
from grupa_pipeline.segmentation.replicates import MeasuredHalves, find_views, scaled_halves
from grupa_pipeline.vocabulary.enums import FeatureView

USERS = pd.Index([f"u{number:03d}" for number in range(120)])


@dataclass
class Stored:
    """Replicates from tables; `asked` notes how many users each call was for."""

    measured: MeasuredHalves
    counts: Mapping[FeatureView, pd.DataFrame] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)

    def halves(self, users: Sequence[str]) -> MeasuredHalves:
        self.asked.append(len(users))
        return self.measured

    def views(self, users: Sequence[str]) -> Mapping[FeatureView, pd.DataFrame]:
        self.asked.append(len(users))
        return {view: rows[rows["user_id"].isin(users)] for view, rows in self.counts.items()}

    def beginnings(self, lengths: Mapping[str, int]) -> pd.DataFrame:
        raise NotImplementedError


def _features(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"share": rng.random(120), "rate": rng.lognormal(size=120)}, index=USERS)


def _stored(sessions: int = 4) -> Stored:
    return Stored(MeasuredHalves(_features(1), _features(2), pd.Series(sessions, index=USERS)))


def test_halves_are_scaled_as_the_whole_is_and_stand_in_the_order_of_the_users() -> None:
    prepared = prepare(_features(0))
    whole = _features(0).sample(frac=1, random_state=1)
    stored = Stored(MeasuredHalves(whole, whole[["rate", "share"]].iloc[::-1], pd.Series(2, index=USERS)))
    halves = scaled_halves(stored, USERS, prepared.rows, prepared.scales)
    assert halves.first == pytest.approx(prepared.rows, abs=1e-8)
    assert halves.second == pytest.approx(prepared.rows, abs=1e-8)
    assert halves.measured.all()


def test_a_user_without_events_in_a_half_is_average_there() -> None:
    prepared = prepare(_features(0))
    stored = Stored(MeasuredHalves(_features(1).drop(index="u005"), _features(2), pd.Series(4, index=USERS)))
    halves = scaled_halves(stored, USERS, prepared.rows, prepared.scales)
    fills = [scale.apply(np.array([np.nan]))[0] for scale in prepared.scales.values()]
    assert halves.first[5] == pytest.approx(fills)
    assert np.isfinite(halves.first).all()


def test_only_users_with_two_sessions_are_measured_unless_there_are_few() -> None:
    prepared = prepare(_features(0))
    stored = _stored(1)
    stored.measured.sessions.iloc[:30] = 2
    assert scaled_halves(stored, USERS, prepared.rows, prepared.scales).measured.tolist() == [True] * 30 + [False] * 90
    stored.measured.sessions.iloc[29] = 1
    assert scaled_halves(stored, USERS, prepared.rows, prepared.scales).measured.all()
    stored = Stored(MeasuredHalves(_features(1), _features(2), pd.Series(2, index=USERS[:60])))
    assert scaled_halves(stored, USERS, prepared.rows, prepared.scales).measured.sum() == 60


def test_without_replicates_both_halves_are_the_whole() -> None:
    prepared = prepare(_features(0))
    halves = scaled_halves(None, USERS, prepared.rows, prepared.scales)
    assert halves.first is halves.second is prepared.rows
    assert halves.measured.all()
    assert find_views(None, USERS, np.arange(120), 0.2) == {}


def _hours(own: bool) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    morning = np.arange(120) < 60
    rows = [
        (user, half, int(rng.integers(0, 2) + (2 * (not early) if own else 2 * rng.integers(0, 2))), 1)
        for user, early in zip(USERS, morning, strict=True)
        for half in (0, 1)
        for _ in range(10)
    ]
    return pd.DataFrame(rows, columns=["user_id", "half", "key", "n"])


def test_landmarks_decide_which_views_all_users_get() -> None:
    stored = Stored(_stored().measured, {FeatureView.HOUR: _hours(own=True), FeatureView.WEEKDAY: _hours(own=False)})
    found = find_views(stored, USERS, np.arange(0, 120, 3), 0.2)
    assert list(found) == [FeatureView.HOUR]
    assert len(found[FeatureView.HOUR].whole) == 120
    assert stored.asked == [40, 120]
    everyone = find_views(stored, USERS, np.arange(120), 0.2)
    assert stored.asked == [40, 120, 120], "all users are landmarks: nothing more is asked"
    assert everyone[FeatureView.HOUR].whole == pytest.approx(found[FeatureView.HOUR].whole)


def test_where_no_view_is_admitted_only_landmarks_are_measured() -> None:
    empty = _hours(own=True).iloc[:0]
    stored = Stored(_stored().measured, {FeatureView.HOUR: _hours(own=False), FeatureView.LIFE: empty})
    assert find_views(stored, USERS, np.arange(0, 120, 3), 0.2) == {}
    assert stored.asked == [40]
