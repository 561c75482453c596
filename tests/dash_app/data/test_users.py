from datetime import date

import duckdb
import numpy as np
import pytest

from dash_app.data import users
from dash_app.data.database import Database
from tests.dash_app.synthetic import DAYS

DAY = DAYS[1]


def test_small_logs_are_drawn_whole(services):
    points = services.database.query(users.load_points, DAY)
    assert (len(points.user_id), points.placed, points.density) == (315, 315, None)
    assert points.cluster_id.count(None) == 25


def test_large_logs_are_sampled_with_the_density_of_all(services, monkeypatch):
    monkeypatch.setattr(users, "_LEAST_OF_A_CLUSTER", 10)
    database = Database(services.database.path)  # the shared one caches results of other limits
    points = database.query(users.load_points, DAY, 60)
    assert len(points.user_id) < 90
    assert points.placed == 315
    assert points.density[2].sum() == 315
    counts = {each: points.cluster_id.count(each) for each in ("C01", "C02", "C03")}
    assert min(counts.values()) >= 10
    assert counts["C01"] > counts["C03"]
    assert Database(database.path).query(users.load_points, DAY, 60).user_id == points.user_id


def test_labels_stand_over_their_clusters(services):
    labels = {cluster: (x, y) for cluster, x, y in services.database.query(users.load_points, DAY).labels}
    assert labels["C02"][0] == pytest.approx(9, abs=0.5)
    assert labels["C02"][1] > 2


def test_values_are_in_the_order_of_the_points(services):
    points = services.database.query(users.load_points, DAY)
    values = services.database.query(users.load_values, DAY, "sessions_per_week", points.user_id)
    ours = np.array([each == "C01" for each in points.cluster_id])
    assert values[ours].mean() > 2 * values[~ours].mean()


@pytest.mark.parametrize("feature", ["nothing", 'x" FROM events; --'])
def test_only_features_colour_the_map(services, feature):
    with pytest.raises(KeyError):
        services.database.query(users.load_values, DAY, feature, ("user-00001",))


def test_find_users_puts_the_exact_one_first(services):
    found = services.database.query(users.find_users, DAY, "USER-0001")
    assert found[0][0] == "user-00010"
    assert services.database.query(users.find_users, DAY, "user-00201", 1) == (("user-00201", "C02"),)
    assert services.database.query(users.find_users, DAY, "%") == ()


def test_one_user(services):
    user = services.database.query(users.load_user, DAY, "user-00001")
    assert (user["cluster_id"], user["nearest_cluster_id"]) == ("C01", "C02")
    assert set(user["features"]) == {"sessions_per_week", "submitted_share", "hours_to_submit", "had_deal_complete"}
    assert services.database.query(users.load_user, DAY, "nobody") is None


def test_a_user_who_did_too_little_has_no_features(services):
    user = services.database.query(users.load_user, DAY, "user-00329")
    assert user["unassigned_reason"] == "too_few_events"
    assert user["features"] == {}


def test_in_polygon_follows_its_outline():
    xs, ys = np.array([0.0, 4, 4, 2, 0]), np.array([0.0, 0, 4, 1, 4])  # a notch from above
    x, y = np.array([1.0, 2, 3, 5, -1]), np.array([1.0, 3, 1, 1, 1])
    assert users.in_polygon(x, y, xs, ys).tolist() == [True, False, True, False, False]


def test_the_sample_is_as_large_as_asked_and_true_to_shares(tmp_path):
    size = {"C01": 30_000, "C02": 9_000, None: 1_000, "C03": 120}
    with duckdb.connect() as con:
        con.execute("CREATE TABLE sizes (cluster_id VARCHAR, size INT)")
        con.executemany("INSERT INTO sizes VALUES (?, ?)", list(size.items()))
        con.execute(
            "CREATE TABLE user_clusters AS SELECT DATE '2025-01-01' AS snapshot_date, cluster_id,"
            " coalesce(cluster_id, 'none') || '-' || number AS user_id FROM sizes, unnest(range(size)) each(number)"
        )
        con.execute("CREATE TABLE user_embeddings AS SELECT *, random() AS x, random() AS y FROM user_clusters")
        con.execute("ALTER TABLE user_embeddings DROP cluster_id")
        points = users.load_points(con, date(2025, 1, 1), 4_000)
    drawn = {cluster: points.cluster_id.count(cluster) for cluster in size}
    assert drawn["C03"] == 120  # smaller than the least that is drawn of a cluster
    assert drawn["C01"] == pytest.approx(3_000, rel=0.1) and drawn["C02"] == pytest.approx(900, rel=0.15)
    assert drawn[None] == pytest.approx(users._LEAST_OF_A_CLUSTER, rel=0.4)
    assert points.placed == sum(size.values()) == points.density[2].sum()
