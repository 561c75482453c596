"""Searches the page Learnings."""

from functools import partial

from dash import Dash, Input, Output
from dash.development.base_component import Component

from dash_app.pages import learnings
from dash_app.services import Services


def register(app: Dash, services: Services) -> None:
    """Wire the search field."""
    app.callback(Output("learnings-list", "children"), Input("learnings-filter", "value"), prevent_initial_call=True)(
        partial(find, services)
    )


def find(services: Services, text: str | None) -> list[Component]:
    """The tests that hold every word typed."""
    return learnings.found(services, text or "")
