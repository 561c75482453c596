"""Callbacks of the History page: the moves between two picked days."""

from datetime import date
from functools import partial
from typing import Any

from dash import Dash, Input, Output, no_update

from dash_app.data import history
from dash_app.pages import history as page
from dash_app.services import Services


def register(app: Dash, services: Services) -> None:
    """Register the callbacks of the History page."""
    app.callback(
        Output("flow", "children"), Input("flow-from", "value"), Input("flow-to", "value"), prevent_initial_call=True
    )(partial(show_moves, services))


def show_moves(services: Services, one: str | None, other: str | None) -> Any:
    """The moves between two days, from the earlier to the later one in whichever order they were picked."""
    if not one or not other:
        return no_update
    day, later = sorted((date.fromisoformat(one), date.fromisoformat(other)))
    moves = services.database.query(history.load_moves, day, later)
    return page.moves(moves, services.cluster_labels(), day, later)
