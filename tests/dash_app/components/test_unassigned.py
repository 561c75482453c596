from dataclasses import replace

from dash_app.components import details, unassigned
from dash_app.pages import clusters
from tests.dash_app.trees import ids, text


def test_their_card_opens_them_and_says_why_they_are_in_none(shown):
    card = unassigned.card(shown, False)
    assert card.id == {"type": "open", "cluster": "unassigned", "at": "card"}
    words = text(card)
    assert words.startswith("○ In no cluster 40 users, 12% of all")
    rate = shown.goal_rates.by_group["unassigned"]
    assert f"{rate:.0%} reach “deal complete”" in words
    assert "25 behave like no group 15 did too little to compare" in words
    assert "reach" not in text(unassigned.card(replace(shown, goal_rates=None), False))


def test_open_they_say_what_they_did_last_how_they_ended_and_where_they_are(shown):
    words = text(unassigned.open_card(shown, 25, "/export"))
    for expected in (
        "40 users",
        "What they did last 20% proposal view",
        "Where they get lost",
        "25 users are the grey dots (○), each near the users who are most like them; 15 did too little to be placed.",
    ):
        assert expected in words


def test_the_page_has_them_among_the_cards_and_opens_them_from_the_address(services, shown):
    page = clusters.build(services, shown, "unassigned")
    found = [each for each in ids(page) if isinstance(each, dict) and each.get("cluster") == "unassigned"]
    assert {each["at"] for each in found} == {"card"}
    assert "Why 25 behave like no group" in text(page)
    everyone = replace(shown, unassigned=())
    assert "In no cluster" not in text(clusters.build(services, everyone, "unassigned"))


def test_two_clusters_side_by_side_have_their_goal_rates_and_funnels(shown):
    left, right = shown.cluster("C01"), shown.cluster("C03")
    sides = [details.cluster_side(cluster, shown) for cluster in (left, right)]
    words = text(details.compare(sides, (left.name, right.name), (), shown))
    assert words.count("Where they get lost From") == 2
    assert words.count("reach “deal complete”") == 2
