from dataclasses import replace
from datetime import date

from dash_app.data import snapshot as snapshots
from tests.app.synthetic import DAYS


def test_snapshots_newest_first(services):
    assert services.days() == (DAYS[1], DAYS[0])


def test_a_snapshot_holds_what_the_tables_hold(shown):
    assert [(each.cluster_id, each.size) for each in shown.clusters] == [("C01", 140), ("C02", 90), ("C03", 60)]
    assert shown.unassigned == (("noise", 25), ("too_few_events", 15))
    assert (shown.previous, shown.is_first) == (DAYS[0], False)
    assert shown.names == {"C01": "Deal closers", "C02": "Careful drafters", "C03": "Window shoppers"}
    assert {(each.kind, each.to_cluster_id) for each in shown.changes} == {("birth", "C03"), ("split", "C03")}
    assert shown.models == ()


def test_no_such_snapshot(services):
    assert services.snapshot(date(2000, 1, 1)) is None


def test_evidence_comes_strongest_first(shown):
    for cluster in shown.clusters:
        effects = [abs(each.effect_size) for each in cluster.evidence]
        assert effects == sorted(effects, reverse=True)


def test_an_insight_knows_its_evidence(shown):
    cluster, insight = shown.insight("R-C02")
    assert cluster.cluster_id == "C02"
    assert [each.metric for each in cluster.evidence_of(insight)] == ["hours_to_submit", "had_deal_complete"]
    assert shown.insight("R-C99") is None


def test_a_trend_ends_with_this_snapshot(services, shown):
    assert shown.cluster("C01").trend == ((DAYS[0], 130), (DAYS[1], 140))
    before = services.snapshot(DAYS[0])
    assert before.cluster("C01").trend == ((DAYS[0], 130),)


def test_peoples_names_stand_over_the_pipelines(services):
    services.roadmap.rename_cluster("C02", "Perfectionists", "ann")
    cluster = services.snapshot(None).cluster("C02")
    assert (cluster.name, cluster.named_by_person) == ("Perfectionists", True)
    services.roadmap.rename_cluster("C02", "", "ann")
    assert services.snapshot(None).cluster("C02").name == "Careful drafters"


def test_people_name_clusters_that_are_gone_too(shown):
    gone = replace(shown, names={**shown.names, "C09": "Ghosts"})
    assert gone.renamed({"C09": "Spirits"}).names["C09"] == "Spirits"
    assert gone.renamed({"C77": "Nobody"}) is gone


def test_actions_that_differ_in_their_prefix_alone_keep_it(shown):
    feature = shown.catalog["had_deal_complete"]
    catalog = {
        name: replace(feature, feature=name, label=f"had {action}", source_action=action)
        for name, action in (("a", "A_ACCEPTED"), ("o", "O_ACCEPTED"), ("v", "A_ACTIVATED"))
    }
    labels = snapshots._spoken_labels(catalog)
    assert labels == {"a": "had A accepted", "o": "had O accepted", "v": "had activated"}


def test_answers_are_kept_while_the_version_is_the_same(services):
    first = services.gate.ask(snapshots.load_snapshot, DAYS[1])
    assert services.gate.ask(snapshots.load_snapshot, DAYS[1]) is first
    assert services.gate.ask(snapshots.load_snapshot, DAYS[0]) is not first
