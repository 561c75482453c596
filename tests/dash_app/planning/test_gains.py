from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from dash_app.planning.estimates import estimate
from dash_app.planning.gains import (
    OWN_RATE_FROM,
    USUAL_WIN_RATE,
    PastTest,
    PlannedGain,
    forecast_gains,
    forecast_roadmap,
    usual_kind,
)
from dash_app.planning.sizing import size_plan
from grupa_pipeline.vocabulary.enums import Direction
from grupa_pipeline.vocabulary.plan_parts import ArmResult, Audience, AudienceKind, ResultSource
from tests.dash_app.planning.plans import Steady, a_plan

TESTS = [PlannedGain(gain, 2.8, 1.96) for gain in (100.0, 200.0, 50.0, 400.0)]


def test_before_there_are_results_twelve_in_a_hundred_tests_win():
    rng = np.random.default_rng(1)
    works, sizes = usual_kind(rng, 200_000)
    effects = np.where(rng.random(200_000) < works, rng.exponential(sizes), 0)
    assert (rng.normal(2.8 * effects) > 1.96).mean() == pytest.approx(USUAL_WIN_RATE, abs=0.005)


def test_the_interval_holds_what_is_expected_and_is_far_below_the_naive_sum():
    found = forecast_gains(TESTS, ())
    assert found.naive == 750
    assert 0 <= found.low < found.expected < found.high
    assert found.expected < found.naive / 4
    assert (
        USUAL_WIN_RATE < found.chance < 1 - (1 - USUAL_WIN_RATE) ** 4
    )  # how often tests win is not known, and common to all


def test_own_results_count_from_ten_on():
    won, lost = PastTest(4.0, 2.8), PastTest(0.1, 2.8)
    usual = forecast_gains(TESTS, ())
    assert forecast_gains(TESTS, [won] * (OWN_RATE_FROM - 1)) == usual
    assert forecast_gains(TESTS, [won] * 20).expected > 3 * usual.expected
    assert forecast_gains(TESTS, [lost] * 40).expected < usual.expected / 2


def test_results_just_over_the_line_are_worth_less_than_clear_ones():
    barely, clearly = (
        forecast_gains(TESTS, [PastTest(score, 2.8)] * 10 + [PastTest(0.0, 2.8)] * 10) for score in (2.0, 5)
    )
    assert barely.expected < clearly.expected / 1.5


def sized(plan_id, **changes):
    return size_plan(a_plan(plan_id=plan_id, **changes), Steady(500)).plan


def test_metrics_are_summed_apart_and_users_in_common_count_once():
    plans = [sized("one"), sized("two"), sized("three", direction=Direction.DECREASE)]
    other = sized("four", cluster_id="C04")
    found = forecast_roadmap([*plans, other], [])
    assert set(found.by_metric) == {("submitted", Direction.INCREASE), ("submitted", Direction.DECREASE)}
    assert found.by_metric["submitted", Direction.INCREASE].naive == pytest.approx(3 * 0.03 * plans[0].rice_reach)
    assert found.coming == pytest.approx(2 * plans[0].rice_reach)
    assert found.users == sum(plan.n_total for plan in (*plans, other))
    everyone = replace(other, audience=Audience(AudienceKind.EVERYONE))
    assert forecast_roadmap([*plans, everyone], []).coming == pytest.approx(plans[0].rice_reach)


def test_the_win_rate_is_that_of_results_whose_split_is_sound():
    def with_result(share, users):
        arms = [ArmResult("control", 2000, 0.3), ArmResult("treatment", users, share)]
        plan = a_plan()
        return replace(plan, result=estimate(plan, arms, ResultSource.TYPED, date(2026, 6, 1)))

    known = [with_result(0.36, 2000)] * 3 + [with_result(0.3, 2000)] * 9 + [with_result(0.4, 4000)] * 5 + [a_plan()]
    found = forecast_roadmap([sized("one")], known)
    assert (found.results, found.win_rate) == (12, 0.25)
    few = forecast_roadmap([sized("one")], known[:5])
    assert (few.results, few.win_rate) == (5, USUAL_WIN_RATE)
