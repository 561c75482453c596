from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from dash_app.planning.estimates import estimate, has_mismatch, split_chance
from dash_app.planning.plan import PlanError
from grupa_pipeline.vocabulary.enums import MetricKind
from grupa_pipeline.vocabulary.plan_fields import Arm
from grupa_pipeline.vocabulary.plan_parts import ArmResult, ResultSource
from tests.dash_app.planning.plans import a_plan

DAY = date(2026, 6, 30)


def result_of(plan, *arms):
    return estimate(plan, arms, ResultSource.TYPED, DAY)


def test_a_share_has_agresti_and_caffos_interval():
    found = result_of(a_plan(), ArmResult("control", 1000, 0.3), ArmResult("treatment", 1010, 0.35))
    low, high = confint_proportions_2indep(round(0.35 * 1010), 1010, 300, 1000, method="agresti-caffo")
    assert found.effect == pytest.approx(0.05)
    assert (found.low, found.high) == pytest.approx((low, high), abs=2e-3)


def test_a_mean_has_welchs():
    rng = np.random.default_rng(1)
    a, b = rng.normal(5, 2, 300), rng.normal(5.4, 3, 280)
    plan = a_plan(metric_kind=MetricKind.MEAN, baseline=5.0, baseline_sd=2.0)
    arms = [
        ArmResult(name, len(x), float(x.mean()), float(x.std(ddof=1))) for name, x in (("control", a), ("treatment", b))
    ]
    found = result_of(plan, *arms)
    peer = stats.ttest_ind(b, a, equal_var=False)
    assert found.p_value == pytest.approx(peer.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(peer.confidence_interval()))


def test_the_interval_covers_what_was_planted():
    rng = np.random.default_rng(2)
    truth, hits = 0.04, 0
    for _ in range(600):
        shares = [rng.binomial(700, p) / 700 for p in (0.3, 0.3 + truth)]
        found = result_of(a_plan(), ArmResult("control", 700, shares[0]), ArmResult("treatment", 700, shares[1]))
        hits += found.low <= truth <= found.high
    assert hits / 600 == pytest.approx(0.95, abs=0.025)


def test_an_uneven_split_is_told():
    assert split_chance([500, 520], (0.5, 0.5)) == pytest.approx(stats.chisquare([500, 520]).pvalue)
    plan = a_plan(variants=(Arm("control", 2.0), Arm("treatment", 1.0)))
    assert not has_mismatch(result_of(plan, ArmResult("control", 2000, 0.3), ArmResult("treatment", 1010, 0.3)))
    assert has_mismatch(result_of(plan, ArmResult("control", 2000, 0.3), ArmResult("treatment", 2010, 0.3)))


@pytest.mark.parametrize(
    ("arms", "said"),
    [
        ((ArmResult("control", 10, 0.3),), "the result has control"),
        ((ArmResult("control", 1, 0.3), ArmResult("treatment", 10, 0.3)), "two users"),
        ((ArmResult("control", 10, 3.0), ArmResult("treatment", 10, 0.3)), "between 0 and 1"),
    ],
)
def test_arms_that_are_not_the_plans_or_hold_no_number_are_refused(arms, said):
    with pytest.raises(PlanError, match=said):
        result_of(a_plan(), *arms)


def test_a_mean_without_a_deviation_is_refused():
    plan = replace(a_plan(), metric_kind=MetricKind.MEAN, baseline_sd=2.0)
    with pytest.raises(PlanError, match="standard deviation"):
        result_of(plan, ArmResult("control", 10, 3.0), ArmResult("treatment", 10, 3.0))
