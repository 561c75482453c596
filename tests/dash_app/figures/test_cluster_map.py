import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from dash_app.data import users
from dash_app.figures import cluster_map
from dash_app.figures.colors import DIMMED, SCALE, look
from grupa_pipeline.palette import COLORS
from tests.dash_app.synthetic import DAYS


def points_of(services):
    return services.database.query(users.load_points, DAYS[1])


def test_every_user_is_on_the_map_once(services, shown):
    figure = cluster_map.cluster_map(points_of(services), shown.clusters)
    assert [trace.meta for trace in figure.data] == ["", "C01", "C02", "C03"]
    drawn = [user for trace in figure.data for user in trace.customdata]
    assert len(drawn) == len(set(drawn)) == 315
    assert all(trace.type == "scattergl" for trace in figure.data)


def test_a_click_keeps_its_user_through_json(services, shown):
    sent = json.loads(cluster_map.cluster_map(points_of(services), shown.clusters).to_json())
    assert all(isinstance(trace["customdata"], list) for trace in sent["data"])


@pytest.mark.slow
def test_the_pointer_is_told_user_and_cluster_in_one_box(services, shown):
    """Plotly's second box has no colour of its own that text could be read on in both themes."""
    for trace in cluster_map.cluster_map(points_of(services), shown.clusters).data:
        assert trace.hovertemplate == "%{customdata}<br>%{fullData.name}<extra></extra>"


@pytest.mark.slow
def test_the_others_are_dimmed_not_hidden(services, shown):
    figure = cluster_map.cluster_map(points_of(services), shown.clusters, "C02")
    opacity = {trace.meta: trace.marker.opacity for trace in figure.data}
    assert opacity["C02"] > 0.5
    assert opacity["C01"] == opacity["C03"] == opacity[""] == DIMMED


def test_labels_open_their_cluster_and_are_no_markup(services, shown):
    clusters = [replace(each, name="<a href='javascript:alert(1)'>x</a>") for each in shown.clusters]
    figure = cluster_map.cluster_map(points_of(services), clusters)
    assert [each.name for each in figure.layout.annotations] == ["C01", "C02", "C03"]
    assert all(each.captureevents for each in figure.layout.annotations)
    assert all("<a" not in each.text and "&lt;a" in each.text for each in figure.layout.annotations)
    assert all("<a" not in trace.name for trace in figure.data)


@pytest.mark.slow
def test_a_feature_colours_the_map_without_its_extremes(services, shown):
    points = points_of(services)
    values = np.linspace(0, 100, len(points.user_id))
    values[0], values[1] = np.nan, 1e9
    figure = cluster_map.feature_map(points, shown.clusters, values, shown.catalog["hours_to_submit"])
    assert figure.layout.coloraxis.cmax < 101
    assert [trace.meta for trace in figure.data] == ["", "C01", "C02", "C03"]
    drawn = {
        user: color for trace in figure.data for user, color in zip(trace.customdata, trace.marker.color, strict=True)
    }
    assert len(drawn) == 315
    assert drawn[points.user_id[1]] == 1e9
    assert np.isnan(drawn[points.user_id[0]])


@pytest.mark.slow
def test_labels_have_a_short_form_that_is_no_markup_either(services, shown):
    clusters = [replace(each, name="<b>A name of many letters</b> and words") for each in shown.clusters]
    meta = cluster_map.cluster_map(points_of(services), clusters).layout.meta
    long, short, whole = meta["labels"]["C01"]
    assert len(short) < len(long) < len(whole)
    assert "<b>" not in long + short + whole
    assert meta["colors"]["C02"] == look(shown.cluster("C02").color_slot).color


@pytest.mark.slow
def test_a_density_lies_under_a_sample(services, shown):
    points = services.database.query(users.load_points, DAYS[1], 60)
    figure = cluster_map.cluster_map(points, shown.clusters)
    assert figure.data[0].type == "heatmap"
    assert np.square(figure.data[0].z).sum().round() == 315


@pytest.mark.slow
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
    assert len(cluster_map.cluster_map(points, shown.clusters).to_json()) < 2_000_000


def test_no_two_slots_look_the_same():
    looks = [look(slot) for slot in range(70)]
    assert len({(each.color, each.symbol) for each in looks}) == 70


def _mixed(one: str, other: str, share: float) -> str:
    pairs = [(int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(low + share * (high - low)):02x}" for low, high in pairs)


def test_colours_stand_out_on_both_surfaces():
    def luminance(color: str) -> float:
        parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    scale = [_mixed(one, other, share) for one, other in pairwise(SCALE) for share in (0, 0.25, 0.5, 0.75, 1)]
    for color in (*COLORS, *scale):
        for surface in ("#ffffff", "#1d2027"):
            high, low = sorted((luminance(color), luminance(surface)), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= 3, (color, surface)


def test_no_two_labels_are_cut_to_the_same_words():
    names = ("Reach deal complete without search", "Reach deal complete without feature use", "Gone quiet")
    labels = cluster_map.short_names(names, 20)
    assert labels["Gone quiet"] == "Gone quiet"
    assert len(set(labels.values())) == 3
    assert all(len(label) <= 20 for label in labels.values())
    alike = (f"{'a' * 22} 1 {'b' * 22}", f"{'a' * 22} 2 {'b' * 22}")
    assert set(cluster_map.short_names(alike, 20).values()) == set(alike)


def test_those_in_no_cluster_stand_out_when_they_are_open(shown, services):
    points = services.database.query(users.load_points, shown.day)
    figure = cluster_map.cluster_map(points, shown.clusters, "unassigned")
    opacity = {trace.meta: trace.marker.opacity for trace in figure.data}
    assert opacity[""] > opacity["C01"] == DIMMED
