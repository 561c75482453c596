"""Callbacks of the page Events: what a person says goes into the roles file, and the next run follows it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, no_update

from dash_app.components import elements
from dash_app.components import events as event_components
from dash_app.data.event_catalog import Event
from dash_app.pages import events
from dash_app.services import Services
from grupa_pipeline.event_catalog.roles_edit import RolesEdit
from grupa_pipeline.event_catalog.roles_file import RolesError
from grupa_pipeline.storage import roles_store, run_request
from grupa_pipeline.storage.roles_store import RolesNotWritableError
from grupa_pipeline.vocabulary.action_names import readable
from grupa_pipeline.vocabulary.enums import DecidedBy

_ROLE, _LABEL = {"type": "event-role", "key": ALL}, {"type": "event-label", "key": ALL}
_BUTTON = {"type": "event-do", "what": ALL, "key": ALL}


def register(app: Dash, services: Services) -> None:
    """Register the callbacks of the page Events."""
    app.callback(
        Output("events-list", "children"),
        Output("events-status", "children"),
        Input("events-changed", "data"),
        Input("events-filter", "value"),
        prevent_initial_call=True,
    )(partial(show, services))
    changed = (
        Output("events-changed", "data", allow_duplicate=True),
        Output("toast", "children", allow_duplicate=True),
    )
    app.callback(*changed, Input(_ROLE, "value"), prevent_initial_call=True)(partial(set_role, services))
    app.callback(*changed, Input(_LABEL, "value"), prevent_initial_call=True)(partial(set_label, services))
    app.callback(*changed, Input(_BUTTON, "n_clicks"), prevent_initial_call=True)(partial(press, services))
    app.callback(
        *changed,
        Input("product-save", "n_clicks"),
        State("product-description", "value"),
        State("product-success", "value"),
        State("product-language", "value"),
        prevent_initial_call=True,
    )(partial(save_product, services))


def show(services: Services, changed: Mapping[str, Any] | None, query: str | None) -> tuple[Any, Any]:
    """The list as the search finds it and as it is now, and what is said above it."""
    try:
        roles = services.roles()
    except RolesError as error:
        return no_update, [elements.notice("The roles file cannot be used", str(error), kind="error")]
    above = events.status(services, roles)
    if changed and "lines" in changed:
        above = [event_components.not_writable(changed["message"], changed["lines"]), *above]
    return event_components.event_list(events.shown_events(services, roles), query or ""), above


def set_role(services: Services, values: list[str | None]) -> tuple[Any, Any]:
    """Set the role of the action whose choice changed; the empty choice takes a person's role back."""
    event, value = _changed(services)
    if event is None or value is None or value == event.role:
        return no_update, no_update
    edit = RolesEdit({event.action: {"role": value or None}})
    words = event_components.ROLE_WORDS
    title = next((title for role, (title, _) in words.items() if role == value), "as its name says")
    return _save(services, edit, f"{event.label}: {title}. It takes effect in the next run.")


def set_label(services: Services, values: list[str | None]) -> tuple[Any, Any]:
    """Set what people read instead of an action's name; empty goes back to the name."""
    event, value = _changed(services)
    if event is None or (value or "").strip() == event.label:
        return no_update, no_update
    label = " ".join((value or "").split())
    edit = RolesEdit({event.action: {"label": label if label not in ("", readable(event.action)) else None}})
    return _save(services, edit, f"{event.action} is read as “{label or readable(event.action)}” from the next run on.")


def press(services: Services, clicks: list[int | None]) -> tuple[Any, Any]:
    """Carry out the pressed button: accept all, take a proposal, change who decides, or segment again."""
    if not ctx.triggered_id or not any(clicks) or not ctx.triggered[0]["value"]:
        return no_update, no_update
    what, key = ctx.triggered_id["what"], ctx.triggered_id["key"]
    if what == "run":
        run_request.request_run(services.settings.warehouse)
        return _now(), elements.toast("The users are about to be segmented again.")
    shown = events.shown_events(services, services.roles())
    if what == "accept":
        taken = {each.action: {"role": each.proposed_role.value} for each in shown if each.proposed_role}
        at = datetime.now(UTC).isoformat(timespec="seconds")
        edit = RolesEdit(taken, confirmed=(at, services.current_user()))
        return _save(services, edit, "Accepted. New actions will be shown here as they come.")
    event = next((each for each in shown if each.key == key), None)
    if event is None:
        return no_update, no_update
    if what == "take" and event.proposed_role:
        return _save(services, RolesEdit({event.action: {"role": event.proposed_role.value}}), f"{event.label} is set.")
    other = DecidedBy.USER if event.decided_by == DecidedBy.SYSTEM else DecidedBy.SYSTEM
    return _save(services, RolesEdit({event.action: {"decided_by": other.value}}), f"{event.label} is set.")


def save_product(
    services: Services, clicks: int | None, description: str | None, success: str | None, language: str | None
) -> tuple[Any, Any]:
    """Save what the product is."""
    if not clicks:
        return no_update, no_update
    told = {"description": description or "", "success": success or "", "language": language or ""}
    return _save(services, RolesEdit(product=told), "Saved. The next texts by a model read it.")


def _changed(services: Services) -> tuple[Event | None, str | None]:
    """The action whose field triggered the callback, as it is now, and the field's value."""
    if not ctx.triggered_id:
        return None, None
    key = ctx.triggered_id["key"]
    shown = events.shown_events(services, services.roles())
    return next((each for each in shown if each.key == key), None), ctx.triggered[0]["value"]


def _save(services: Services, edit: RolesEdit, message: str) -> tuple[Any, Any]:
    try:
        roles_store.edit_file(services.settings, edit)
    except RolesNotWritableError as error:
        return {**_now(), "message": str(error), "lines": error.lines}, no_update
    except RolesError as error:
        return no_update, elements.toast(str(error), stays=True)
    return _now(), elements.toast(message)


def _now() -> dict[str, Any]:
    return {"at": datetime.now(UTC).timestamp()}
