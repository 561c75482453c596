"""The Clusters page: the map, the panel beside it, cards and table below. Pure functions; callbacks fill in the rest."""

from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dash_app import figures, formats
from dash_app.components import cluster as cluster_parts
from dash_app.components import empty, overview, parts
from dash_app.components.parts import aria
from dash_app.data import users
from dash_app.data.snapshot import Cluster, Snapshot
from dash_app.data.users import Points
from dash_app.services import Services

MAP_CONFIG: Any = {
    "displaylogo": False,
    "scrollZoom": True,
    "responsive": True,
    "displayModeBar": True,
    "modeBarButtons": [["pan2d", "lasso2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
}


def build(services: Services, snapshot: Snapshot | None, selected: str | None) -> Component:
    """The page as the address asks for it, or what is missing and what to do."""
    if snapshot is None:
        return empty.no_warehouse()
    return page(snapshot, services.gate.ask(users.load_points, snapshot.day), selected)


def page(snapshot: Snapshot, points: Points, selected: str | None) -> Component:
    """The whole page for one snapshot, with `selected` open when it is a cluster of it."""
    return html.Div(
        [
            html.H1("Clusters", className="page-title"),
            html.Div([_map(snapshot, points, selected), _panel(snapshot, selected)], className="split"),
            _cards(snapshot, selected),
            _table(snapshot),
        ]
    )


def panel(snapshot: Snapshot, selected: str | None) -> Component:
    """What the right side shows: the open cluster, or the overview."""
    cluster = snapshot.cluster(selected)
    if cluster is None:
        return overview.overview(snapshot)
    export = f"/export/users.csv?snapshot={snapshot.day.isoformat()}&cluster={cluster.cluster_id}"
    return cluster_parts.open_card(cluster, snapshot.clusters, export)


def _panel(snapshot: Snapshot, selected: str | None) -> Component:
    return html.Aside(
        panel(snapshot, selected),
        id="panel",
        className="panel open" if snapshot.cluster(selected) else "panel",
        **aria(live="polite", label="Open cluster"),
    )


def _map(snapshot: Snapshot, points: Points, selected: str | None) -> Component:
    features = [
        {"value": each.feature, "label": formats.capital(each.description)}
        for each in sorted(snapshot.catalog.values(), key=lambda each: (each.role != "clustering", each.description))
    ]
    bar = html.Div(
        [
            dmc.Select(
                id="color-by",
                placeholder="Cluster",
                data=features,
                clearable=True,
                clearButtonProps={"aria-label": "Colour by cluster again"},
                searchable=True,
                size="sm",
                label="Colour by",
            ),
            dmc.TextInput(id="find-user", placeholder="User id", size="sm", label="Find a user", debounce=300),
        ],
        className="map-bar",
    )
    graph = dcc.Graph(
        id="map",
        figure=figures.cluster_map(points, snapshot.clusters, selected),
        config=MAP_CONFIG,
        className="map",
        responsive=True,
        style={"height": "100%"},
    )
    return html.Section(
        [
            bar,
            html.Div(id="found-users", className="found"),
            html.Div(graph, className="map-box", role="group", **aria(label=_map_words(snapshot))),
            overview.legend(snapshot, points),
            html.Div(id="area-facts"),
        ],
        className="map-card",
        **aria(label="Map of users"),
    )


def _map_words(snapshot: Snapshot) -> str:
    sizes = ", ".join(f"{each.name} {formats.count(each.size)}" for each in snapshot.clusters)
    users_by_cluster = f"Map of {formats.users(snapshot.users)} by cluster: {sizes or 'no clusters'}."
    return f"{users_by_cluster} The cards and the table below list the same."


def _cards(snapshot: Snapshot, selected: str | None) -> Component | None:
    if not snapshot.clusters:
        return None
    cards = [cluster_parts.card(each, each.cluster_id == selected) for each in snapshot.clusters]
    return html.Section([html.H2("All clusters"), html.Div(cards, id="cards", className="cards")])


def _table(snapshot: Snapshot) -> Component:
    grid = dag.AgGrid(
        id="cluster-table",
        rowData=[_row(each) for each in snapshot.clusters],
        columnDefs=[
            {"field": "cluster", "headerName": "Id", "width": 80},
            {"field": "name", "headerName": "Cluster", "flex": 2, "minWidth": 180},
            {"field": "size", "headerName": "Users", "type": "numericColumn", "width": 110},
            {
                "field": "share",
                "headerName": "Share",
                "type": "numericColumn",
                "width": 100,
                "valueFormatter": {"function": "d3.format('.1%')(params.value)"},
            },
            {"field": "stability", "headerName": "Stability", "type": "numericColumn", "width": 110},
            {"field": "apart", "headerName": "What sets them apart most", "flex": 3, "minWidth": 240},
            {"field": "pains", "headerName": "Pain points", "type": "numericColumn", "width": 120},
            {"field": "recommendations", "headerName": "Recommendations", "type": "numericColumn", "width": 165},
        ],
        defaultColDef={"sortable": True, "resizable": True, "suppressMovable": True},
        getRowId="params.data.cluster",
        dashGridOptions={
            "domLayout": "autoHeight",
            "rowSelection": {"mode": "singleRow", "checkboxes": False, "enableClickSelection": True},
        },
        className="grid",
        columnSize=None,
    )
    # There even when empty: clicks on the map are wired together with it.
    return html.Section([html.H2("Table"), grid], hidden=not snapshot.clusters)


def _row(cluster: Cluster) -> dict[str, Any]:
    strongest = cluster.evidence[0] if cluster.evidence else None
    return {
        "cluster": cluster.cluster_id,
        "name": cluster.name,
        "size": cluster.size,
        "share": cluster.share,
        "stability": None if cluster.stability is None else round(cluster.stability, 2),
        "apart": f"{formats.capital(strongest.description)}: {parts.versus(strongest)}" if strongest else "",
        "pains": len(cluster.pain_points),
        "recommendations": len(cluster.recommendations),
    }
