from datetime import date, timedelta
from itertools import pairwise

import duckdb
import pytest

from grupa_pipeline.exports.segments import (
    Segment,
    UnknownSegmentError,
    UnknownSnapshotError,
    as_text,
    cluster_segment,
    day_before,
    day_of,
    find_segment,
    parse_conditions,
    rule_segment,
    unassigned_segment,
)
from tests.grupa_pipeline.exports.conftest import DAYS

pytestmark = pytest.mark.slow

VISITORS = rule_segment(parse_conditions([("visits", ">", 2)]))
SEGMENTS = (cluster_segment("C01", "One"), cluster_segment("C02", "Two"), unassigned_segment(), VISITORS)


def users(con: duckdb.DuckDBPyConnection, segment: Segment, day: date) -> set[str]:
    return {row[0] for row in con.execute(segment.query, {"day": day}).fetchall()}


def deltas(con: duckdb.DuckDBPyConnection, segment: Segment, since: date, day: date) -> tuple[set[str], set[str]]:
    rows = con.execute(segment.change_query, {"day": day, "since": since}).fetchall()
    return {user for user, change in rows if change == "entered"}, {user for user, change in rows if change == "left"}


@pytest.mark.parametrize("segment", SEGMENTS, ids=lambda each: each.segment_id)
def test_thirty_days_of_deltas_add_up_to_the_list(con: duckdb.DuckDBPyConnection, segment: Segment) -> None:
    held = users(con, segment, DAYS[0])
    for before, day in pairwise(DAYS):
        entered, left = deltas(con, segment, before, day)
        assert not entered & held and left <= held
        held = (held | entered) - left
        assert held == users(con, segment, day)
    entered, left = deltas(con, segment, DAYS[0], DAYS[-1])
    assert held == (users(con, segment, DAYS[0]) | entered) - left
    assert deltas(con, segment, DAYS[3], DAYS[3]) == (set(), set())


def test_a_rule_takes_no_user_without_a_value(con: duckdb.DuckDBPyConnection) -> None:
    with_value = con.execute(
        "SELECT count(*) FROM user_features WHERE snapshot_date = ? AND visits = 5", [DAYS[0]]
    ).fetchone()
    assert with_value == (len(users(con, VISITORS, DAYS[0])),)
    assert users(con, rule_segment(()), DAYS[0]) == set()


def test_the_sql_as_text_gives_the_same_users(con: duckdb.DuckDBPyConnection) -> None:
    for segment in SEGMENTS:
        text = as_text(segment.query, day=DAYS[4])
        assert "$" not in text and {row[0] for row in con.execute(text).fetchall()} == users(con, segment, DAYS[4])


def test_a_cluster_of_another_day_has_no_users_yet(con: duckdb.DuckDBPyConnection) -> None:
    assert users(con, find_segment(con, "C02", DAYS[0]), DAYS[0]) == set()


def test_the_snapshot_in_force_is_the_last_before(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("DELETE FROM user_clusters WHERE snapshot_date = ?", [DAYS[7]])
    assert day_before(con, DAYS[7]) == DAYS[6]
    assert day_before(con, DAYS[-1] + timedelta(days=90)) == DAYS[-1] == day_of(con)
    with pytest.raises(UnknownSnapshotError, match="and 19 earlier ones"):
        day_before(con, DAYS[0] - timedelta(days=1))
    with pytest.raises(UnknownSnapshotError, match=str(DAYS[-1])):
        day_of(con, DAYS[7])


def test_an_unknown_id_lists_those_there_are(con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(UnknownSegmentError, match=r"C01 \(Group C01\), C02 \(Group C02\), unassigned"):
        find_segment(con, "C09' OR true --", DAYS[-1])
