import pytest

from dash_app.data import journeys
from dash_app.data.journeys import ClusterFunnel, FunnelStep
from grupa_pipeline.storage import warehouse
from grupa_pipeline.storage.warehouse import PIPELINE_FILE
from grupa_pipeline.vocabulary.enums import UNASSIGNED_GROUP, PathKind
from tests.dash_app.synthetic import DAYS, FUNNEL


def _step(share):
    return FunnelStep("a_b", "a b", 100, share, None, None, None, None)


def test_a_group_has_its_funnel_with_labels_and_its_paths(shown):
    own = shown.cluster("C02").journeys
    [funnel] = own.funnels
    assert [step.action for step in funnel.steps] == list(FUNNEL)
    assert [step.label for step in funnel.steps] == ["sign in", "proposal create", "deal complete"]
    assert [step.users for step in funnel.steps] == [90, 63, 36]
    assert own.of_kind(PathKind.TYPICAL)[0].steps == ("sign in", "proposal create", "sign in", "deal complete")
    assert set(shown.journeys) == {None, UNASSIGNED_GROUP, "C01", "C02", "C03"}


def test_the_worst_step_is_the_one_from_which_the_smallest_share_goes_on():
    funnel = ClusterFunnel("a_b", (_step(0.9), _step(0.4), _step(0.6), _step(None)))
    assert (funnel.worst, funnel.loses_users) == (1, True)
    nobody = ClusterFunnel("a_b", (_step(1.0), _step(None)))
    assert (nobody.worst, nobody.loses_users) == (None, False)
    few = ClusterFunnel("a_b", (_step(0.99), _step(None)))
    assert (few.worst, few.loses_users) == (0, False)


def test_goal_rates_are_the_shares_that_the_features_have(shown, database):
    with database.connect() as con:
        [(rate,)] = con.execute(
            "SELECT avg(had_deal_complete) FROM user_features JOIN user_clusters USING (snapshot_date, user_id)"
            " WHERE snapshot_date = ? AND cluster_id = 'C01'",
            [DAYS[1]],
        ).fetchall()
        [(everyone,)] = con.execute(
            "SELECT avg(had_deal_complete) FROM user_features WHERE snapshot_date = ?", [DAYS[1]]
        ).fetchall()
    assert shown.goal_rates.goal == "deal_complete"
    assert shown.goal_rates.everyone == pytest.approx(everyone)
    assert shown.cluster("C01").goal_rate == pytest.approx(rate)


def test_a_log_without_a_goal_has_no_goal_rate_and_earlier_releases_no_journeys(folder):
    with warehouse.publish(folder / PIPELINE_FILE) as con:
        con.execute("UPDATE feature_catalog SET higher_is_better = false WHERE feature = 'had_deal_complete'")
        con.execute("DROP TABLE journey_steps")
        con.execute("DROP TABLE journey_paths")
    with warehouse.read(folder / PIPELINE_FILE) as con:
        labels = journeys.load_action_labels(con)
        assert journeys.load_goal_rates(con, DAYS[1], labels) is None
        assert journeys.load_journeys(con, DAYS[1], labels) == {}


def test_the_users_of_a_step_are_those_whom_the_features_have_there(folder):
    with warehouse.publish(folder / PIPELINE_FILE) as con:
        con.execute(
            "UPDATE feature_catalog SET family = 'funnel_step', source_action = 'proposal_create\ndeal_complete'"
            " WHERE feature = 'had_deal_complete'"
        )
        con.execute("UPDATE user_features SET had_deal_complete = NULL WHERE user_id = 'user-00000'")
    with warehouse.read(folder / PIPELINE_FILE) as con:
        found = journeys.load_step_users(con, DAYS[1], "C01", "deal_complete", "proposal_create", "deal_complete")
        rows = con.execute(
            "SELECT user_id, had_deal_complete FROM user_features JOIN user_clusters USING (snapshot_date, user_id)"
            " WHERE snapshot_date = ? AND cluster_id = 'C01' AND user_id <> 'user-00000'",
            [DAYS[1]],
        ).fetchall()
        unknown = journeys.load_step_users(con, DAYS[1], "C01", "deal_complete", "sign_in", "deal_complete")
    stayed = {user for user, had in rows if not had}
    assert (found.went_on, found.stayed) == (139 - len(stayed), len(stayed))
    assert set(found.user_ids) <= stayed
    assert len(found.user_ids) == min(len(stayed), journeys.MOST_LISTED)
    assert unknown is None
