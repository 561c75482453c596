from dataclasses import fields, replace
from datetime import date, datetime

import pytest

from dash_app.planning.plan import Plan, PlanError, problems, with_margin
from grupa_pipeline.tables import TEST_ROADMAP
from grupa_pipeline.vocabulary.enums import Direction
from grupa_pipeline.vocabulary.plan_fields import Arm
from tests.dash_app.planning.plans import TICKETS, a_plan


def test_fields_are_the_columns_of_the_table():
    assert tuple(field.name for field in fields(Plan)) == TEST_ROADMAP.column_names


def test_a_row_holds_everything():
    plan = a_plan(name='She said "=1+1"; \u202e', variants=(Arm("control"), Arm("b", 0.5, 12, "x\ny")))
    assert Plan.from_row(plan.to_row()) == plan


def test_a_row_with_more_columns_is_fine():
    assert Plan.from_row(a_plan().to_row() | {"later_column": 1}) == a_plan()


def test_effects_move_together():
    plan = a_plan(baseline=0.4)
    assert plan.with_effect(relative=0.05).mde_absolute == pytest.approx(0.02)
    assert plan.with_effect(absolute=0.1).mde_relative == pytest.approx(0.25)
    assert replace(plan, direction=Direction.DECREASE).with_effect(relative=0.05).effect == pytest.approx(-0.02)
    assert with_margin(TICKETS, relative=0.1).margin_absolute == pytest.approx(0.2)


def test_the_last_day_of_the_baseline_is_the_one_before_its_end():
    assert a_plan(baseline_to=datetime(2026, 5, 1)).baseline_last_day == date(2026, 4, 30)
    assert a_plan(baseline_to=datetime(2026, 5, 1, 12)).baseline_last_day == date(2026, 5, 1)


def test_relative_to_nothing_is_refused():
    plan = a_plan(baseline=0.0)
    assert plan.with_effect(absolute=0.05).mde_relative is None
    with pytest.raises(PlanError, match="baseline is 0"):
        plan.with_effect(relative=0.1)


def test_a_sound_plan_has_no_problems():
    assert problems(a_plan()) == ()


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"name": " "}, "name", "name"),
        ({"status": "running"}, "status", "idea"),
        ({"direction": "up"}, "direction", "increase or decrease"),
        ({"variants": (Arm("a"), Arm("a"))}, "variants", "name of its own"),
        ({"variants": (Arm("a"), Arm("b", -1))}, "variants", "weight above 0"),
        ({"variants": (Arm("a"),)}, "variants", "other arm"),
        ({"traffic_share": 0.0}, "traffic_share", "above 0%"),
        ({"traffic_share": 1.1}, "traffic_share", "at most 100%"),
        ({"exposure_days": 0}, "exposure_days", "one day"),
        ({"guardrails": ()}, "guardrails", "at least one"),
        ({"guardrails": (replace(TICKETS, metric="submitted"),)}, "guardrails", "own guardrail"),
        ({"guardrails": (replace(TICKETS, margin_absolute=0.0),)}, "guardrails", "margin"),
        ({"guardrails": (replace(TICKETS, worse="more"),)}, "guardrails", "does harm"),
        ({"guardrails": (replace(TICKETS, baseline_sd=None),)}, "guardrails", "does not vary"),
        ({"status": "scheduled", "start_date": None}, "start_date", "first day"),
        ({"rice_impact": 4.0}, "rice_impact", "Impact"),
        ({"rice_confidence": 1.5}, "rice_confidence", "Confidence"),
        ({"rice_effort": 0.0}, "rice_effort", "Effort"),
        ({"alpha": 1.0}, "alpha", "Alpha"),
        ({"power": 0.0}, "power", "Power"),
        ({"power": 0.4}, "power", "at least 0.5"),
        ({"sides": 3}, "sides", "sides"),
        ({"mde_absolute": 0.0}, "mde_relative", "above 0"),
        ({"mde_absolute": 0.8}, "mde_relative", "no room"),
        ({"baseline": 1.3}, "baseline", "between 0% and 100%"),
        ({"metric_kind": "mean", "baseline_sd": 0.0}, "baseline", "does not vary"),
        ({"metric_kind": "share"}, "metric_kind", "proportion"),
    ],
)
def test_problems_stand_at_their_field(changes, field, says):
    found = problems(a_plan(**changes))
    assert [problem.field for problem in found] == [field]
    assert says in found[0].message
