"""The page Events: every action of the log, what it means, who says so; one click changes it."""

from collections.abc import Sequence

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dash_app.components import empty, events
from dash_app.data import event_catalog
from dash_app.data.event_catalog import Event
from dash_app.data.snapshot import Snapshot
from dash_app.monitoring.dagster_runs import DagsterRuns
from dash_app.services import Services
from grupa_pipeline.event_catalog.action_meanings import goal_note
from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.event_catalog.roles_file import RolesError
from grupa_pipeline.storage import run_request
from grupa_pipeline.storage.warehouse import NoWarehouseError


def build(services: Services, snapshot: Snapshot | None, selected: str | None) -> Component:
    """The page; it is about the newest snapshot, whichever is chosen."""
    try:
        roles = services.roles()
    except RolesError as error:
        return empty.unreadable_roles(str(error))
    if not shown_events(services, roles):
        return empty.no_events()
    return html.Div(
        [
            html.H1("Events", className="shown-title"),
            html.Div(status(services, roles), id="events-status"),
            dmc.TextInput(
                id="events-filter", label="Find an action", placeholder="Part of its name", debounce=300, size="sm"
            ),
            html.Div(events.event_list(shown_events(services, roles), ""), id="events-list"),
            events.product_form(roles.product),
            dcc.Store(id="events-changed"),
        ],
        className="events-page",
    )


def status(services: Services, roles: Roles) -> list[Component]:
    """What is recognised, and whether segmenting again is due."""
    shown = shown_events(services, roles)
    read = [{"action": each.action, "role": each.role, "events": each.events} for each in shown]
    likely = {row["action"]: row["goal_likeness"] for row in event_rows(services)}
    note = goal_note([{**row, "goal_likeness": likely[str(row["action"])]} for row in read])
    used = services.database.query(event_catalog.load_used_roles)
    is_due = used is not None and used != roles.sha256()
    notices = []
    if is_due:
        runs = DagsterRuns(services.settings.dagster_home).now(patience=0.5)  # its import may take seconds
        requested = run_request.requested_at(services.settings.warehouse) is not None
        pending = sum(each.is_pending for each in shown)
        notices.append(events.due_notice(pending, dagster_runs=runs is None or runs.alive, requested=requested))
    return [*notices, events.summary(shown, note, confirmed=roles.confirmed)]


def shown_events(services: Services, roles: Roles) -> list[Event]:
    """The actions as the next run will read them; none where nothing has been published."""
    rows = event_rows(services)
    return event_catalog.shown_events(rows, roles, services.database.query(event_catalog.load_bars)) if rows else []


def event_rows(services: Services) -> Sequence[event_catalog.EventRecord]:
    """Rows of the event catalogue; none where nothing has been published."""
    try:
        return services.database.query(event_catalog.load_event_rows)
    except NoWarehouseError:
        return ()
