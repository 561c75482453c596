from dataclasses import replace

from dash_app.planning.brief import write_brief
from dash_app.planning.plan import Arm
from dash_app.planning.sizing import size_plan
from tests.planning.plans import Steady, a_plan


def test_the_brief_says_what_a_reader_needs():
    plan = size_plan(a_plan(), Steady(500)).plan
    for said in (
        "# Shorten the proposal form",
        "nothing goes live",
        f"{plan.n_per_arm:,} in the control",
        f"{plan.duration_days // 7} weeks",
        "because 40% leave it",
        "sessions/week \\> 3",
        "30.00% among 800 users",
        "unseen when the users were picked",
        "within 14 days",
        "3 points, 10.0% of the baseline",
        "pooled two-proportion z-test",
        "`tickets`",
        "increase by 0.3 or more",
        plan.decision_rule.replace("<", "\\<"),
        "`ev-1`",
    ):
        assert said in plan.brief, said


def test_the_decision_rule_fits_the_design():
    two = size_plan(a_plan(), Steady(500)).plan
    assert "Ship the treatment if submitted increases against control with p < 0.05, two-sided" in two.decision_rule
    assert f"on day {two.duration_days}" in two.decision_rule
    arms = (Arm("control"), Arm("b"), Arm("c"))
    three = size_plan(a_plan(variants=arms, sides=1, direction="decrease"), Steady(500)).plan
    assert "p < 0.025, one-sided (alpha 0.05 shared among 2 comparisons)" in three.decision_rule
    assert "one-sided 97.50% bounds" in three.decision_rule


def test_text_of_others_stays_text():
    nasty = "<img src=x onerror=alert(1)> [a](javascript:alert(1)) `x` | # b"
    brief = write_brief(replace(a_plan(), name=nasty, owner=nasty, hypothesis=f"{nasty}\n# head", population=nasty))
    assert "<img" not in brief.replace("\\<img", "")
    assert "[a](" not in brief.replace("\\[a\\](", "")
    assert "\n# head" not in brief
