from dataclasses import replace
from datetime import datetime

import pytest

from dash_app.planning.approval import approved, authors, check_scheduled, with_approval_of
from dash_app.planning.plan import PlanError
from grupa_pipeline.vocabulary.enums import PlanStatus
from tests.dash_app.planning.plans import TICKETS, a_plan

NOW = datetime(2026, 5, 2, 9)


def revised(plan, who, **changes):
    return replace(plan, revision=plan.revision + 1, updated_by=who, **changes)


FIRST = a_plan(revision=1, updated_by="ann")
BY_BOB = revised(FIRST, "bob", power=0.9)
MOVED = revised(BY_BOB, "cy", status=PlanStatus.READY, position=4.0)
RENAMED = revised(MOVED, "dan", name="Another name")


@pytest.mark.parametrize(
    ("revisions", "said"),
    [
        ([FIRST], {"ann"}),
        ([BY_BOB, FIRST], {"bob"}),
        ([MOVED, BY_BOB, FIRST], {"bob"}),
        ([RENAMED, MOVED, BY_BOB, FIRST], {"bob", "dan"}),
    ],
)
def test_the_authors_are_those_of_the_last_edit_and_of_the_last_design(revisions, said):
    assert authors(revisions) == said
    for user in said:
        with pytest.raises(PlanError, match="another person has to approve"):
            approved(revisions[0], revisions, user, NOW)
    stored = approved(revisions[0], revisions, "eve", NOW)
    assert (stored.approved_by, stored.approved_at) == ("eve", NOW)


@pytest.mark.parametrize(
    "changes", [{"approved_by": "eve"}, {"status": PlanStatus.ARCHIVED}, {"deleted_at": datetime(2026, 5, 1)}]
)
def test_what_is_approved_archived_or_gone_is_not_approved(changes):
    with pytest.raises(PlanError, match="nothing to approve"):
        approved(replace(FIRST, **changes), [FIRST], "bob", NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"power": 0.9},
        {"hypothesis": "Another one"},
        {"guardrails": (replace(TICKETS, margin_absolute=0.2),)},
        {"traffic_share": 0.5},
        {"mde_absolute": 0.02},
    ],
)
def test_an_edit_of_the_design_takes_the_approval_back(changes):
    plan = replace(FIRST, approved_by="bob", approved_at=NOW, status=PlanStatus.SCHEDULED)
    edited = with_approval_of(plan, replace(plan, **changes), required=True)
    assert (edited.approved_by, edited.approved_at, edited.status) == (None, None, PlanStatus.READY)
    assert with_approval_of(plan, replace(plan, **changes), required=False).status is PlanStatus.SCHEDULED


@pytest.mark.parametrize(
    "changes", [{"owner": "dan"}, {"name": "Another"}, {"rice_effort": 2.0}, {"position": 9.0}, {"lesson": "It works."}]
)
def test_other_edits_keep_it(changes):
    plan = replace(FIRST, approved_by="bob", approved_at=NOW, status=PlanStatus.SCHEDULED)
    assert with_approval_of(plan, replace(plan, **changes), required=True).approved_by == "bob"


def test_only_an_approved_plan_is_scheduled_and_one_that_is_stays_so():
    wanted = replace(FIRST, status=PlanStatus.SCHEDULED)
    for before in (None, FIRST):
        with pytest.raises(PlanError, match="has to approve"):
            check_scheduled(before, wanted, required=True)
    check_scheduled(FIRST, wanted, required=False)
    check_scheduled(FIRST, replace(wanted, approved_by="bob"), required=True)
    check_scheduled(wanted, replace(wanted, owner="dan"), required=True)
