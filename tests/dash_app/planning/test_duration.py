import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dash_app.planning.duration import (
    DurationError,
    distinct_curve,
    duration_of,
    forecast_enrolment,
    users_within,
)
from tests.dash_app.planning.plans import Steady

visits = st.integers(1, 12).flatmap(
    lambda days: st.tuples(st.lists(st.tuples(st.integers(0, 6), st.integers(0, days - 1)), min_size=1), st.just(days))
)


@pytest.mark.slow
@given(visits)
def test_curve_is_the_average_over_every_start(log):
    pairs, days = log
    expected = [
        np.mean([len({u for u, d in pairs if start <= d < start + span}) for start in range(days - span + 1)])
        for span in range(1, days + 1)
    ]
    users, day = zip(*pairs, strict=True)
    assert distinct_curve(users, day, days) == pytest.approx(expected)


def _regulars(rng: np.random.Generator, users: int, days: int) -> tuple[np.ndarray, np.ndarray]:
    """A closed group: each user comes at a rate of their own."""
    chance = -np.expm1(-rng.gamma(0.7, 0.2, users))
    return np.nonzero(rng.random((users, days)) < chance[:, None])


def _actual_day(users: np.ndarray, days: np.ndarray, wanted: float) -> float:
    first = np.full(users.max() + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, users, days)
    return float(np.sort(first)[int(wanted) - 1]) + 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_forecast_of_regulars_holds_and_the_linear_rule_does_not(seed):
    rng = np.random.default_rng(seed)
    users, days = _regulars(rng, 3000, 90)
    seen = days < 28
    found = forecast_enrolment(users[seen], days[seen], 28)
    later = days >= 28
    total = len(np.unique(users[later]))
    errors, linear = [], []
    for share in (0.5, 0.7, 0.9):
        actual = _actual_day(users[later], days[later] - 28, share * total)
        errors.append(abs(found.days_until(share * total) / actual - 1))
        visits_a_day = seen.sum() / 28
        linear.append(abs(share * total / visits_a_day / actual - 1))
    assert np.median(errors) < 0.15
    assert np.median(errors) < np.median(linear)


def test_forecast_of_passers_by_is_a_straight_line():
    rng = np.random.default_rng(4)
    found = forecast_enrolment(np.arange(4000), rng.integers(0, 40, 4000), 40)
    assert found.users_by(120) == pytest.approx(12_000, rel=0.1)
    assert found.days_until(8000) == pytest.approx(80, rel=0.1)


def test_forecast_follows_growth_but_not_a_holiday():
    rng = np.random.default_rng(6)
    weeks = np.repeat(np.arange(10), np.geomspace(200, 400, 10).astype(int))
    days = 7 * weeks + rng.integers(0, 7, len(weeks))
    growing = forecast_enrolment(np.arange(len(days)), days, 70)
    assert growing.users_by(14) == pytest.approx(np.sum(days >= 56), rel=0.05)
    even = rng.integers(0, 70, 2800)
    kept = even[(even < 63) | (rng.random(2800) < 0.1)]
    holiday = forecast_enrolment(np.arange(len(kept)), kept, 70)
    assert holiday.users_by(14) == pytest.approx(560, rel=0.25)


def test_an_empty_end_of_the_log_does_not_stop_the_forecast():
    found = forecast_enrolment(np.arange(300), np.arange(300) % 30, 60)
    assert found.level >= 0.5
    assert found.days_until(100) < 60


def test_forecast_never_falls_and_inverts():
    rng = np.random.default_rng(8)
    found = forecast_enrolment(*_regulars(rng, 400, 30), 30)
    by_day = [found.users_by(day) for day in range(200)]
    assert by_day[0] == 0
    assert np.all(np.diff(by_day) >= 0)
    assert found.users_by(found.days_until(150)) == pytest.approx(150, rel=1e-3)


def test_more_users_than_ever_come_take_for_ever():
    found = forecast_enrolment([0, 1, 2], [0, 0, 0], 1)
    assert found.days_until(1e9) is None


def test_duration_counts_exposure_and_whole_weeks():
    found = duration_of(1000, traffic_share=0.5, exposure_days=14, enrolment=Steady(100))
    assert (found.enrolment_days, found.days, found.feasible) == (20, 35, True)
    assert duration_of(4200, 1.0, 14, Steady(100)).days == 56
    late = duration_of(4300, 1.0, 14, Steady(100))
    assert (late.days, late.feasible) == (63, False)
    assert duration_of(10, 1.0, 14, Steady(100, pool=9)).days is None


def test_users_within_leaves_time_for_the_exposure():
    assert users_within(4, 0.5, 14, Steady(100)) == 700
    assert users_within(2, 1.0, 14, Steady(100)) == 0
    assert users_within(1, 1.0, 14, Steady(100)) == 0


def test_days_outside_the_log_are_refused():
    with pytest.raises(DurationError, match="within the log"):
        distinct_curve([1], [5], 5)
    with pytest.raises(DurationError, match="Nobody"):
        distinct_curve([], [], 5)
