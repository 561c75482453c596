import pytest

from tests.grupa_pipeline.features.logs import Event, columns, entry, measure, values

LOG: list[Event] = [
    ("ann", "1 10:00", "Search"),
    ("ann", "1 10:01", "Search"),
    ("ann", "1 10:02", "open item"),
    ("ann", "1 10:03", "deal_complete"),
    ("bob", "1 10:00", "Search"),
    ("bob", "2 10:00", "drop_off"),
    ("bob", "14 10:00", "drop_off"),
    ("cat", "1 10:00", "open item"),
]


def test_shares_are_of_a_users_events_without_outcomes() -> None:
    result = measure(LOG)
    assert values(result, "share_search") == pytest.approx({"ann": 2 / 3, "bob": 1.0, "cat": 0.0})
    assert values(result, "share_open_item") == pytest.approx({"ann": 1 / 3, "bob": 0.0, "cat": 1.0})
    assert entry(result, "share_search") | {
        "role": "clustering",
        "metric_kind": "ratio",
        "source_action": "Search",
        "unit": "share",
    } == entry(result, "share_search")


def test_did_is_a_proportion_of_zeros_and_ones() -> None:
    result = measure(LOG)
    assert values(result, "did_open_item") == {"ann": 1.0, "bob": 0.0, "cat": 1.0}
    assert entry(result, "did_open_item")["role"] == "context"
    assert entry(result, "did_open_item")["metric_kind"] == "proportion"


@pytest.mark.slow
def test_an_action_that_everyone_did_has_no_did_column() -> None:
    everyone = [(user, "3 10:00", "login") for user in ("ann", "bob", "cat")]
    result = measure(LOG + everyone)
    assert "did_login" not in result.features.column_names
    assert "share_login" in result.features.column_names


@pytest.mark.slow
def test_outcomes_are_features_of_their_own_role() -> None:
    result = measure(LOG)
    assert values(result, "had_deal_complete") == {"ann": 1.0, "bob": 0.0, "cat": 0.0}
    assert values(result, "had_drop_off") == {"ann": 0.0, "bob": 1.0, "cat": 0.0}
    assert set(columns(result, "outcome")) == {
        "had_deal_complete", "had_drop_off", "drop_off_per_week", "stopped_search", "stopped_open_item",
    }  # fmt: skip
    assert entry(result, "had_deal_complete")["higher_is_better"] is True
    assert entry(result, "had_drop_off")["higher_is_better"] is False


def test_an_outcome_that_repeats_has_a_rate() -> None:
    # bob is observed for 27 days.
    assert values(measure(LOG), "drop_off_per_week") == pytest.approx({"ann": 0.0, "bob": 2 / (27 / 7), "cat": 0.0})


@pytest.mark.slow
def test_actions_with_the_same_slug_are_numbered_and_keep_their_source_action() -> None:
    result = measure([*LOG, ("ann", "5 10:00", "search"), ("bob", "5 10:00", "SEARCH")])
    sources = {name: entry(result, name)["source_action"] for name in columns(result, "clustering") if "search" in name}
    assert sources == {"share_search": "SEARCH", "share_search_2": "Search", "share_search_3": "search"}
    later = measure([*LOG, ("ann", "5 10:00", "search"), ("bob", "5 10:00", "SEARCH")], keep_actions=["Search"])
    assert entry(later, "share_search")["source_action"] == "Search"
