from dataclasses import replace

import pytest

from dash_app import plan_options
from dash_app import services as services_module
from dash_app.app import create_app
from dash_app.callbacks import roadmap as handlers
from dash_app.pages import clusters, history, roadmap
from dash_app.roadmap.store import StaleEditError
from grupa_pipeline.settings import Settings
from tests.dash_app.trees import ids, of_class, parts, text


@pytest.fixture
def plan(services, shown):
    made = plan_options.new_draft(services, shown, *shown.insight("R-C01")).sizing.plan
    return services.roadmap.add(made, "ann")


def cell(plan, field, value):
    return [{"data": {"plan_id": plan.plan_id, "revision": plan.revision}, "colId": field, "value": value}]


def test_an_empty_roadmap_says_how_to_start(services, shown):
    assert "No test is planned yet" in text(roadmap.build(services, shown, None))


def test_a_plan_is_in_table_board_and_timeline(services, shown, plan):
    plan = services.roadmap.save(replace(plan, mde_absolute=0.3, mde_relative=None, end_date=plan.start_date), 1, "ann")
    tree = roadmap.build(services, shown, None)
    grid = next(each for each in parts(tree) if getattr(each, "id", None) == "plan-table")
    assert [(row["name"], row["cluster"], row["revision"]) for row in grid.rowData] == [(plan.name, "Deal closers", 2)]
    card = of_class(tree, "plan-card")[0]
    assert getattr(card, "data-plan") == plan.plan_id
    assert plan.name in text(card)
    timeline = next(each for each in parts(tree) if each._type == "Graph")
    assert plan.name[:20] in timeline.figure.data[1].text[0]
    assert len({str(each) for each in ids(tree)}) == len(ids(tree))


def told(tree, start):
    lines = [text(each) for each in of_class(tree, "quiet")]
    return next(each for each in lines if each.startswith(start)).removeprefix(start)


def test_a_plan_without_a_foretold_end_is_told_apart_from_one_without_a_first_day(services, shown, plan):
    services.roadmap.add(replace(plan, plan_id="endless", name="Endless", duration_days=None, end_date=None), "ann")
    services.roadmap.add(
        replace(plan, plan_id="undated", name="Undated", duration_days=14, start_date=None, end_date=None), "ann"
    )
    tree = roadmap.build(services, shown, None)
    assert "Endless" in told(tree, "No end foretold: ")
    assert told(tree, "No first day yet: ") == "Undated."
    grid = next(each for each in parts(tree) if getattr(each, "id", None) == "plan-table")
    weeks = next(each for each in grid.columnDefs if each["field"] == "weeks")
    assert "'none foretold'" in weeks["valueFormatter"]["function"]


def test_what_the_chosen_plans_may_bring_stands_beside_the_naive_sum(services, shown, plan):
    good = replace(plan, start_date=None, end_date=None, duration_days=28, feasible=True)
    services.roadmap.save(good, 1, "ann")
    services.roadmap.add(replace(good, plan_id="other", name="Other"), "ann")
    page = text(roadmap.build(services, shown, None))
    assert "What the tests may bring in a quarter" in page
    assert "Adding up the planned effects says" in page
    assert "Taken is that 12% of tests win" in page
    assert "The 2 tests need" in page
    one = "".join(text(each) for each in handlers.foresee(services, ["other"]))
    assert "The test needs" in one
    assert "nine times in ten 0 to" in one
    assert "that there is any gain" in one
    assert "Choose at least one plan" in text(handlers.foresee(services, None)[0])


def test_a_plan_of_a_cluster_that_is_gone_says_so(services, shown, plan):
    services.roadmap.add(replace(plan, plan_id="other", cluster_id="C99"), "ann")
    assert "C99 (gone)" in text(of_class(roadmap.build(services, shown, None), "board"))


def test_clusters_of_one_name_are_told_apart_by_their_id(services, monkeypatch):
    monkeypatch.setattr(
        services_module, "load_latest_names", lambda _: (("C01", "A", 0), ("C02", "A", 1), ("C03", "B", 2))
    )
    assert services.cluster_labels() == {"C01": ("A (C01)", 0), "C02": ("A (C02)", 1), "C03": ("B", 2)}


@pytest.mark.slow
def test_a_notice_quotes_no_quotes(services, plan):
    services.roadmap.save(replace(plan, name="Make “A” the next step"), 1, "ann")
    assert "“Make ‘A’ the next step” is off" in text(
        handlers.use_tool(services, {"what": "remove", "plan": plan.plan_id})
    )


def test_overlaps_stand_on_the_page_and_on_the_plan(services, shown, plan):
    first = services.roadmap.save(replace(plan, end_date=plan.start_date), 1, "ann")
    services.roadmap.add(replace(first, plan_id="other", name="Other"), "bob")
    tree = roadmap.build(services, shown, None)
    assert "1 overlap to look at" in text(tree)
    assert len(of_class(tree, "card-warning")) == 2


def test_a_test_on_the_same_users_with_another_metric_is_counted_apart(services, shown, plan):
    first = services.roadmap.save(replace(plan, end_date=plan.start_date), 1, "ann")
    services.roadmap.add(replace(first, plan_id="other", primary_metric="elsewhere"), "bob")
    grid = next(
        each for each in parts(roadmap.build(services, shown, None)) if getattr(each, "id", None) == "plan-table"
    )
    assert [(row["concurrent"], row["overlaps"]) for row in grid.rowData] == [(1, 0), (1, 0)]
    names = {each["field"]: each["headerName"] for each in grid.columnDefs}
    assert names["overlaps"] == "Same-metric overlaps"


def test_a_cell_is_saved_as_the_next_revision(services, plan):
    handlers.edit_cell(services, cell(plan, "owner", "bob"))
    stored = services.roadmap.plan(plan.plan_id)
    assert (stored.owner, stored.revision) == ("bob", 2)
    handlers.edit_cell(services, cell(stored, "start_date", "2026-06-01"))
    assert str(services.roadmap.plan(plan.plan_id).start_date) == "2026-06-01"


@pytest.mark.slow
def test_the_exports_say_what_was_typed_into_a_cell_and_that_a_copy_is_one(folder, services, plan):
    app = create_app(Settings(warehouse=folder)).server.test_client()
    assert f"# {plan.name}" in app.get("/export/roadmap.md").text
    handlers.edit_cell(services, cell(plan, "name", "Typed over"))
    handlers.edit_cell(services, cell(services.roadmap.plan(plan.plan_id), "owner", "bob"))
    handlers.use_tool(services, {"what": "duplicate", "plan": plan.plan_id})
    for path in ("/export/roadmap.md", "/print/roadmap"):
        told = app.get(path).text
        assert "Typed over" in told
        assert "Typed over (copy)" in told
        assert "bob" in told
        assert plan.name not in told


def test_a_stale_cell_is_refused_and_told(services, plan):
    handlers.edit_cell(services, cell(plan, "owner", "bob"))
    with pytest.raises(StaleEditError):
        handlers.edit_cell(services, cell(plan, "owner", "cyd"))
    saved, toast = handlers.answer(services, handlers.edit_cell, cell(plan, "owner", "cyd"), 4)
    assert saved == 5
    assert "Not saved." in text(toast)
    assert services.roadmap.plan(plan.plan_id).owner == "bob"


def test_remove_and_undo(services, plan):
    toast = handlers.use_tool(services, {"what": "remove", "plan": plan.plan_id})
    assert services.roadmap.plans() == []
    assert {"type": "undo", "what": "restore", "plan": plan.plan_id} in ids(toast)
    services.roadmap.restore(plan.plan_id, "ann")
    assert len(services.roadmap.plans()) == 1


def test_duplicate(services, plan):
    handlers.use_tool(services, {"what": "duplicate", "plan": plan.plan_id})
    assert sorted(each.name for each in services.roadmap.plans()) == [plan.name, f"{plan.name} (copy)"]


@pytest.mark.slow
def test_a_dropped_plan_lands_before_the_one_it_was_dropped_on(services, plan):
    second, third = (
        services.roadmap.add(replace(plan, plan_id=each, name=each), "ann") for each in ("second", "third")
    )
    handlers.drop(services, {"plan": third.plan_id, "status": "draft", "before": second.plan_id})
    assert [each.plan_id for each in services.roadmap.plans()] == [plan.plan_id, "third", "second"]
    handlers.drop(services, {"plan": "third", "status": "ready", "before": None})
    assert services.roadmap.plan("third").status == "ready"


def test_history_shows_sizes_moves_and_turns(services, shown):
    words = text(history.build(services, shown, None))
    for expected in (
        "Sizes over time",
        "Careful drafters",
        "Split: Careful drafters into Window shoppers",
        "As a table",
    ):
        assert expected in words


@pytest.mark.slow
def test_the_clusters_page_has_a_list_equal_to_the_map(services, shown):
    tree = clusters.build(services, shown, "C02")
    grid = next(each for each in parts(tree) if getattr(each, "id", None) == "table").data["grid"]
    assert [row["cluster"] for row in grid.rowData] == ["C01", "C02", "C03"]
    openers = [each for each in ids(tree) if isinstance(each, dict) and each["type"] == "open" and each["at"] == "card"]
    assert [each["cluster"] for each in openers] == ["C01", "C02", "C03", "unassigned"]
    assert len({str(each) for each in ids(tree)}) == len(ids(tree))
    assert of_class(tree, "panel")[0].className == "panel open"


def test_the_clusters_page_brings_along_all_that_its_panel_can_show(services, shown):
    tree = clusters.build(services, shown, None)
    panels = next(each for each in parts(tree) if getattr(each, "id", None) == "panels").data
    assert list(panels) == ["", "C01", "C02", "C03", "segment", "unassigned"]
    assert text(of_class(tree, "panel")[0]) == text(panels[""])
    assert all(shown.cluster(each).name in text(panels[each]) for each in ("C01", "C02", "C03"))
    assert "In no cluster" in text(panels["unassigned"])
