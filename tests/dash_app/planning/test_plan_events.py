from dataclasses import replace
from datetime import datetime

import pytest

from dash_app.planning.plan import PlanError
from dash_app.planning.plan_events import LONGEST_COMMENT, PlanComment, activity, checked_comment
from grupa_pipeline.vocabulary.enums import PlanStatus
from grupa_pipeline.vocabulary.plan_parts import Decision
from tests.dash_app.planning.plans import a_plan


def at(hour):
    return datetime(2026, 5, 1, hour)


def revised(plan, who, hour, **changes):
    return replace(plan, revision=plan.revision + 1, updated_by=who, updated_at=at(hour), **changes)


def test_revisions_and_comments_are_told_in_order_newest_first():
    first = a_plan(revision=1, updated_by="ann", updated_at=at(1))
    edited = revised(first, "bob", 2, power=0.9, owner="bob", n_total=10, status=PlanStatus.READY)
    moved = revised(edited, "ann", 3, position=7.0)
    approved = revised(moved, "cy", 5, approved_by="cy", approved_at=at(5))
    decided = revised(approved, "ann", 6, decision=Decision.STOP, lesson="It did nothing.", decided_at=at(6))
    gone = revised(decided, "ann", 7, deleted_at=at(7))
    said = PlanComment("c1", "plan-1", 2, "Why .9?", "dan", at(4))
    found = activity([gone, first, moved, decided, approved, edited], [said])
    assert [(event.who, event.what, event.comment) for event in found] == [
        ("ann", "took it off the roadmap", ""),
        ("ann", "decided: stop, wrote down what was learnt", ""),
        ("cy", "approved it", ""),
        ("dan", "said", "Why .9?"),
        ("bob", "changed owner and power, moved it from draft to ready", ""),
        ("ann", "put it on the roadmap", ""),
    ]


def test_an_edit_that_took_the_approval_back_says_so():
    first = a_plan(revision=1, updated_by="ann", updated_at=at(1), approved_by="cy", approved_at=at(1))
    (newest, _) = activity([first, revised(first, "bob", 2, alpha=0.1, approved_by=None, approved_at=None)], [])
    assert newest.what == "changed alpha, which took the approval back"


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "Write something"), (None, "Write something"), ("x" * (LONGEST_COMMENT + 1), "at most 4,000")],
)
def test_a_comment_without_words_or_with_too_many_is_refused(text, said):
    with pytest.raises(PlanError, match=said):
        checked_comment(text)
