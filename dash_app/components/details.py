"""Contents of the dialog: evidence, differences, model calls, renaming, comparison. Pure functions."""

from collections.abc import Sequence

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components import elements, funnel, open_cluster
from dash_app.components import users as user_components
from dash_app.components.evidence_bars import difference_bars
from dash_app.components.html_tables import table
from dash_app.data.calls import LlmCall
from dash_app.data.segment_facts import Difference
from dash_app.data.snapshot import Cluster, Evidence, Snapshot
from dash_app.figures.colors import look
from dash_app.roadmap.cluster_names import ClusterNameEdit
from grupa_pipeline.vocabulary.enums import Measure

_MEASURES = {
    Measure.PROPORTION: "share of users",
    Measure.COUNT: "median a user",
    Measure.PATH: "share of users who take these steps",
    Measure.STEP: "share of those who got to the step before",
    Measure.ERROR: "share of those who could meet it",
    Measure.LOOP: "share of those who did these steps",
    Measure.LAST_ACTION: "share of users who stopped there",
    Measure.DURATION: "median time",
}


def evidence(found: Evidence, cluster: Cluster, snapshot: Snapshot) -> Component:
    """One measured difference: values, effect and interval, on how many users, and how to read it."""
    proportion = found.measure not in (Measure.COUNT, Measure.DURATION)
    effect = "difference of shares" if proportion else "Cliff's delta"

    def shown(value: float) -> str:
        return f"{formatting.signed(100 * value, 1)} points" if proportion else formatting.signed(value, 2)

    note = (
        "This feature helped to make the clusters, so the difference describes them; it tests nothing."
        if found.descriptive
        else "This feature did not help to make the clusters."
    )
    rows = [
        (f"{cluster.name} ({formatting.users(found.n_cluster)})", formatting.quantity(found.cluster_value, found.unit)),
        (f"Everyone else ({formatting.users(found.n_rest)})", formatting.quantity(found.rest_value, found.unit)),
        ("Times the others' value", formatting.number(found.lift)),
        (
            f"Effect ({effect})",
            f"{shown(found.effect_size)}, 95% interval {shown(found.ci_low)} to {shown(found.ci_high)}",
        ),
    ]
    lines = [html.Tr([html.Th(name, scope="row"), html.Td(value)]) for name, value in rows]
    return html.Div(
        [
            html.P(
                [
                    html.Strong(formatting.capital(found.description)),
                    f" ({_MEASURES[Measure(found.measure)]})",
                ]
            ),
            table(("", "Value"), lines),
            html.P(
                f"Measured from {formatting.day(snapshot.window_start)} to {formatting.day(snapshot.day)}."
                f"{' Outcomes are not counted.' if found.leaves_outcomes_out else ''}"
            ),
            html.P(["For analysts: the column is ", html.Code(found.metric), f". {note}"], className="quiet"),
        ]
    )


def differences(cluster: Cluster) -> Component:
    """All evidence of a cluster as bars."""
    return difference_bars(cluster.evidence, look(cluster.color_slot).color)


def model_calls(cluster: Cluster, calls: Sequence[LlmCall]) -> Component:
    """Prompts about a cluster and the model's responses."""
    if not calls:
        return html.P("No model was asked about this cluster: rules wrote its text from the measured differences.")
    return html.Div(
        [
            html.P("Only sums over at least a minimum of users are sent, never a user's id or events."),
            *(_call(each) for each in calls),
        ]
    )


def rename(cluster: Cluster, edits: Sequence[ClusterNameEdit]) -> Component:
    """A field for a cluster's name, and its earlier names."""
    past = [
        html.Li(
            f"{edit.name or 'the pipeline’s name'}, {edit.edited_by or 'somebody'}, {formatting.moment(edit.edited_at)}"
        )
        for edit in edits
    ]
    return html.Div(
        [
            dmc.TextInput(
                id={"type": "new-name", "cluster": cluster.cluster_id},
                value=cluster.name,
                label="Name",
                description="Everyone sees it. Leave it empty to go back to the pipeline's name.",
            ),
            dmc.Button("Save the name", id={"type": "rename", "cluster": cluster.cluster_id}, mt="md", n_clicks=0),
            html.Section([html.H4("Earlier names"), html.Ul(past)]) if past else None,
        ]
    )


def compare(
    sides: Sequence[Component], names: tuple[str, str], found: Sequence[Difference], snapshot: Snapshot
) -> Component:
    """Two clusters or segments side by side."""
    return html.Div(
        [
            html.Div(list(sides), className="sides"),
            html.H4("Where they differ most"),
            user_components.differences_table(found, snapshot, names),
        ]
    )


def cluster_side(cluster: Cluster, snapshot: Snapshot) -> Component:
    """One side of a comparison."""
    pains = [html.Li(each.title) for each in cluster.pain_points] or [html.Li("none stands out")]
    return html.Div(
        [
            html.H4([elements.mark(cluster.color_slot), cluster.name]),
            open_cluster.stats(cluster, snapshot),
            html.P(formatting.first_sentence(cluster.summary)[0]),
            html.H5("Where they get lost"),
            *funnel.where_lost(
                cluster.journeys,
                look(cluster.color_slot).color,
                snapshot.goal_note,
                (cluster.cluster_id, "compare"),
            ),
            html.H5("Pain points"),
            html.Ul(pains),
        ]
    )


def _call(call: LlmCall) -> Component:
    return html.Details(
        [
            html.Summary(f"{call.model}, {formatting.moment(call.created_at)}: {call.outcome}"),
            html.P(call.error, className="quiet") if call.error else None,
            html.H5("Sent"),
            html.Pre(call.prompt, tabIndex="0"),
            html.H5("Came back"),
            html.Pre(call.response or "nothing", tabIndex="0"),
        ],
        open=True,
    )
