from dataclasses import replace
from datetime import date

import pytest

from dash_app import plan_drafts
from dash_app.callbacks import learnings, planner_outcome
from dash_app.callbacks.planner import _earlier
from dash_app.components.planner.outcome import outcome
from dash_app.pages.learnings import build
from dash_app.planning.sizing import size_plan
from grupa_pipeline.vocabulary.plan_parts import Decision
from tests.dash_app.callbacks.triggers import triggered_by
from tests.dash_app.planning.plans import Steady, a_plan
from tests.dash_app.trees import ids, text

GOOD = "arm,users,conversions\ncontrol,1000,300\ntreatment,1010,390"


@pytest.fixture
def plan(services):
    return services.roadmap.add(size_plan(a_plan(), Steady(500)).plan, "ann")


def record(services, plan, **values):
    fields = {"result": "", "decision": "", "lesson": ""} | values
    draft = plan_drafts.to_store(plan)
    given = list(fields.values()), [{"type": "outcome-field", "name": name} for name in fields]
    with triggered_by({"type": "record", "plan": plan.plan_id}):
        return planner_outcome.record(services, [1], *given, draft, 0)


def test_a_result_a_decision_and_a_lesson_are_kept_with_the_plan(services, plan):
    problem, saved, _ = record(services, plan, result=GOOD, decision="ship", lesson="Short forms win.")
    stored = services.roadmap.plan(plan.plan_id)
    assert (problem, saved) == (None, 1)
    assert stored.result.effect == pytest.approx(390 / 1010 - 0.3)
    assert (stored.decision, stored.lesson, stored.status) == (Decision.SHIP, "Short forms win.", plan.status)
    assert stored.decided_at is not None
    assert "Short forms win." in stored.brief
    assert "Decision: ship" in stored.brief
    assert "95% interval" in text(outcome(stored, {}))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"result": "arm,users,conversions\ncontrol,10,3\nblue,10,3"}, "is none of the plan's"),
        ({"decision": "ship"}, "there is no result"),
        ({"result": GOOD.replace("1010", "2010"), "decision": "ship"}, "not split as planned"),
        ({"decision": "shrug"}, "must be one of"),
    ],
)
def test_what_cannot_be_read_is_refused_and_changes_nothing(services, plan, values, said):
    problem, *_ = record(services, plan, **values)
    assert said in text(problem)
    assert services.roadmap.plan(plan.plan_id) == plan


def test_a_stale_outcome_is_refused(services, plan):
    services.roadmap.save(a_plan(plan_id=plan.plan_id, name="Renamed"), 1, "bob")
    problem, *_ = record(services, plan, lesson="Too late")
    assert "Somebody was faster" in text(problem)
    assert services.roadmap.plan(plan.plan_id).lesson is None


def test_learnings_are_found_by_word_and_stand_beside_a_new_test_of_the_metric(services, plan):
    assert "No test has been decided yet" in text(build(services, None, None))
    record(services, plan, result=GOOD, decision="stop", lesson="Short forms win.")
    page = build(services, None, None)
    assert "Short forms win." in text(page)
    assert {"type": "open-plan", "plan": plan.plan_id} in ids(page)
    assert "Short forms win." in "".join(text(each) for each in learnings.find(services, "FORMS submitted"))
    assert "No test holds these words" in "".join(text(each) for each in learnings.find(services, "pricing"))
    assert "Short forms win." in _earlier(services, a_plan(plan_id="other", cluster_id="C09"))[0]
    assert _earlier(services, a_plan(plan_id="other", cluster_id="C09", primary_metric="deals")) == []


def test_learnings_say_how_good_the_forecasts_were(services, plan):
    assert "made again from the first weeks of this log" in text(build(services, None, None))
    services.roadmap.save(replace(plan, start_date=date(2026, 5, 4), duration_days=28), 1, "ann")
    record(services, services.roadmap.plan(plan.plan_id), result=GOOD, decision="stop")
    assert "In 1 finished test the days were off by" in text(build(services, None, None))


def test_a_copy_of_a_decided_plan_starts_anew(services, plan):
    record(services, plan, result=GOOD, decision="ship", lesson="Short forms win.")
    copy = services.roadmap.duplicate(plan.plan_id, "ann")
    assert (copy.result, copy.decision, copy.lesson, copy.decided_at) == (None, None, None, None)
