"""What is measured, which differences are reported, and that chance alone yields no evidence on outcomes."""

import numpy as np
import pandas as pd
import pytest

from grupa_pipeline import tables
from grupa_pipeline.insights.evidence import MAX_ROWS, MIN_ROWS, is_large, measure_evidence, rank_evidence
from tests.grupa_pipeline.insights import planted


@pytest.fixture(scope="module")
def measured() -> pd.DataFrame:
    return measure_evidence(planted.features(), planted.labels(), planted.catalog())


def test_rows_are_those_of_the_contract(measured: pd.DataFrame):
    expected = [name for name in tables.CLUSTER_EVIDENCE.column_names if name != "snapshot_date"]
    assert list(measured.columns) == expected
    assert measured["evidence_id"].is_unique
    assert set(measured["cluster_id"]) == set(planted.KINDS)


def test_values_can_be_computed_again_from_the_features_with_the_unassigned_among_the_rest(measured: pd.DataFrame):
    features, labels = planted.features(), planted.labels()
    for row in measured.to_dict("records"):
        values = features[row["metric"]].dropna()
        inside = (labels == row["cluster_id"])[values.index]
        measure = "mean" if row["measure"] in ("proportion", "path") else "median"
        assert row["cluster_value"] == pytest.approx(getattr(values[inside], measure)())
        assert row["rest_value"] == pytest.approx(getattr(values[~inside], measure)())
        assert (row["n_cluster"], row["n_rest"]) == (inside.sum(), (~inside).sum())
        assert row["ci_low"] <= row["effect_size"] <= row["ci_high"]
        if row["rest_value"]:
            assert row["lift"] == pytest.approx(row["cluster_value"] / row["rest_value"])


def test_each_metric_is_measured_in_its_own_way(measured: pd.DataFrame):
    measures = dict(zip(measured["metric"], measured["measure"], strict=True))
    assert measures["had_drop_off"] == "proportion"
    assert measures["path_search__view"] == "path"
    assert measures["days_since_last_event"] == "duration"
    assert measures["share_search"] == "count"


def test_planted_differences_are_reported_and_others_are_not(measured: pd.DataFrame):
    sizes = {(row["cluster_id"], row["metric"]): row["effect_size"] for row in measured.to_dict("records")}
    assert sizes["C01", "had_drop_off"] > 0.4
    assert sizes["C03", "days_since_last_event"] > 0.9
    assert sizes["C01", "path_search__view"] < -0.2
    assert ("C02", "hours_search__view") not in sizes


def test_features_that_made_the_clusters_are_descriptive_and_no_others(measured: pd.DataFrame):
    roles = planted.catalog().set_index("feature")["role"]
    assert (measured["descriptive"] == (measured["metric"].map(roles) == "clustering")).all()


def test_ids_and_values_do_not_depend_on_the_order_of_users(measured: pd.DataFrame):
    shuffled = planted.features().sample(frac=1, random_state=4)
    pd.testing.assert_frame_equal(measure_evidence(shuffled, planted.labels(), planted.catalog()), measured)


def test_ranking_restores_the_order_of_shuffled_rows(measured: pd.DataFrame):
    mixed = measured.sample(frac=1, random_state=5)
    pd.testing.assert_frame_equal(rank_evidence(mixed), measured)


@pytest.mark.slow
def test_shuffled_outcomes_leave_evidence_in_one_log_of_twenty_at_most():
    features, labels, catalog = planted.features(), planted.labels(), planted.catalog()
    outcomes = list(catalog.loc[catalog["role"] == "outcome", "feature"])
    clustering = ["share_search", "share_message_send"]
    rng = np.random.default_rng(7)
    logs = 0
    for _ in range(100):
        table = features[clustering + outcomes].copy()
        table[outcomes] = table[outcomes].to_numpy()[rng.permutation(len(table))]
        rows = measure_evidence(table, labels, catalog)
        logs += bool(rows["metric"].isin(outcomes).any())
    assert logs <= 5 + 2 * 100 * np.sqrt(0.05 * 0.95 / 100)


@pytest.mark.slow
def test_many_true_differences_in_context_admit_no_false_outcomes():
    features, labels = planted.features(), planted.labels()
    rng = np.random.default_rng(8)
    catalog, table = [planted.catalog()], features[["share_search"]].copy()
    for number in range(40):
        table[f"did_{number}"] = (rng.random(300) < np.where(labels == "C01", 0.9, 0.1)) * 1.0
        entry = planted.catalog().set_index("feature").loc[["did_search"]].reset_index()
        catalog.append(entry.assign(feature=f"did_{number}"))
    outcomes = [f"had_{number}" for number in range(40)]
    for name in outcomes:
        table[name] = (rng.random(300) < 0.3) * 1.0
        entry = planted.catalog().set_index("feature").loc[["had_deal"]].reset_index()
        catalog.append(entry.assign(feature=name))
    rows = measure_evidence(table, labels, pd.concat(catalog, ignore_index=True))
    assert rows["metric"].str.startswith("did_").sum() >= 24
    assert not rows["metric"].isin(outcomes).any()


def test_a_cluster_that_hardly_differs_has_a_few_small_rows():
    rng = np.random.default_rng(9)
    labels = planted.labels()
    table = pd.DataFrame(index=labels.index)
    for name in ("share_search", "share_message_send", "sessions_per_week", "days_since_last_event"):
        table[name] = rng.normal(np.where(labels == "C01", 2.4, 2.0), 1.0)
    rows = measure_evidence(table, labels, planted.catalog())
    ours = rows[rows["cluster_id"] == "C01"].to_dict("records")
    assert 2 <= len(ours) <= MIN_ROWS
    assert not any(is_large(row) for row in ours)


@pytest.mark.slow
def test_there_is_a_maximum_number_of_rows_per_cluster():
    labels, catalog = planted.labels(), planted.catalog()
    rng = np.random.default_rng(10)
    entry = catalog[catalog["feature"] == "did_search"]
    table = pd.DataFrame(index=labels.index)
    for number in range(60):
        table[f"did_{number}"] = (rng.random(300) < np.where(labels == "C01", 0.9, 0.1)) * 1.0
    entries = [entry.assign(feature=name) for name in table.columns]
    rows = measure_evidence(table, labels, pd.concat(entries, ignore_index=True))
    assert (rows["cluster_id"] == "C01").sum() == MAX_ROWS


def test_equal_medians_are_not_reported():
    labels = planted.labels()
    rng = np.random.default_rng(11)
    sparse = np.where(rng.random(300) < np.where(labels == "C01", 0.45, 0.0), 1.0, 0.0) * rng.random(300)
    rows = measure_evidence(pd.DataFrame({"share_search": sparse}, index=labels.index), labels, planted.catalog())
    assert rows.empty


def test_too_few_values_on_either_side_are_not_compared():
    labels = planted.labels()
    table = planted.features()[["share_search"]]
    table.loc[labels[labels == "C01"].index[9:], "share_search"] = np.nan
    rows = measure_evidence(table, labels, planted.catalog())
    assert "C01" not in set(rows["cluster_id"])


def test_medians_that_hardly_differ_are_not_large_however_well_they_separate():
    labels = planted.labels()
    rng = np.random.default_rng(12)
    hours = rng.normal(np.where(labels == "C01", 23.0, 22.0), 0.2)
    rows = measure_evidence(pd.DataFrame({"hours_search__view": hours}, index=labels.index), labels, planted.catalog())
    row = rows[rows["cluster_id"] == "C01"].to_dict("records")[0]
    assert row["effect_size"] > 0.9
    assert not is_large(row)
