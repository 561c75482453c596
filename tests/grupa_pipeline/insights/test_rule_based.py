"""Texts by rules: planted pain points are reported, every number is a placeholder, nothing claims a cause."""

import re

import pandas as pd
import pytest

from grupa_pipeline.insights.draft_validation import CitableFacts, draft_faults, naming_faults
from grupa_pipeline.insights.evidence import measure_evidence
from grupa_pipeline.insights.models import ClusterDraft
from grupa_pipeline.insights.naming import distinctive_words
from grupa_pipeline.insights.rule_based import MAX_PAIN_POINTS, name_clusters, write_draft
from grupa_pipeline.insights.templates import PLACEHOLDER, fill, rows_by_alias
from tests.grupa_pipeline.insights import planted

CAUSAL = re.compile(
    r"\b(because|due to|leads? to|led to|caus(e|es|ed|ing)|drives?|driven|results? in|thanks to|owing to|therefore|makes? them)\b",
    re.IGNORECASE,
)
CLUSTERS = pd.DataFrame({"cluster_id": list(planted.KINDS), "size": 90, "share": 0.3})


@pytest.fixture(scope="module")
def evidence() -> pd.DataFrame:
    return measure_evidence(planted.features(), planted.labels(), planted.catalog())


@pytest.fixture(scope="module")
def drafts(evidence: pd.DataFrame) -> dict[str, ClusterDraft]:
    drafts = {}
    for cluster_id in planted.KINDS:
        draft = write_draft(evidence[evidence["cluster_id"] == cluster_id], cluster_id, planted.catalog())
        assert draft is not None
        drafts[cluster_id] = draft
    return drafts


def _rows(evidence: pd.DataFrame, cluster_id: str):
    return rows_by_alias(evidence[evidence["cluster_id"] == cluster_id])


def test_the_planted_pain_point_comes_first(evidence: pd.DataFrame, drafts: dict[str, ClusterDraft]):
    first = {
        cluster_id: _rows(evidence, cluster_id)[draft.pain_points[0].evidence_ids[0]]["metric"]
        for cluster_id, draft in drafts.items()
        if draft.pain_points
    }
    assert first == {"C01": "had_drop_off", "C03": "days_since_last_event"}


def test_what_is_merely_done_more_sets_a_cluster_apart_and_is_no_pain() -> None:
    evidence = _evidence({"did_search": (0.9, 0.3, "proportion"), "path_search__view": (0.2, 0.6, "proportion")})
    draft = write_draft(evidence, "C01", planted.catalog())
    assert draft is not None and draft.pain_points == []
    assert draft.strengths[0].title == "What sets them apart: they are more likely to have done “search”"
    assert draft.recommendations[0].title == "Find out what these users need “search” for, and put that first"
    assert draft.recommendations[0].addresses == [1]


def test_drafts_cite_evidence_and_address_each_pain_point(evidence: pd.DataFrame, drafts: dict[str, ClusterDraft]):
    for cluster_id, draft in drafts.items():
        rows = _rows(evidence, cluster_id)
        assert 1 <= len(draft.pain_points) + len(draft.strengths) <= MAX_PAIN_POINTS
        for pain in draft.pain_points:
            assert len(set(pain.evidence_ids)) >= 2
            assert set(pain.evidence_ids) <= set(rows)
        numbers = set(range(1, len(draft.pain_points) + len(draft.strengths) + 1))
        assert {number for fix in draft.recommendations for number in fix.addresses} == numbers
        for fix in draft.recommendations:
            assert set(fix.evidence_ids) <= set(rows)
            assert fix.target_metric in set(planted.catalog()["feature"])


def test_drafts_and_names_pass_the_validation_of_a_models_replies(
    evidence: pd.DataFrame, drafts: dict[str, ClusterDraft]
):
    catalog = planted.catalog()
    facts = {name: CitableFacts.of(evidence[evidence["cluster_id"] == name], catalog) for name in planted.KINDS}
    for cluster_id, draft in drafts.items():
        assert draft_faults(draft, facts[cluster_id]) == []
    assert naming_faults(name_clusters(evidence, CLUSTERS, catalog), facts, {}) == {}


def test_recommendations_move_their_metric_the_better_way(drafts: dict[str, ClusterDraft]):
    better = planted.catalog().set_index("feature")["higher_is_better"]
    for draft in drafts.values():
        for fix in draft.recommendations:
            if pd.notna(better[fix.target_metric]):
                assert fix.direction == ("increase" if better[fix.target_metric] else "decrease")


def test_pain_points_state_a_gap_on_the_worse_side(evidence: pd.DataFrame, drafts: dict[str, ClusterDraft]):
    better = planted.catalog().set_index("feature")["higher_is_better"]
    for cluster_id, draft in drafts.items():
        for pain in draft.pain_points:
            row = _rows(evidence, cluster_id)[pain.evidence_ids[0]]
            assert f"{{{pain.evidence_ids[0]}.cluster}}" in pain.body
            assert f"{{{pain.evidence_ids[0]}.rest}}" in pain.body
            if pd.notna(better[row["metric"]]):
                assert (row["effect_size"] > 0) != better[row["metric"]]


def test_texts_hold_no_number_but_placeholders_and_no_cause(evidence: pd.DataFrame, drafts: dict[str, ClusterDraft]):
    naming = name_clusters(evidence, CLUSTERS, planted.catalog())
    for name in naming.clusters:
        texts = [name.name, name.summary]
        texts += [text for pain in drafts[name.cluster_id].pain_points for text in (pain.title, pain.body)]
        other = [text for fix in drafts[name.cluster_id].recommendations for text in (fix.title, fix.body, fix.change)]
        hypotheses = [fix.hypothesis for fix in drafts[name.cluster_id].recommendations]
        for text in texts + other + hypotheses:
            assert not re.search(r"\d|<|>", PLACEHOLDER.sub("", text)), text
            assert not re.search(r"[{}]", fill(text, _rows(evidence, name.cluster_id)))
        for text in texts:
            assert not CAUSAL.search(text), text
        for text in hypotheses:
            assert re.match(r"If .+, then .+, because .+\.$", text), text


def test_names_are_distinct_and_share_no_word(evidence: pd.DataFrame):
    names = [name.name for name in name_clusters(evidence, CLUSTERS, planted.catalog()).clusters]
    words = [distinctive_words(name) for name in names]
    assert len(set(names)) == 3
    assert all(words)
    assert len(frozenset().union(*words)) == sum(map(len, words))


def test_texts_are_the_same_every_day(evidence: pd.DataFrame, drafts: dict[str, ClusterDraft]):
    again = write_draft(evidence[evidence["cluster_id"] == "C01"], "C01", planted.catalog())
    assert again == drafts["C01"]


def test_siblings_that_are_alike_get_different_names():
    labels = planted.labels().where(planted.labels() != "C03", "C01")
    both = pd.concat([labels[labels == "C01"].iloc[::2].map(lambda _: "C04"), labels])
    alike = both[~both.index.duplicated()].reindex(labels.index)
    evidence = measure_evidence(planted.features(), alike, planted.catalog())
    clusters = pd.DataFrame({"cluster_id": sorted(alike.dropna().unique())})
    names = [name.name for name in name_clusters(evidence, clusters, planted.catalog()).clusters]
    assert len({name.casefold() for name in names}) == len(clusters)


def test_a_cluster_without_evidence_has_a_name_and_no_draft(evidence: pd.DataFrame):
    clusters = pd.DataFrame({"cluster_id": ["C27"]})
    (name,) = name_clusters(evidence, clusters, planted.catalog()).clusters
    assert name.name
    assert not re.search(r"\d", name.name + name.summary)
    assert write_draft(evidence[evidence["cluster_id"] == "C27"], "C27", planted.catalog()) is None


def _evidence(values: dict[str, tuple[float, float, str]]) -> pd.DataFrame:
    """Evidence of cluster C01: metric -> its value, the others' value, measure."""
    rows = [
        {
            "cluster_id": "C01",
            "evidence_id": f"C01-{metric}-{measure}",
            "metric": metric,
            "measure": measure,
            "unit": "share" if measure == "proportion" else "days",
            "cluster_value": value,
            "rest_value": rest,
            "lift": value / rest,
            "effect_size": value - rest if measure == "proportion" else 0.8 * (1 if value > rest else -1),
            "ci_low": value - rest - 0.05,
            "ci_high": value - rest + 0.05,
            "n_cluster": 100,
            "n_rest": 400,
        }
        for metric, (value, rest, measure) in values.items()
    ]
    return pd.DataFrame(rows)


def _with_outcomes(*names: str) -> pd.DataFrame:
    entry = planted.catalog().set_index("feature").loc[["had_drop_off"]].reset_index()
    added = [entry.assign(feature=f"had_{name}", source_action=name) for name in names]
    return pd.concat([planted.catalog(), *added], ignore_index=True)


def test_two_pain_points_of_a_kind_have_different_texts():
    catalog = _with_outcomes("refund")
    evidence = _evidence({"had_drop_off": (0.6, 0.2, "proportion"), "had_refund": (0.5, 0.2, "proportion")})
    draft = write_draft(evidence, "C01", catalog)
    assert draft is not None
    assert len(draft.pain_points) == 2
    bodies = [fix.body.replace("drop off", "").replace("refund", "") for fix in draft.recommendations]
    assert len(set(bodies)) == 2


def test_a_consequence_of_a_more_severe_pain_point_is_reported_beside_it():
    evidence = _evidence(
        {"days_since_last_event": (40.0, 3.0, "duration"), "sessions_per_week": (0.5, 2.0, "count")},
    )
    draft = write_draft(evidence, "C01", planted.catalog())
    assert draft is not None
    (pain,) = draft.pain_points
    assert pain.evidence_ids == ["E1", "E2"]


def test_a_strength_is_not_reported_as_a_pain_point():
    evidence = _evidence({"had_deal": (0.8, 0.3, "proportion"), "did_search": (0.3, 0.9, "proportion")})
    draft = write_draft(evidence, "C01", planted.catalog())
    assert draft is not None
    assert not draft.pain_points
    assert [strength.evidence_ids[0] for strength in draft.strengths] == ["E1"]


def test_where_a_metric_has_no_better_side_the_recommendation_aims_at_one_that_has():
    evidence = _evidence({"hours_search__view": (40.0, 4.0, "duration"), "did_search": (0.3, 0.9, "proportion")})
    draft = write_draft(evidence, "C01", planted.catalog())
    assert draft is not None
    assert (draft.recommendations[0].target_metric, draft.recommendations[0].direction) == ("had_deal", "increase")


def test_no_recommendation_aims_at_what_the_cluster_is_ahead_in():
    evidence = _evidence({"did_search": (0.9, 0.3, "proportion"), "had_deal": (0.8, 0.3, "proportion")})
    draft = write_draft(evidence, "C01", planted.catalog())
    assert draft is not None
    targets = [(fix.target_metric, fix.direction) for fix in draft.recommendations]
    assert targets
    assert ("had_deal", "increase") not in targets


def test_a_wait_of_a_few_users_is_not_the_clusters_pain():
    evidence = _evidence({"hours_search__view": (400.0, 1.0, "duration"), "sessions_per_week": (1.0, 2.0, "count")})
    few = evidence.assign(n_cluster=[11 if metric == "hours_search__view" else 800 for metric in evidence["metric"]])
    first = [write_draft(rows, "C01", planted.catalog()).pain_points[0] for rows in (evidence, few)]
    metrics = [_rows(evidence, "C01")[point.evidence_ids[0]]["metric"] for point in first]
    assert metrics == ["hours_search__view", "sessions_per_week"]


def test_one_row_of_evidence_is_too_little_for_a_draft():
    assert write_draft(_evidence({"had_deal": (0.8, 0.3, "proportion")}), "C01", planted.catalog()) is None


def test_a_missing_second_step_is_not_reported_where_hardly_anybody_took_the_first():
    steps = {"path_search__view": (0.02, 0.6, "path"), "sessions_per_week": (1.0, 2.0, "count")}
    most_search = _evidence(steps | {"did_search": (0.8, 0.9, "proportion")})
    few_search = _evidence(steps | {"did_search": (0.1, 0.9, "proportion")})
    cited = []
    for evidence in (most_search, few_search):
        draft = write_draft(evidence.assign(cluster_id="C01"), "C01", planted.catalog())
        aliases = {alias for point in draft.pain_points for alias in point.evidence_ids}
        cited.append({_rows(evidence, "C01")[alias]["metric"] for alias in aliases})
    assert "path_search__view" in cited[0]
    assert "path_search__view" not in cited[1]
