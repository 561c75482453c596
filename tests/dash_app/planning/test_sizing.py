import re
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dash_app.planning.design import Design, Metric
from dash_app.planning.duration import PastForecasts
from dash_app.planning.plan import PlanError, with_margin
from dash_app.planning.refusals import RefusalKind
from dash_app.planning.sample_size import achieved_power, non_inferiority_size, size
from dash_app.planning.sequential import design_looks
from dash_app.planning.sizing import WarningKind, size_plan, sized_before, worded_again
from grupa_pipeline.vocabulary.enums import Direction, MetricKind
from grupa_pipeline.vocabulary.plan_fields import Arm
from grupa_pipeline.vocabulary.plan_parts import Spending
from tests.dash_app.planning.plans import TICKETS, Steady, a_plan


def kinds(warnings):
    return [warning.kind for warning in warnings]


def test_the_largest_need_binds_and_is_named():
    sizing = size_plan(a_plan(), Steady(500))
    alone = size(Metric("proportion", 0.3), 0.03, Design())
    assert (sizing.plan.n_per_arm, sizing.plan.n_total) == (alone.arms[0], alone.total)
    assert sizing.binding == "submitted"
    narrow = size_plan(a_plan(guardrails=(with_margin(TICKETS, relative=0.05),)), Steady(500))
    need = non_inferiority_size(Metric("mean", 2.0, 3.0), 0.1, Design())
    assert narrow.binding == "tickets"
    assert (narrow.plan.n_total, narrow.plan.guardrails[0].n_total) == (need.total, need.total)
    assert [arm.n for arm in narrow.plan.variants] == list(need.arms)


def test_duration_and_dates_in_whole_weeks():
    sizing = size_plan(a_plan(), Steady(500))
    total = sizing.plan.n_total
    assert sizing.plan.duration_days == 7 * -(-(total / 500 + 14) // 7)
    assert sizing.plan.feasible
    assert sizing.alternative is None
    assert (sizing.plan.end_date - date(2026, 5, 4)).days + 1 == sizing.plan.duration_days


def test_a_smaller_share_of_the_traffic_takes_longer():
    half = size_plan(a_plan(traffic_share=0.5), Steady(500)).plan
    whole = size_plan(a_plan(), Steady(250)).plan
    assert (half.n_total, half.duration_days) == (whole.n_total, whole.duration_days)


def test_what_two_four_and_eight_weeks_would_show():
    sizing = size_plan(a_plan(), Steady(100))
    weeks = {found.weeks: found for found in sizing.detectable}
    assert list(weeks) == [2, 4, 8]
    assert (weeks[2].users, weeks[2].absolute) == (0, None)
    assert weeks[4].users == 1400
    assert weeks[8].absolute < weeks[4].absolute
    assert weeks[8].relative == pytest.approx(weeks[8].absolute / 0.3)
    assert achieved_power(Metric("proportion", 0.3), weeks[4].absolute, 700, Design()) == pytest.approx(0.8, abs=1e-4)


def test_too_long_a_test_is_flagged_and_offered_a_smaller_question():
    sizing = size_plan(a_plan(), Steady(80))
    assert sizing.plan.feasible is False
    assert kinds(sizing.warnings) == [WarningKind.TOO_LONG]
    again = size_plan(sizing.alternative.plan, Steady(80))
    assert again.plan.feasible
    assert again.plan.mde_absolute > 0.03
    assert re.search(r"effect of [\d.]+ points \([\d.]+% of today's 30\.0%\)", sizing.alternative.text)


def test_the_alternative_uses_idle_traffic_first():
    sizing = size_plan(a_plan(traffic_share=0.2), Steady(300))
    assert sizing.alternative.text == "Let all eligible users take part."
    assert sizing.alternative.plan == replace(sizing.plan, traffic_share=1.0, **_unsized(sizing.alternative.plan))


def _unsized(plan):
    return {"brief": plan.brief}


def test_the_alternative_drops_arms_before_it_asks_for_a_larger_effect():
    arms = (Arm("control"), Arm("b"), Arm("c"), Arm("d"))
    sizing = size_plan(a_plan(variants=arms), Steady(250))
    assert sizing.alternative.text == "Test only b against control."
    assert size_plan(sizing.alternative.plan, Steady(250)).plan.feasible


def test_a_test_of_few_users_is_refused_and_shows_no_number():
    still = replace(TICKETS, baseline_sd=0.001)
    plan = a_plan(metric_kind="mean", baseline=14.0, baseline_sd=0.1, guardrails=(still,)).with_effect(absolute=1.4)
    sizing = size_plan(plan, Steady(500))
    assert kinds(sizing.refusals) == [RefusalKind.FEW_USERS]
    assert (sizing.plan.n_per_arm, sizing.plan.n_total, sizing.plan.duration_days) == (None, None, None)
    assert sizing.plan.feasible is False
    assert sized_before(sizing.plan).refusals == sizing.refusals
    assert size_plan(a_plan(), Steady(500)).refusals == ()


@pytest.mark.parametrize(
    ("baseline", "direction", "said"),
    [(0.0, Direction.INCREASE, "nobody measured"), (1.0, Direction.DECREASE, "everybody measured")],
)
def test_a_baseline_without_any_difference_between_users_is_refused(baseline, direction, said):
    plan = a_plan(baseline=baseline, direction=direction).with_effect(absolute=0.05)
    (refusal,) = size_plan(plan, Steady(500)).refusals
    assert refusal.kind is RefusalKind.CONSTANT_BASELINE
    assert said in refusal.text


def test_a_margin_above_half_of_todays_value_is_refused():
    plan = a_plan(guardrails=(with_margin(TICKETS, relative=0.6),))
    assert kinds(size_plan(plan, Steady(500)).refusals) == [RefusalKind.WIDE_MARGIN]
    assert size_plan(a_plan(guardrails=(with_margin(TICKETS, relative=0.5),)), Steady(500)).refusals == ()


def test_the_alternative_widens_a_guardrail_that_binds():
    plan = a_plan(guardrails=(with_margin(TICKETS, relative=0.01),))
    sizing = size_plan(plan, Steady(500))
    assert sizing.binding == "tickets"
    assert "llow “tickets” a margin of" in sizing.alternative.text
    assert size_plan(sizing.alternative.plan, Steady(500)).plan.feasible


def test_the_alternative_names_all_that_it_changes():
    arms = (Arm("control", 2.0), Arm("b", 1.0), Arm("c", 1.0))
    plan = a_plan(traffic_share=0.01, variants=arms, guardrails=(with_margin(TICKETS, relative=0.01),))
    sizing = size_plan(plan, Steady(80))
    after = sizing.alternative.plan
    assert (after.traffic_share, [arm.weight for arm in after.variants]) == (1.0, [1.0, 1.0])
    assert after.mde_absolute > plan.mde_absolute
    said = (
        r"Let all eligible users take part, test only b against control in equal parts, look for an effect of .* points"
        r" \(.*\) and allow “tickets” a margin of .* \(.*\), which eight weeks can show\."
    )
    assert re.fullmatch(said, sizing.alternative.text)
    margin = size_plan(a_plan(traffic_share=0.01, guardrails=plan.guardrails), Steady(500)).alternative
    assert re.match("Let all eligible users take part and allow “tickets” a margin of", margin.text)


def test_a_handful_of_users_allows_no_test_at_all():
    sizing = size_plan(a_plan(), Steady(1, pool=12))
    assert sizing.plan.duration_days is None
    assert sizing.plan.end_date is None
    assert sizing.alternative.plan is None
    assert "larger population" in sizing.alternative.text
    assert kinds(sizing.warnings) == [WarningKind.NEVER_FILLS]


def test_reach_is_what_a_quarter_brings():
    sizing = size_plan(a_plan(rice_impact=2.0, rice_confidence=0.5, rice_effort=4.0), Steady(10))
    assert sizing.plan.rice_reach == 910
    assert sizing.plan.rice_score == pytest.approx(910 * 2 * 0.5 / 4, abs=0.1)


def test_refusals_and_warnings_have_kinds():
    rare = a_plan(baseline=0.002, mde_relative=5.0, mde_absolute=0.01)
    sizing = size_plan(replace(rare, baseline_unseen=False), Steady(500))
    assert kinds(sizing.refusals) == [RefusalKind.FEW_EVENTS]
    assert WarningKind.SAME_DAYS in kinds(sizing.warnings)


def test_sizing_again_changes_nothing():
    once = size_plan(a_plan(), Steady(500)).plan
    assert size_plan(once, Steady(500)).plan == once


def test_an_unsound_plan_is_not_sized():
    with pytest.raises(PlanError, match="at least one") as caught:
        size_plan(a_plan(guardrails=()), Steady(500))
    assert caught.value.problems[0].field == "guardrails"


@st.composite
def _plans(draw):
    kind = draw(st.sampled_from(MetricKind))
    value = st.floats(0, 1) if kind == "proportion" else st.floats(-1e3, 1e6)
    rail = replace(
        TICKETS,
        baseline=draw(st.floats(-5, 1e4)),
        baseline_sd=draw(st.floats(0, 1e4)),
        margin_absolute=draw(st.floats(0, 1e3)),
    )
    return a_plan(
        metric_kind=kind,
        baseline=draw(value),
        baseline_sd=draw(st.floats(0, 1e6)),
        direction=draw(st.sampled_from(Direction)),
        mde_absolute=draw(st.floats(0, 1e6) if kind != "proportion" else st.floats(0, 1)),
        alpha=draw(st.floats(0, 0.6)),
        power=draw(st.floats(0.4, 1)),
        sides=draw(st.sampled_from([1, 2])),
        traffic_share=draw(st.floats(0, 1)),
        exposure_days=draw(st.integers(0, 60)),
        variants=tuple(Arm(f"arm {n}", draw(st.floats(0, 10))) for n in range(draw(st.integers(1, 5)))),
        guardrails=(rail,),
    )


@given(_plans(), st.floats(0.01, 1e5), st.floats(1, 1e7))
@settings(max_examples=150, deadline=None)
def test_any_plan_is_sized_or_refused_with_a_message(plan, a_day, pool):
    enrolment = Steady(a_day, pool)
    try:
        sizing = size_plan(plan, enrolment)
    except PlanError:
        return
    sized = sizing.plan
    if sizing.refusals:
        assert (sized.n_total, sized.duration_days, sized.feasible, sizing.alternative) == (None, None, False, None)
        return
    assert sized.n_total == sum(arm.n for arm in sized.variants)
    assert sized.n_per_arm == sized.variants[0].n >= 2
    assert sized.feasible == (sized.duration_days is not None and sized.duration_days <= 56)
    assert (sizing.alternative is None) == sized.feasible
    if sizing.alternative and sizing.alternative.plan:
        assert size_plan(sizing.alternative.plan, enrolment).plan.feasible


def test_a_plan_whose_users_are_gone_keeps_its_sizes_and_follows_in_dates_score_and_texts():
    sized = size_plan(a_plan(), Steady(500)).plan
    edited = replace(sized, name="Renamed", start_date=date(2026, 6, 1), rice_effort=2.0)
    again = worded_again(edited)
    assert (again.n_total, again.duration_days) == (sized.n_total, sized.duration_days)
    assert again.end_date == date(2026, 6, 1) + timedelta(days=sized.duration_days - 1)
    assert again.rice_score == sized.rice_score / 2
    assert "# Renamed" in again.brief
    assert sized_before(again).binding == size_plan(a_plan(), Steady(500)).binding
    with pytest.raises(PlanError):
        worded_again(replace(sized, name=" "))


def test_looks_need_a_little_more_at_most_and_stand_in_the_rule():
    once = size_plan(a_plan(), Steady(500)).plan
    looked = size_plan(a_plan(looks=design_looks(3, Spending.OBRIEN_FLEMING, futility=True)), Steady(500)).plan
    assert once.n_per_arm < looked.n_per_arm < 1.2 * once.n_per_arm
    assert "Read it 3 times" in looked.decision_rule
    assert "33%: 3.710, 67%: 2.511, 100%: 1.993" in looked.decision_rule
    assert "may stop without effect" in looked.decision_rule
    assert "check the split" in once.decision_rule


def test_where_who_comes_cannot_be_foretold_users_are_shown_and_no_weeks():
    sizing = size_plan(a_plan(), Steady(500, past=PastForecasts(12, 0.1, 3.0, 1.2)))
    plan = sizing.plan
    assert plan.n_per_arm
    assert (plan.duration_days, plan.feasible, plan.end_date) == (None, False, None)
    assert (sizing.is_foretold, sizing.alternative, sizing.detectable) == (False, None, ())
    (warning,) = [each.text for each in sizing.warnings if each.kind is WarningKind.UNFORESEEN]
    assert "of 12 forecasts" in warning
    assert "never fills" not in plan.brief
    assert "no end foretold (not feasible as it stands)" in plan.brief


def test_the_weeks_have_a_range_from_how_earlier_forecasts_came_out():
    sizing = size_plan(a_plan(), Steady(500, past=PastForecasts(12, 0.8, 1.2, 0.2)))
    first, last = sizing.likely
    assert first <= sizing.plan.duration_days // 7 <= last
    assert first < last
    assert size_plan(a_plan(), Steady(500)).likely is None
