from dataclasses import replace

import duckdb
import pytest

from dash_app import plan_drafts
from dash_app.data import baselines, loading
from dash_app.planning.baseline import BaselineError
from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.vocabulary.enums import BaselineUsers
from grupa_pipeline.vocabulary.plan_parts import Audience, AudienceKind
from grupa_pipeline.vocabulary.rule_conditions import Comparison, Condition, rule_to_json
from grupa_pipeline.vocabulary.segment_rules import SegmentCondition, SegmentConditionKind, SegmentRule
from tests.dash_app.synthetic import DAYS

pytestmark = pytest.mark.slow

DAY = DAYS[1]


def population(services, cluster_id="C01", exposure=None, catalog_has=None):
    """Users like a cluster's; `catalog_has` is a feature, its action and its family, that an earlier day had."""
    if catalog_has:
        con = _con(services)
        con.execute("CREATE TEMP TABLE feature_catalog AS SELECT * FROM feature_catalog")
        con.execute(
            "INSERT INTO feature_catalog (feature, source_action, family, subject, description, unit, metric_kind)"
            " VALUES (?1, ?2, ?3, ?2, 'rare', 'share', 'ratio')",
            catalog_has,
        )
        return baselines.load_population(con, DAY, Audience.of_cluster(cluster_id), Roles(), 5, exposure)
    return services.database.query(
        baselines.load_population, DAY, Audience.of_cluster(cluster_id), Roles(), 5, exposure
    )


def test_the_rule_picks_users_on_the_days_before(services):
    found = population(services)
    assert found.picked_by is BaselineUsers.RULE
    assert found.window.unseen
    assert found.window.days == 17  # a quarter of the log's 69 days
    assert found.users < 330


@pytest.mark.slow
def test_the_metric_counts_each_users_exposure_alone(services, folder):
    found = population(services)
    measured = baselines.measure_metric(found, loading.load_catalog(_con(services))["had_deal_complete"])
    ids = found.values["user_id"].to_pylist()
    window = found.window
    expected = (
        _con(services)
        .execute(
            "SELECT avg((had > 0)::INT) FROM (SELECT user_id, count(*) FILTER (action = 'deal_complete' AND timestamp"
            " < first + to_days(?)) AS had FROM events JOIN (SELECT user_id, min(timestamp) AS first FROM events"
            " WHERE timestamp >= ? AND timestamp < ? GROUP BY 1) USING (user_id)"
            " WHERE timestamp >= first AND list_contains(?, user_id) GROUP BY user_id)",
            [window.exposure_days, window.start, window.end, ids],
        )
        .fetchone()[0]
    )
    assert measured.value == pytest.approx(expected)
    assert measured.n == len(ids)


@pytest.mark.slow
def test_a_longer_exposure_sees_more(services, shown):
    feature = shown.catalog["had_deal_complete"]
    short, long = (baselines.measure_metric(population(services, exposure=days), feature) for days in (2, 12))
    assert long.value > short.value
    with pytest.raises(BaselineError, match="1 to 17 days"):
        population(services, exposure=60)


@pytest.mark.slow
@pytest.mark.parametrize("conditions", [None, "[]"])
def test_without_a_stored_rule_the_clusters_own_users_are_measured(services, conditions):
    con = _con(services)
    con.execute("CREATE TEMP TABLE clusters AS SELECT * FROM clusters")
    con.execute("UPDATE clusters SET rule_conditions = ?", [conditions])
    found = baselines.load_population(con, DAY, Audience.of_cluster("C02"), Roles(), 5)
    assert (found.picked_by, found.window.unseen, found.users) == (BaselineUsers.MEMBERS_NO_RULE, False, 90)


@pytest.mark.slow
def test_where_too_few_match_the_rule_the_clusters_own_users_are_measured(services):
    con = _con(services)
    con.execute("CREATE TEMP TABLE clusters AS SELECT * FROM clusters")
    nobody = rule_to_json(((Condition("sessions_per_week", Comparison.MORE_THAN, 1e9),),))
    con.execute("UPDATE clusters SET rule_conditions = ?", [nobody])
    found = baselines.load_population(con, DAY, Audience.of_cluster("C02"), Roles(), 5)
    assert (found.picked_by, found.window.unseen, found.users) == (BaselineUsers.MEMBERS, False, 90)


@pytest.mark.slow
def test_what_nobody_did_is_zero_and_what_cannot_be_measured_says_so(services, shown):
    found = population(services, catalog_has=("had_refund_issued", "refund_issued", "outcome_had"))
    nobody = replace(shown.catalog["had_deal_complete"], feature="had_refund_issued")
    assert baselines.measure_metric(found, nobody).value == 0
    with pytest.raises(BaselineError, match="choose another metric"):
        baselines.measure_metric(found, shown.catalog["hours_to_submit"])


@pytest.mark.slow
def test_a_ratio_is_that_of_all_users_together(services, shown):
    found = population(services, catalog_has=("events_per_session", None, "activity"))
    measured = baselines.measure_metric(
        found, replace(shown.catalog["submitted_share"], feature="events_per_session", metric_kind="ratio")
    )
    sums = found.fractions.to_pandas()
    events, sessions = (sums[f"events_per_session/{part}"] for part in ("numerator", "denominator"))
    assert measured.kind == "ratio"
    assert measured.value == pytest.approx(events.sum() / sessions.sum())
    assert measured.n == len(found.values)
    residuals = (events - measured.value * sessions) / sessions.mean()
    assert measured.sd == pytest.approx(residuals.std(ddof=1))


@pytest.mark.slow
def test_columns_are_the_catalogs_however_rare_what_they_measure_is_now(services):
    found = population(services, catalog_has=("share_proposal_archive", "proposal_archive", "action_share"))
    catalog = list(loading.load_catalog(_con(services)))
    assert found.values.column_names == ["user_id", *sorted([*catalog, "share_proposal_archive"])]
    assert set(found.values["share_proposal_archive"].to_pylist()) == {0.0}


def _con(services) -> duckdb.DuckDBPyConnection:
    from pathlib import Path

    own = Path(services.database.path).parent / "versions" / f"{services.database.version()}.duckdb"
    return duckdb.connect(str(own), read_only=True)


def test_a_segment_is_an_audience(services, folder):
    rule = SegmentRule((SegmentCondition(SegmentConditionKind.DID, ("deal_complete",)),))
    services.roadmap.save_segment("Closers", rule, "ann")
    audience = Audience(AudienceKind.SEGMENT, ("S01",))
    with services.database.connect() as con:
        [(users,)] = con.execute(
            "SELECT count(DISTINCT user_id) FROM events WHERE action = 'deal_complete' AND user_id IN"
            " (SELECT user_id FROM user_clusters WHERE snapshot_date = ?)",
            [DAY],
        ).fetchall()
    found = plan_drafts.population_of(services, DAY, audience)
    assert found.users == users and found.picked_by is BaselineUsers.MEMBERS
    assert plan_drafts.enrolment(services, DAY, audience).days_until(1) is not None
    assert audience.meets(Audience.of_cluster("C02")) and audience.meets(audience)
    services.roadmap.remove_segment("S01", "ann")
    with pytest.raises(BaselineError, match="was deleted"):
        plan_drafts.population_of(services, DAY, audience)
