from datetime import date

import duckdb
import numpy as np
import pytest

from dash_app.data import segment_facts, users
from dash_app.data.journeys import ClusterFunnel, FunnelStep
from grupa_pipeline.exports.segments import cluster_segment, selected_segment
from grupa_pipeline.vocabulary.segment_rules import SegmentRule
from tests.dash_app.synthetic import DAYS

DAY = DAYS[1]


@pytest.fixture
def everyone(services):
    return services.database.query(segment_facts.load_averages, DAY)


def listed(*ids):
    return selected_segment(SegmentRule(users=ids))


def test_an_area_holds_all_users_inside_it(services, everyone):
    inside = services.database.query(segment_facts.find_in_area, DAY, (6.0, 12.0, 12.0, 6.0), (-1.0, -1.0, 5.0, 5.0))
    assert 85 <= len(inside) <= 100
    facts = services.database.query(segment_facts.describe_segment, DAY, listed(*inside), everyone, "had_deal_complete")
    assert facts.users == facts.measured == len(inside)
    assert facts.differences[0].feature == "hours_to_submit"
    assert facts.differences[0].left > facts.differences[0].right
    assert facts.clusters[0][0] == "C02"
    assert sum(count for _, count in facts.clusters) == facts.users


def test_an_area_beside_everyone_holds_nobody(services, everyone):
    inside = services.database.query(segment_facts.find_in_area, DAY, (90.0, 91.0, 91.0), (90.0, 90.0, 91.0))
    assert inside == ()
    facts = services.database.query(segment_facts.describe_segment, DAY, listed(), everyone, "had_deal_complete")
    assert (facts.users, facts.measured, facts.clusters, facts.goal_rate) == (0, 0, (), None)


def test_a_segment_is_found_among_the_drawn_by_cluster(services, everyone):
    points = services.database.query(users.load_points, DAY)
    drawn = tuple(zip(points.user_id, points.cluster_id, strict=True))
    chosen = points.user_id[3], points.user_id[-2]
    facts = services.database.query(segment_facts.describe_segment, DAY, listed(*chosen), everyone, None, (), drawn)
    own = {
        cluster or "": [user for user, of in drawn if of == cluster] for cluster in {cluster for _, cluster in drawn}
    }
    found = {own[cluster][place] for cluster, places in facts.drawn.items() for place in places}
    assert found == set(chosen)


def test_compare_is_the_same_from_both_sides(services):
    one, other = cluster_segment("C01", ""), cluster_segment("C02", "")
    query = services.database.query
    there = {each.feature: each.distance for each in query(segment_facts.compare_segments, DAY, one, other)}
    back = {each.feature: each.distance for each in query(segment_facts.compare_segments, DAY, other, one)}
    assert there == pytest.approx({name: -value for name, value in back.items()})


def test_compare_with_everyone_else_leaves_nobody_out(services):
    differences = services.database.query(segment_facts.compare_segments, DAY, cluster_segment("C01", ""))
    found = {each.feature: each for each in differences}
    points = services.database.query(users.load_points, DAY)
    values = services.database.query(users.load_values, DAY, "sessions_per_week", points.user_id)
    ours = np.array([each == "C01" for each in points.cluster_id])
    assert found["sessions_per_week"].left == pytest.approx(values[ours].mean())
    assert found["sessions_per_week"].right == pytest.approx(values[~ours].mean())


def test_a_funnel_counts_who_got_to_each_step():
    day = date(2026, 1, 1)
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE feature_catalog (feature VARCHAR, family VARCHAR, subject VARCHAR, source_action VARCHAR)"
        )
        con.execute(
            "INSERT INTO feature_catalog VALUES ('step_a', 'funnel_step', 'pay', 'visit'),"
            " ('step_b', 'funnel_step', 'pay', 'visit\ncart'), ('step_c', 'funnel_step', 'pay', 'cart\npay')"
        )
        con.execute("CREATE TABLE user_clusters (snapshot_date DATE, user_id VARCHAR, cluster_id VARCHAR)")
        con.execute(
            "CREATE TABLE user_features (snapshot_date DATE, user_id VARCHAR, step_a DOUBLE, step_b DOUBLE, step_c DOUBLE)"
        )
        rows = [("a", 1, 1, 1), ("b", 1, 1, 0), ("c", 1, 0, None), ("d", 0, None, None), ("e", 1, 1, 1)]
        con.executemany("INSERT INTO user_features VALUES (?, ?, ?, ?, ?)", [(day, *row) for row in rows])
        con.executemany("INSERT INTO user_clusters VALUES (?, ?, NULL)", [(day, row[0]) for row in rows])
        steps = tuple(FunnelStep(each, each, 9, None, None, None, None, None) for each in ("visit", "cart", "pay"))
        way = ClusterFunnel("pay", steps)
        everyone = segment_facts.load_averages(con, day)
        facts = segment_facts.describe_segment(con, day, listed("a", "b", "c", "d"), everyone, None, (way,))
        [funnel] = facts.funnels
        assert [step.users for step in funnel.steps] == [3, 2, 1]
        assert [step.share for step in funnel.steps] == [pytest.approx(2 / 3), 0.5, None]
        assert [step.rest_share for step in funnel.steps] == [1, 1, None]
        assert funnel.worst == 1
        unknown = ClusterFunnel("other", steps)
        assert segment_facts.describe_segment(con, day, listed("a"), everyone, None, (unknown,)).funnels == ()


def test_fields_of_metadata_come_with_their_values():
    day = date(2026, 1, 1)
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE segmentations AS SELECT DATE '2026-01-01' AS snapshot_date, TIMESTAMP '2026-01-01' AS"
            " window_start, TIMESTAMP '2026-01-02' AS window_end"
        )
        con.execute("CREATE TABLE events (timestamp TIMESTAMP, metadata JSON)")
        con.executemany(
            "INSERT INTO events VALUES ('2026-01-01 10:00', ?)",
            [['{"plan": "pro", "a/b": 1}'], ['{"plan": "pro"}'], ['{"plan": "free"}'], ['"text"'], [None]]
            + [[f'{{"id": "{number}"}}'] for number in range(40)],
        )
        found = dict(segment_facts.load_metadata_values(con, day))
    assert found == {"plan": ("pro", "free"), "a/b": ("1",), "id": ()}
