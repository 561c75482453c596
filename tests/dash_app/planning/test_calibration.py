from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from dash_app.planning.calibration import ReplayedForecasts, calibration, is_within, replay_forecasts, starts
from dash_app.planning.duration import Forecast, PastForecasts
from dash_app.planning.estimates import estimate
from grupa_pipeline.vocabulary.plan_parts import ArmResult, ResultSource
from tests.dash_app.planning.plans import a_plan


def passers_by(length=70, users=3000):
    return np.arange(users), np.random.default_rng(1).integers(0, length, users), length


def test_a_steady_log_is_foretold_from_its_own_weeks():
    found = replay_forecasts(*passers_by(length=98, users=4000))
    assert len(found.errors) >= 10
    assert np.median(found.errors) < 0.05
    assert (found.withheld, found.ranged > 0) == (0, True)
    assert found.covered >= 0.8 * found.ranged


def test_a_start_sees_only_the_days_before_it():
    users, days, length = passers_by()
    for start in starts(users, days, length):
        assert days[start.seen].max() < start.day
        assert all(days_after >= 7 for _, days_after in start.targets)


def test_a_short_log_has_no_start():
    assert replay_forecasts(*passers_by(length=30, users=80)) == ReplayedForecasts()


def test_forecasts_that_did_not_hold_before_are_withheld():
    users, days, length = passers_by(length=280, users=6000)
    term = (days // 35) % 2 == 0  # five weeks with everybody, five with nobody
    found = replay_forecasts(users[term], days[term], length)
    assert found.withheld > len(found.errors)


def test_what_is_seen_lies_within_the_likely_days_or_not():
    forecast = Forecast(10.0, (), (), 1.0, PastForecasts(5, 0.9, 1.1, 0.1))
    by = forecast.past.factor
    assert is_within(forecast, 100, 10 * by - 0.01)
    assert not is_within(forecast, 100, 10 * by + 0.01)
    assert not is_within(forecast, 100, 10 / by - 0.01)


def finished_in(days, users):
    plan = a_plan(duration_days=28, n_total=1000, start_date=date(2026, 5, 1))
    arms = [ArmResult("control", users // 2, 0.3), ArmResult("treatment", users // 2, 0.3)]
    measured_on = date.fromordinal(date(2026, 5, 1).toordinal() + days - 1)
    return replace(plan, result=estimate(plan, arms, ResultSource.TYPED, measured_on))


def test_finished_tests_are_compared_with_what_was_planned():
    found = calibration(
        [finished_in(28, 1000), finished_in(35, 800), finished_in(56, 500), a_plan()],
        ReplayedForecasts((0.1, 0.3, 0.2), 4, 3, 4),
    )
    assert (found.replayed, found.replays, found.tests) == (0.2, 3, 3)
    assert (found.withheld, found.covered) == (4, 0.75)
    assert found.days == pytest.approx(7 / 35)
    assert found.users == pytest.approx(0.25)


def test_nothing_is_said_of_nothing():
    found = calibration([a_plan()], ReplayedForecasts())
    assert (found.replayed, found.days, found.users, found.tests) == (None, None, None, 0)
