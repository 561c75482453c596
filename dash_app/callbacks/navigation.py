"""Callbacks of the shell: the page at an address, the header, the theme."""

import logging
from datetime import UTC, date, datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from dash import ALL, Dash, Input, Output, State
from dash.development.base_component import Component

from dash_app.callbacks.clientside import register_clientside
from dash_app.components import empty, shell
from dash_app.pages import PAGES
from dash_app.services import Services
from grupa_pipeline.storage.warehouse import DamagedWarehouseError, MissingWarehouseError, NoWarehouseError

log = logging.getLogger(__name__)

STORES = ("where", "selection", "planning")
"""Stores for the parts of the address; each changes only when its part does."""


def register(app: Dash, services: Services) -> None:
    """Register the callbacks of the shell."""
    register_clientside(
        app,
        "read_address",
        *(Output(store, "data") for store in STORES),
        Input("url", "pathname"),
        Input("url", "search"),
        Input("changed", "data"),
        Input("saved", "data"),
        *(State(store, "data") for store in STORES),
    )
    rail = {"type": "rail", "path": ALL}
    register_clientside(
        app, "rail", Output(rail, "href"), Output(rail, "className"), Input("where", "data"), State(rail, "id")
    )
    register_clientside(app, "scheme", Output("theme", "forceColorScheme"), Input("scheme", "data"))
    register_clientside(
        app,
        "switch_scheme",
        Output("scheme", "data"),
        Input("scheme-switch", "n_clicks"),
        State("theme", "forceColorScheme"),
        prevent_initial_call=True,
    )
    register_clientside(
        app,
        "pick_snapshot",
        Output("url", "search", allow_duplicate=True),
        Input("snapshot-picker", "value"),
        State("snapshot-picker", "data"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    app.callback(
        Output("page", "children"),
        Output("header-facts", "children"),
        Input("where", "data"),
        State("url", "search"),
        prevent_initial_call=True,
    )(partial(show_page, services))


def show_page(
    services: Services, where: dict[str, Any] | None, search: str | None
) -> tuple[Component, list[Component]]:
    """The page at an address and the header's facts; a page that says so where something is missing or damaged."""
    try:
        return _build_page(services, where, search)
    except MissingWarehouseError as error:
        log.error("%s", error)
        return empty.missing(str(error)), []
    except DamagedWarehouseError as error:
        log.exception("the warehouse does not open")
        return empty.damaged(str(error)), []


def _build_page(
    services: Services, where: dict[str, Any] | None, search: str | None
) -> tuple[Component, list[Component]]:
    build = PAGES.get((where or {}).get("path", "/"))
    services.require_warehouse()
    try:
        days = services.days()
        snapshot = services.snapshot(as_day((where or {}).get("snapshot")))
    except NoWarehouseError:
        days, snapshot = (), None
    header = shell.header_facts(snapshot, days, datetime.now(UTC).replace(tzinfo=None))
    if build is None:
        return empty.no_such_page(), header
    if snapshot is None and days:
        return empty.no_such_snapshot(), header
    wanted = parse_qs((search or "").lstrip("?"))
    selected = (*wanted.get("segment", ()), *wanted.get("cluster", ()), None)
    return build(services, snapshot, selected[0]), header


def as_day(text: str | None) -> date | None:
    """The day in an address; None, which means the newest, when there is none or it is no date."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
