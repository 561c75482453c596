from datetime import date

from dash_app.components.overview import change_line
from dash_app.data import history, loading
from dash_app.data.snapshot import Memberships
from grupa_pipeline.storage import warehouse
from grupa_pipeline.storage.warehouse import PIPELINE_FILE
from tests.dash_app.synthetic import DAYS, write_earlier_release


def test_snapshots_newest_first(services):
    assert services.days() == (DAYS[1], DAYS[0])


def test_a_snapshot_holds_what_the_tables_hold(shown):
    assert [(each.cluster_id, each.size) for each in shown.clusters] == [("C01", 140), ("C02", 90), ("C03", 60)]
    assert shown.unassigned == (("noise", 25), ("too_few_events", 15))
    assert (shown.previous, shown.is_first) == (DAYS[0], False)
    assert shown.names == {"C01": "Deal closers", "C02": "Careful drafters", "C03": "Window shoppers"}
    assert {(each.kind, each.to_cluster_id) for each in shown.changes} == {("birth", "C03"), ("split", "C03")}
    assert shown.models == ()


def test_a_snapshot_holds_how_far_its_clusters_can_be_relied_on(shown, folder):
    cluster = shown.cluster("C02")
    assert (cluster.replication, cluster.found_by, cluster.nature) == (0.72, ("hour", "what"), "trait")
    assert shown.cluster("C03").nature == "incident"
    assert cluster.memberships == Memberships(core=72, likely=9, between=9)
    write_earlier_release(folder)
    with warehouse.read(folder / PIPELINE_FILE) as con:
        before = loading.load_snapshot(con, DAYS[1]).cluster("C02")
    assert (before.replication, before.found_by, before.nature, before.memberships) == (None, (), None, None)


def test_a_cluster_that_was_there_before_is_back_and_not_new(folder):
    with warehouse.publish(folder / PIPELINE_FILE) as con:
        con.execute("UPDATE cluster_identities SET first_seen = ? WHERE cluster_id = 'C03'", [DAYS[0]])
    with warehouse.read(folder / PIPELINE_FILE) as con:
        back, _ = loading.load_snapshot(con, DAYS[1]).changes
        turns = history.load_transitions(con)
    assert change_line(back, {"C03": "Window shoppers"}) == "Back: Window shoppers (50 users)"
    assert [each["kind"] for each in turns if each["to_cluster_id"] == "C03"] == ["return", "split"]


def test_no_such_snapshot(services):
    assert services.snapshot(date(2000, 1, 1)) is None


def test_evidence_comes_strongest_first(shown):
    for cluster in shown.clusters:
        effects = [abs(each.effect_size) for each in cluster.evidence]
        assert effects == sorted(effects, reverse=True)


def test_a_trend_ends_with_this_snapshot(services, shown):
    assert shown.cluster("C01").trend == ((DAYS[0], 130), (DAYS[1], 140))
    before = services.snapshot(DAYS[0])
    assert before.cluster("C01").trend == ((DAYS[0], 130),)


def test_answers_are_kept_while_the_version_is_the_same(services):
    first = services.database.query(loading.load_snapshot, DAYS[1])
    assert services.database.query(loading.load_snapshot, DAYS[1]) is first
    assert services.database.query(loading.load_snapshot, DAYS[0]) is not first
