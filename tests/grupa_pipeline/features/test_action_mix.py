import pytest

from tests.grupa_pipeline.features.logs import Event, columns, entry, measure, values

LOG: list[Event] = [
    ("ann", "1 10:00", "Search"),
    ("ann", "1 10:01", "Search"),
    ("ann", "1 10:02", "open item"),
    ("ann", "1 10:03", "deal_complete"),
    ("bob", "1 10:00", "Search"),
    ("bob", "2 10:00", "support_ticket"),
    ("bob", "14 10:00", "support_ticket"),
    ("cat", "1 10:00", "open item"),
]


def test_shares_are_of_a_users_events_without_outcomes() -> None:
    found = measure(LOG)
    assert values(found, "share_search") == pytest.approx({"ann": 2 / 3, "bob": 1.0, "cat": 0.0})
    assert values(found, "share_open_item") == pytest.approx({"ann": 1 / 3, "bob": 0.0, "cat": 1.0})
    assert entry(found, "share_search") | {
        "role": "clustering",
        "metric_kind": "ratio",
        "source_action": "Search",
        "unit": "share",
    } == entry(found, "share_search")


def test_did_is_a_proportion_of_zeros_and_ones() -> None:
    found = measure(LOG)
    assert values(found, "did_open_item") == {"ann": 1.0, "bob": 0.0, "cat": 1.0}
    assert entry(found, "did_open_item")["role"] == "context"
    assert entry(found, "did_open_item")["metric_kind"] == "proportion"


def test_what_everyone_did_is_left_out() -> None:
    everyone = [(user, "3 10:00", "login") for user in ("ann", "bob", "cat")]
    found = measure(LOG + everyone)
    assert "did_login" not in found.features.column_names
    assert "share_login" in found.features.column_names


def test_outcomes_are_features_of_their_own_role() -> None:
    found = measure(LOG)
    assert values(found, "had_deal_complete") == {"ann": 1.0, "bob": 0.0, "cat": 0.0}
    assert values(found, "had_support_ticket") == {"ann": 0.0, "bob": 1.0, "cat": 0.0}
    assert set(columns(found, "outcome")) == {"had_deal_complete", "had_support_ticket", "support_ticket_per_week"}
    assert entry(found, "had_deal_complete")["higher_is_better"] is True
    assert entry(found, "had_support_ticket")["higher_is_better"] is False


def test_an_outcome_that_repeats_has_a_rate() -> None:
    # bob is observed for 27 days.
    assert values(measure(LOG), "support_ticket_per_week") == pytest.approx(
        {"ann": 0.0, "bob": 2 / (27 / 7), "cat": 0.0}
    )


def test_actions_that_fall_together_are_numbered_and_keep_their_original() -> None:
    found = measure([*LOG, ("ann", "5 10:00", "search"), ("bob", "5 10:00", "SEARCH")])
    sources = {name: entry(found, name)["source_action"] for name in columns(found, "clustering") if "search" in name}
    assert sources == {"share_search": "SEARCH", "share_search_2": "Search", "share_search_3": "search"}
    kept = measure([*LOG, ("ann", "5 10:00", "search"), ("bob", "5 10:00", "SEARCH")], keep_actions=["Search"])
    assert entry(kept, "share_search")["source_action"] == "Search"
