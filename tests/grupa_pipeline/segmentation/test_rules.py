import numpy as np
import pandas as pd
import pytest

from benchmarks.segmentation.rules_read_back import read_back
from grupa_pipeline.segmentation.rules import describe_clusters
from grupa_pipeline.vocabulary.rule_conditions import Comparison, Condition, matching_users, rule_from_json


def _users() -> tuple[pd.DataFrame, pd.Series, pd.DataFrame]:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "share_search": np.r_[rng.uniform(0.41, 0.9, 100), rng.uniform(0, 0.39, 200)],
            "hours_to_submit": np.r_[np.full(100, np.nan), rng.uniform(1, 10, 100), rng.uniform(30, 90, 100)],
            "dull": rng.normal(size=300),
        },
        index=[f"u{i:03d}" for i in rng.permutation(300)],
    )
    labels = pd.Series(["C01"] * 100 + ["C02"] * 100 + [None] * 100, index=table.index, dtype=object)
    catalog = pd.DataFrame(
        {
            "feature": ["share_search", "hours_to_submit"],
            "description": ["share of events that are search (outcomes not counted)", "hours from create to submit"],
            "unit": ["share", "hours"],
        }
    )
    return table, labels, catalog


def test_the_rule_describes_a_cluster_in_readable_units() -> None:
    rules = describe_clusters(*_users()).set_index("cluster_id")
    assert rules.at["C01", "rule"] == "share of events that are search: more than 40%"
    assert rule_from_json(rules.at["C01", "rule_conditions"]) == (
        (Condition("share_search", Comparison.MORE_THAN, 0.4),),
    )
    assert rules.at["C01", "rule_f1"] == 1.0
    assert rules.at["C02", "rule"].startswith("hours from create to submit: at most ")
    assert rules.at["C02", "rule"].endswith(" hours")
    assert rules.at["C02", "rule_f1"] > 0.99


def test_f1_is_measured_with_the_stored_conditions() -> None:
    table, labels, catalog = _users()
    labels.iloc[:40] = None  # 60 of the 100 who search remain in the cluster
    rules = describe_clusters(table[["share_search"]], labels, catalog).set_index("cluster_id")
    columns = {"share_search": table["share_search"].to_numpy()}
    matched = matching_users(rule_from_json(rules.at["C01", "rule_conditions"]), columns, len(table))
    inside = (labels == "C01").to_numpy()
    assert rules.at["C01", "rule_f1"] == 2 * (matched & inside).sum() / (matched.sum() + inside.sum()) < 0.9


@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.slow
def test_stored_rules_match_the_same_users_for_any_action_names(seed: int) -> None:
    results = list(read_back(seed))
    assert len(results) >= 3
    assert all(result.conditions_equal for result in results)


def test_order_of_users_and_columns_changes_nothing() -> None:
    table, labels, catalog = _users()
    shuffled = table.sample(frac=1, random_state=1)[["dull", "hours_to_submit", "share_search"]]
    pd.testing.assert_frame_equal(
        describe_clusters(table, labels, catalog), describe_clusters(shuffled, labels, catalog)
    )


def test_no_clusters_give_no_rules() -> None:
    table, labels, catalog = _users()
    nobody = pd.Series(None, index=labels.index, dtype=object)
    assert list(describe_clusters(table, nobody, catalog).columns) == [
        "cluster_id",
        "rule",
        "rule_conditions",
        "rule_f1",
    ]
    assert len(describe_clusters(table, nobody, catalog)) == 0


def test_features_without_any_difference_say_so() -> None:
    flat = pd.DataFrame({"a": np.ones(60)}, index=[f"u{i}" for i in range(60)])
    labels = pd.Series(["C01"] * 30 + ["C02"] * 30, index=flat.index)
    rules = describe_clusters(flat, labels, pd.DataFrame(columns=["feature", "description", "unit"]))
    assert set(rules["rule"]) == {"no short rule picks out its users"}
    assert set(rules["rule_conditions"]) == {"[]"}
    assert set(rules["rule_f1"]) == {0.0}
