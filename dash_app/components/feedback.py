"""What people say of an insight: the line below it, the form to say it, and the list of what was dismissed. Pure functions."""

from collections.abc import Sequence

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components.elements import aria
from dash_app.data.snapshot import Insight
from grupa_pipeline.vocabulary.enums import FeedbackVerdict
from grupa_pipeline.vocabulary.insight_feedback import InsightFeedback

_WORDS = {
    FeedbackVerdict.USEFUL: "Useful",
    FeedbackVerdict.KNOWN: "Known",
    FeedbackVerdict.PLANNED: "Planned",
    FeedbackVerdict.DISMISSED: "Dismissed",
}
_MEANINGS = {
    FeedbackVerdict.USEFUL: "Useful",
    FeedbackVerdict.KNOWN: "Known: we knew it",
    FeedbackVerdict.PLANNED: "Planned: we are on it",
    FeedbackVerdict.DISMISSED: "Dismiss: hide it until its numbers change",
}


def feedback_line(insight: Insight) -> Component:
    """What was said of an insight, and a button that asks for it or changes it."""
    said = insight.feedback
    label = f"{'Change the feedback' if said else 'Feedback'} on: {insight.title}"
    button = html.Button(
        "Change" if said else "Feedback",
        id={"type": "show", "what": "feedback", "of": insight.insight_id, "at": "card"},
        className="link",
        n_clicks=0,
        **aria(label=label),
    )
    words = [html.Span(_said(said))] if said else []
    return html.Span([*words, button], className="feedback")


def _said(feedback: InsightFeedback) -> str:
    verdict = _WORDS[feedback.verdict] if feedback.verdict else ""
    return f"{verdict}, says {feedback.said_by or 'somebody'}{f': “{feedback.text}”' if feedback.text else '.'}"


def feedback_form(insight: Insight) -> Component:
    """The form on one insight, as it was last filled in."""
    said, of = insight.feedback, insight.insight_id
    options = [dmc.Radio(label=words, value=verdict.value) for verdict, words in _MEANINGS.items()]
    if said:
        options.append(dmc.Radio(label="Take back what was said", value=""))
    verdict = said.verdict.value if said and said.verdict else None
    return html.Div(
        [
            html.P(html.Strong(insight.title)),
            dmc.RadioGroup(
                dmc.Stack(options, gap="xs"),
                id="feedback-verdict",
                value=verdict,
                label="What do you say of it?",
            ),
            dmc.TextInput(
                id="feedback-text",
                value=said.text if said and said.text else "",
                label="Why, in a few words",
                description="Needed to dismiss it. A model that writes the next insights reads it.",
                mt="md",
            ),
            html.P(id="feedback-problem", className="error", role="alert"),
            dmc.Button("Save", id={"type": "say-feedback", "of": of}, mt="sm", n_clicks=0),
        ]
    )


def dismissed_list(insights: Sequence[Insight]) -> Component | None:
    """What people dismissed of a cluster, folded; None where it is nothing."""
    said = [each for each in insights if each.feedback]
    if not said:
        return None
    rows = [html.Li([html.Span(each.title, className="strong"), " ", feedback_line(each)]) for each in said]
    return html.Details([html.Summary(f"{formatting.count(len(said))} dismissed"), html.Ul(rows)], className="notes")
