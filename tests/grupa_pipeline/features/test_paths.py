import pytest

from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.features.feature_set import build_features
from grupa_pipeline.features.paths import MAX_PATHS, MAX_TIMES
from tests.grupa_pipeline.features.logs import END, START, Event, connect, entry, measure, values

LOG: list[Event] = [
    ("ann", "1 10:00", "search"),
    ("ann", "1 10:05", "open"),
    ("ann", "1 10:05", "save"),
    ("bob", "1 10:00", "search"),
    ("bob", "1 10:31", "open"),
    ("bob", "1 16:00", "search"),
    ("cat", "1 10:00", "open"),
    ("cat", "1 10:10", "deal_complete"),
    ("cat", "1 10:20", "search"),
    ("dan", "1 10:00", "open"),
]


@pytest.mark.slow
def test_a_path_is_two_actions_in_a_row_within_a_session() -> None:
    result = measure(LOG)
    assert values(result, "path_search__open") == {"ann": 1.0, "bob": 0.0, "cat": 0.0, "dan": 0.0}
    assert entry(result, "path_search__open")["measure"] == "path"
    assert entry(result, "path_search__open")["source_action"] == "search\nopen"


@pytest.mark.slow
def test_events_of_the_same_instant_are_taken_in_the_order_of_the_log() -> None:
    assert values(measure(LOG), "path_open__save")["ann"] == 1.0
    reversed_tie = [LOG[0], LOG[2], LOG[1], *LOG[3:]]
    result = measure(reversed_tie)
    assert values(result, "path_save__open")["ann"] == values(result, "path_search__save")["ann"] == 1.0
    assert "path_open__save" not in result.features.column_names


@pytest.mark.slow
def test_without_a_known_order_no_path_leads_into_an_instant_through_it_or_out_of_it() -> None:
    log: list[Event] = [*LOG, ("ann", "1 10:10", "close"), ("ann", "1 10:15", "leave")]
    con = connect(log, sequence=False)
    result = build_features(con, "events", window_start=START, window_end=END, roles=Roles(), min_events=1)
    paths = {name for name in result.features.column_names if name.startswith("path_")}
    assert paths == {"path_open__search", "path_close__leave"}


def test_an_outcome_between_two_steps_is_ignored() -> None:
    assert values(measure(LOG), "path_open__search") == {"ann": 0.0, "bob": 0.0, "cat": 1.0, "dan": 0.0}


def test_times_are_between_first_times_in_this_order() -> None:
    result = measure(LOG)
    assert values(result, "hours_search__open") == {"ann": 5 / 60, "bob": 31 / 60, "cat": None, "dan": None}
    assert values(result, "hours_open__search") == {"ann": None, "bob": None, "cat": 20 / 60, "dan": None}
    assert entry(result, "hours_open__search")["measure"] == "duration"


@pytest.mark.slow
def test_actions_within_seconds_have_no_time_column() -> None:
    quick: list[Event] = [
        (user, f"2 10:00:0{n}", name) for user in ("ann", "bob") for n, name in enumerate(("ping", "pong"))
    ]
    assert "hours_ping__pong" not in measure(LOG + quick).features.column_names


@pytest.mark.slow
def test_the_number_of_columns_is_bounded() -> None:
    many: list[Event] = [
        (user, f"{10 + first} {second:02}:{2 * half:02}", f"a{(first, second)[half]:02}")
        for user in ("ann", "bob")
        for first in range(8)
        for second in range(8)
        for half in range(2)
    ]
    names = measure(LOG + many).features.column_names
    assert sum(name.startswith("path_") for name in names) == MAX_PATHS
    assert sum(name.startswith("hours_") for name in names) == MAX_TIMES
