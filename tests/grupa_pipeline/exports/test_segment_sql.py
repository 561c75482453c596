from collections.abc import Iterator
from datetime import date, datetime

import duckdb
import pytest

from grupa_pipeline.exports.segments import as_text, selected_segment
from grupa_pipeline.vocabulary.segment_rules import (
    SegmentCondition,
    SegmentRule,
    SegmentRuleError,
    check_rule,
    segment_conditions_from_json,
    segment_conditions_to_json,
)
from grupa_pipeline.vocabulary.segment_rules import SegmentConditionKind as Kind

DAY = date(2026, 1, 10)
EVENTS = (
    # user, day and hour, action, metadata
    ("ann", "03 10", "pay", None),
    ("ann", "03 20", "browse", None),  # the same day: no return
    ("bob", "03 10", "pay", '{"plan": "pro"}'),
    ("bob", "06 10", "browse", '{"a/b": 5}'),
    ("cid", "04 10", "pay", None),
    ("cid", "07 10", "invoice", None),  # of the system: no return either
    ("dan", "02 10", "browse", '{"plan": "o\'pro"}'),
    ("eve", "01 00", "browse", None),
)


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """Five users in two clusters and none; the window is ten days."""
    with duckdb.connect() as opened:
        opened.execute(
            "CREATE TABLE segmentations AS SELECT DATE '2026-01-10' AS snapshot_date,"
            " TIMESTAMP '2026-01-01' AS window_start, TIMESTAMP '2026-01-11' AS window_end"
        )
        opened.execute("CREATE TABLE events (user_id VARCHAR, timestamp TIMESTAMP, action VARCHAR, metadata JSON)")
        for user, at, action, metadata in EVENTS:
            when = datetime.strptime(f"2026-01-{at}", "%Y-%m-%d %H")
            opened.execute("INSERT INTO events VALUES (?, ?, ?, ?)", [user, when, action, metadata])
        opened.execute("INSERT INTO events VALUES ('dan', '2025-12-01', 'pay', NULL)")  # before the window
        opened.execute("CREATE TABLE event_catalog AS SELECT 'invoice' AS action, 'system' AS decided_by")
        opened.execute(
            "CREATE TABLE user_clusters (snapshot_date DATE, user_id VARCHAR, cluster_id VARCHAR, probability DOUBLE,"
            " membership VARCHAR, unassigned_reason VARCHAR, nearest_cluster_id VARCHAR, nearest_probability DOUBLE)"
        )
        clusters = {"ann": "C01", "bob": "C01", "cid": "C02", "dan": None, "eve": None}
        opened.executemany(
            "INSERT INTO user_clusters (snapshot_date, user_id, cluster_id) VALUES (?, ?, ?)",
            [(DAY, *each) for each in clusters.items()],
        )
        yield opened


def held(con: duckdb.DuckDBPyConnection, *conditions: SegmentCondition) -> set[str]:
    segment = selected_segment(SegmentRule(conditions))
    rows = {row[0] for row in con.execute(segment.query, segment.values | {"day": DAY}).fetchall()}
    text = as_text(segment.query, **segment.values, day=DAY)
    assert "$" not in text.replace("o'pro", "") and {row[0] for row in con.execute(text).fetchall()} == rows
    return rows


CASES = {
    "paid": ((SegmentCondition(Kind.DID, ("pay",)),), {"ann", "bob", "cid"}),
    "did either": ((SegmentCondition(Kind.DID, ("pay", "browse")),), {"ann", "bob", "cid", "dan", "eve"}),
    "did not": ((SegmentCondition(Kind.DID_NOT, ("pay",)),), {"dan", "eve"}),
    "paid on days": (
        (SegmentCondition(Kind.DID, ("pay",), first_day=date(2026, 1, 4), last_day=date(2026, 1, 4)),),
        {"cid"},
    ),
    "never came back": ((SegmentCondition(Kind.NEVER_CAME_BACK, ("pay",)),), {"ann", "cid"}),
    "metadata": ((SegmentCondition(Kind.METADATA, ("plan",), "pro"),), {"bob"}),
    "quotes": ((SegmentCondition(Kind.METADATA, ("plan",), "o'pro"),), {"dan"}),
    "numbers and slashes": ((SegmentCondition(Kind.METADATA, ("a/b",), "5"),), {"bob"}),
    "first seen": ((SegmentCondition(Kind.FIRST_SEEN, first_day=date(2026, 1, 3)),), {"ann", "bob", "cid"}),
    "seen before": ((SegmentCondition(Kind.FIRST_SEEN, last_day=date(2025, 12, 31)),), {"dan"}),
    "active": (
        (SegmentCondition(Kind.ACTIVE, first_day=date(2026, 1, 6), last_day=date(2026, 1, 7)),),
        {"bob", "cid"},
    ),
    "cluster": ((SegmentCondition(Kind.CLUSTER, ("C02", "unassigned")),), {"cid", "dan", "eve"}),
    "all hold": (
        (SegmentCondition(Kind.DID, ("pay",)), SegmentCondition(Kind.CLUSTER, ("C01",))),
        {"ann", "bob"},
    ),
    "injection": ((SegmentCondition(Kind.DID, ("pay') OR true --",)),), set()),
    "nothing": ((), set()),
}


@pytest.mark.parametrize("name", CASES)
def test_a_rule_selects_its_users(con: duckdb.DuckDBPyConnection, name: str) -> None:
    conditions, expected = CASES[name]
    assert held(con, *conditions) == expected


@pytest.mark.parametrize("name", CASES)
def test_conditions_survive_their_json(name: str) -> None:
    conditions, _ = CASES[name]
    assert segment_conditions_from_json(segment_conditions_to_json(conditions)) == conditions


def test_a_list_holds_those_listed_who_are_there(con: duckdb.DuckDBPyConnection) -> None:
    segment = selected_segment(SegmentRule(users=("eve", "bob", "zoe", "o'x")))
    rows = con.execute(segment.query, segment.values | {"day": DAY}).fetchall()
    assert [row[0] for row in rows] == ["bob", "eve"] and segment.is_list


@pytest.mark.parametrize(
    "rule",
    [
        SegmentRule(),
        SegmentRule((SegmentCondition(Kind.DID),)),
        SegmentRule((SegmentCondition(Kind.ACTIVE),)),
        SegmentRule((SegmentCondition(Kind.METADATA, ("plan",)),)),
        SegmentRule((SegmentCondition(Kind.ACTIVE, first_day=date(2026, 1, 2), last_day=date(2026, 1, 1)),)),
    ],
)
def test_a_rule_that_says_nothing_is_refused(rule: SegmentRule) -> None:
    with pytest.raises(SegmentRuleError):
        check_rule(rule)


@pytest.mark.parametrize("text", ["{", "{}", "[1]", '[{"kind": "no such"}]', '[{"kind": "did", "subjects": "pay"}]'])
def test_conditions_that_cannot_be_read_are_refused(text: str) -> None:
    if text == "{}":
        assert segment_conditions_from_json(text) == ()
        return
    with pytest.raises(SegmentRuleError):
        segment_conditions_from_json(text)
