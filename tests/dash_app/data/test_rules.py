from dataclasses import fields

import pandas as pd
import pyarrow as pa
import pytest

from dash_app.data import snapshot
from dash_app.data.rules import Condition, lacking, matching, read_rule
from grupa_pipeline.segmentation.rules import describe_clusters
from tests.grupa_pipeline.features import logs as log


def test_a_rule_is_read_back(shown):
    rule = (
        "share of proposals that are submitted: more than 20% and sessions a week: at most 4.5 sessions/week"
        "; or hours from creating a proposal to submitting it: more than 1e+03 hours"
    )
    assert read_rule(rule, shown.catalog) == (
        (Condition("submitted_share", True, 0.2), Condition("sessions_per_week", False, 4.5)),
        (Condition("hours_to_submit", True, 1000.0),),
    )


def test_the_rules_that_the_pipeline_writes_are_read_back_whatever_the_features():
    made = log.measure([(f"u{user}", f"{day} 10:00", action) for user, day, action in _two_kinds()])
    catalog = {row["feature"]: row for row in made.catalog.to_pylist()}
    known = {name: snapshot.Feature(**{field.name: row[field.name] for field in fields(snapshot.Feature)})
             for name, row in catalog.items()}  # fmt: skip
    table = made.features.to_pandas().set_index("user_id")
    labels = pd.Series(["C01" if int(user[1:]) < 30 else "C02" for user in table.index], index=table.index)
    for name in [name for name, row in catalog.items() if row["role"] == "clustering"]:
        described = describe_clusters(table[[name]], labels, made.catalog.to_pandas()).set_index("cluster_id")
        if described.at["C01", "rule_f1"] == 0:
            continue
        branches = read_rule(described.at["C01", "rule"], known)
        assert branches, described.at["C01", "rule"]
        met = matching(branches, made.features)
        inside = (labels == "C01").to_numpy()
        assert 2 * (met & inside).sum() / (met.sum() + inside.sum()) == pytest.approx(described.at["C01", "rule_f1"])


def _two_kinds():
    for user in range(60):
        for day in range(1, 12 if user < 30 else 20, 1 if user < 30 else 5):
            yield user, day, "search"
            yield user, day, "proposal_create" if user % 3 else "proposal_submit"
            if user < 30:
                yield user, day, "feature_use"


@pytest.mark.parametrize(
    "rule", ["", "no short rule picks out its users", "sessions a week: about 4", "unknown: more than 4"]
)
def test_other_text_is_no_rule(shown, rule):
    assert read_rule(rule, shown.catalog) is None


def test_matching_takes_a_missing_value_for_no():
    table = pa.table({"user_id": ["a", "b", "c"], "x": [1.0, None, 3.0]})
    assert matching([[Condition("x", True, 2)], [Condition("x", False, 1)]], table).tolist() == [True, False, True]
    assert not matching([[Condition("y", False, 2)]], table).any()


RULE = [[Condition("x", True, 2.0), Condition("y", False, 1.0)], [Condition("z", True, 10.0)]]


@pytest.mark.parametrize(
    ("values", "changes"),
    [
        ({"x": 3.0, "y": 1.0, "z": 0.0}, []),
        ({"x": 3.0, "y": 5.0, "z": 9.9}, [Condition("z", True, 10.0)]),  # one change either way: the shorter one
        ({"x": 2.0, "y": 5.0, "z": 9.9}, [Condition("z", True, 10.0)]),  # one change rather than two
        ({"x": 2.0, "y": 0.0, "z": None}, [Condition("x", True, 2.0)]),  # a threshold itself is not above it
        ({"y": 0.0}, [Condition("x", True, 2.0)]),
        ({"x": -1.0, "y": 0.0, "z": 0.0}, [Condition("x", True, 2.0)]),
    ],
)
def test_what_somebody_lacks_is_the_nearest_alternative(values, changes):
    assert lacking(RULE, values) == changes


def test_who_makes_the_changes_fits_the_rule():
    table = pa.table({"x": [0.0, 3.0, 2.5], "y": [0.0, 4.0, 9.0], "z": [1.0, 2.0, 9.5]})
    for row in table.to_pylist():
        for each in lacking(RULE, row):
            row[each.feature] = each.threshold + (0.1 if each.above else 0)
        assert matching(RULE, pa.table({name: [value] for name, value in row.items()})).all()
