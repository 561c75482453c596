"""One cluster on the screen: its card in the list, and the open card in the panel. Pure functions on `Cluster`."""

from collections.abc import Mapping, Sequence

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components import elements, reliance
from dash_app.components.addresses import address
from dash_app.components.elements import aria
from dash_app.components.evidence_bars import beside_label, difference_bars, evidence_chip
from dash_app.data.snapshot import Cluster, Insight
from dash_app.figures.colors import look
from grupa_pipeline.event_catalog.action_meanings import GoalNote
from grupa_pipeline.vocabulary.enums import ClusterNature

_SHOWN = 5
_NEARLY_EXACT, _MOST = 0.95, 0.75
"""From these F1 on a rule finds nearly exactly, or most of, a cluster's users."""


def card(cluster: Cluster, selected: bool, goal_note: GoalNote | None = None) -> Component:
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


def open_card(cluster: Cluster, others: Sequence[Cluster], export: str, goal_note: GoalNote | None = None) -> Component:
    """The open cluster; `export` is the address of its users as CSV."""
    names = {each.cluster_id: each.name for each in others}
    return html.Article(
        [
            _head(cluster),
            html.P(cluster.summary, className="summary"),
            reliance.difference(cluster),
            _first_step(cluster),
            _rule(cluster),
            _fallback(cluster),
            _section("What sets them apart", _differences(cluster)),
            _section(
                "Pain points",
                [_pain(each, cluster) for each in cluster.pain_points],
                "No pain point stands out from the numbers.",
            ),
            _section("Strengths", [_pain(each, cluster) for each in cluster.strengths]),
            _section(
                "Recommendations",
                [_recommendation(each, cluster, names) for each in cluster.recommendations],
                "Nothing to recommend from these numbers.",
            ),
            _section("How they end up", [*_outcomes(cluster), *_goal_note(goal_note)]),
            _tools(cluster, others, export),
        ],
        className="open-card",
        **aria(label=f"Cluster {cluster.name}"),
    )


def _head(cluster: Cluster) -> Component:
    return html.Header(
        [
            html.Div(
                [
                    elements.mark(cluster.color_slot),
                    html.H2(cluster.name, tabIndex="-1"),
                    elements.icon_button(
                        "edit",
                        "Rename this cluster",
                        {"type": "show", "what": "rename", "of": cluster.cluster_id, "at": "head"},
                    ),
                    elements.icon_button("close", "Close this cluster", {"type": "open", "cluster": "", "at": "close"}),
                ],
                className="open-head",
            ),
            html.Div(
                [
                    html.Span(elements.share_line(cluster), className="strong"),
                    reliance.members(cluster),
                    elements.trend(cluster),
                ],
                className="facts",
            ),
            html.Div(
                [
                    *reliance.badges(cluster),
                    *([elements.badge("named by a person", "")] if cluster.named_by_person else []),
                    *_sources(cluster),
                ],
                className="badges",
            ),
        ]
    )


def _first_step(cluster: Cluster) -> Component | None:
    """The first recommendation within reach: what most people open a cluster for."""
    if not cluster.recommendations:
        return None
    first = cluster.recommendations[0]
    return html.Div([html.Span(first.title), _plan_button(first, "head")], className="first-step")


def _plan_button(insight: Insight, at: str) -> Component:
    component: Component = dmc.Button(
        "Plan test",
        id={"type": "plan", "recommendation": insight.insight_id, "at": at},
        n_clicks=0,
        size="sm",
        **aria(label=f"Plan test: {insight.title}"),
    )
    return component


def _sources(cluster: Cluster) -> list[Component]:
    written = {(each.source, each.model) for each in (*cluster.pain_points, *cluster.recommendations)}
    return [elements.source_badge(source, model) for source, model in sorted(written, key=str)]


def _rule(cluster: Cluster) -> Component | None:
    if not cluster.rule:
        return None
    if cluster.rule_f1 is None:
        return html.P([html.Strong("In one rule: "), f"{cluster.rule}."], className="quiet")
    fit = html.Span(
        f"This rule finds {_reach(cluster.rule_f1)} these users.",
        title=f"F1 {formatting.number(cluster.rule_f1)}; 1 is exactly",
    )
    return html.P([html.Strong("In one rule: "), f"{cluster.rule}. ", fit], className="quiet")


def _reach(rule_f1: float) -> str:
    """How well a rule fits a cluster, to stand before `these users`."""
    return "nearly exactly" if rule_f1 >= _NEARLY_EXACT else "most of" if rule_f1 >= _MOST else "some of"


def _fallback(cluster: Cluster) -> Component | None:
    if not cluster.fallback_reason:
        return None
    return elements.notice(
        "The model did not write this", f"Rules wrote it instead: {cluster.fallback_reason}", kind="warning"
    )


def _differences(cluster: Cluster) -> list[Component]:
    shown = [each for each in cluster.evidence if each.role != "outcome"][:_SHOWN] or list(cluster.evidence[:_SHOWN])
    if not shown:
        return []
    more = len(cluster.evidence)
    everything = html.Button(
        f"All {more} measured differences",
        id={"type": "show", "what": "differences", "of": cluster.cluster_id, "at": "card"},
        className="link",
        n_clicks=0,
    )
    return [difference_bars(shown, look(cluster.color_slot).color), everything]


def _outcomes(cluster: Cluster) -> list[Component]:
    found = [each for each in cluster.evidence if each.role == "outcome"][:_SHOWN]
    return [difference_bars(found, look(cluster.color_slot).color)] if found else []


def _goal_note(note: GoalNote | None) -> list[Component]:
    if not note:
        return []
    return [html.P([f"{note} ", dcc.Link("Open Events", href=address("/events"), className="link")], className="quiet")]


def _pain(insight: Insight, cluster: Cluster) -> Component:
    tentative = (
        [elements.badge("tentative: not seen in every half of the users", "")] if insight.replicated is False else []
    )
    return html.Div(
        [html.H4(insight.title), html.P(insight.body), *tentative, _chips(insight, cluster)], className="insight"
    )


def _recommendation(insight: Insight, cluster: Cluster, names: Mapping[str, str]) -> Component:
    return html.Div(
        [
            html.H4(insight.title),
            html.P(insight.body),
            *_testing_notes(insight, names),
            html.Div([_plan_button(insight, "list"), _chips(insight, cluster)], className="insight-foot"),
        ],
        className="insight recommendation",
    )


def _testing_notes(insight: Insight, names: Mapping[str, str]) -> list[Component]:
    """What it takes to try a recommendation, and which other clusters have the same one."""
    shared = ", ".join(names.get(each, each) for each in insight.shared_with)
    notes = (
        ("Effort", insight.effort),
        ("Cheapest test", insight.cheapest_test),
        ("Must not get worse", insight.guardrail),
        ("It would be wrong if", insight.falsified_by),
        ("Also for", shared),
    )
    told = [html.Li([html.Span(f"{name}: ", className="strong"), text]) for name, text in notes if text]
    return [html.Ul(told, className="quiet")] if told else []


def _chips(insight: Insight, cluster: Cluster) -> Component:
    return html.Span([evidence_chip(each, insight) for each in cluster.evidence_of(insight)], className="chips")


def _tools(cluster: Cluster, others: Sequence[Cluster], export: str) -> Component:
    compare = dmc.Select(
        id={"type": "compare", "cluster": cluster.cluster_id},
        label="Compare with",
        placeholder="another cluster",
        data=[
            {"value": each.cluster_id, "label": each.name} for each in others if each.cluster_id != cluster.cluster_id
        ],
        size="sm",
        comboboxProps={"withinPortal": True},
    )
    seen = dmc.Button(
        "What did the model see?",
        id={"type": "show", "what": "model", "of": cluster.cluster_id, "at": "card"},
        variant="default",
        size="sm",
        n_clicks=0,
    )
    users = dmc.Anchor(
        "Users as CSV",
        href=export,
        className="button",
        refresh=True,
        target="_blank",
        **aria(label=f"Download the users of {cluster.name} as CSV"),
    )
    return html.Footer([compare, *([seen] if cluster.model_was_asked else []), users], className="tools")


def _section(title: str, content: Sequence[Component], otherwise: str | None = None) -> Component | None:
    if not content and otherwise is None:
        return None
    return html.Section([html.H3(title), *(content or [html.P(otherwise, className="quiet")])])


def _number_of(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
