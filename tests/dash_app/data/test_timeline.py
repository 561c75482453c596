import json
from datetime import date, datetime, timedelta

import duckdb
import pytest

from dash_app.data import timeline
from dash_app.data.timeline import ROWS_OF_A_PAGE, RUNS_OF_A_ROW

DAY = date(2026, 3, 9)
START = datetime(2026, 3, 1, 9)


@pytest.fixture
def con():
    with duckdb.connect() as con:
        con.execute("CREATE TABLE segmentations (snapshot_date DATE, window_start TIMESTAMP, window_end TIMESTAMP)")
        con.execute("INSERT INTO segmentations VALUES (?, ?, ?)", [DAY, datetime(2026, 2, 1), datetime(2026, 3, 10)])
        con.execute(
            "CREATE TABLE events (user_id VARCHAR, timestamp TIMESTAMP, action VARCHAR, metadata JSON, sequence BIGINT)"
        )
        yield con


def do(con, at, *actions, user="u 1", metadata=None, sequence=None):
    for place, action in enumerate(actions):
        row = [user, at + timedelta(minutes=place), action, json.dumps(metadata) if metadata else None, sequence]
        con.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)", row)


def test_sessions_end_after_idle_time_and_runs_are_folded(con):
    do(con, START, "login", "search", "search", "view")
    do(con, START + timedelta(minutes=34), "login")  # more than 30 minutes after the last one
    do(con, START, "login", user="u 2")
    do(con, datetime(2026, 1, 1), "before the window")
    found = timeline.load_timeline(con, DAY, "u 1")
    assert (found.sessions, found.events, found.pages) == (2, 5, 1)
    newest, first = found.rows
    assert newest.runs == (("login", 1),)
    assert first.runs == (("login", 1), ("search", 2), ("view", 1))
    assert (found.first_at, found.last_at) == (START, START + timedelta(minutes=34))


def test_events_of_an_instant_come_in_the_order_of_the_log(con):
    do(con, START, "z first", sequence=0)
    do(con, START, "a second", sequence=1)
    assert timeline.load_timeline(con, DAY, "u 1").rows[0].runs == (("z first", 1), ("a second", 1))


def test_a_user_with_many_sessions_or_a_long_one_comes_in_pages_that_hold_all(con):
    do(con, START, *["one", "two"] * RUNS_OF_A_ROW)
    for number in range(ROWS_OF_A_PAGE):
        do(con, START + timedelta(hours=5 + number), "login")
    first, second = (timeline.load_timeline(con, DAY, "u 1", page) for page in (1, 2))
    assert (first.pages, first.sessions, len(first.rows)) == (2, ROWS_OF_A_PAGE + 1, ROWS_OF_A_PAGE)
    assert [(row.session, row.part) for row in second.rows] == [(1, 1), (1, 0)]
    assert first.before == second.rows[0].last_at
    assert second.before is None
    assert sum(row.events for page in (first, second) for row in page.rows) == first.events
    beyond = timeline.load_timeline(con, DAY, "u 1", 99)
    assert (beyond.page, beyond.rows) == (2, second.rows)


def test_a_user_without_events_has_no_timeline(con):
    assert timeline.load_timeline(con, DAY, "nobody") is None


def test_events_have_their_metadata(con):
    do(con, START, "pay", "leave", metadata={"amount": 3})
    do(con, START + timedelta(hours=1), "later")
    found = timeline.load_user_events(con, "u 1", START, START + timedelta(minutes=1))
    assert [(event.action, event.metadata) for event in found] == [("pay", {"amount": 3}), ("leave", {"amount": 3})]


def test_a_typical_user_is_a_sure_one_near_the_middle(database):
    day = date(2026, 3, 9)
    first, second = (database.query(timeline.load_typical_user, day, "C01", number) for number in (0, 1))
    with database.connect() as con:
        members = con.execute(
            "SELECT user_id, membership, abs(x) < 1 AND abs(y) < 1 FROM user_clusters"
            " JOIN user_embeddings USING (snapshot_date, user_id)"
            " WHERE snapshot_date = ? AND cluster_id = 'C01'",
            [day],
        ).fetchall()
    by_id = {user: rest for user, *rest in members}
    assert first != second
    assert by_id[first] == by_id[second] == ["core", True]
    assert database.query(timeline.load_typical_user, day, "C01", len(members)) == first
    assert database.query(timeline.load_typical_user, day, "C99", 0) is None
