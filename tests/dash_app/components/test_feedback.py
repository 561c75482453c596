from dataclasses import replace

from dash_app.components import open_cluster
from dash_app.components.feedback import dismissed_list, feedback_form
from dash_app.server.guarded_dash import permitted
from grupa_pipeline.vocabulary.enums import FeedbackVerdict, UserRole
from grupa_pipeline.vocabulary.insight_feedback import InsightFeedback
from tests.dash_app.trees import ids, of_class, parts, text


def said(insight, verdict=FeedbackVerdict.DISMISSED, why="we know better"):
    feedback = InsightFeedback(insight.insight_id, None, insight.cluster_id, insight.title, verdict, why, said_by="ana")
    return replace(insight, feedback=feedback)


def buttons(tree):
    return [each["of"] for each in ids(tree) if isinstance(each, dict) and each.get("what") == "feedback"]


def test_each_insight_has_one_button_for_feedback_after_its_test(shown):
    tree = open_cluster.open_card(shown.cluster("C02"), shown, "/export")
    assert sorted(buttons(tree)) == ["P-C02", "R-C02"]
    found = ids(tree)
    plan = {"type": "plan", "recommendation": "R-C02", "at": "list"}
    assert found.index(plan) < min(
        found.index(each) for each in found if isinstance(each, dict) and each.get("what") == "feedback"
    )


def test_what_was_said_is_shown_and_a_viewer_reads_it_without_a_button(shown):
    cluster = shown.cluster("C02")
    useful = replace(cluster, pain_points=(said(cluster.pain_points[0], FeedbackVerdict.USEFUL, None),))
    tree = open_cluster.open_card(useful, shown, "/export")
    assert "Useful, says ana." in text(tree)
    assert text(of_class(tree, "feedback")[-1]) == "Useful, says ana. Change"
    for_viewer = permitted(tree, UserRole.VIEWER)
    assert (buttons(for_viewer), "Useful, says ana." in text(for_viewer)) == ([], True)


def test_dismissed_insights_are_listed_folded_with_the_reason(shown):
    cluster = shown.cluster("C02")
    pain, own = said(cluster.pain_points[0]), cluster.recommendations[0]
    tree = open_cluster.open_card(
        replace(cluster, pain_points=(), recommendations=(), dismissed=(pain, own)), shown, "/export"
    )
    assert "1 dismissed Submitting takes long Dismissed, says ana: “we know better” Change" in text(tree)
    assert buttons(tree) == [pain.insight_id]
    assert dismissed_list([own]) is None


def test_the_form_begins_with_what_was_said(shown):
    pain = shown.cluster("C02").pain_points[0]
    fresh, again = feedback_form(pain), feedback_form(said(pain))
    assert "Take back" not in str(fresh)
    assert "Take back" in str(again)
    values = {str(each.id): getattr(each, "value", None) for each in parts(again) if getattr(each, "id", None)}
    assert (values["feedback-verdict"], values["feedback-text"]) == ("dismissed", "we know better")
