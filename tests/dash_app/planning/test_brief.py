from dataclasses import replace

import pytest

from dash_app.planning.brief import Label, change_text, effect_text, quoted, value_text, write_brief
from dash_app.planning.sizing import size_plan
from grupa_pipeline.vocabulary.enums import Direction
from grupa_pipeline.vocabulary.plan_fields import Arm
from grupa_pipeline.vocabulary.plan_parts import Audience, AudienceKind
from tests.dash_app.planning.plans import Steady, a_plan


def test_the_brief_says_what_a_reader_needs():
    plan = size_plan(a_plan(), Steady(500)).plan
    for said in (
        "# Shorten the proposal form",
        "nothing goes live",
        f"{plan.n_per_arm:,} in the control",
        f"{plan.duration_days // 7} weeks",
        "because 40% leave it",
        "sessions/week \\> 3",
        "30.0% among 800 users",
        "2026-04-03 to 2026-04-30 (unseen",
        "unseen when the users were picked",
        "within 14 days",
        "3 points (10% of today's 30.0%)",
        "pooled two-proportion z-test",
        "`tickets`",
        "increase by 0.3 or more",
        plan.decision_rule.replace("<", "\\<"),
        "`ev-1`",
    ):
        assert said in plan.brief, said


def test_the_decision_rule_fits_the_design():
    two = size_plan(a_plan(), Steady(500)).plan
    assert "Ship the treatment if “submitted” increases against control with p < 0.05, two-sided" in two.decision_rule
    assert f"on day {two.duration_days}" in two.decision_rule
    arms = (Arm("control"), Arm("b"), Arm("c"))
    three = size_plan(a_plan(variants=arms, sides=1, direction=Direction.DECREASE), Steady(500)).plan
    assert "p < 0.025, one-sided (alpha 0.05 shared among 2 comparisons)" in three.decision_rule
    assert "one-sided 97.50% bounds" in three.decision_rule


def test_text_of_others_stays_text():
    nasty = "<img src=x onerror=alert(1)> [a](javascript:alert(1)) `x` | # b"
    brief = write_brief(replace(a_plan(), name=nasty, owner=nasty, hypothesis=f"{nasty}\n# head", population=nasty))
    assert "<img" not in brief.replace("\\<img", "")
    assert "[a](" not in brief.replace("\\[a\\](", "")
    assert "\n# head" not in brief


def test_metrics_go_by_their_labels_with_nothing_in_them_that_markdown_acts_on():
    labels = {"submitted": Label("sent *it* off"), "tickets": Label("asked for help", "tickets/week")}
    plan = size_plan(a_plan(), Steady(500), labels).plan
    assert "“sent *it* off” increases" in plan.decision_rule
    assert r"sent \*it\* off (proportion) should increase" in plan.brief
    assert "| asked for help | 2 tickets/week | increase by 0.3 tickets/week or more |" in plan.brief
    assert "submitted" not in plan.brief.replace("Recommendation", "")


@pytest.mark.parametrize(
    ("kind", "change", "unit", "written"),
    [
        ("proportion", 0.015748, "share", "1.6 points"),
        ("proportion", 0.05, "share", "5 points"),
        ("ratio", -0.02, "share", "-2 points"),
        ("mean", 12345.6, "seconds", "12,300 seconds"),
        ("mean", 0.3, "", "0.3"),
    ],
)
def test_a_change_of_a_share_is_in_points_and_of_a_mean_in_its_unit(kind, change, unit, written):
    assert change_text(kind, change, unit) == written


def test_values_are_in_percent_with_one_decimal_or_in_their_unit():
    assert value_text("proportion", 0.1575) == "15.8%"
    assert value_text("proportion", 0.0004) == "0.04%"
    assert value_text("proportion", 0.0) == "0.0%"
    assert value_text("mean", 12345.6, "hours") == "12,350 hours"


def test_an_effect_is_told_over_the_baseline_only_where_it_has_one():
    assert effect_text("proportion", 0.1575, 0.01575, 0.1) == "1.6 points (10% of today's 15.8%)"
    assert effect_text("proportion", 0.0, 0.05, None) == "5 points"
    assert effect_text("mean", 3.0, 0.375, 0.125, "hours") == "0.375 hours (12.5% of today's 3 hours)"


def test_quotes_do_not_nest():
    assert quoted("Make “A accepted” the next step") == "“Make ‘A accepted’ the next step”"


@pytest.mark.parametrize(
    ("audience", "said"),
    [
        (None, "100% of the eligible users of cluster C03:"),
        (Audience(AudienceKind.SIBLINGS, ("C03", "C05")), "100% of the eligible users of clusters C03 and C05:"),
        (Audience(AudienceKind.EVERYONE), "100% of all eligible users:"),
    ],
)
def test_the_brief_says_whose_users_take_part(audience, said):
    assert said in size_plan(a_plan(audience=audience), Steady(500)).plan.brief


def test_the_brief_of_a_refused_plan_claims_no_duration():
    brief = size_plan(a_plan(baseline=0.0).with_effect(absolute=0.05), Steady(500)).plan.brief
    assert "| Duration | not sized |" in brief and "never fills" not in brief
