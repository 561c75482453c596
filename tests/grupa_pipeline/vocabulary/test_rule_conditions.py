import numpy as np
import pytest

from grupa_pipeline.vocabulary.rule_conditions import (
    Comparison,
    Condition,
    Rule,
    matching_users,
    rule_from_json,
    rule_to_json,
    short_description,
    unmet_conditions,
)

MORE_THAN, AT_MOST = Comparison.MORE_THAN, Comparison.AT_MOST
RULE: Rule = (
    (Condition("x", MORE_THAN, 2.0), Condition("y", AT_MOST, 1.0)),
    (Condition("z", MORE_THAN, 10.0),),
)


@pytest.mark.parametrize(
    "rule", [(), RULE, ((Condition('a "b" <= 3\n; or c%', AT_MOST, 0.1 + 0.2), Condition("x", MORE_THAN, -1e-300)),)]
)
def test_a_rule_survives_json(rule: Rule) -> None:
    assert rule_from_json(rule_to_json(rule)) == rule


def test_a_missing_value_or_feature_meets_no_condition() -> None:
    columns = {"x": np.array([1.0, np.nan, 3.0])}
    rule = ((Condition("x", MORE_THAN, 2),), (Condition("x", AT_MOST, 1),))
    assert matching_users(rule, columns, 3).tolist() == [True, False, True]
    assert not matching_users(((Condition("y", AT_MOST, 2),),), columns, 3).any()


def test_an_empty_rule_matches_nobody() -> None:
    assert not matching_users((), {}, 2).any()
    assert unmet_conditions((), {"x": 1.0}) == []


@pytest.mark.parametrize(
    ("values", "unmet"),
    [
        ({"x": 3.0, "y": 1.0, "z": 0.0}, []),
        ({"x": 3.0, "y": 5.0, "z": 9.9}, [Condition("z", MORE_THAN, 10.0)]),  # one change either way: the shorter one
        ({"x": 2.0, "y": 5.0, "z": 9.9}, [Condition("z", MORE_THAN, 10.0)]),  # one change rather than two
        ({"x": 2.0, "y": 0.0, "z": None}, [Condition("x", MORE_THAN, 2.0)]),  # a threshold itself is not above it
        ({"y": 0.0}, [Condition("x", MORE_THAN, 2.0)]),
        ({"x": -1.0, "y": 0.0, "z": 0.0}, [Condition("x", MORE_THAN, 2.0)]),
    ],
)
def test_unmet_conditions_are_those_of_the_nearest_alternative(
    values: dict[str, float | None], unmet: list[Condition]
) -> None:
    assert unmet_conditions(RULE, values) == unmet


def test_a_user_who_makes_the_changes_matches_the_rule() -> None:
    rows: list[dict[str, float | None]] = [
        {"x": 0.0, "y": 0.0, "z": 1.0},
        {"x": 3.0, "y": 4.0, "z": 2.0},
        {"x": 2.5, "y": 9.0, "z": 9.5},
    ]
    for row in rows:
        for each in unmet_conditions(RULE, row):
            row[each.feature] = each.threshold + (0.1 if each.comparison is MORE_THAN else 0)
        assert matching_users(RULE, {name: np.array([value]) for name, value in row.items()}, 1).all()


def test_a_short_description_has_no_brackets() -> None:
    assert (
        short_description("share of events that are search (outcomes not counted)") == "share of events that are search"
    )
