from dataclasses import replace

import pytest
from dash import no_update

from dash_app import plan_options
from dash_app.callbacks import roadmap
from tests.dash_app.callbacks.triggers import triggered_by
from tests.dash_app.trees import ids, of_class

pytestmark = pytest.mark.slow


@pytest.fixture
def plan(services, shown):
    draft = plan_options.new_draft(services, shown, *shown.insight("R-C01")).sizing.plan
    return services.roadmap.add(draft, "ann")


@pytest.fixture
def column(services, plan):
    """Three plans of one status, top down."""
    services.roadmap.add(replace(plan, plan_id="second", revision=0), "ann")
    services.roadmap.add(replace(plan, plan_id="third", revision=0), "ann")
    return plan.status


def order(services, status):
    return [each.plan_id for each in services.roadmap.plans() if each.status == status]


def test_an_answer_counts_what_was_saved(services):
    assert roadmap.answer(services, lambda services, value: value, "toast", 3) == (4, "toast")
    assert roadmap.answer(services, lambda services, value: value, None, 3) == (no_update, no_update)
    assert roadmap.answer(services, lambda services: "toast", None) == (1, "toast")


def test_an_answer_says_why_a_plan_is_not_saved_and_shows_what_is_stored(services):
    saved, toast = roadmap.answer(services, roadmap.use_tool, {"what": "remove", "plan": "gone"}, 3)
    assert saved == 4
    assert of_class(toast, "stays")


def test_an_edit_of_a_cell_is_saved_on_the_revision_that_was_shown(services, plan):
    row = {"plan_id": plan.plan_id, "revision": plan.revision}
    assert roadmap.edit_cell(services, None) is None
    roadmap.edit_cell(services, [{"data": row, "colId": "owner", "value": "bob"}])
    stored = services.roadmap.plan(plan.plan_id)
    assert (stored.owner, stored.revision) == ("bob", plan.revision + 1)


def test_a_dropped_plan_takes_the_place_it_was_dropped_on(services, column):
    first, second, third = order(services, column)
    assert roadmap.drop(services, None) is None
    roadmap.drop(services, {"plan": third, "status": column, "before": second})
    assert order(services, column) == [first, third, second]


@pytest.mark.slow
def test_a_plan_moves_one_place_up_or_down_its_column(services, column):
    first, second, third = order(services, column)
    with triggered_by({"type": "step", "plan": third, "way": "up"}):
        assert roadmap.step(services, [0]) is None
        assert roadmap.step(services, [1]) is not None
    assert order(services, column) == [first, third, second]
    with triggered_by({"type": "step", "plan": first, "way": "down"}):
        roadmap.step(services, [1])
    assert order(services, column) == [third, first, second]


def test_the_first_plan_cannot_move_up(services, column):
    before = order(services, column)
    with triggered_by({"type": "step", "plan": before[0], "way": "up"}):
        assert roadmap.step(services, [1]) is None
    assert order(services, column) == before


def test_a_plan_moves_to_the_end_of_the_chosen_column(services, plan):
    chosen = [{"plan": plan.plan_id}]
    with triggered_by({"type": "move", "plan": plan.plan_id}, "value"):
        assert roadmap.move(services, [plan.status], chosen) is None
        roadmap.move(services, ["ready"], chosen)
    assert services.roadmap.plan(plan.plan_id).status == "ready"


def test_a_plan_is_duplicated_and_the_copy_can_be_removed_again(services, plan):
    assert roadmap.use_tool(services, None) is None
    toast = roadmap.use_tool(services, {"what": "duplicate", "plan": plan.plan_id})
    [copy] = [each.plan_id for each in services.roadmap.plans() if each.plan_id != plan.plan_id]
    undo = {"type": "undo", "what": "remove", "plan": copy}
    assert undo in ids(toast)
    with triggered_by(undo):
        assert roadmap.undo(services, [0]) is None
        assert roadmap.undo(services, [1]) is not None
    assert [each.plan_id for each in services.roadmap.plans()] == [plan.plan_id]


def test_a_removed_plan_can_be_restored(services, plan):
    toast = roadmap.use_tool(services, {"what": "remove", "plan": plan.plan_id})
    undo = {"type": "undo", "what": "restore", "plan": plan.plan_id}
    assert undo in ids(toast)
    assert services.roadmap.plans() == []
    with triggered_by(undo):
        roadmap.undo(services, [1])
    assert [each.plan_id for each in services.roadmap.plans()] == [plan.plan_id]
