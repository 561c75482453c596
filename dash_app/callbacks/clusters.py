"""What the Clusters page does when it is used: open a cluster, colour the map, find a user, look at an area."""

from functools import partial
from typing import Any

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, no_update
from dash.development.base_component import Component

from dash_app import figures
from dash_app.callbacks.navigation import as_day
from dash_app.components import users as user_parts
from dash_app.data import users
from dash_app.pages import clusters as page
from dash_app.services import Services

OPENERS = {"type": "open", "cluster": ALL, "at": ALL}
CARDS = {"type": "open", "cluster": ALL, "at": "card"}


def register(app: Dash, services: Services) -> None:
    """Wire the Clusters page."""
    _register_selection(app)
    where = State("where", "data")
    app.callback(Output("panel", "children"), Input("selection", "data"), where, prevent_initial_call=True)(
        partial(show_panel, services)
    )
    app.callback(
        Output("map", "figure"),
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
    app.callback(Output("area-facts", "children"), Input("area", "data"), where, prevent_initial_call=True)(
        partial(describe_area, services)
    )


def _register_selection(app: Dash) -> None:
    browser = partial(ClientsideFunction, "grupa")
    app.clientside_callback(
        browser("open"),
        Output("url", "search", allow_duplicate=True),
        Output("picked", "data"),
        Input(OPENERS, "n_clicks"),
        Input("map", "clickData"),
        Input("map", "clickAnnotationData"),
        Input("cluster-table", "selectedRows"),
        State("url", "search"),
        State("map", "figure"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        browser("dim"),
        Output("map", "figure", allow_duplicate=True),
        Input("selection", "data"),
        State("map", "figure"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        browser("show"),
        Output("panel", "className"),
        Output(CARDS, "aria-pressed"),
        Output("cluster-table", "selectedRows"),
        Input("selection", "data"),
        State(CARDS, "id"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        browser("area"), Output("area", "data"), Input("map", "selectedData"), prevent_initial_call=True
    )


def show_panel(services: Services, selection: dict[str, str] | None, where: dict[str, Any]) -> Any:
    """The open cluster, or the overview."""
    snapshot = services.snapshot(as_day(where["snapshot"]))
    return page.panel(snapshot, (selection or {}).get("cluster")) if snapshot else no_update


def color_map(services: Services, feature: str | None, where: dict[str, Any], selection: dict[str, str] | None) -> Any:
    """The map by cluster, or by a feature."""
    snapshot = services.snapshot(as_day(where["snapshot"]))
    if snapshot is None:
        return no_update
    points = services.gate.ask(users.load_points, snapshot.day)
    if feature is None or feature not in snapshot.catalog:
        return figures.cluster_map(points, snapshot.clusters, (selection or {}).get("cluster"))
    values = services.gate.ask(users.load_values, snapshot.day, feature)
    return figures.feature_map(points, snapshot.clusters, values, snapshot.catalog[feature])


def find_users(
    services: Services, text: str | None, picked: dict[str, str] | None, where: dict[str, Any]
) -> Component | None:
    """Users whose id matches what was typed, or the one whose point was clicked."""
    snapshot = services.snapshot(as_day(where["snapshot"]))
    asked = (picked or {}).get("id") if ctx.triggered_id == "picked" else (text or "").strip()
    if not asked or snapshot is None:
        return None
    found = services.gate.ask(users.find_users, snapshot.day, asked, 1 if ctx.triggered_id == "picked" else 6)
    return user_parts.found(found, snapshot, asked)


def describe_area(services: Services, area: dict[str, list[float]] | None, where: dict[str, Any]) -> Component | None:
    """Who is inside the lasso and how they differ from everyone else; all users count, drawn or not."""
    snapshot = services.snapshot(as_day(where["snapshot"]))
    if not area or snapshot is None:
        return None
    inside = services.gate.ask(users.inside, snapshot.day, tuple(area["x"]), tuple(area["y"]))
    differences = services.gate.ask(users.compare_users, snapshot.day, inside) if inside else ()
    return user_parts.area(len(inside), differences, snapshot)
