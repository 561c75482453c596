"""When a text is reused: while its evidence keeps direction and magnitude; and how often in a month of sliding windows."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.insights.wording_stability import simulate, worst_week
from grupa_pipeline.insights.previous_texts import PreviousTexts
from grupa_pipeline.insights.text_reuse import BAND_EDGES, ClusterText, is_still_true, parse_texts
from tests.grupa_pipeline.insights import contexts, planted
from tests.grupa_pipeline.insights.model_server import ModelServer


@pytest.fixture(scope="module")
def cluster_text() -> ClusterText:
    return parse_texts(contexts.write().names)["C01"]


def of_c01(evidence: pd.DataFrame) -> pd.DataFrame:
    return evidence[evidence["cluster_id"] == "C01"].reset_index(drop=True)


def descriptions() -> dict[str, str]:
    return dict(zip(planted.catalog()["feature"], planted.catalog()["description"], strict=True))


def cited_row(cluster_text: ClusterText, evidence: pd.DataFrame) -> int:
    return int(evidence.index[evidence["evidence_id"] == next(iter(cluster_text.evidence.values()))][0])


def test_a_text_is_true_while_its_evidence_is_unchanged(cluster_text: ClusterText) -> None:
    evidence = of_c01(contexts.inputs()["evidence"])
    assert is_still_true(cluster_text, evidence, descriptions())


def test_a_text_stays_true_with_slightly_other_numbers(cluster_text: ClusterText) -> None:
    evidence = of_c01(contexts.inputs()["evidence"])
    numbers = ["cluster_value", "rest_value", "lift", "effect_size", "ci_low", "ci_high"]
    evidence[numbers] *= 1.01
    assert is_still_true(cluster_text, evidence, descriptions())


def test_a_text_is_not_true_once_a_direction_is_reversed(cluster_text: ClusterText) -> None:
    evidence = of_c01(contexts.inputs()["evidence"])
    row = cited_row(cluster_text, evidence)
    low, high = evidence.loc[row, ["ci_low", "ci_high"]]
    evidence.loc[row, ["effect_size", "ci_low", "ci_high"]] = [-evidence.loc[row, "effect_size"], -high, -low]
    assert not is_still_true(cluster_text, evidence, descriptions())


def test_a_text_is_not_true_once_its_evidence_is_missing(cluster_text: ClusterText) -> None:
    evidence = of_c01(contexts.inputs()["evidence"])
    assert not is_still_true(cluster_text, evidence.drop(index=cited_row(cluster_text, evidence)), descriptions())


def test_a_text_is_not_true_once_a_metric_is_described_differently(cluster_text: ClusterText) -> None:
    evidence = of_c01(contexts.inputs()["evidence"])
    other = {metric: f"{text}, counted anew" for metric, text in descriptions().items()}
    assert not is_still_true(cluster_text, evidence, other)


def test_strong_new_evidence_makes_a_text_untrue_and_weak_does_not(cluster_text: ClusterText) -> None:
    evidence = of_c01(contexts.inputs()["evidence"])
    newcomer = evidence.iloc[[0]].assign(evidence_id="C01-new-count", measure="count")
    weak = newcomer.assign(effect_size=0.4, ci_low=0.3, ci_high=0.5)
    strong = newcomer.assign(effect_size=0.95, ci_low=0.9, ci_high=0.98)
    assert is_still_true(cluster_text, pd.concat([evidence, weak]), descriptions())
    assert not is_still_true(cluster_text, pd.concat([evidence, strong]), descriptions())


def test_a_band_is_left_only_when_its_interval_has_left_it(cluster_text: ClusterText) -> None:
    """A delta weighs delta / .33: .49 and .51 lie on two sides of the first edge, and neither interval says so."""
    edge = BAND_EDGES[0] * 0.33
    row = {"measure": "count", "lift": 1.0, "rest_value": 1.0, "cluster_value": 2.0, "n_cluster": 90, "n_rest": 200}

    def at(delta: float) -> pd.DataFrame:
        ends = {"effect_size": delta, "ci_low": delta - 0.1, "ci_high": delta + 0.1}
        return pd.DataFrame([{**row, **ends, "evidence_id": "C01-x-count", "metric": "x", "cluster_id": "C01"}])

    text = cluster_text.model_copy(update={"evidence": {"E1": "C01-x-count"}, "bands": {"C01-x-count": 1}, "words": {}})
    text = text.model_copy(
        update={"draft": None, "name": text.name.model_copy(update={"evidence_ids": ["E1"], "summary": "."})}
    )
    assert is_still_true(text, at(edge - 0.01), {})
    assert is_still_true(text, at(edge + 0.05), {})
    assert not is_still_true(text, at(edge + 0.15), {})


def test_texts_of_another_schema_are_skipped() -> None:
    earlier = pd.DataFrame({"cluster_id": ["C01", "C02", "C03"], "written": ['{"name": 1}', None, "not json"]})
    assert parse_texts(earlier) == {}
    assert parse_texts(None) == {}


@pytest.mark.slow
def test_a_month_of_sliding_windows_needs_no_calls(openai_key: None) -> None:
    with ModelServer() as server:
        days = list(simulate(days=30, churn=0.05, groups=6, users=420, metrics=21, seed=1, server=server))
    assert days[0].calls == 7
    assert np.median([day.calls for day in days[1:]]) == 0
    assert worst_week(days) <= 1


def test_a_change_of_meaning_gets_a_new_text(openai_key: None) -> None:
    features = planted.features()
    first = contexts.write(contexts.inputs(features))
    calm = features.assign(had_drop_off=features["had_drop_off"].where(~features.index.isin(features.index[:100]), 0.0))
    changed = contexts.write(contexts.inputs(calm), previous=PreviousTexts(earlier_snapshot=first.names))
    before, after = (frame.set_index("cluster_id")["written"] for frame in (first.names, changed.names))
    assert before["C01"] != after["C01"]
