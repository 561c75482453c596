from collections import defaultdict
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any
from unittest import mock

import duckdb
import pyarrow as pa
import pytest

from grupa_pipeline.aggregates.engine import DuckDBEngine
from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.features import session_halves
from grupa_pipeline.features.feature_set import build_features
from grupa_pipeline.features.session_halves import (
    LIFE_PARTS,
    SessionHalves,
    measure_beginnings,
    measure_halves,
    measure_views,
)
from grupa_pipeline.vocabulary.enums import FeatureView
from tests.grupa_pipeline.features.logs import END, START, Event, connect

OPTIONS: dict[str, Any] = {"window_start": START, "window_end": END, "roles": Roles()}


def _halves(con: duckdb.DuckDBPyConnection, users: Sequence[str]) -> SessionHalves:
    """`measure_halves` whose features are the events themselves: measuring features takes seconds."""

    def events_of(engine: DuckDBEngine, events: str, **_: Any) -> SimpleNamespace:
        rows = engine.events(events)
        return SimpleNamespace(features=engine.fetch(rows.mutate(metadata=rows.metadata.cast("string"))))

    with DuckDBEngine(con) as engine, mock.patch.object(session_halves, "measure_features", events_of):
        return measure_halves(engine, "events", catalog=pa.table({}), users=users, **OPTIONS)


def _views(con: duckdb.DuckDBPyConnection, users: Sequence[str]) -> dict[FeatureView, pa.Table]:
    with DuckDBEngine(con) as engine:
        return measure_views(engine, "events", users=users, **OPTIONS)


def _events(halves: SessionHalves, user: str, half: int) -> list[str]:
    """Actions of a user in a half, in the order of time."""
    rows = sorted(
        (row["timestamp"], row["action"]) for row in halves.features[half].to_pylist() if row["user_id"] == user
    )
    return [action for _, action in rows]


def _counts(views: dict[FeatureView, pa.Table], view: FeatureView, *names: str) -> dict[tuple[Any, ...], int]:
    return {tuple(row[name] for name in names): row["n"] for row in views[view].to_pylist()}


LOG: list[Event] = [
    ("ann", "1 09:00", "search"),  # session 1: odd
    ("ann", "1 09:10", "open"),
    ("ann", "2 09:00", "save"),  # session 2: even
    ("ann", "2 09:30", "search"),
    ("ann", "3 09:00", "search"),  # session 3: odd
    ("ann", "3 09:20", "open"),
    ("bob", "5 12:00", "search"),  # a single session
    ("bob", "5 12:01", "open"),
    ("bob", "5 12:02", "search"),
    ("bob", "5 12:03", "open"),
    ("bob", "5 12:04", "save"),
    ("cat", "6 23:50", "search"),  # a session across midnight, and another
    ("cat", "7 00:10", "open"),
    ("cat", "8 10:00", "save"),
]
USERS = ("ann", "bob", "cat")


@pytest.fixture(scope="module")
def halves() -> SessionHalves:
    return _halves(connect(LOG), USERS)


@pytest.fixture(scope="module")
def views() -> dict[FeatureView, pa.Table]:
    return _views(connect(LOG), USERS)


@pytest.mark.slow
def test_users_are_measured_on_odd_and_on_even_sessions(halves: SessionHalves) -> None:
    assert _events(halves, "ann", 1) == ["search", "open", "search", "open"]
    assert _events(halves, "ann", 0) == ["save", "search"]


def test_a_user_of_a_single_session_is_measured_on_odd_and_on_even_events(halves: SessionHalves) -> None:
    assert _events(halves, "bob", 0) == ["search", "search", "save"]
    assert _events(halves, "bob", 1) == ["open", "open"]


def test_a_session_across_midnight_is_one(halves: SessionHalves) -> None:
    assert _events(halves, "cat", 1) == ["search", "open"]
    assert _events(halves, "cat", 0) == ["save"]


def test_sessions_are_counted(halves: SessionHalves) -> None:
    assert halves.sessions.to_pylist() == [
        {"user_id": "ann", "sessions": 3},
        {"user_id": "bob", "sessions": 1},
        {"user_id": "cat", "sessions": 2},
    ]


@pytest.mark.slow
def test_each_half_is_measured_as_the_whole_is() -> None:
    con = connect(LOG)
    whole = build_features(con, "events", min_events=1, **OPTIONS)
    with DuckDBEngine(con) as engine:
        measured = measure_halves(engine, "events", catalog=whole.catalog, users=USERS, **OPTIONS)
    assert all(half.column_names == whole.features.column_names for half in measured.features)
    names = ("share_search", "share_open", "share_save")
    even, odd = (
        {row["user_id"]: [row[name] for name in names] for row in half.to_pylist()} for half in measured.features
    )
    assert (odd["ann"], even["ann"]) == ([0.5, 0.5, 0.0], [0.5, 0.0, 0.5])
    assert (odd["cat"], even["cat"]) == ([0.5, 0.5, 0.0], [0.0, 0.0, 1.0])


@pytest.mark.slow
def test_only_the_users_and_the_window_that_were_asked_for_are_measured() -> None:
    con = connect([*LOG, ("ann", "90 09:00", "search"), ("bob", "90 09:00", "save")])
    some = _halves(con, ["bob", "nobody"])
    assert some.sessions.to_pylist() == [{"user_id": "bob", "sessions": 1}]
    assert {row["user_id"] for half in some.features for row in half.to_pylist()} == {"bob"}
    assert all(set(counts["user_id"].to_pylist()) == {"bob"} for counts in _views(con, ["bob", "nobody"]).values())


@pytest.mark.slow
def test_users_are_measured_on_their_first_events_outcomes_left_out() -> None:
    con = connect([*LOG, ("bob", "5 11:59", "contract_signed"), ("bob", "4 12:00", "save")])
    roles = Roles(goal=("contract_signed",))
    options = OPTIONS | {"roles": roles}
    whole = build_features(con, "events", min_events=1, **options)
    with DuckDBEngine(con) as engine:
        begun = measure_beginnings(
            engine, "events", catalog=whole.catalog, lengths={"ann": 3, "bob": 2, "nobody": 2}, **options
        )
    rows = {row["user_id"]: row for row in begun.to_pylist()}
    assert begun.column_names == whole.features.column_names
    assert {user: [row[f"share_{name}"] for name in ("search", "save")] for user, row in rows.items()} == {
        "ann": pytest.approx([1 / 3, 1 / 3]),
        "bob": [0.5, 0.5],
    }


@pytest.mark.slow
def test_sessions_in_a_row_are_in_one_half() -> None:
    """What takes two sessions, done once, is in both halves at the edge of a stretch alone."""
    log: list[Event] = [("eve", f"{day // 2} {8 + day % 2 * 6:02d}:00", "open") for day in range(40)]
    halves = _halves(connect(log), ["eve"])
    placed = sorted((row["timestamp"], half) for half in (0, 1) for row in halves.features[half].to_pylist())
    assert [half for _, half in placed] == ([1] * 5 + [0] * 5) * 4


@pytest.mark.slow
def test_a_user_without_events_in_a_half_is_missing_there() -> None:
    one = _halves(connect([*LOG, ("dan", "3 09:00", "open")]), ["dan"])
    assert [half["user_id"].to_pylist() for half in one.features] == [["dan"], []]


@pytest.mark.slow
def test_hours_weekdays_and_parts_of_the_window_are_counted_by_half(views: dict[FeatureView, pa.Table]) -> None:
    hours = _counts(views, FeatureView.HOUR, "user_id", "half", "key")
    first = START.toordinal() - 719163  # days since 1970
    own = {key: n for key, n in hours.items() if key[0] == "ann"}
    assert own == {
        ("ann", (first + 1) % 2, 3): 2,
        ("ann", (first + 2) % 2, 3): 1,
    }  # the first and third day, the second
    assert hours[("cat", (first + 6) % 2, 7)] == 1
    assert hours[("cat", (first + 7) % 2, 0)] == 1
    assert hours[("cat", (first + 8) % 2, 3)] == 1
    days = _counts(views, FeatureView.WEEKDAY, "user_id", "half", "key")
    own = {key: n for key, n in days.items() if key[0] == "ann"}
    assert own == {("ann", (first + day + 3) // 7 % 2, (first + day) % 7): 1 for day in (1, 2, 3)}
    life = _counts(views, FeatureView.LIFE, "user_id", "key")
    assert {key for user, key in life if user == "ann"} == {3, 5, 7}  # 64ths of 28 days
    assert {key for user, key in life if user == "cat"} == {15, 16, 19}
    assert set(_counts(views, FeatureView.LIFE, "half")) <= {(0,), (1,)}


@pytest.mark.slow
def test_much_within_a_day_is_one_day_at_its_hours_and_one_week_at_its_weekday() -> None:
    """Else whoever tried a product on one evening would have a habit, and both halves of that evening would confirm it."""
    views = _views(connect([("ann", f"1 20:{minute:02d}", "open") for minute in range(60)]), ["ann"])
    for view in (FeatureView.HOUR, FeatureView.WEEKDAY):
        assert [row["n"] for row in views[view].to_pylist()] == [1]


@pytest.mark.slow
def test_the_halves_of_life_do_not_alternate_in_time() -> None:
    """Sessions every few hours over four weeks: both halves have early and late ones, and no strict turns."""
    log: list[Event] = [
        ("eve", f"{day} {hour:02d}:0{day % 7}", "open") for day in range(28) for hour in (6, 11, 16, 21)
    ]
    counts = _views(connect(log), ["eve"])[FeatureView.LIFE].to_pylist()
    by_half: dict[int, dict[int, int]] = {0: defaultdict(int), 1: defaultdict(int)}
    for row in counts:
        by_half[row["half"]][row["key"] * 9 // LIFE_PARTS] += row["n"]
    assert min(len(parts) for parts in by_half.values()) >= 7
    assert sum(by_half[0].values()) + sum(by_half[1].values()) == 112
    assert any(abs(by_half[0].get(part, 0) - by_half[1].get(part, 0)) > 2 for part in range(9))


@pytest.mark.slow
def test_moves_are_within_a_session_between_different_actions(views: dict[FeatureView, pa.Table]) -> None:
    moves = _counts(views, FeatureView.ORDER, "user_id", "half", "before", "action")
    assert {key: n for key, n in moves.items() if key[0] == "ann"} == {
        ("ann", 1, "search", "open"): 2,
        ("ann", 0, "save", "search"): 1,
    }
    assert {key: n for key, n in moves.items() if key[0] == "cat"} == {("cat", 1, "search", "open"): 1}
    again = _views(connect([("ann", "1 09:00", "open"), ("ann", "1 09:01", "open")]), ["ann"])
    assert again[FeatureView.ORDER].num_rows == 0


@pytest.mark.slow
def test_moves_of_which_the_order_is_not_known_are_left_out() -> None:
    log: list[Event] = [
        ("ann", "1 09:00", "search"),
        ("ann", "1 09:10", "open"),
        ("ann", "1 09:10", "save"),
        ("ann", "1 09:20", "close"),
        ("ann", "1 09:30", "leave"),
        ("ann", "2 09:30", "leave"),
    ]
    known = _counts(_views(connect(log), ["ann"]), FeatureView.ORDER, "before", "action")
    assert known == {
        ("search", "open"): 1,
        ("open", "save"): 1,
        ("save", "close"): 1,
        ("close", "leave"): 1,
    }
    unknown = _counts(_views(connect(log, sequence=False), ["ann"]), FeatureView.ORDER, "before", "action")
    assert unknown == {("close", "leave"): 1}, "which of two led in and which led out is not known either"


@pytest.mark.slow
def test_outcomes_take_no_part_in_views() -> None:
    log: list[Event] = [
        ("ann", "1 09:00", "search"),
        ("ann", "1 13:00", "deal_complete"),
        ("ann", "1 09:10", "open"),
        ("ann", "2 09:00", "search"),
    ]
    views = _views(connect(log), ["ann"])
    assert views[FeatureView.ORDER].select(["before", "action"]).to_pylist() == [{"before": "search", "action": "open"}]
    assert sum(views[FeatureView.LIFE]["n"].to_pylist()) == 3
    assert sum(views[FeatureView.HOUR]["n"].to_pylist()) == 2  # two mornings; at one there is an outcome alone


@pytest.mark.slow
@pytest.mark.parametrize("sequence", [True, False])
def test_the_order_of_rows_changes_nothing(sequence: bool) -> None:
    prices: list[Event] = [("bob", "5 12:04", "open", {"price": price}) for price in (3, 9, 4, 1, 7)]
    con = connect([*LOG, *prices], sequence=sequence)
    turned = connect([*LOG, *prices], sequence=sequence)
    turned.execute("CREATE OR REPLACE TABLE events AS SELECT * FROM events ORDER BY rowid DESC")
    one, other = _halves(con, USERS), _halves(turned, USERS[::-1])
    for first, second in zip(one.features, other.features, strict=True):
        assert _rows(first) == _rows(second)
    views, again = _views(con, USERS), _views(turned, USERS[::-1])
    assert set(views) == set(again) == set(FeatureView) - {FeatureView.WHAT}
    assert all(views[view].equals(again[view]) for view in views)
    assert one.sessions.equals(other.sessions)


def _rows(table: pa.Table) -> list[str]:
    return sorted(map(repr, table.to_pylist()))
