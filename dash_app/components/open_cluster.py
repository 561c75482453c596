"""The open cluster, in the order of a person's questions: who they are, where they get lost, what hurts them and what to try,
what they do well, how they go, and how that is known. Pure functions on `Cluster`."""

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components import elements, funnel, insight_cards, reliance
from dash_app.components.elements import aria
from dash_app.components.evidence_bars import difference_bars
from dash_app.components.feedback import dismissed_list
from dash_app.components.rule_words import rule_words
from dash_app.data.snapshot import Cluster, Snapshot
from dash_app.figures.colors import look
from grupa_pipeline.vocabulary.enums import InsightSource

_SHOWN = 5
_NEARLY_EXACT, _MOST = 0.95, 0.75
"""From these F1 on a rule finds nearly exactly, or most of, a cluster's users."""


def open_card(cluster: Cluster, snapshot: Snapshot, export: str, segments: Sequence[tuple[str, str]] = ()) -> Component:
    """The open cluster of `snapshot`; `export` is the address of its users as CSV, `segments` ids and names of saved ones."""
    names = {each.cluster_id: each.name for each in snapshot.clusters}
    pains = insight_cards.findings(cluster.pain_points, cluster, names)
    strengths = insight_cards.findings(cluster.strengths, cluster, names)
    further = insight_cards.further_recommendations(cluster, names)
    return html.Article(
        [
            _head(cluster),
            html.P(formatting.first_sentence(cluster.summary)[0], className="summary"),
            stats(cluster, snapshot),
            section(
                "Where they get lost",
                funnel.where_lost(
                    cluster.journeys,
                    look(cluster.color_slot).color,
                    snapshot.goal_note,
                    (cluster.cluster_id, "card"),
                ),
            ),
            section("Pain points", pains, "No pain point stands out from the numbers."),
            section(
                "More to try",
                further,
                None if cluster.recommendations or cluster.dismissed else "Nothing to recommend.",
            ),
            section("Strengths", strengths),
            dismissed_list(cluster.dismissed),
            section("Typical journeys", [*funnel.typical_journeys(cluster.journeys), _typical_user(cluster)]),
            _how_we_know(cluster, snapshot),
            _tools(cluster, snapshot, export, segments),
        ],
        className="open-card",
        **aria(label=f"Cluster {cluster.name}"),
    )


def _typical_user(cluster: Cluster) -> Component:
    """Opens what a user in the middle of the cluster did."""
    return html.Button(
        "See what a typical user did",
        id={"type": "show", "what": "typical", "of": f"{cluster.cluster_id} 0", "at": "card"},
        className="link",
        n_clicks=0,
    )


def section(title: str, content: Sequence[Component], otherwise: str | None = None) -> Component | None:
    """A section of the panel; where there is nothing to show, `otherwise`, or no section at all."""
    if not content and otherwise is None:
        return None
    return html.Section([html.H3(title), *(content or [html.P(otherwise, className="quiet")])])


def stats(cluster: Cluster, snapshot: Snapshot) -> Component:
    """Size and goal rate in large type, the rate beside that of everyone."""
    size = [
        html.Span(formatting.users(cluster.size), className="number"),
        html.Span([f"{formatting.percent(cluster.share)} of all", _moved(cluster)], className="number-words"),
    ]
    return html.Div([html.Div(size), goal_stat(cluster.goal_rate, snapshot)], className="stats")


def goal_stat(rate: float | None, snapshot: Snapshot) -> Component | None:
    """The share of a group's users who reach the goal; None where the log has none."""
    goal = snapshot.goal_rates
    if goal is None or rate is None:
        return None
    return html.Div(
        [
            html.Span(formatting.percent(rate), className="number"),
            html.Span(
                f"reach “{goal.label}”, {formatting.percent(goal.everyone)} of everyone", className="number-words"
            ),
        ]
    )


def _moved(cluster: Cluster) -> Component | None:
    trend = elements.trend(cluster)
    return html.Span([" · ", trend]) if trend else None


def _head(cluster: Cluster) -> Component:
    return html.Header(
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
        )
    )


def _how_we_know(cluster: Cluster, snapshot: Snapshot) -> Component:
    """What the claims rest on, folded: how sure the cluster is, its rule, and what sets it apart."""
    badges = [
        *reliance.badges(cluster),
        *([elements.badge("named by a person", "")] if cluster.named_by_person else []),
        *_sources(cluster),
    ]
    return html.Details(
        [
            html.Summary("How we know"),
            html.Div(badges, className="badges"),
            *([html.P(more)] if (more := formatting.first_sentence(cluster.summary)[1]) else []),
            reliance.members(cluster),
            reliance.difference(cluster),
            _rule(cluster, snapshot),
            _fallback(cluster),
            section("What sets them apart", _differences(cluster)),
            section("How they end up", _outcomes(cluster)),
            _model_button(cluster),
        ],
        className="how-we-know",
    )


def _sources(cluster: Cluster) -> list[Component]:
    written = {(each.source, each.model) for each in (*cluster.pain_points, *cluster.recommendations)}
    return [elements.source_badge(source, model) for source, model in sorted(written, key=str)]


def _rule(cluster: Cluster, snapshot: Snapshot) -> Component | None:
    words = rule_words(cluster, snapshot.catalog)
    if not words:
        return None
    told: list[Any] = [html.Strong("In one rule: "), f"{words}. "]
    if cluster.rule_f1 is None:
        return html.P(told, className="quiet")
    fit = html.Span(
        f"This rule finds {_reach(cluster.rule_f1)} these users.",
        title=f"F1 {formatting.number(cluster.rule_f1)}; 1 is exactly",
    )
    return html.P([*told, fit], className="quiet")


def _reach(rule_f1: float) -> str:
    """How well a rule fits a cluster, to stand before `these users`."""
    return "nearly exactly" if rule_f1 >= _NEARLY_EXACT else "most of" if rule_f1 >= _MOST else "some of"


def _fallback(cluster: Cluster) -> Component | None:
    if not cluster.fallback_reason:
        return None
    if any(each.source == InsightSource.LLM for each in cluster.insights):
        return elements.notice("Rules wrote a part of this", f"{cluster.fallback_reason}.", kind="warning")
    return elements.notice(
        "The model did not write this", f"Rules wrote it instead: {cluster.fallback_reason}", kind="warning"
    )


def _differences(cluster: Cluster) -> list[Component]:
    shown = [each for each in cluster.evidence if each.role != "outcome"][:_SHOWN] or list(cluster.evidence[:_SHOWN])
    if not shown:
        return []
    everything = html.Button(
        f"All {len(cluster.evidence)} measured differences",
        id={"type": "show", "what": "differences", "of": cluster.cluster_id, "at": "card"},
        className="link",
        n_clicks=0,
    )
    return [difference_bars(shown, look(cluster.color_slot).color), everything]


def _outcomes(cluster: Cluster) -> list[Component]:
    found = [each for each in cluster.evidence if each.role == "outcome"][:_SHOWN]
    return [difference_bars(found, look(cluster.color_slot).color)] if found else []


def _model_button(cluster: Cluster) -> Component | None:
    if not cluster.model_was_asked:
        return None
    component: Component = dmc.Button(
        "What did the model see?",
        id={"type": "show", "what": "model", "of": cluster.cluster_id, "at": "card"},
        variant="default",
        size="sm",
        n_clicks=0,
    )
    return component


def _tools(cluster: Cluster, snapshot: Snapshot, export: str, segments: Sequence[tuple[str, str]]) -> Component:
    others = [(each.cluster_id, each.name) for each in snapshot.clusters if each.cluster_id != cluster.cluster_id]
    compare = dmc.Select(
        id={"type": "compare", "cluster": cluster.cluster_id},
        label="Compare with",
        placeholder="another cluster",
        data=[{"value": key, "label": name} for key, name in (*others, *segments)],
        size="sm",
        comboboxProps={"withinPortal": True},
    )
    users = dmc.Anchor(
        "Users as CSV",
        href=export,
        className="button",
        refresh=True,
        target="_blank",
        **aria(label=f"Download the users of {cluster.name} as CSV"),
    )
    report = elements.report_link(snapshot.day, cluster.cluster_id, f"Download the report on {cluster.name} as PDF")
    return html.Footer([compare, users, report], className="tools")
