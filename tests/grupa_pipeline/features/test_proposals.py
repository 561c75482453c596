import pytest

from tests.grupa_pipeline.features.logs import Event, columns, entry, measure, values


def step(user: str, when: str, action: str, proposal: str | None = None) -> Event:
    return (user, when, action, {"proposal_id": proposal}) if proposal else (user, when, action)


# ann: p1 after 2 h, sent twice; p2 never. bob: without ids, the second create leads to a submit 30 min later.
LOG: list[Event] = [
    step("ann", "1 10:00", "proposal_create", "p1"),
    step("ann", "1 11:00", "proposal_create", "p2"),
    step("ann", "1 11:30", "proposal_revise", "p1"),
    step("ann", "1 12:00", "proposal_submit", "p1"),
    step("ann", "1 13:00", "proposal_submit", "p1"),
    step("bob", "14 10:00", "proposal_create"),
    step("bob", "15 10:00", "proposal_create"),
    step("bob", "15 10:30", "proposal_submit"),
    step("cat", "1 10:00", "login"),
    step("cat", "1 10:01", "proposal_withdraw", "p9"),
]


@pytest.mark.slow
def test_a_proposal_known_by_its_id_counts_once() -> None:
    result = measure(LOG)
    weeks = {"ann": 27 / 7, "bob": 14 / 7, "cat": 27 / 7}
    counts = {
        "proposals_created_per_week": {"ann": 2, "bob": 2, "cat": 0},
        "proposals_submitted_per_week": {"ann": 1, "bob": 1, "cat": 0},
        "proposals_revised_per_week": {"ann": 1, "bob": 0, "cat": 0},
        "proposals_withdrawn_per_week": {"ann": 0, "bob": 0, "cat": 1},
        "proposals_abandoned_per_week": {"ann": 1, "bob": 1, "cat": 0},
    }
    for feature, count in counts.items():
        assert values(result, feature) == pytest.approx({user: count[user] / weeks[user] for user in weeks}), feature


@pytest.mark.slow
def test_completion_is_null_for_users_who_created_nothing() -> None:
    result = measure(
        [*LOG, step("dan", "3 10:00", "proposal_create", "p3"), step("dan", "3 11:00", "proposal_submit", "p3")]
    )
    assert values(result, "proposal_submit_share") == {"ann": 0.5, "bob": 0.5, "cat": None, "dan": 1.0}
    assert values(result, "abandoned_a_proposal") == {"ann": 1.0, "bob": 1.0, "cat": 0.0, "dan": 0.0}


@pytest.mark.slow
def test_time_to_submit_is_from_the_creation_before_it() -> None:
    result = measure(LOG)
    assert values(result, "hours_to_submit") == {"ann": 2.0, "bob": 0.5, "cat": None}
    assert entry(result, "hours_to_submit")["higher_is_better"] is False


@pytest.mark.slow
def test_a_creation_and_a_submission_of_the_same_instant_take_no_time() -> None:
    instant = [step("dan", "3 10:00", "proposal_submit", "p3"), step("dan", "3 10:00", "proposal_create", "p3")]
    assert values(measure([*LOG, *instant]), "hours_to_submit")["dan"] == 0.0


def test_proposal_actions_are_named_in_the_catalog() -> None:
    assert entry(measure(LOG), "hours_to_submit")["source_action"] == "proposal_create\nproposal_submit"


@pytest.mark.slow
def test_a_log_without_proposals_has_no_column_of_them() -> None:
    result = measure([("ann", "1 10:00", "login"), ("bob", "1 10:00", "search"), ("bob", "9 10:00", "search")])
    assert not [name for name in result.features.column_names if "proposal" in name or name == "hours_to_submit"]


@pytest.mark.slow
def test_sparse_clustering_columns_become_context() -> None:
    others: list[Event] = [step(f"user{number}", "1 10:00", "login") for number in range(10)]
    result = measure([*LOG, *others])
    assert {"proposal_submit_share", "hours_to_submit"} <= set(columns(result, "context"))
    assert "proposals_created_per_week" in columns(result, "clustering")
