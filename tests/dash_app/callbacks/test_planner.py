from dataclasses import replace

import pytest
from dash._callback_context import context_value
from dash._utils import AttributeDict

from dash_app import plan_drafts, plan_options
from dash_app.callbacks import planner, planner_edits
from dash_app.components.planner import form as planner_form
from dash_app.components.planner.drawer import OUTDATED, SAVED_NUMBERS
from dash_app.data.loading import load_catalog
from dash_app.planning.duration import DurationError
from dash_app.planning.positions import is_plan_id
from tests.dash_app.trees import ids, of_class, parts, text


@pytest.fixture(autouse=True)
def asked_by_the_address():
    token = context_value.set(AttributeDict(triggered_inputs=[{"prop_id": "planning.data", "value": {}}]))
    yield
    context_value.reset(token)


@pytest.fixture
def draft(services, shown):
    return plan_options.new_draft(services, shown, *shown.insight("R-C01")).sizing.plan


@pytest.fixture
def lost(services, draft):
    """A plan on the roadmap whose cluster is in no snapshot any more."""
    return services.roadmap.add(replace(draft, cluster_id="C99"), "ann")


def open_(services, plan, replan=None, stored=None):
    return planner.open_planner(services, {"plan": plan.plan_id}, replan, None, stored)


def pressed(button):
    """The rest of the test is a call for a button; what the browser then holds."""
    context_value.set(AttributeDict(triggered_inputs=[{"prop_id": "replan.data", "value": {}}]))
    return {"what": button, "at": 1}


def form_values(services, plan):
    catalog = services.database.query(load_catalog)
    found = [each for each in parts(planner_form.form(plan, catalog)) if isinstance(getattr(each, "id", None), dict)]
    values = {each.id["name"]: getattr(each, "value", None) for each in found if each.id["type"] == "field"}
    return values, {each.id["metric"]: each for each in found if each.id["type"] == "margin"}


def filled_in(services, plan, **changes):
    """The fields of a plan's form as callbacks get them, some of them changed."""
    values, margins = form_values(services, plan)
    values |= changes
    return (
        list(values.values()),
        [each.value for each in margins.values()],
        [{"name": each} for each in values],
        [{"metric": each} for each in margins],
        plan_drafts.to_store(plan),
    )


def change(services, plan, **changes):
    return planner.edit(services, *filled_in(services, plan, **changes))


def save(services, plan, **changes):
    return planner.save(services, {"plan": plan.plan_id}, *filled_in(services, plan, **changes), 3)


@pytest.mark.slow
def test_a_saved_plan_whose_cluster_is_gone_opens_with_the_numbers_it_was_saved_with(services, lost):
    tree, stored, title = open_(services, lost)
    words = text(tree)
    assert SAVED_NUMBERS in words
    assert "Its cluster C99 is no longer in the snapshot" in words
    assert f"{lost.n_per_arm:,} users an arm" in words
    assert lost.brief in [each.children for each in parts(tree) if each._type == "Pre"]
    assert {"type": "field", "name": "hypothesis"} in ids(tree)
    assert plan_drafts.from_store(stored) == lost
    assert text(title) == "Test plan"


@pytest.mark.slow
def test_it_can_be_renamed_and_dated_but_not_sized_for_another_test(services, lost):
    *_, problem, stored = change(services, lost, name="Still worth it", start_date="2027-01-04")
    edited = plan_drafts.from_store(stored)
    assert problem is None
    assert (edited.name, str(edited.start_date), edited.n_total) == ("Still worth it", "2027-01-04", lost.n_total)
    assert "# Still worth it" in edited.brief
    *_, problem, stored = change(services, lost, power=0.9)
    assert "Nobody of this cluster" in text(problem)
    assert stored is planner.no_update
    with pytest.raises(DurationError):
        plan_drafts.resize_edit(services, lost, replace(lost, power=0.9))


def test_a_plan_of_no_snapshot_that_is_held_opens_too(services, lost):
    plan = services.roadmap.save(replace(lost, snapshot_date=lost.snapshot_date.replace(year=2001)), 1, "ann")
    assert "is no longer held" in text(open_(services, plan)[0])


@pytest.mark.slow
def test_a_pressed_button_opens_the_suggestion_or_the_newer_plan(services, draft):
    saved = services.roadmap.add(draft, "ann")
    _, stored, _ = open_(services, saved, pressed("alternative"), plan_drafts.to_store(saved))
    assert plan_drafts.from_store(stored).mde_absolute > saved.mde_absolute
    _, stored, _ = open_(services, saved, pressed("reload-plan"), plan_drafts.to_store(replace(saved, name="Typed")))
    assert plan_drafts.from_store(stored).name == saved.name


def test_the_address_opens_a_plan_as_it_is_whatever_was_pressed_before(services, draft):
    saved = services.roadmap.add(draft, "ann")
    _, stored, _ = open_(services, saved, {"what": "alternative", "at": 1}, plan_drafts.to_store(saved))
    assert plan_drafts.from_store(stored).mde_absolute == saved.mde_absolute


def test_what_was_closed_without_saving_is_told_of_and_opens_again(services, draft):
    edited = plan_drafts.to_store(replace(draft, name="Typed"))
    told = planner.say_unsaved({"plan": "unsaved:new:R-C01"}, edited)
    assert "Your changes to “Typed” are not saved. Reopen" in text(told)
    assert {"type": "open-plan", "plan": "unsaved:new:R-C01"} in ids(told)
    for held, name in ((edited, "Typed"), (None, draft.name), (edited | {"recommendation_id": "R-C02"}, draft.name)):
        _, stored, _ = planner.open_planner(services, {"plan": "unsaved:new:R-C01"}, None, None, held)
        assert plan_drafts.from_store(stored).name == name


def test_a_new_plan_is_saved_to_the_roadmap_and_a_saved_one_keeps_changes(services, shown, draft):
    new, _, title = planner.open_planner(services, {"plan": "new:R-C01"}, None, None, None)
    assert text(title) == "Plan a test"
    assert "Save to the roadmap" in text(of_class(new, "plan-head"))
    saved, _, title = open_(services, services.roadmap.add(draft, "ann"))
    assert text(title) == "Test plan"
    assert "Save changes" in text(of_class(saved, "plan-head"))
    assert SAVED_NUMBERS not in text(saved)


def test_an_absolute_effect_on_a_share_is_edited_in_points(services, draft):
    plan = replace(draft, mde_absolute=0.05, mde_relative=None)
    values, margins = form_values(services, plan)
    assert values["mde"] == 5
    limits = {name: each.value for name, each in margins.items()}
    assert planner_edits.apply(services, plan, values, limits) == plan
    assert planner_edits.apply(services, plan, values | {"mde": 6}, limits).mde_absolute == pytest.approx(0.06)


def test_a_relative_effect_says_of_what(services, draft):
    assert draft.mde_relative is not None
    tree = planner_form.form(draft, services.database.query(load_catalog))
    field = next(each for each in parts(tree) if getattr(each, "id", None) == {"type": "field", "name": "mde"})
    assert field.suffix == f"% of today's {draft.baseline:.1%}"


def test_what_the_fields_say_is_saved_though_the_draft_does_not_yet(services, draft):
    problem, saved, told = save(services, draft, name="Bold test", mde=60)
    stored = services.roadmap.plan(draft.plan_id)
    assert (problem, saved) == (None, 4)
    assert "Bold test" in text(told)
    assert (stored.name, stored.mde_relative) == ("Bold test", pytest.approx(0.6))
    assert stored.n_per_arm < draft.n_per_arm
    assert "# Bold test" in stored.brief


def test_an_untouched_draft_is_saved_as_it_is(services, draft):
    save(services, draft)
    stored = services.roadmap.plan(draft.plan_id)
    kept = ("n_per_arm", "mde_absolute", "traffic_share", "guardrails", "brief", "variants")
    assert [getattr(stored, each) for each in kept] == [getattr(draft, each) for each in kept]


@pytest.mark.slow
@pytest.mark.parametrize("plan_id", ["", "../../etc/passwd", "x" * 100_000, "plan-<script>"])
def test_the_server_makes_the_id_of_a_plan(services, draft, plan_id):
    save(services, replace(draft, plan_id=plan_id))
    assert [is_plan_id(plan.plan_id) for plan in services.roadmap.plans()] == [True]


def test_a_field_without_a_value_is_not_saved(services, draft):
    problem, saved, _ = save(services, draft, power="")
    assert "Give a number for power." in text(problem)
    assert saved is planner.no_update
    assert services.roadmap.plans() == []


def test_a_refused_value_says_that_the_numbers_are_from_before(services, draft):
    *_, problem, stored = change(services, draft, mde=0)
    assert "must be above 0" in text(problem)
    assert OUTDATED in text(of_class(problem, "outdates"))
    assert stored is planner.no_update
    problem, *_ = save(services, draft, mde=0)
    assert of_class(problem, "outdates")


def test_the_numbers_of_a_plan_that_is_not_on_the_roadmap_are_not_called_outdated(services, draft):
    saved = services.roadmap.add(draft, "ann")
    problem, *_ = save(services, replace(saved, plan_id="gone"))
    assert of_class(problem, "notice-error")
    assert of_class(problem, "outdates") == []


def test_a_plan_is_not_saved_with_the_draft_of_another(services, draft):
    asked = planner.save(services, {"plan": "another"}, *filled_in(services, draft), 3)
    assert asked == (planner.no_update,) * 3
    assert services.roadmap.plans() == []


@pytest.mark.slow
def test_another_primary_metric_fills_the_form_anew_and_changes_places_with_the_guardrail(services, draft):
    guardrail = draft.guardrails[0].metric
    *_, form, problem, stored = change(services, draft, primary_metric=guardrail, guardrails=[guardrail])
    assert problem is None
    edited = plan_drafts.from_store(stored)
    assert edited.primary_metric == guardrail
    assert [each.metric for each in edited.guardrails] == [draft.primary_metric]
    fields = {each.id["name"]: each for each in parts(form) if getattr(each, "id", {}).get("type") == "field"}
    assert fields["mde"].suffix != form_suffix(services, draft)
    assert fields["guardrails"].value == [draft.primary_metric]
    *_, form, problem, _ = change(services, edited)
    assert (form, problem) == (planner.no_update, None)


def form_suffix(services, plan):
    tree = planner_form.form(plan, services.database.query(load_catalog))
    return next(each.suffix for each in parts(tree) if getattr(each, "id", None) == {"type": "field", "name": "mde"})


def test_the_metric_that_needs_most_users_is_named_with_its_role(services, draft):
    _, advice, *_ = change(services, draft)
    label = services.database.query(load_catalog)[draft.primary_metric].label.capitalize()
    assert f"most users are needed for the primary metric “{label}”" in text(advice)
