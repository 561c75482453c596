"""Callbacks of the Clusters page: open a cluster, colour the map, find a user."""

from functools import partial
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, no_update
from dash.development.base_component import Component

from dash_app.callbacks.clientside import register_clientside
from dash_app.callbacks.navigation import as_day
from dash_app.components import overview
from dash_app.components import users as user_components
from dash_app.data import users
from dash_app.figures import cluster_map
from dash_app.services import Services

OPENERS = {"type": "open", "cluster": ALL, "at": ALL}
CARDS = {"type": "open", "cluster": ALL, "at": "card"}


def register(app: Dash, services: Services) -> None:
    """Register the callbacks of the Clusters page."""
    _register_selection(app)
    where = State("where", "data")
    app.callback(
        Output("map", "figure"),
        Output("map-legend", "children"),
        Input("color-by", "value"),
        where,
        State("selection", "data"),
        prevent_initial_call=True,
    )(partial(color_map, services))
    app.callback(
        Output("found-users", "children"),
        Input("find-user", "value"),
        Input("picked", "data"),
        where,
        prevent_initial_call=True,
    )(partial(find_users, services))
    register_clientside(app, "hover", Output("hovered", "data"), Input("map", "hoverData"), prevent_initial_call=True)
    app.callback(Output("map-hover", "children"), Input("hovered", "data"), where, prevent_initial_call=True)(
        partial(tell_user, services)
    )


def tell_user(services: Services, hovered: dict[str, str] | None, where: dict[str, Any]) -> Component | None:
    """What is known of the user under the pointer."""
    snapshot = services.snapshot(as_day(where["snapshot"]))
    if not hovered or snapshot is None:
        return None
    goal = snapshot.goal_rates.metric if snapshot.goal_rates else None
    found = services.database.query(users.load_glance, snapshot.day, hovered["id"], goal)
    return user_components.glance(hovered["id"], hovered["cluster"], found, snapshot)


def _register_selection(app: Dash) -> None:
    register_clientside(
        app,
        "open",
        Output("url", "search", allow_duplicate=True),
        Output("picked", "data"),
        Output("segment", "data", allow_duplicate=True),
        Input(OPENERS, "n_clicks"),
        Input("map", "clickData"),
        Input("map", "clickAnnotationData"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    register_clientside(
        app,
        "dismiss",
        Output("found-users", "children", allow_duplicate=True),
        Input({"type": "close-found", "at": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )
    register_clientside(app, "ring", Input("found-users", "children"))
    register_clientside(app, "lay_table", Output("table-place", "children"), Input("table", "data"))
    register_clientside(
        app,
        "show",
        Output("panel", "children"),
        Output("panel", "className"),
        Output(CARDS, "aria-pressed"),
        Input("selection", "data"),
        Input("segment", "data"),
        State("panels", "data"),
        State(CARDS, "id"),
        prevent_initial_call=True,
    )


def color_map(
    services: Services, feature: str | None, where: dict[str, Any], selection: dict[str, str] | None
) -> tuple[Any, Any]:
    """The map coloured by cluster or by a feature, and its legend."""
    snapshot = services.snapshot(as_day(where["snapshot"]))
    if snapshot is None:
        return no_update, no_update
    points = services.database.query(users.load_points, snapshot.day)
    if feature is None or feature not in snapshot.catalog:
        by_cluster = cluster_map.cluster_map(points, snapshot.clusters, (selection or {}).get("cluster"))
        return by_cluster, overview.legend(snapshot, points)
    values = services.database.query(users.load_values, snapshot.day, feature, points.user_id)
    shown = snapshot.catalog[feature]
    return cluster_map.feature_map(points, snapshot.clusters, values, shown), overview.legend(snapshot, points, shown)


def find_users(
    services: Services, text: str | None, picked: dict[str, str] | None, where: dict[str, Any]
) -> list[Component | None] | None:
    """Users whose id matches the text, or the one whose point was clicked, with the cluster that the map has for them."""
    snapshot = services.snapshot(as_day(where["snapshot"]))
    if snapshot is None:
        return None
    if picked and ctx.triggered_id == "picked":
        return user_components.search_results([(picked["id"], picked["cluster"])], snapshot, picked["id"])
    query = (text or "").strip()
    return (
        user_components.search_results(
            services.database.query(users.find_users, snapshot.day, query, user_components.MOST_FOUND + 1),
            snapshot,
            query,
        )
        if query
        else None
    )
