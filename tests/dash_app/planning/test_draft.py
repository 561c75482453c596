from dataclasses import replace
from datetime import date, datetime

import numpy as np
import pytest

from dash_app.planning.baseline import Baseline, baseline_window, measure
from dash_app.planning.draft import (
    RecommendationFacts,
    default_effect,
    default_guardrail,
    draft_plan,
    guardrail_candidates,
    is_modest,
    propose_first_day,
)
from dash_app.planning.plan import problems, with_margin
from dash_app.planning.sizing import size_plan
from grupa_pipeline.vocabulary.enums import BaselineUsers, Direction
from grupa_pipeline.vocabulary.plan_fields import PLAN_FIELDS
from tests.dash_app.planning.plans import Steady

RECOMMENDATION = RecommendationFacts(
    snapshot_date=date(2026, 4, 30),
    cluster_id="C02",
    insight_id="rec-9",
    title="  Shorten the proposal form ",
    change="Ask for three fields only.",
    hypothesis="If ..., then ..., because ...",
    evidence_ids=("ev-1",),
    target_metric="submitted",
    direction=Direction.INCREASE,
    population="sessions/week > 3",
    stability=0.8,
)
WINDOW = baseline_window(datetime(2026, 1, 1), datetime(2026, 5, 1))


def _share(value: float, n: int = 500) -> Baseline:
    return measure("proportion", np.arange(n) < value * n)


def _draft(baseline: Baseline, recommendation: RecommendationFacts = RECOMMENDATION):
    rail = default_guardrail("tickets", measure("mean", np.arange(100) % 5), False)
    return draft_plan(
        recommendation,
        baseline,
        WINDOW,
        [rail],
        baseline_users=BaselineUsers.RULE,
        plan_id="p",
        owner="ana",
        first_day=date(2026, 5, 4),
    )


def test_a_draft_is_filled_in_and_can_be_sized():
    plan = _draft(_share(0.3))
    assert problems(plan) == ()
    sized = size_plan(plan, Steady(200)).plan
    empty = {name for name, value in sized.to_row().items() if value in (None, "", [])}
    optional = {name for name, field in PLAN_FIELDS.items() if field.nullable and field.control}
    names = list(PLAN_FIELDS)
    of_its_life = set(names[names.index("audience") :])
    assert empty - optional - of_its_life == {"created_at", "updated_at", "deleted_at", "updated_by"}
    assert sized.name == "Shorten the proposal form"
    assert sized.variants[1].description == "Ask for three fields only."
    assert sized.start_date == date(2026, 5, 4)
    assert sized.start_date.weekday() == 0
    assert sized.rice_confidence == 0.8
    assert sized.baseline_users is BaselineUsers.RULE


@pytest.mark.parametrize("value", [0.0, 0.002, 0.3, 0.95, 0.998])
@pytest.mark.parametrize("direction", list(Direction))
def test_the_default_effect_leaves_room(value, direction):
    baseline = _share(value)
    effect = default_effect(baseline, direction)
    room = 1 - baseline.value if direction is Direction.INCREASE else baseline.value
    assert effect > 0
    assert effect <= max(room, 0.05)


def test_a_ratio_that_is_a_share_asks_for_no_more_than_all():
    nearly_all = measure("ratio", [9.0, 10.0, 9.5], [10.0, 10.0, 10.0])
    assert nearly_all.value + default_effect(nearly_all, Direction.INCREASE) < 1
    several_each = measure("ratio", [19.0, 20.0], [10.0, 10.0])
    assert default_effect(several_each, Direction.INCREASE) == pytest.approx(0.195)


def test_the_default_effect_is_a_tenth():
    assert default_effect(_share(0.3), Direction.INCREASE) == pytest.approx(0.03)
    assert default_effect(measure("mean", [4.0, 6.0]), Direction.DECREASE) == pytest.approx(0.5)
    assert default_effect(measure("mean", [-1.0, 1.0]), Direction.INCREASE) == pytest.approx(0.2 * np.sqrt(2))


def test_candidates_are_outcomes_that_do_harm_first():
    def row(feature, role, higher):
        return {"feature": feature, "role": role, "higher_is_better": higher}

    catalog = [
        row("sessions", "clustering", True),
        row("share_login", "clustering", None),
        row("deals", "outcome", True),
        row("drop_offs", "outcome", False),
        row("submitted", "outcome", True),
    ]
    assert guardrail_candidates(catalog, "submitted") == ["drop_offs", "deals", "sessions"]
    assert guardrail_candidates(catalog[1:2], "submitted") == ["share_login"]
    assert guardrail_candidates([], "submitted") == []


def test_a_default_guardrail_needs_a_moderate_number_of_users():
    rare = default_guardrail("drop_offs", _share(0.1), False)
    assert rare.worse == "increase"
    assert rare.margin_absolute == pytest.approx(0.1 * np.sqrt(0.1 * 0.9))
    rarest = default_guardrail("drop_offs", _share(0.004), False)
    assert rarest.margin_relative == pytest.approx(0.5)  # more would guard nothing
    common = default_guardrail("deals", measure("mean", [9.0, 10.0, 11.0]), True)
    assert common.worse == "decrease"
    assert common.margin_relative == pytest.approx(0.1)
    assert default_guardrail("x", _share(0.5), None).worse == "decrease"


def test_a_draft_starts_from_a_modest_effect_or_margin_only():
    plan = size_plan(_draft(_share(0.3)), Steady(200)).plan
    wide = replace(plan, guardrails=tuple(with_margin(each, relative=0.4) for each in plan.guardrails))
    assert is_modest(plan, plan.with_effect(relative=0.25))
    assert not is_modest(plan, plan.with_effect(relative=0.26))
    assert not is_modest(plan, wide)
    assert is_modest(wide, wide.with_effect(relative=0.2))


def test_the_first_day_is_a_monday_and_follows_the_end_of_an_old_log():
    assert propose_first_day(date(2026, 5, 1), date(2026, 4, 20)) == (date(2026, 5, 4), None)
    first, said = propose_first_day(date(2026, 5, 1), date(2024, 1, 31))
    assert first == date(2024, 2, 5)
    assert "ends on 31 Jan 2024, 821 days ago" in said
