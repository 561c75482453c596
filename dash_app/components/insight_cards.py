"""Pain points and strengths with what is recommended for each, as the open cluster shows them. Pure functions on `Cluster`."""

from collections.abc import Mapping, Sequence

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app.components import elements
from dash_app.components.elements import aria
from dash_app.components.evidence_bars import evidence_chip
from dash_app.components.feedback import feedback_line
from dash_app.data.snapshot import Cluster, Insight


def findings(found: Sequence[Insight], cluster: Cluster, names: Mapping[str, str]) -> list[Component]:
    """Pain points or strengths, each with the recommendations that address it first."""
    first_for = _first_addressed(cluster)
    return [
        _finding(
            each,
            [rec for rec in cluster.recommendations if first_for.get(rec.insight_id) == each.insight_id],
            [
                rec
                for rec in cluster.recommendations
                if each.insight_id in rec.addresses and first_for.get(rec.insight_id) != each.insight_id
            ],
            cluster,
            names,
        )
        for each in found
    ]


def further_recommendations(cluster: Cluster, names: Mapping[str, str]) -> list[Component]:
    """The recommendations that address no pain point or strength that is shown."""
    first_for = _first_addressed(cluster)
    return [
        _recommendation(each, cluster, names) for each in cluster.recommendations if each.insight_id not in first_for
    ]


def _first_addressed(cluster: Cluster) -> dict[str, str]:
    """Under which finding each recommendation stands: the first that it addresses."""
    shown = [each.insight_id for each in (*cluster.pain_points, *cluster.strengths)]
    return {
        rec.insight_id: next(each for each in shown if each in rec.addresses)
        for rec in cluster.recommendations
        if any(each in rec.addresses for each in shown)
    }


def _finding(
    insight: Insight,
    own: Sequence[Insight],
    elsewhere: Sequence[Insight],
    cluster: Cluster,
    names: Mapping[str, str],
) -> Component:
    tentative = (
        [elements.badge("tentative: not seen in every half of the users", "")] if insight.replicated is False else []
    )
    also = [html.P(f"See also “{each.title}”.", className="quiet") for each in elsewhere]
    return html.Div(
        [
            html.H4(insight.title),
            html.P(insight.body),
            *(_recommendation(each, cluster, names, told=insight.evidence_ids) for each in own),
            *also,
            *tentative,
            _foot(insight, cluster),
        ],
        className="insight",
    )


def _recommendation(
    insight: Insight, cluster: Cluster, names: Mapping[str, str], told: Sequence[str] = ()
) -> Component:
    """A recommendation; `told` is the evidence that the finding above it shows already."""
    return html.Div(
        [
            html.Div([html.H5(insight.title), _plan_button(insight)], className="recommendation-head"),
            html.P(insight.body),
            *_testing_notes(insight, names),
            _foot(insight, cluster, told),
        ],
        className="recommendation",
    )


def _plan_button(insight: Insight) -> Component:
    component: Component = dmc.Button(
        "Plan test",
        id={"type": "plan", "recommendation": insight.insight_id, "at": "list"},
        n_clicks=0,
        size="sm",
        **aria(label=f"Plan test: {insight.title}"),
    )
    return component


def _testing_notes(insight: Insight, names: Mapping[str, str]) -> list[Component]:
    """What it takes to try a recommendation, and which other clusters have the same one; folded."""
    shared = ", ".join(names.get(each, each) for each in insight.shared_with)
    notes = (
        ("Effort", insight.effort),
        ("Cheapest test", insight.cheapest_test),
        ("Must not get worse", insight.guardrail),
        ("It would be wrong if", insight.falsified_by),
        ("Also for", shared),
    )
    told = [html.Li([html.Span(f"{name}: ", className="strong"), text]) for name, text in notes if text]
    return [html.Details([html.Summary("What it takes to test it"), html.Ul(told)], className="notes")] if told else []


def _foot(insight: Insight, cluster: Cluster, told: Sequence[str] = ()) -> Component:
    """The evidence that is not `told` already, and what people say of the insight."""
    found = [each for each in cluster.evidence_of(insight) if each.evidence_id not in told]
    return html.Span([*(evidence_chip(each, insight) for each in found), feedback_line(insight)], className="chips")
