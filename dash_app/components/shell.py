"""The frame of every page: rail, header, drawer, dialog, toasts, and the stores that hold the selection."""

from collections.abc import Sequence
from datetime import date, datetime

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components import elements
from dash_app.components.addresses import address
from dash_app.components.elements import aria
from dash_app.data.snapshot import Snapshot
from grupa_pipeline.auth.account_page import ACCOUNT
from grupa_pipeline.auth.login import SIGN_OUT

DARK = ("#e9ebf0", "#c6cbd6", "#a9b0be", "#8b93a3", "#4b5263", "#343946", "#272b35", "#1d2027", "#16181d", "#101216")
"""Greys of the dark theme, from text to ground, as the style sheet has them."""

THEME = {
    "primaryColor": "indigo",
    # White text needs this shade for its contrast in both themes.
    "primaryShade": 7,
    "autoContrast": True,
    "luminanceThreshold": 0.35,
    "defaultRadius": "md",
    "colors": {"dark": list(DARK)},
    "fontFamily": "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif",
}
RAIL = (
    ("/", "Clusters", "map"),
    ("/roadmap", "Roadmap", "board"),
    ("/learnings", "Learnings", "learnings"),
    ("/history", "History", "history"),
    ("/events", "Events", "events"),
    ("/data", "Data", "data"),
)


def shell(*, people_sign_in: bool = False) -> Component:
    """The frame; the page, header facts and drawer are filled by callbacks."""
    component: Component = dmc.MantineProvider(
        [
            dcc.Location(id="url", refresh="callback-nav"),
            dcc.Store(id="where"),
            dcc.Store(id="selection"),
            dcc.Store(id="planning"),
            dcc.Store(id="changed", data=0),
            dcc.Store(id="segment"),
            dcc.Store(id="picked"),
            dcc.Store(id="hovered"),
            dcc.Store(id="asked"),
            dcc.Store(id="scheme", storage_type="local"),
            dcc.Store(id="replan"),
            dcc.Store(id="saving"),
            dcc.Store(id="saved", data=0),
            dcc.Store(id="draft"),
            dcc.Store(id="unsaved"),
            dcc.Store(id="dropped"),
            dcc.Store(id="plan-tool"),
            html.Div(id="toast", role="status"),
            _news(),
            html.A("Skip to the page", href="#page", className="skip"),
            html.Div(
                [_rail(), _header(people_sign_in), html.Main(_waiting(), id="page", tabIndex="-1")], className="frame"
            ),
            dmc.Drawer(
                id="drawer",
                position="right",
                size="min(46rem, 100vw)",
                padding="lg",
                title=html.Span("Plan a test", className="drawer-title"),
                closeButtonProps={"aria-label": "Close the planner"},
                children=html.Div(id="planner"),
            ),
            dmc.Modal(id="dialog", size="lg", title="", children=[], closeButtonProps={"aria-label": "Close"}),
        ],
        id="theme",
        theme=THEME,
        forceColorScheme="light",
    )
    return component


def snapshot_picker(days: Sequence[date], chosen: date | None) -> Component:
    """Which snapshot is shown."""
    component: Component = dmc.Select(
        id="snapshot-picker",
        data=[{"value": each.isoformat(), "label": formatting.day(each)} for each in days],
        value=chosen.isoformat() if chosen else None,
        allowDeselect=False,
        size="sm",
        w=150,
        comboboxProps={"withinPortal": True, "keepMounted": False},  # a year of days is drawn when it is opened
        **aria(label="Snapshot"),
    )
    return component


def header_facts(snapshot: Snapshot | None, days: Sequence[date], now: datetime) -> list[Component]:
    """The snapshot picker, how fresh it is, and who wrote the insights."""
    if snapshot is None:
        return [snapshot_picker(days, None)] if days else [html.Span("No snapshot yet", className="quiet")]
    models = snapshot.models
    writer = f"Insights by {', '.join(models)}" if models else "Insights by rules, no model was asked"
    made = formatting.age(snapshot.created_at, now)
    fresh = f"{formatting.users(snapshot.users)}, events to {formatting.day(snapshot.day)}, made {made}"
    return [
        snapshot_picker(days, snapshot.day),
        html.Span(fresh, className="quiet fresh"),
        html.Span([elements.icon("spark" if models else "rules"), writer], className="badge writer"),
    ]


def _rail() -> Component:
    links = [
        dcc.Link(
            [elements.icon(picture), html.Span(label)],
            href=address(path),
            id={"type": "rail", "path": path},
            className="rail-link",
        )
        for path, label, picture in RAIL
    ]
    return html.Nav(
        [html.Span("g", className="logo", **aria(hidden="true")), *links],
        className="rail",
        **aria(label="Pages"),
    )


def _header(people_sign_in: bool) -> Component:
    # Without dcc.Link: the page is the server's, not the app's.
    account = html.A("Account", href=address(ACCOUNT), className="link")
    leave = html.Form(html.Button("Sign out", type="submit", className="link"), action=address(SIGN_OUT), method="post")
    return html.Header(
        [
            html.Div(id="header-facts", className="header-facts"),
            html.Span("Planning only: nothing goes live", className="quiet promise"),
            elements.icon_button("theme", "Switch between light and dark", "scheme-switch"),
            *([account, leave] if people_sign_in else []),
        ],
        className="header",
    )


def _news() -> Component:
    """The notice that `watch.js` shows: a newer snapshot, or a session that has ended."""
    later = html.Button(elements.icon("close"), id="news-later", className="bare", **aria(label="Dismiss"))
    content = [html.Span(id="news-words"), html.A(id="news-go", href=address("/"), className="link"), later]
    return html.Div(html.Div(content, id="news", className="toast", hidden=True), className="news", role="status")


def _waiting() -> Component:
    return html.Div(
        [dmc.Skeleton(height=28, width="30%"), dmc.Skeleton(height="60vh", mt="md")],
        className="waiting",
        **aria(busy="true"),
    )
