from dataclasses import replace

import pytest

from dash_app import plan_drafts
from dash_app.callbacks import planner_activity
from dash_app.planning.plan import PlanError
from dash_app.planning.sizing import size_plan
from dash_app.roadmap.store import Roadmap, StaleEditError
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import audit_log
from grupa_pipeline.vocabulary.enums import PlanStatus
from tests.dash_app.callbacks.triggers import triggered_by
from tests.dash_app.planning.plans import Steady, a_plan
from tests.dash_app.trees import ids, text

pytestmark = pytest.mark.slow


@pytest.fixture
def strict(services, folder):
    """The services where plans need an approval."""
    settings = Settings(warehouse=folder, require_approval=True)
    return replace(services, settings=settings, roadmap=Roadmap(folder, require_approval=True))


@pytest.fixture
def plan(strict):
    return strict.roadmap.add(size_plan(a_plan(), Steady(500)).plan, "ann")


def press(services, what, plan, *values):
    callback = {"comment": planner_activity.comment, "approve": planner_activity.approve}[what]
    after = () if what == "comment" else (0,)
    with triggered_by({"type": what, "plan": plan.plan_id}):
        return callback(services, [1], *values, plan_drafts.to_store(plan), *after)


def test_a_comment_is_kept_with_name_and_time_and_changes_no_revision(strict, plan):
    shown, _ = press(strict, "comment", plan, " <b>Why?</b>\nReally ")
    (said,) = strict.roadmap.comments(plan.plan_id)
    assert (said.text, said.said_by, said.revision) == ("<b>Why?</b>\nReally", "local user", 1)
    assert strict.roadmap.plan(plan.plan_id) == plan
    assert "local user" in text(shown)
    assert "<b>Why?</b>" in text(shown)
    (entry,) = audit_log.query(
        strict.settings.warehouse, "SELECT action, subject FROM audit_log WHERE action = 'comment'"
    ).fetchall()
    assert entry == ("comment", plan.plan_id)


def test_a_comment_on_an_older_revision_is_not_lost(strict, plan):
    strict.roadmap.save(replace(plan, name="Renamed"), 1, "bob")
    press(strict, "comment", plan, "On what I saw")
    assert [said.revision for said in strict.roadmap.comments(plan.plan_id)] == [1]


def test_an_empty_comment_is_refused(strict, plan):
    _, problem = press(strict, "comment", plan, "  ")
    assert "Write something" in text(problem)
    assert strict.roadmap.comments(plan.plan_id) == []


def test_another_person_approves_and_then_it_is_scheduled(strict, plan):
    with pytest.raises(PlanError, match="has to approve"):
        strict.roadmap.move(plan.plan_id, PlanStatus.SCHEDULED, 1.0, "ann")
    section = planner_activity.section(strict, plan)
    assert "somebody other than ann" in text(section)
    assert {"type": "approve", "plan": plan.plan_id} in ids(section)
    problem, saved, _ = press(strict, "approve", plan)
    stored = strict.roadmap.plan(plan.plan_id)
    assert (problem, saved, stored.approved_by) == (None, 1, "local user")
    assert "Approved by local user" in text(planner_activity.section(strict, stored))
    assert "Approved by | local user" in stored.brief
    strict.roadmap.move(plan.plan_id, PlanStatus.SCHEDULED, 1.0, "ann")
    edited = replace(strict.roadmap.plan(plan.plan_id), power=0.9)
    again = strict.roadmap.save(edited, edited.revision, "ann")
    assert (again.approved_by, again.status) == (None, PlanStatus.READY)


def test_the_author_cannot_approve_and_nobody_a_stale_revision(strict, plan):
    with pytest.raises(PlanError, match="another person"):
        strict.roadmap.approve(plan.plan_id, 1, "ann")
    newer = strict.roadmap.save(replace(plan, power=0.9), 1, "bob")
    problem, *_ = press(strict, "approve", plan)
    assert "Somebody was faster" in text(problem)
    with pytest.raises(StaleEditError):
        strict.roadmap.approve(plan.plan_id, 1, "eve")
    assert strict.roadmap.plan(plan.plan_id) == newer


def test_no_browser_brings_an_approval_along(strict, plan):
    forged = replace(plan, approved_by="eve", approved_at=plan.updated_at)
    assert strict.roadmap.save(forged, 1, "ann").approved_by is None
    with pytest.raises(PlanError, match="has to approve"):
        strict.roadmap.add(replace(forged, plan_id="plan-2", status=PlanStatus.SCHEDULED), "ann")
    assert strict.roadmap.add(replace(forged, plan_id="plan-2"), "ann").approved_by is None


def test_a_plan_scheduled_before_the_setting_stays_so(strict, plan, folder):
    Roadmap(folder).move(plan.plan_id, PlanStatus.SCHEDULED, 1.0, "ann")
    edited = replace(strict.roadmap.plan(plan.plan_id), power=0.9)
    assert strict.roadmap.save(edited, edited.revision, "ann").status is PlanStatus.SCHEDULED


def test_without_the_setting_nothing_is_said_of_approval(services, plan):
    section = planner_activity.section(services, plan)
    assert "pprov" not in text(section)
