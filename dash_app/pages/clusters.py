"""The Clusters page: the map, the panel beside it, cards and table below. Pure functions; callbacks fill in the rest."""

from collections.abc import Sequence
from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components import cluster as cluster_components
from dash_app.components import empty, open_cluster, overview, segment_card, unassigned
from dash_app.components import events as event_components
from dash_app.components.addresses import address
from dash_app.components.elements import aria
from dash_app.components.evidence_bars import versus
from dash_app.data import users
from dash_app.data.snapshot import Cluster, Snapshot
from dash_app.data.users import Points
from dash_app.figures import cluster_map
from dash_app.pages import events
from dash_app.services import Services
from grupa_pipeline.event_catalog.roles_file import RolesError
from grupa_pipeline.exports.saved_segments import SavedSegment
from grupa_pipeline.vocabulary.enums import UNASSIGNED_GROUP, FeatureRole
from grupa_pipeline.vocabulary.segment_rules import is_saved_segment_id

MAP_CONFIG: Any = {
    "displaylogo": False,
    "scrollZoom": True,
    "responsive": True,
    "displayModeBar": True,
    "modeBarButtons": [["pan2d", "lasso2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
}

_FEATURE_GROUPS = {
    FeatureRole.CLUSTERING: "What they do",
    FeatureRole.OUTCOME: "How they end up",
    FeatureRole.CONTEXT: "More",
}

_WRAPPED: Any = {"wrapText": True, "autoHeight": True, "cellClass": "words"}


def build(services: Services, snapshot: Snapshot | None, selected: str | None) -> Component:
    """The page as the address asks for it, or what is missing and what to do."""
    if snapshot is None:
        return empty.no_warehouse()
    points = services.database.query(users.load_points, snapshot.day)
    return page(snapshot, points, selected, _first_visit(services), services.segments())


def _first_visit(services: Services) -> Component | None:
    """The notice that leads to the page Events, until a person has accepted the catalogue there."""
    try:
        roles = services.roles()
    except RolesError:
        return None  # the page Events says what is wrong with the file
    return None if roles.confirmed else event_components.first_visit(events.shown_events(services, roles))


def page(
    snapshot: Snapshot,
    points: Points,
    selected: str | None,
    first_visit: Component | None = None,
    saved: Sequence[SavedSegment] = (),
) -> Component:
    """The whole page for one snapshot, with `selected` open when it is a cluster of it, or written as a saved segment's id."""
    panels = {"": overview.overview(snapshot, first_visit, segment_card.saved_list(saved))} | {
        each.cluster_id: open_card(snapshot, each, saved) for each in snapshot.clusters
    }
    panels["segment"] = segment_card.waiting()
    if snapshot.unassigned:
        panels[UNASSIGNED_GROUP] = unassigned.open_card(snapshot, points.unassigned, _export_address(snapshot, ""))
    opened = selected if selected in panels else ""
    shown = panels[opened or ""]
    if selected and is_saved_segment_id(selected):
        opened, shown = selected, segment_card.waiting({"what": "saved", "of": selected})
    return html.Div(
        [
            html.H1("Clusters", className="page-title"),
            # All contents of the panel are sent with the page, so that opening a cluster needs no request.
            dcc.Store(id="panels", data=panels),
            html.Div([_map(snapshot, points, selected), _panel(shown, bool(opened))], className="split"),
            _cards(snapshot, selected),
            *_table(snapshot),
        ]
    )


def open_card(snapshot: Snapshot, cluster: Cluster, saved: Sequence[SavedSegment] = ()) -> Component:
    """What the panel shows when `cluster` is open; it can be compared with `saved` segments too."""
    export = _export_address(snapshot, f"&cluster={cluster.cluster_id}")
    return open_cluster.open_card(cluster, snapshot, export, [(each.segment_id, each.name) for each in saved])


def _export_address(snapshot: Snapshot, cluster: str) -> str:
    return address(f"/export/users.csv?snapshot={snapshot.day.isoformat()}{cluster}")


def _panel(content: Component, is_open: bool) -> Component:
    return html.Aside(
        content,
        id="panel",
        className="panel open" if is_open else "panel",
        **aria(live="polite", label="Open cluster"),
    )


def _map(snapshot: Snapshot, points: Points, selected: str | None) -> Component:
    bar = html.Div(
        [
            dmc.Select(
                id="color-by",
                placeholder="Cluster",
                data=_feature_groups(snapshot),
                clearable=True,
                clearButtonProps={"aria-label": "Colour by cluster again"},
                searchable=True,
                size="sm",
                label="Colour by",
            ),
            dmc.TextInput(id="find-user", placeholder="User id", size="sm", label="Find a user", debounce=300),
            segment_card.selector(),
        ],
        className="map-bar",
    )
    graph = dcc.Graph(
        id="map",
        figure=cluster_map.cluster_map(points, snapshot.clusters, selected),
        config=MAP_CONFIG,
        className="map",
        responsive=True,
        style={"height": "100%"},
    )
    return html.Section(
        [
            bar,
            # Search results lie over the map: above or below it they would move the dots at each click.
            html.Div(
                [graph, html.Div(id="map-hover", className="map-hover"), html.Div(id="found-users", className="found")],
                className="map-box",
                role="group",
                **aria(label=_map_words(snapshot)),
            ),
            html.Div(overview.legend(snapshot, points), id="map-legend"),
        ],
        className="map-card",
        **aria(label="Map of users"),
    )


def _feature_groups(snapshot: Snapshot) -> list[dict[str, Any]]:
    """The features that may colour the map, by what they are used for."""
    groups = []
    for role, title in _FEATURE_GROUPS.items():
        own = sorted(
            (each for each in snapshot.catalog.values() if each.role == role), key=lambda each: each.label.casefold()
        )
        items = [{"value": each.feature, "label": formatting.capital(each.label)} for each in own]
        if items:
            groups.append({"group": title, "items": items})
    return groups


def _map_words(snapshot: Snapshot) -> str:
    sizes = ", ".join(f"{each.name} {formatting.count(each.size)}" for each in snapshot.clusters)
    users_by_cluster = f"Map of {formatting.users(snapshot.users)} by cluster: {sizes or 'no clusters'}."
    return f"{users_by_cluster} The cards and the table below list the same."


def _cards(snapshot: Snapshot, selected: str | None) -> Component | None:
    if not snapshot.clusters:
        return None
    cards = [
        cluster_components.card(each, each.cluster_id == selected, snapshot.goal_note, snapshot.goal_rates)
        for each in snapshot.clusters
    ]
    if snapshot.unassigned:
        cards.append(unassigned.card(snapshot, selected == UNASSIGNED_GROUP))
    return html.Section([html.H2("All clusters"), html.Div(cards, id="cards", className="cards")])


def _table(snapshot: Snapshot) -> list[Component]:
    """The place of the table, and the table itself in a store: the browser inserts it once the map is drawn."""
    if not snapshot.clusters:
        return []
    place = html.Section([html.H2("Table"), html.Div(id="table-place", className="scroll-x")])
    return [place, dcc.Store(id="table", data={"grid": _grid(snapshot)})]


def _grid(snapshot: Snapshot) -> Component:
    component: Component = dag.AgGrid(
        id="cluster-table",
        rowData=[_row(each) for each in snapshot.clusters],
        columnDefs=[
            {"field": "cluster", "headerName": "Id", "width": 70},
            {"field": "name", "headerName": "Cluster", "flex": 2, "minWidth": 160, **_WRAPPED},
            {
                "field": "size",
                "headerName": "Users",
                "type": "numericColumn",
                "width": 90,
                "valueFormatter": {"function": "d3.format(',')(params.value)"},
            },
            {
                "field": "share",
                "headerName": "Share",
                "type": "numericColumn",
                "width": 85,
                "valueFormatter": {"function": "d3.format('.1%')(params.value)"},
            },
            *_goal_column(snapshot),
            {
                "field": "stability",
                "headerName": "Stability",
                "type": "numericColumn",
                "width": 95,
                "valueFormatter": {"function": "params.value == null ? '–' : d3.format('.2f')(params.value)"},
            },
            {"field": "apart", "headerName": "What sets them apart most", "flex": 3, "minWidth": 220, **_WRAPPED},
            {"field": "pains", "headerName": "Pain points", "type": "numericColumn", "width": 115},
            {"field": "recommendations", "headerName": "Recommendations", "type": "numericColumn", "width": 165},
        ],
        defaultColDef={"sortable": True, "resizable": True, "suppressMovable": True},
        getRowId="params.data.cluster",
        eventListeners={
            "rowClicked": ["openRow(params)"],
            "cellKeyDown": ["openRow(params)"],
            "firstDataRendered": ["markRow(params)"],
        },
        dashGridOptions={
            "domLayout": "autoHeight",
            "rowClassRules": {"open-row": "isOpen(params)"},
        },
        className="grid",
        columnSize=None,
    )
    return component


def _goal_column(snapshot: Snapshot) -> list[dict[str, Any]]:
    """The column of goal rates; none where the log has no goal."""
    if snapshot.goal_rates is None:
        return []
    return [
        {
            "field": "goal_rate",
            "headerName": "Goal rate",
            "headerTooltip": f"Share of its users who reached “{snapshot.goal_rates.label}”;"
            f" of everyone {formatting.percent(snapshot.goal_rates.everyone)}",
            "type": "numericColumn",
            "width": 100,
            "valueFormatter": {"function": "params.value == null ? '–' : d3.format('.0%')(params.value)"},
        }
    ]


def _row(cluster: Cluster) -> dict[str, Any]:
    strongest = cluster.evidence[0] if cluster.evidence else None
    return {
        "cluster": cluster.cluster_id,
        "name": cluster.name,
        "size": cluster.size,
        "share": cluster.share,
        "goal_rate": cluster.goal_rate,
        "stability": cluster.stability,
        "apart": f"{formatting.capital(strongest.label)}: {versus(strongest)}" if strongest else "",
        "pains": len(cluster.pain_points),
        "recommendations": len(cluster.recommendations),
    }
