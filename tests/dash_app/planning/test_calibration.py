from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from dash_app.planning.calibration import calibration, replayed_errors, starts
from dash_app.planning.estimates import estimate
from grupa_pipeline.vocabulary.plan_parts import ArmResult, ResultSource
from tests.dash_app.planning.plans import a_plan


def passers_by(length=70, users=3000):
    return np.arange(users), np.random.default_rng(1).integers(0, length, users), length


def test_a_steady_log_is_foretold_from_its_own_weeks():
    errors = replayed_errors(*passers_by())
    assert len(errors) >= 10
    assert np.median(errors) < 0.05


def test_a_start_sees_only_the_days_before_it():
    users, days, length = passers_by()
    for start in starts(users, days, length):
        assert days[start.seen].max() < start.day
        assert all(days_after >= 7 for _, days_after in start.targets)


def test_a_short_log_has_no_start():
    assert replayed_errors(*passers_by(length=30, users=80)) == ()


def finished_in(days, users):
    plan = a_plan(duration_days=28, n_total=1000, start_date=date(2026, 5, 1))
    arms = [ArmResult("control", users // 2, 0.3), ArmResult("treatment", users // 2, 0.3)]
    measured_on = date.fromordinal(date(2026, 5, 1).toordinal() + days - 1)
    return replace(plan, result=estimate(plan, arms, ResultSource.TYPED, measured_on))


def test_finished_tests_are_compared_with_what_was_planned():
    found = calibration([finished_in(28, 1000), finished_in(35, 800), finished_in(56, 500), a_plan()], (0.1, 0.3, 0.2))
    assert (found.replayed, found.replays, found.tests) == (0.2, 3, 3)
    assert found.days == pytest.approx(7 / 35)
    assert found.users == pytest.approx(0.25)


def test_nothing_is_said_of_nothing():
    found = calibration([a_plan()], ())
    assert (found.replayed, found.days, found.users, found.tests) == (None, None, None, 0)
