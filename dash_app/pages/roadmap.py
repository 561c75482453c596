"""The Roadmap page: the plans as a table, a board and a timeline, overlaps, exports. Pure but for reading the roadmap."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
import plotly.graph_objects as go
from dash import dcc, html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components import elements, plans
from dash_app.components.addresses import address
from dash_app.components.elements import aria
from dash_app.components.roadmap_forecast import roadmap_forecast
from dash_app.data.history import ClusterLabels
from dash_app.data.snapshot import Feature, Snapshot, metric_label
from dash_app.figures import timelines
from dash_app.planning.overlap import Overlap, count_concurrent, find_overlaps, overlaps_by_plan
from dash_app.planning.plan import Plan
from dash_app.services import Services
from grupa_pipeline.vocabulary.enums import PlanStatus


def build(services: Services, snapshot: Snapshot | None, selected: str | None) -> Component:
    """The page with the plans as they are now."""
    found = services.roadmap.plans()
    overlaps = find_overlaps(found), overlaps_by_plan(found)
    return page(found, services.cluster_labels(), *overlaps, services.catalog(), datetime.now(UTC).date())


def page(
    found: Sequence[Plan],
    clusters: ClusterLabels,
    overlaps: Sequence[Overlap],
    by_plan: Mapping[str, Sequence[Overlap]],
    catalog: Mapping[str, Feature],
    today: date,
) -> Component:
    """The page for these plans."""
    if not found:
        return html.Div(
            elements.notice(
                "No test is planned yet",
                "Open a cluster, read what hurts its users, and press “Plan test” on a recommendation:"
                " the plan opens filled in and sized.",
                html.P(dcc.Link("Go to the clusters", href=address("/"))),
            ),
            className="empty",
        )
    views = dmc.SegmentedControl(
        id="roadmap-view",
        data=[{"value": each.lower(), "label": each} for each in ("Table", "Board", "Timeline")],
        value="table",
        persistence=True,
        **aria(label="View"),
    )
    names = {each.plan_id: each.name for each in found}
    return html.Div(
        [
            html.Div([html.H1("Test roadmap", className="shown-title"), views, _exports()], className="page-head"),
            plans.overlap_notice(overlaps, names),
            roadmap_forecast(found, catalog),
            html.Div(_table(found, clusters, by_plan, catalog), id="view-table", className="view"),
            html.Div(plans.board(found, clusters, by_plan), id="view-board", className="view", hidden=True),
            html.Div(_timeline(found, clusters, today), id="view-timeline", className="view", hidden=True),
        ]
    )


def _exports() -> Component:
    kinds = (("csv", "CSV"), ("json", "JSON"), ("md", "Markdown"), ("ics", "Calendar"))
    links = [
        html.A(words, href=address(f"/export/roadmap.{kind}"), className="button", download="") for kind, words in kinds
    ]
    report = html.A("Report", href=address("/export/report.pdf?roadmap=1"), className="button", download="")
    return html.Div(
        [*links, html.A("Print", href=address("/print/roadmap"), target="_blank", className="button"), report],
        className="exports",
    )


def _table(
    found: Sequence[Plan],
    clusters: ClusterLabels,
    by_plan: Mapping[str, Sequence[Overlap]],
    catalog: Mapping[str, Feature],
) -> Component:
    concurrent = count_concurrent(found)
    rows = [
        plans.row(
            each,
            plans.cluster_look(each, clusters)[0],
            metric_label(each.primary_metric, catalog),
            concurrent.get(each.plan_id, 0),
            by_plan.get(each.plan_id, ()),
        )
        for each in found
    ]
    tools = html.Div(
        [
            html.Span("Select a plan, then", className="quiet"),
            *(
                html.Button(
                    words, id={"type": "plan-tool", "what": what}, className="button", disabled=True, n_clicks=0
                )
                for what, words in (
                    ("open", "Open"),
                    ("duplicate", "Duplicate"),
                    ("remove", "Remove"),
                    ("growthbook", "GrowthBook draft"),
                    ("posthog", "PostHog draft"),
                )
            ),
            dmc.TextInput(id="plan-filter", placeholder="Filter plans", size="sm", **aria(label="Filter plans")),
        ],
        className="table-tools",
    )
    grid = dag.AgGrid(
        id="plan-table",
        rowData=rows,
        columnDefs=_columns(),
        defaultColDef={"sortable": True, "resizable": True, "suppressMovable": True},
        getRowId="params.data.plan_id",
        dashGridOptions={
            "domLayout": "autoHeight",
            "rowSelection": {"mode": "singleRow", "checkboxes": False, "enableClickSelection": True},
            "stopEditingWhenCellsLoseFocus": True,
        },
        className="grid",
    )
    words = "Double-click, or press Enter on, a name, status, first day or owner to edit it."
    hint = html.P(words, id="plan-table-hint", className="quiet")
    return html.Div([tools, grid, hint])


def _columns() -> list[dict[str, Any]]:
    number = {"type": "numericColumn", "width": 84}
    words = {"wrapText": True, "autoHeight": True, "cellClass": "words"}
    whole_header = {"wrapHeaderText": True, "autoHeaderHeight": True}
    return [
        {"field": "name", "headerName": "Test", "flex": 3, "minWidth": 170, "editable": True, **words},
        {
            "field": "status",
            "headerName": "Status",
            "width": 96,
            "editable": True,
            "cellEditor": "agSelectCellEditor",
            "cellEditorParams": {"values": list(PlanStatus)},
        },
        {"field": "cluster", "headerName": "Cluster", "flex": 2, "minWidth": 110, **words},
        {"field": "metric", "headerName": "Primary metric", "flex": 2, "minWidth": 124, **words},
        {
            "field": "users",
            "headerName": "Users",
            **number,
            "valueFormatter": {"function": "d3.format(',')(params.value)"},
        },
        {
            "field": "weeks",
            "headerName": "Weeks",
            **number,
            **words,
            "width": 90,
            "cellClass": "words ag-right-aligned-cell",
            "valueFormatter": {
                "function": "params.value == null ? 'none foretold'"
                " : d3.format(',')(params.value) + (params.data.feasible ? '' : ', not feasible')"
            },
        },
        {
            "field": "start_date",
            "headerName": "First day",
            "width": 110,
            "editable": True,
            "cellEditor": "agDateStringCellEditor",
            "valueFormatter": {"function": "params.value ? d3.utcFormat('%-d %b %Y')(d3.isoParse(params.value)) : ''"},
        },
        {"field": "owner", "headerName": "Owner", "width": 92, "editable": True},
        {
            "field": "rice",
            "headerName": "RICE",
            **number,
            "width": 74,
            "valueFormatter": {"function": "params.value == null ? '' : d3.format(',.0f')(params.value)"},
        },
        {
            "field": "concurrent",
            "headerName": "Tests at the same time",
            "headerTooltip": "Other tests on the same users while this one runs, whatever they measure",
            **number,
            **whole_header,
            "width": 90,
        },
        {
            "field": "overlaps",
            "headerName": "Same-metric overlaps",
            "headerTooltip": "Those of them that are decided by the same primary metric",
            **number,
            **whole_header,
            "width": 90,
        },
    ]


def _timeline(found: Sequence[Plan], clusters: ClusterLabels, today: date) -> Component:
    dated = [each for each in found if each.start_date and each.end_date and each.status != "archived"]
    undrawn = [each for each in found if each not in dated and each.status != "archived"]
    endless = [each for each in undrawn if each.duration_days is None]
    rest = [
        html.P(f"{words}: {', '.join(each.name for each in some)}.", className="quiet")
        for words, some in (
            ("No end foretold", endless),
            ("No first day yet", [each for each in undrawn if each not in endless]),
        )
        if some
    ]
    if not dated:
        return html.Div([html.P("No plan has a first and a last day yet; give it a first one in its drawer."), *rest])
    slots = {cluster_id: slot for cluster_id, (_, slot) in clusters.items()}
    graphs = [
        html.Div(_graph(timelines.timeline(dated, slots, today, longest)), className=f"on-{screens}-screens")
        for screens, longest in (("wide", 60), ("narrow", 28))
    ]
    words = "; ".join(
        f"{each.name} from {formatting.day(each.start_date)} to {formatting.day(each.end_date)}"
        for each in dated
        if each.start_date and each.end_date
    )
    return html.Div([html.Div(graphs, role="img", **aria(label=f"Timeline: {words}")), *rest])


def _graph(figure: go.Figure) -> Component:
    config: Any = {"displayModeBar": False, "responsive": True}
    return dcc.Graph(figure=figure, config=config, style={"height": f"{figure.layout.height}px"})
