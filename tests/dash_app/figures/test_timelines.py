"""Figures along time."""

from dataclasses import replace
from datetime import date

from dash_app.data.history import ClusterSize, load_moves, load_sizes
from dash_app.figures import timelines
from tests.dash_app.planning.plans import a_plan
from tests.dash_app.synthetic import DAYS


def test_sizes_and_flows_hold_the_tables_numbers(services):
    clusters = {"C01": ("One", 0), "C02": ("Two", 1), "C03": ("Three", 2)}
    sizes = timelines.sizes_over_time(services.database.query(load_sizes), clusters)
    assert {trace.name: list(trace.y) for trace in sizes.data} == {
        "One": [130, 140],
        "Two": [80, 90],
        "Three": [50, 60],
    }
    flow = timelines.flows(services.database.query(load_moves, *DAYS), clusters).data[0]
    assert sum(flow.link.value) == 290
    assert len(flow.node.label) == 6


def test_a_day_without_a_cluster_is_a_gap_in_its_line():
    days = [date(2026, 1, each) for each in (1, 2, 3)]
    sizes = [
        ClusterSize(days[0], "C01", 5),
        ClusterSize(days[2], "C01", 7),
        *(ClusterSize(each, "C02", 9) for each in days),
    ]
    lines = timelines.sizes_over_time(sizes, {}).data
    assert [list(each.y) for each in lines] == [[5, None, 7], [9, 9, 9]]
    assert not any(each.connectgaps for each in lines)
    assert all(each.hovertemplate.startswith("%{fullData.name}") for each in lines)
    assert all(each.hovertemplate.endswith("<extra></extra>") for each in lines)


def test_labels_of_flows_are_short_on_narrow_screens_and_whole_at_the_pointer():
    clusters = {"C01": ("Completeren aanvraag regulars", 0)}
    node = timelines.flows([("C01", None, 4)], clusters, 12).data[0].node
    assert list(node.label) == ["Completeren…", "Unassigned…"]
    assert list(node.customdata) == ["Completeren aanvraag regulars", "Unassigned or absent"]


def test_names_on_the_timeline_run_away_from_the_nearer_edge():
    early = a_plan(end_date=date(2026, 5, 31))
    late = replace(early, plan_id="late", start_date=date(2026, 8, 1), end_date=date(2026, 8, 31))
    bars, names = timelines.timeline([early, late], {}, date(2026, 6, 1)).data
    assert list(names.textposition) == ["top left", "top right"]
    assert list(names.x) == [date(2026, 9, 1), date(2026, 5, 4)]
    assert bars.type == "bar"


def test_the_timeline_shows_today_whole_names_and_days_as_elsewhere():
    plan = a_plan(name="Find the point where <b>A declined</b> is decided", end_date=date(2026, 5, 31))
    wide = timelines.timeline([plan], {}, date(2026, 5, 10))
    narrow = timelines.timeline([plan], {}, date(2026, 5, 10), 28)
    assert wide.data[1].text == ("Find the point where &lt;b&gt;A declined&lt;/b&gt; is decided",)
    assert narrow.data[1].text == ("Find the point where &lt;b&gt;A<br>declined&lt;/b&gt; is decided",)
    assert narrow.layout.height == wide.layout.height + 17
    assert "4 May 2026 to 31 May 2026" in wide.data[0].customdata[0]
    (line,) = wide.layout.shapes
    assert (line.x0, line.x1, line.line.dash) == ("2026-05-10", "2026-05-10", "dot")
