from datetime import date

import pytest

from dash_app.roadmap.feedback_edits import FeedbackError
from dash_app.roadmap.store import Roadmap
from grupa_pipeline.storage.feedback_store import load_decisions
from grupa_pipeline.vocabulary.enums import FeedbackVerdict
from grupa_pipeline.vocabulary.insight_feedback import InsightFeedback
from tests.dash_app.planning.plans import a_plan
from tests.grupa_pipeline.storage.released.schemas import make_file

DAY = date(2026, 3, 2)


def said(verdict, why=None, insight_id="P-1"):
    return InsightFeedback(insight_id, DAY, "C01", "A pain", verdict, why, "E1", 0.1, 0.3)


@pytest.mark.slow
def test_the_newest_that_was_said_counts_and_may_be_taken_back(tmp_path):
    roadmap = Roadmap(tmp_path)
    roadmap.ensure()
    roadmap.give_feedback(said(FeedbackVerdict.USEFUL), "ana")
    stored = roadmap.give_feedback(said(FeedbackVerdict.DISMISSED, " not \n true "), "bo")
    assert (stored.revision, stored.text, stored.said_by) == (2, "not true", "bo")
    assert load_decisions(tmp_path) == roadmap.feedback() == {"P-1": stored}
    roadmap.give_feedback(said(None), "bo")
    assert load_decisions(tmp_path) == {}


@pytest.mark.slow
def test_a_recommendation_that_a_plan_tests_is_planned_until_the_plan_is_removed(tmp_path):
    roadmap = Roadmap(tmp_path)
    roadmap.ensure()
    plan = roadmap.add(a_plan(), "ana")
    [decision] = load_decisions(tmp_path).values()
    assert (decision.insight_id, decision.verdict) == (plan.recommendation_id, FeedbackVerdict.PLANNED)
    assert (decision.title, decision.cluster_id) == (plan.name, plan.cluster_id)
    assert roadmap.feedback() == {}
    known = roadmap.give_feedback(said(FeedbackVerdict.KNOWN, insight_id=plan.recommendation_id), "bo")
    assert load_decisions(tmp_path) == {plan.recommendation_id: known}
    roadmap.give_feedback(said(None, insight_id=plan.recommendation_id), "bo")
    roadmap.remove(plan.plan_id, "ana")
    assert load_decisions(tmp_path) == {}


@pytest.mark.parametrize("why", [None, "  ", "x" * 501])
def test_a_dismissal_without_a_short_reason_is_refused(tmp_path, why):
    roadmap = Roadmap(tmp_path)
    roadmap.ensure()
    with pytest.raises(FeedbackError):
        roadmap.give_feedback(said(FeedbackVerdict.DISMISSED, why), "ana")
    assert roadmap.feedback() == {}


def test_nothing_was_said_before_the_app_made_the_table(tmp_path):
    assert load_decisions(tmp_path) == {}
    make_file(tmp_path / "roadmap.duckdb", "roadmap", 5)
    assert load_decisions(tmp_path) == {}
