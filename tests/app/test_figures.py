import json
from dataclasses import replace

import numpy as np

from dash_app import figures
from dash_app.data import users
from dash_app.data.history import load_moves, load_sizes
from dash_app.palette import DIMMED, look
from grupa_pipeline.palette import COLORS
from tests.app.synthetic import DAYS


def points_of(services):
    return services.gate.ask(users.load_points, DAYS[1])


def test_every_user_is_on_the_map_once(services, shown):
    figure = figures.cluster_map(points_of(services), shown.clusters)
    assert [trace.meta for trace in figure.data] == ["", "C01", "C02", "C03"]
    drawn = [user for trace in figure.data for user in trace.customdata]
    assert len(drawn) == len(set(drawn)) == 315
    assert all(trace.type == "scattergl" for trace in figure.data)


def test_a_click_keeps_its_user_through_json(services, shown):
    sent = json.loads(figures.cluster_map(points_of(services), shown.clusters).to_json())
    assert all(isinstance(trace["customdata"], list) for trace in sent["data"])


def test_the_others_are_dimmed_not_hidden(services, shown):
    figure = figures.cluster_map(points_of(services), shown.clusters, "C02")
    opacity = {trace.meta: trace.marker.opacity for trace in figure.data}
    assert opacity["C02"] > 0.5
    assert opacity["C01"] == opacity["C03"] == opacity[""] == DIMMED


def test_labels_open_their_cluster_and_are_no_markup(services, shown):
    clusters = [replace(each, name="<a href='javascript:alert(1)'>x</a>") for each in shown.clusters]
    figure = figures.cluster_map(points_of(services), clusters)
    assert [each.name for each in figure.layout.annotations] == ["C01", "C02", "C03"]
    assert all(each.captureevents for each in figure.layout.annotations)
    assert all("<a" not in each.text and "&lt;a" in each.text for each in figure.layout.annotations)
    assert all("<a" not in trace.name for trace in figure.data)


def test_a_feature_colours_the_map_without_its_extremes(services, shown):
    points = points_of(services)
    values = np.linspace(0, 100, len(points.user_id))
    values[0], values[1] = np.nan, 1e9
    figure = figures.feature_map(points, shown.clusters, values, shown.catalog["hours_to_submit"])
    assert figure.data[0].marker.cmax < 101
    assert list(figure.data[0].customdata[0]) == [points.user_id[0], points.cluster_id[0] or ""]


def test_a_density_lies_under_a_sample(services, shown):
    points = services.gate.ask(users.load_points, DAYS[1], 60)
    figure = figures.cluster_map(points, shown.clusters)
    assert figure.data[0].type == "heatmap"
    assert np.square(figure.data[0].z).sum().round() == 315


def test_the_map_of_a_hundred_thousand_users_is_small(shown):
    rng = np.random.default_rng(3)
    n = users.MAP_LIMIT
    points = users.Points(
        user_id=tuple(f"{each:032x}" for each in range(n)),
        cluster_id=tuple(rng.choice(["C01", "C02", "C03"], n).tolist()),
        x=rng.normal(size=n).astype(np.float32),
        y=rng.normal(size=n).astype(np.float32),
        placed=100_000,
        labels=(("C01", 0.0, 0.0),),
        density=(np.arange(96.0), np.arange(96.0), np.ones((96, 96))),
    )
    assert len(figures.cluster_map(points, shown.clusters).to_json()) < 2_000_000


def test_sizes_and_flows_hold_the_tables_numbers(services):
    clusters = {"C01": ("One", 0), "C02": ("Two", 1), "C03": ("Three", 2)}
    sizes = figures.sizes_over_time(services.gate.ask(load_sizes), clusters)
    assert {trace.name: list(trace.y) for trace in sizes.data} == {
        "One": [130, 140],
        "Two": [80, 90],
        "Three": [50, 60],
    }
    flow = figures.flows(services.gate.ask(load_moves, *DAYS), clusters).data[0]
    assert sum(flow.link.value) == 290
    assert len(flow.node.label) == 6


def test_no_two_slots_look_the_same():
    looks = [look(slot) for slot in range(70)]
    assert len({(each.color, each.symbol) for each in looks}) == 70


def test_colours_stand_out_on_both_surfaces():
    def luminance(color: str) -> float:
        parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    for color in COLORS:
        for surface in ("#ffffff", "#1d2027"):
            high, low = sorted((luminance(color), luminance(surface)), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= 3, (color, surface)
