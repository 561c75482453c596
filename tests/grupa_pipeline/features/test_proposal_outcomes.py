import pytest

from tests.grupa_pipeline.features.logs import Event, columns, entry, measure, values

SENT = {"proposal_id": "p1"}
# ann submits p1 twice and p2 once, p1 is won (logged twice); bob wins nothing, as p3 is logged for ann;
# cat wins what she never submitted.
LOG: list[Event] = [
    ("ann", "1 10:00", "proposal_submit", SENT),
    ("ann", "1 11:00", "proposal_submit", SENT),
    ("ann", "1 12:00", "proposal_submit", {"proposal_id": "p2"}),
    ("ann", "2 10:00", "deal_complete", SENT),
    ("ann", "2 10:01", "deal_complete", SENT),
    ("ann", "2 11:00", "deal_complete", {"proposal_id": "p3"}),
    ("ann", "2 11:00", "plan_upgrade"),
    ("bob", "1 10:00", "proposal_submit", {"proposal_id": "p3"}),
    ("bob", "1 10:00", "login"),
    ("cat", "1 10:00", "login"),
    ("cat", "3 10:00", "deal_complete", {"proposal_id": "p4"}),
]


def test_deals_are_counted_per_submitted_proposal() -> None:
    assert values(measure(LOG), "deal_complete_per_proposal") == {"ann": 0.5, "bob": 0.0, "cat": None}


def test_the_column_is_an_outcome_of_which_more_is_better() -> None:
    row = entry(measure(LOG), "deal_complete_per_proposal")
    assert (row["role"], row["metric_kind"], row["higher_is_better"]) == ("outcome", "ratio", True)
    assert row["source_action"] == "deal_complete"
    assert "deal_complete_per_proposal" not in columns(measure(LOG), "clustering")


@pytest.mark.slow
def test_an_outcome_whose_events_name_no_proposal_has_no_column() -> None:
    result = measure(LOG)
    assert "had_plan_upgrade" in result.features.column_names
    assert "plan_upgrade_per_proposal" not in result.features.column_names


@pytest.mark.slow
def test_without_proposal_ids_every_good_outcome_counts() -> None:
    result = measure([event[:3] for event in LOG])
    assert values(result, "deal_complete_per_proposal") == {"ann": 1.0, "bob": 0.0, "cat": None}
    assert values(result, "plan_upgrade_per_proposal")["ann"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("missing", ["proposal_submit", "deal_complete"])
@pytest.mark.slow
def test_a_log_without_submissions_or_deals_has_no_such_column(missing: str) -> None:
    result = measure([event for event in LOG if event[2] != missing])
    assert not [name for name in result.features.column_names if name.endswith("_per_proposal")]


@pytest.mark.slow
def test_other_days_give_both_sums_of_a_ratio() -> None:
    catalog = measure(LOG).catalog
    other = measure([*LOG[:5], ("dan", "5 10:00", "search"), ("eve", "5 10:00", "deal_complete")], like=catalog)
    ratio = "deal_complete_per_proposal"
    assert other.fractions is not None
    sums = other.fractions.to_pydict()
    assert sums["user_id"] == other.features["user_id"].to_pylist() == ["ann", "dan"]
    assert (sums[f"{ratio}/numerator"], sums[f"{ratio}/denominator"]) == ([1.0, 0.0], [2.0, 0.0])
    assert values(other, ratio) == {"ann": 0.5, "dan": None}
