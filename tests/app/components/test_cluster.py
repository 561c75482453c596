from dataclasses import replace

from dash_app.components import cluster as cards
from dash_app.components import details, overview
from dash_app.data.snapshot import Change
from dash_app.data.users import Points
from tests.app.trees import ids, of_class, parts, text


def test_a_card_opens_its_cluster_and_says_whether_it_is_open(shown):
    cluster = shown.cluster("C02")
    card = cards.card(cluster, True)
    assert card.id == {"type": "open", "cluster": "C02", "at": "card"}
    assert getattr(card, "aria-pressed") == "true"
    assert "Careful drafters 90 users, 27% of all" in text(card)
    assert getattr(cards.card(cluster, False), "aria-pressed") == "false"


def test_the_open_card_shows_everything(shown):
    tree = cards.open_card(shown.cluster("C02"), shown.clusters, "/export")
    words = text(tree)
    for expected in (
        "fairly stable · 0.7",
        "written by rules, not by a model",
        "+10 since 8 Mar 2026",
        "sessions a week: at most 4 sessions/week",
        "Submitting takes long",
        "Save proposals as they are written",
        "How they end up",
        "What did the model see?",
    ):
        assert expected in words
    assert {"type": "plan", "recommendation": "R-C02", "at": "list"} in ids(tree)


def test_no_id_stands_twice_in_the_open_card(shown):
    for cluster in shown.clusters:
        found = [str(each) for each in ids(cards.open_card(cluster, shown.clusters, "/export"))]
        assert len(found) == len(set(found))


def test_bars_are_as_long_as_their_values(shown):
    cluster = shown.cluster("C01")
    rows = of_class(cards.open_card(cluster, shown.clusters, "/export"), "bar-row")
    first = cluster.evidence[0]
    widths = [float(each.style["width"].rstrip("%")) for each in of_class(rows[0], "bar")]
    assert (
        widths[0] / widths[1] == round(first.cluster_value / first.rest_value, 0)
        or abs(widths[0] / widths[1] - first.cluster_value / first.rest_value) < 0.3
    )


def test_a_fallback_is_said(shown):
    cluster = replace(shown.cluster("C01"), fallback_reason="the model timed out.")
    assert "Rules wrote it instead: the model timed out." in text(cards.open_card(cluster, (), "/export"))


def test_without_insights_the_card_says_so(shown):
    cluster = replace(shown.cluster("C01"), pain_points=(), recommendations=(), evidence=())
    words = text(cards.open_card(cluster, (), "/export"))
    assert "No pain point stands out" in words
    assert "Nothing to recommend" in words


def test_text_of_logs_and_models_is_never_markup(shown):
    cluster = replace(shown.cluster("C01"), name="<img src=x onerror=alert(1)>", summary="<b>bold</b>")
    tree = cards.open_card(cluster, (cluster,), "/export")
    assert "<b>bold</b>" in text(tree)
    assert not [each for each in parts(tree) if each._type in ("Markdown", "DangerouslySetInnerHTML")]
    assert all("dangerously" not in name for each in parts(tree) for name in each.to_plotly_json()["props"])


def test_the_overview_says_what_there_is(shown):
    words = text(overview.overview(shown))
    for expected in (
        "3 clusters of users who behave alike",
        "40 users unassigned (12%)",
        "25 behave like no group",
        "15 did too little to compare",
        "New: Window shoppers (50 users)",
        "Split: Careful drafters into Window shoppers (10 users)",
    ):
        assert expected in words


def test_weak_structure_is_said_with_its_reason(shown):
    weak = replace(shown, status="weak_structure", reason="No clearer than chance.")
    words = text(overview.overview(weak))
    assert "Weak structure" in words
    assert "No clearer than chance." in words
    assert overview.structure_notice(shown) is None


def test_no_clusters_is_not_an_error(shown):
    none = replace(shown, status="too_few_users", reason="Only 12 users.", clusters=(), changes=(), previous=None)
    words = text(overview.overview(none))
    assert "No clusters among 330 users" in words
    assert "Only 12 users." in words


def test_a_death_names_the_lost_cluster():
    assert overview.change_line(Change("death", "C04", None, 12), {"C04": "Ghosts"}) == "Gone: Ghosts"


def test_the_legend_counts_all_users_when_it_draws_some(shown):
    import numpy as np

    grid = (np.zeros(1), np.zeros(1), np.zeros((1, 1)))
    points = Points(("a",), ("C01",), np.zeros(1), np.zeros(1), 315, (), grid)
    assert "1 of 315 users drawn, shading shows where all of them are; 15 more" in text(overview.legend(shown, points))


def test_evidence_shows_effect_interval_and_what_it_is_worth(shown):
    cluster = shown.cluster("C02")
    proportion = next(each for each in cluster.evidence if each.measure == "proportion")
    words = text(details.evidence(proportion, cluster, shown))
    assert "points, 95% interval" in words
    assert "did not help to make the clusters" in words
    made = next(each for each in cluster.evidence if each.descriptive)
    assert "tests nothing" in text(details.evidence(made, cluster, shown))


def test_what_the_model_saw_or_that_none_was_asked(shown):
    assert "No model was asked" in text(details.model_calls(shown.cluster("C01"), ()))
