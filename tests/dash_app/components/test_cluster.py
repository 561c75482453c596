import re
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from dash import html

from dash_app.components import cluster as cards
from dash_app.components import details, open_cluster, overview
from dash_app.components import users as people
from dash_app.components.evidence_bars import versus
from dash_app.components.rule_words import rule_words
from dash_app.data.snapshot import ClusterChange
from dash_app.data.users import Points
from grupa_pipeline.vocabulary.rule_conditions import Comparison, Condition
from tests.dash_app.trees import ids, of_class, parts, text


def test_a_card_opens_its_cluster_and_says_whether_it_is_open(shown):
    cluster = shown.cluster("C02")
    card = cards.card(cluster, True)
    assert card.id == {"type": "open", "cluster": "C02", "at": "card"}
    assert getattr(card, "aria-pressed") == "true"
    assert "Careful drafters 90 users, 27% of all" in text(card)
    assert getattr(cards.card(cluster, False), "aria-pressed") == "false"


def test_the_open_card_answers_in_the_order_of_a_persons_questions(shown):
    tree = open_cluster.open_card(shown.cluster("C02"), shown, "/export")
    words = text(tree)
    order = (
        "Careful drafters",
        "come back",
        "90 users",
        "reach “deal complete”",
        "Where they get lost",
        "Submitting takes long",
        "Save proposals as they are written Plan test",
        "Typical journeys",
        "How we know",
        "In one rule",
    )
    places = [words.index(each) for each in order]
    assert places == sorted(places)
    rate, everyone = shown.cluster("C02").goal_rate, shown.goal_rates.everyone
    assert f"{rate:.0%} reach “deal complete”, {everyone:.0%} of everyone" in words


def test_a_recommendation_stands_once_under_the_first_finding_that_it_addresses(shown):
    cluster = shown.cluster("C02")
    [pain], [first] = cluster.pain_points, cluster.recommendations
    second = replace(pain, insight_id="P-2", title="Another pain")
    both = replace(first, addresses=(pain.insight_id, "P-2"))
    alone = replace(first, insight_id="R-2", title="Something else", addresses=("P-gone",))
    many = replace(cluster, pain_points=(pain, second), recommendations=(both, alone))
    tree = open_cluster.open_card(many, shown, "/export")
    one, other, *_ = of_class(tree, "insight")
    assert "Save proposals as they are written Plan test" in text(one)
    assert "See also “Save proposals as they are written”." in text(other)
    assert "More to try Something else Plan test" in text(tree)


def test_only_the_first_sentence_of_the_summary_leads(shown):
    cluster = replace(shown.cluster("C02"), summary="They come 2.5 times a week. They stay. “Search” is rare.")
    [lead] = of_class(open_cluster.open_card(cluster, shown, "/export"), "summary")
    assert text(lead) == "They come 2.5 times a week."
    folded = of_class(open_cluster.open_card(cluster, shown, "/export"), "how-we-know")[0]
    assert "They stay. “Search” is rare." in text(folded)


def test_the_rule_is_told_in_the_words_of_the_catalog(shown):
    low, high = (Condition("sessions_per_week", side, 4.0) for side in Comparison)
    share = Condition("submitted_share", Comparison.MORE_THAN, 0.2)
    cluster = replace(shown.cluster("C02"), rule_conditions=((low, share), (high, share)))
    assert rule_words(cluster, shown.catalog) == (
        "share of proposals that are submitted: more than 20%, and either sessions a week: more than 4 sessions per week,"
        " or sessions a week: at most 4 sessions per week"
    )
    assert rule_words(replace(cluster, rule_conditions=None), shown.catalog) == cluster.rule
    assert rule_words(replace(cluster, rule_conditions=(), rule=None), shown.catalog) is None


def test_the_open_card_shows_everything(shown):
    tree = open_cluster.open_card(shown.cluster("C02"), shown, "/export")
    words = text(tree)
    for expected in (
        "fairly stable · 0.7",
        "written by rules, not by a model",
        "+10 since 8 Mar 2026",
        "sessions a week: at most 4 sessions per week",
        "Submitting takes long",
        "Save proposals as they are written",
        "How they end up",
        "This rule finds",
    ):
        assert expected in words
    assert "F1" not in words
    assert "What did the model see?" not in words
    assert {"type": "plan", "recommendation": "R-C02", "at": "list"} in ids(tree)


@pytest.mark.parametrize(
    ("replication", "words"),
    [
        (0.93, "holds in other sessions · 0.93"),
        (0.7, "mostly holds in other sessions · 0.7"),
        (0.41, "does not hold in other sessions · 0.41"),
    ],
)
def test_a_badge_says_how_a_cluster_holds_in_other_sessions(shown, replication, words):
    cluster = replace(shown.cluster("C02"), replication=replication)
    [badges] = of_class(open_cluster.open_card(cluster, shown, "/export"), "badges")
    assert words in [text(each) for each in of_class(badges, "badge")]
    unknown = replace(cluster, replication=None)
    assert "in other sessions" not in text(open_cluster.open_card(unknown, shown, "/export"))


def test_the_open_card_says_what_a_cluster_was_found_by_when_it_is_not_only_what_they_do(shown):
    words = text(open_cluster.open_card(shown.cluster("C02"), shown, "/export"))
    assert "They differ in the hours of the day at which they come and what they do." in words
    for found_by in (("what",), ()):
        alike = replace(shown.cluster("C02"), found_by=found_by)
        assert "They differ in" not in text(open_cluster.open_card(alike, shown, "/export"))


def test_an_incident_is_called_so(shown):
    incident, trait = shown.cluster("C03"), shown.cluster("C01")
    assert "something that happened to them" in text(open_cluster.open_card(incident, shown, "/export"))
    assert "Something that happened to them" in text(cards.card(incident, False))
    for tree in (open_cluster.open_card(trait, shown, "/export"), cards.card(trait, False)):
        assert "happened to them" not in text(tree)


def test_the_open_card_counts_who_is_surely_in_it(shown):
    folded = of_class(open_cluster.open_card(shown.cluster("C01"), shown, "/export"), "how-we-know")[0]
    assert "112 core, 14 likely, 14 between" in text(folded)
    unknown = replace(shown.cluster("C01"), memberships=None)
    folded = of_class(open_cluster.open_card(unknown, shown, "/export"), "how-we-know")[0]
    assert "core" not in text(folded)


def test_a_chip_says_what_is_measured(shown):
    [first, *_] = of_class(open_cluster.open_card(shown.cluster("C02"), shown, "/export"), "chip")
    assert re.fullmatch(r"Time from creating a proposal to submitting it: \S+ days vs \S+ hours", text(first))


def test_a_unit_that_the_label_says_is_not_said_again(shown):
    cluster = shown.cluster("C01")
    weekly, share = (
        next(each for each in cluster.evidence if each.unit == unit) for unit in ("sessions/week", "share")
    )
    assert re.fullmatch(r"[\d.]+ vs [\d.]+", versus(weekly))
    assert re.fullmatch(r"[\d.]+% vs [\d.]+%", versus(share))


@pytest.mark.parametrize(("rule_f1", "words"), [(0.98, "nearly exactly"), (0.8, "most of"), (0.4, "some of")])
def test_how_well_a_rule_fits_is_said_in_words(shown, rule_f1, words):
    cluster = replace(shown.cluster("C02"), rule_f1=rule_f1)
    assert f"This rule finds {words} these users." in text(open_cluster.open_card(cluster, shown, "/export"))


def test_what_the_model_saw_is_there_when_it_was_asked(shown):
    asked = replace(shown.cluster("C01"), fallback_reason="it timed out.")
    assert "What did the model see?" in text(open_cluster.open_card(asked, shown, "/export"))


def test_no_id_stands_twice_in_the_open_card(shown):
    for cluster in shown.clusters:
        found = [str(each) for each in ids(open_cluster.open_card(cluster, shown, "/export"))]
        assert len(found) == len(set(found))


def _bars(row):
    return [float(each.style["--length"].rstrip("%")) for each in of_class(row, "bar-line")]


def test_bars_are_as_long_as_their_values_and_shares_as_they_are_of_all(shown):
    evidence = shown.cluster("C01").evidence[0]
    share = replace(evidence, unit="share", cluster_value=0.5, rest_value=0.25)
    small = replace(share, cluster_value=0.04, rest_value=0.02)
    hours = replace(evidence, unit="hours", cluster_value=8.0, rest_value=2.0)
    cluster = replace(shown.cluster("C01"), evidence=(share, small, hours))
    rows = of_class(details.differences(cluster), "bar-row")
    assert [_bars(row) for row in rows] == [[31, 16], [2, 1], [62, 16]]


def test_a_text_that_the_rules_completed_is_not_called_theirs(shown):
    cluster = shown.cluster("C01")
    pains = tuple(replace(each, source="llm") for each in cluster.pain_points)
    partial = replace(cluster, pain_points=pains, fallback_reason="the rules completed it")
    said = text(open_cluster.open_card(partial, shown, "/export"))
    assert "Rules wrote a part of this" in said and "The model did not write this" not in said


def test_a_fallback_is_said(shown):
    cluster = replace(shown.cluster("C01"), fallback_reason="the model timed out.")
    assert "Rules wrote it instead: the model timed out." in text(open_cluster.open_card(cluster, shown, "/export"))


def test_without_insights_the_card_says_so(shown):
    cluster = replace(shown.cluster("C01"), pain_points=(), recommendations=(), evidence=())
    words = text(open_cluster.open_card(cluster, shown, "/export"))
    assert "No pain point stands out" in words
    assert "Nothing to recommend" in words


def test_text_of_logs_and_models_is_never_markup(shown):
    cluster = replace(shown.cluster("C01"), name="<img src=x onerror=alert(1)>", summary="<b>bold</b>")
    tree = open_cluster.open_card(cluster, shown, "/export")
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


def test_changes_name_clusters_that_are_gone_and_sizes_leave_out_new_ones(shown):
    merged = ClusterChange("merge", "C09", "C01", 12)
    back = replace(shown.cluster("C03"), trend=((date(2026, 3, 1), 5), shown.cluster("C03").trend[-1]))
    clusters = (*(each for each in shown.clusters if each.cluster_id != "C03"), back)
    changed = replace(shown, changes=(merged,), names={**shown.names, "C09": "Ghosts"}, clusters=clusters)
    words = text(overview.overview(changed)).partition("Since 8 Mar 2026")[2]
    assert "Merged: Ghosts into Deal closers (12 users)" in words
    assert "Deal closers +10" in words
    assert "since" not in words
    assert "Window shoppers" not in words
    assert overview.change_line(merged, {}) == "Merged: a cluster of old into a cluster of old (12 users)"


def test_the_first_snapshot_is_called_so_only_when_it_is(shown):
    first = replace(shown, previous=None, is_first=True)
    assert "This is the first snapshot to compare from." in text(overview.overview(first))
    apart = text(overview.overview(replace(first, is_first=False)))
    assert "This snapshot was not compared with an earlier one." in apart


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
    assert overview.change_line(ClusterChange("death", "C04", None, 12), {"C04": "Ghosts"}) == "Gone: Ghosts"


def test_the_legend_counts_all_users_when_it_draws_some(shown):
    grid = (np.zeros(1), np.zeros(1), np.zeros((1, 1)))
    points = Points(("a",), ("C01",), np.zeros(1), np.zeros(1), 315, (), grid)
    assert "1 of 315 users drawn, shading shows where all of them are; 15 more" in text(overview.legend(shown, points))


def test_the_legend_names_the_feature_that_the_colour_shows(shown):
    points = Points(("a",), ("C01",), np.zeros(1), np.zeros(1), 1, (), None)
    words = text(overview.legend(shown, points, shown.catalog["hours_to_submit"]))
    assert (
        "Colour shows “hours from creating a proposal to submitting it”: blue is the least, orange the most." in words
    )
    assert "the cluster" not in words


def test_one_users_facts_are_yes_or_no(shown):
    user = {
        "cluster_id": "C02",
        "probability": 1,
        "membership": "core",
        "nearest_cluster_id": None,
        "unassigned_reason": None,
    }
    user["features"] = {"had_deal_complete": 1.0, "sessions_per_week": 1.0}
    words = text(people.why_here(user, shown))
    assert "Completed a deal yes" in words
    assert "1 session per week" in words
    alone = user | {"cluster_id": None, "unassigned_reason": "unstable_cluster", "features": {"had_deal_complete": 0.0}}
    assert "users like this were in a group that did not hold up when checked" in text(people.why_here(alone, shown))
    assert "Completed a deal no" in text(people.why_here(alone, shown))


def test_a_search_says_when_it_lists_not_all_that_match(shown):
    users = [(f"u{number}", "C01") for number in range(people.MOST_FOUND + 1)]
    told = html.Div(people.search_results(users, shown, "u"))
    assert "u5" in text(told)
    assert "u6" not in text(told)
    assert "More ids match" in text(told)
    assert "More ids match" not in text(html.Div(people.search_results(users[:-1], shown, "u")))


@pytest.mark.parametrize(
    ("membership", "chance", "words"),
    [
        (None, 0.8, "They belong to Careful drafters with strength 0.8 (1 is its core)."),
        ("core", 0.97, "Their behaviour is of Careful drafters with a chance of 97%: they are at its core."),
        ("likely", 0.8, "with a chance of 80%: they are likely of it."),
        ("between", 0.55, "with a chance of 55%: they stand between it and Deal closers (40%)."),
    ],
)
def test_how_surely_a_user_is_in_their_cluster(shown, membership, chance, words):
    user = {"cluster_id": "C02", "probability": chance, "membership": membership, "nearest_cluster_id": "C01"}
    user |= {"nearest_probability": 0.4, "unassigned_reason": None, "features": {}}
    assert words in text(people.why_here(user, shown))


def test_what_would_move_a_user_is_what_they_lack_of_the_nearest_clusters_rule(shown):
    near = replace(shown.cluster("C01"), rule_conditions=((Condition("submitted_share", Comparison.MORE_THAN, 0.2),),))
    seen = replace(shown, clusters=(near, *shown.clusters[1:]))
    user = {
        "cluster_id": "C02",
        "probability": 1,
        "membership": "core",
        "nearest_cluster_id": "C01",
        "unassigned_reason": None,
    }
    words = text(people.why_here(user | {"features": {"submitted_share": 0.196}}, seen))
    assert "What would move them The nearest other cluster is Deal closers." in words
    assert "Share of proposals that are submitted: more than 20% (now 19.6%)" in words
    words = text(people.why_here(user | {"features": {"submitted_share": 0.3}}, seen))
    assert "They fit its rule already" in words
    noise = user | {"cluster_id": None, "unassigned_reason": "noise", "features": {}}
    assert "more than 20% (now nothing measured)" in text(people.why_here(noise, seen))
    for no_rule in ((), None):
        unruly = replace(seen, clusters=(replace(near, rule_conditions=no_rule), *seen.clusters[1:]))
        words = text(people.why_here(user | {"features": {}}, unruly))
        assert "The nearest other cluster is Deal closers." in words
        assert "would" not in words


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
