"""The Roadmap page: the plans as a table, a board and a timeline, overlaps, exports. Pure but for reading the roadmap."""

from collections.abc import Mapping, Sequence
from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dash_app import figures
from dash_app.components import parts, plans
from dash_app.components.parts import aria
from dash_app.data import history
from dash_app.data.snapshot import Snapshot
from dash_app.planning.overlap import Overlap, find_overlaps, overlaps_by_plan
from dash_app.planning.plan import STATUSES, Plan
from dash_app.services import Services
from grupa_pipeline.warehouse import NoWarehouseError

Clusters = Mapping[str, tuple[str, int | None]]


def build(services: Services, snapshot: Snapshot | None, selected: str | None) -> Component:
    """The page with the plans as they are now."""
    found = services.roadmap.plans()
    return page(found, cluster_looks(services), find_overlaps(found), overlaps_by_plan(found))


def cluster_looks(services: Services) -> dict[str, tuple[str, int | None]]:
    """Name and colour slot of every cluster that there ever was, people's names over the pipeline's."""
    try:
        known = services.gate.ask(history.load_latest_names)
    except NoWarehouseError:
        return {}
    own = services.names()
    return {cluster_id: (own.get(cluster_id, name), slot) for cluster_id, name, slot in known}


def page(
    found: Sequence[Plan], clusters: Clusters, overlaps: Sequence[Overlap], by_plan: Mapping[str, Sequence[Overlap]]
) -> Component:
    """The page for these plans."""
    if not found:
        return html.Div(
            parts.notice(
                "No test is planned yet",
                "Open a cluster, read what hurts its users, and press “Plan test” on a recommendation:"
                " the plan opens filled in and sized.",
                html.P(dcc.Link("Go to the clusters", href="/")),
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
            html.Div(_table(found, clusters, by_plan), id="view-table", className="view"),
            html.Div(plans.board(found, clusters, by_plan), id="view-board", className="view", hidden=True),
            html.Div(_timeline(found, clusters), id="view-timeline", className="view", hidden=True),
        ]
    )


def _exports() -> Component:
    kinds = (("csv", "CSV"), ("json", "JSON"), ("md", "Markdown"))
    links = [html.A(words, href=f"/export/roadmap.{kind}", className="button", download="") for kind, words in kinds]
    return html.Div(
        [*links, html.A("Print", href="/print/roadmap", target="_blank", className="button")], className="exports"
    )


def _table(found: Sequence[Plan], clusters: Clusters, by_plan: Mapping[str, Sequence[Overlap]]) -> Component:
    rows = [
        plans.row(each, clusters.get(each.cluster_id, (each.cluster_id, None))[0], by_plan.get(each.plan_id, ()))
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
        defaultColDef={"sortable": True, "resizable": True, "filter": True, "suppressMovable": True},
        getRowId="params.data.plan_id",
        dashGridOptions={
            "domLayout": "autoHeight",
            "rowSelection": {"mode": "singleRow", "checkboxes": False, "enableClickSelection": True},
            "stopEditingWhenCellsLoseFocus": True,
        },
        className="grid",
    )
    hint = html.P("Double-click, or press Enter on, a name, status, first day or owner to edit it.", className="quiet")
    return html.Div([tools, grid, hint])


def _columns() -> list[dict[str, Any]]:
    number = {"type": "numericColumn", "width": 105}
    return [
        {"field": "name", "headerName": "Test", "flex": 2, "minWidth": 200, "editable": True},
        {
            "field": "status",
            "headerName": "Status",
            "width": 120,
            "editable": True,
            "cellEditor": "agSelectCellEditor",
            "cellEditorParams": {"values": list(STATUSES)},
        },
        {"field": "cluster", "headerName": "Cluster", "flex": 1, "minWidth": 150},
        {"field": "metric", "headerName": "Primary metric", "flex": 1, "minWidth": 150},
        {
            "field": "users",
            "headerName": "Users",
            **number,
            "valueFormatter": {"function": "d3.format(',')(params.value)"},
        },
        {"field": "weeks", "headerName": "Weeks", **number},
        {
            "field": "start_date",
            "headerName": "First day",
            "width": 130,
            "editable": True,
            "cellEditor": "agDateStringCellEditor",
        },
        {"field": "owner", "headerName": "Owner", "width": 130, "editable": True},
        {"field": "rice", "headerName": "RICE", **number},
        {"field": "overlaps", "headerName": "Overlaps", **number},
    ]


def _timeline(found: Sequence[Plan], clusters: Clusters) -> Component:
    dated = [each for each in found if each.start_date and each.end_date and each.status != "archived"]
    undated = [each for each in found if each not in dated and each.status != "archived"]
    rest = (
        html.P(f"Without days yet: {', '.join(each.name for each in undated)}.", className="quiet") if undated else None
    )
    if not dated:
        return html.Div([html.P("No plan has a first day yet; give it one in its drawer."), rest])
    slots = {cluster_id: slot for cluster_id, (_, slot) in clusters.items()}
    figure = figures.timeline(dated, slots)
    height = f"{max(180, 46 * len(dated) + 70)}px"
    graph = dcc.Graph(figure=figure, config={"displayModeBar": False, "responsive": True}, style={"height": height})
    words = "; ".join(f"{each.name} from {each.start_date} to {each.end_date}" for each in dated)
    return html.Div([html.Div(graph, role="img", **aria(label=f"Timeline: {words}")), rest])
