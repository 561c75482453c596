from dataclasses import replace

import pytest


def test_an_insight_knows_its_evidence(shown):
    cluster, insight = shown.insight("R-C02")
    assert cluster.cluster_id == "C02"
    assert [each.metric for each in cluster.evidence_of(insight)] == ["hours_to_submit", "had_deal_complete"]
    assert shown.insight("R-C99") is None


@pytest.mark.slow
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
