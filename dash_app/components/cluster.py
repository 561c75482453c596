"""One cluster as a card in the list below the map. Pure functions on `Cluster`."""

from dash import html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components import elements, reliance
from dash_app.components.elements import aria
from dash_app.components.evidence_bars import beside_label
from dash_app.data.journeys import GoalRates
from dash_app.data.snapshot import Cluster
from dash_app.figures.colors import look
from grupa_pipeline.event_catalog.action_meanings import GoalNote
from grupa_pipeline.vocabulary.enums import ClusterNature


def card(
    cluster: Cluster, selected: bool, goal_note: GoalNote | None = None, goal: GoalRates | None = None
) -> Component:
    """The cluster in the list below the map: a button that opens it."""
    lead = [
        html.Li(
            f"{formatting.capital(each.label)}: {beside_label(each.cluster_value, each)}, "
            f"others {beside_label(each.rest_value, each)}"
        )
        for each in cluster.evidence[:2]
    ]
    pains, ideas = len(cluster.pain_points), len(cluster.recommendations)
    return html.Button(
        [
            html.Span(
                [elements.mark(cluster.color_slot), html.Span(cluster.name, className="card-name")],
                className="card-head",
            ),
            html.Span(elements.share_line(cluster), className="card-size"),
            *([html.Span(_reached(cluster.goal_rate, goal), className="card-size")] if goal else []),
            *(
                [html.Span(formatting.capital(reliance.INCIDENT), className="card-size")]
                if cluster.nature == ClusterNature.INCIDENT
                else []
            ),
            html.Ul(lead),
            html.Span(f"{_number_of(pains, 'pain point')} · {_number_of(ideas, 'recommendation')}", className="quiet"),
            *([html.Span(goal_note.short, className="quiet")] if goal_note else []),
        ],
        id={"type": "open", "cluster": cluster.cluster_id, "at": "card"},
        className="card",
        n_clicks=0,
        style={"borderTopColor": look(cluster.color_slot).color},
        **aria(pressed="true" if selected else "false", controls="panel"),
    )


def _reached(rate: float | None, goal: GoalRates) -> str:
    return f"{formatting.percent(rate)} reach “{goal.label}” ({formatting.percent(goal.everyone)} of everyone)"


def _number_of(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
