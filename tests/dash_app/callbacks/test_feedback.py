import pytest
from dash import no_update

from dash_app.callbacks import feedback
from grupa_pipeline.storage import audit_log
from grupa_pipeline.vocabulary.enums import FeedbackVerdict
from tests.dash_app.callbacks.triggers import triggered_by
from tests.dash_app.synthetic import DAYS
from tests.dash_app.trees import text

WHERE = {"path": "/", "snapshot": DAYS[1].isoformat()}
PAIN, RECOMMENDATION = "P-C02", "R-C02"


def say(services, verdict, why="", of=PAIN):
    with triggered_by({"type": "say-feedback", "of": of}):
        return feedback.save(services, [1], verdict, why, WHERE, 4)


def test_what_is_said_of_an_insight_is_kept_with_the_numbers_of_then(services):
    problem, changed, opened, toast = say(services, "useful")
    assert (problem, changed, opened) == (None, 5, False)
    assert "saved" in text(toast)
    said = services.feedback()[PAIN]
    cluster, pain = services.snapshot(None).insight(PAIN)
    first = cluster.evidence_of(pain)[0]
    assert (said.verdict, said.said_by, said.title) == (FeedbackVerdict.USEFUL, "local user", pain.title)
    assert (said.evidence_id, said.ci_low, said.ci_high) == (first.evidence_id, first.ci_low, first.ci_high)
    assert pain.feedback == said
    found = audit_log.query(services.settings.warehouse, "SELECT action, subject FROM audit_log").fetchall()
    assert found == [("feedback", PAIN)]


def test_a_dismissed_pain_is_hidden_with_what_only_it_asked_for_and_comes_back_when_taken_back(services):
    say(services, "dismissed", "we do not sell there")
    cluster = services.snapshot(None).cluster("C02")
    assert (cluster.pain_points, cluster.recommendations) == ((), ())
    assert {each.insight_id for each in cluster.dismissed} == {PAIN, RECOMMENDATION}
    say(services, "")
    cluster = services.snapshot(None).cluster("C02")
    assert [each.insight_id for each in cluster.insights] == [PAIN, RECOMMENDATION]
    assert (services.feedback(), cluster.dismissed) == ({}, ())


@pytest.mark.parametrize(("verdict", "why", "asks"), [("dismissed", " ", "why it is dismissed"), (None, "", "Choose")])
def test_what_cannot_be_kept_is_said_in_the_form(services, verdict, why, asks):
    problem, *others = say(services, verdict, why)
    assert asks in problem
    assert others == [no_update] * 3
    assert services.feedback() == {}


def test_a_form_that_only_appears_says_nothing(services):
    with triggered_by({"type": "say-feedback", "of": PAIN}):
        assert feedback.save(services, [0], "useful", "", WHERE, 4) == (no_update,) * 4
    assert say(services, "useful", of="P-gone") == (no_update,) * 4
    assert services.feedback() == {}
