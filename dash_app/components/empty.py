"""Notices in place of a page that has nothing to show: each says why, and what to do next."""

from dash import dcc, html
from dash.development.base_component import Component

from dash_app.components import elements
from dash_app.components.addresses import address


def no_warehouse() -> Component:
    """Nothing has been published yet."""
    return _page(
        "No log has been read yet",
        "Grupa finds groups of users in an event log: a CSV with the columns user_id, timestamp and action (metadata is optional).",
        html.P(
            [
                dcc.Link("Drop a log on the Data page", href=address("/data")),
                ", or run ",
                html.Code("grupa run LOG.csv"),
                " in a terminal.",
            ]
        ),
        html.P(["To see it with a sample log, run ", html.Code("grupa demo"), "."]),
    )


def no_such_snapshot() -> Component:
    """The address names a day that has no snapshot."""
    return _page(
        "There is no snapshot of that day",
        "Choose another one.",
        html.P(dcc.Link("Show the newest", href=address("/"))),
    )


def no_such_page() -> Component:
    """The address names no page."""
    return _page(
        "There is no such page",
        "The address may be misspelt.",
        html.P(dcc.Link("Go to the clusters", href=address("/"))),
    )


def no_events() -> Component:
    """No snapshot has an event catalogue yet."""
    return _page(
        "No events to look through yet",
        "What the actions of a log mean is shown here once its users have been segmented.",
        html.P(
            [dcc.Link("Drop a log on the Data page", href=address("/data")), ", or run ", html.Code("grupa run"), "."]
        ),
    )


def unreadable_roles(message: str) -> Component:
    """The roles file cannot be used."""
    return _page("The roles file cannot be used", message, kind="error")


def no_plan(message: str) -> Component:
    """The address names a plan or recommendation that is not there."""
    return elements.notice("There is no such plan", message, kind="warning")


def not_plannable(message: str) -> Component:
    """No test can be sized for these users."""
    return elements.notice("This cannot be planned as a test", message, kind="warning")


def damaged(message: str) -> Component:
    """The published file does not open, or what it names is damaged."""
    return _page("The warehouse is damaged", message, kind="error")


def missing(message: str) -> Component:
    """The warehouse was there, and is gone."""
    return _page("The warehouse is gone", message, kind="error")


def _page(title: str, text: str, *children: Component, kind: str = "info") -> Component:
    return html.Div(elements.notice(title, text, *children, kind=kind), className="empty")
