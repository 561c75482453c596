"""Evidence as bars, chips and text: the values of a cluster beside those of everyone else. Pure functions."""

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.data.snapshot import Evidence, Insight


def difference_bars(evidence: Sequence[Evidence], color: str) -> Component:
    """Each piece of evidence as two bars, the cluster's and the rest's; every row opens its numbers."""
    rows = [_difference_row(each, color) for each in evidence]
    key = html.Div(
        [
            html.Span(className="swatch", style={"background": color}),
            "this cluster",
            html.Span(className="swatch rest"),
            "everyone else",
        ],
        className="bar-key",
    )
    left_out = any(each.leaves_outcomes_out for each in evidence)
    note = [html.P("Shares of a user's events do not count outcomes.", className="quiet")] if left_out else []
    return html.Div([key, *rows, *note], className="bars")


def evidence_chip(evidence: Evidence, insight: Insight) -> Component:
    """A small button under `insight` that shows a measured difference and opens the numbers behind it."""
    return html.Button(
        [f"{formatting.capital(evidence.label)}: ", html.Strong(versus(evidence))],
        id={
            "type": "show",
            "what": "evidence",
            "of": f"{insight.cluster_id} {evidence.evidence_id}",
            "at": insight.insight_id,
        },
        className="chip",
        n_clicks=0,
        title=formatting.capital(evidence.description),
    )


def versus(evidence: Evidence) -> str:
    """What is measured in a cluster and in the rest, after its label: `2.8 days vs 15 hours`."""
    return f"{beside_label(evidence.cluster_value, evidence)} vs {beside_label(evidence.rest_value, evidence)}"


def beside_label(value: float, evidence: Evidence) -> str:
    """A value after its label: `Sessions a week: 6` needs no `sessions per week`."""
    noun = evidence.unit.partition("/")[0]
    is_said = evidence.unit != "share" and evidence.label.startswith(noun)
    return formatting.quantity(value, "" if is_said else evidence.unit)


def _difference_row(evidence: Evidence, color: str) -> Component:
    # Shares are as long as they are of all, so that rows can be compared; other units have no such end.
    most = 1.0 if evidence.unit == "share" else max(abs(evidence.cluster_value), abs(evidence.rest_value)) or 1
    ours, theirs = (
        html.Div(
            formatting.quantity(value, evidence.unit),
            className="bar-line",
            style={"--length": f"{max(1, 62 * abs(value) / most):.0f}%"} | paint,
        )
        for value, paint in ((evidence.cluster_value, {"--paint": color}), (evidence.rest_value, {}))
    )
    return html.Div(
        [html.Div(formatting.capital(evidence.description), className="bar-name"), ours, theirs], className="bar-row"
    )
