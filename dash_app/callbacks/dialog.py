"""Callbacks of the dialog: evidence, differences, model calls, one user, renaming, comparison, how clusters were chosen."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from dash import ALL, MATCH, Dash, Input, Output, State, ctx, html, no_update
from dash.development.base_component import Component

from dash_app.callbacks.clientside import register_clientside
from dash_app.callbacks.navigation import as_day
from dash_app.callbacks.selections import facts_of
from dash_app.components import choice as choice_components
from dash_app.components import details, elements, funnel, overview, segment_card
from dash_app.components import timeline as timeline_components
from dash_app.components import users as user_components
from dash_app.components.feedback import feedback_form
from dash_app.data import calls, choice, journeys, segment_facts, timeline, users
from dash_app.data.event_catalog import load_event_rows
from dash_app.data.snapshot import Snapshot
from dash_app.services import Services
from grupa_pipeline.exports.segments import Segment, cluster_segment, selected_segment

Content = tuple[str, Component]


@dataclass(frozen=True)
class _Side:
    """A cluster or segment that is compared."""

    segment: Segment
    shown: Component


def register(app: Dash, services: Services) -> None:
    """Register the callbacks of the dialog."""
    app.callback(
        Output("dialog", "opened"),
        Output("dialog", "title"),
        Output("dialog", "children"),
        Input("asked", "data"),
        State("where", "data"),
        prevent_initial_call=True,
    )(partial(show, services))
    register_clientside(
        app,
        "ask",
        Output("asked", "data"),
        Input({"type": "show", "what": ALL, "of": ALL, "at": ALL}, "n_clicks"),
        Input({"type": "compare", "cluster": ALL}, "value"),
        prevent_initial_call=True,
    )
    app.callback(
        Output({"type": "session-events", "of": MATCH}, "children"),
        Input({"type": "session-details", "of": MATCH}, "n_clicks"),
        State({"type": "session-details", "of": MATCH}, "id"),
        State("where", "data"),
        prevent_initial_call=True,
    )(partial(show_events, services))
    app.callback(
        Output("changed", "data", allow_duplicate=True),
        Output("dialog", "opened", allow_duplicate=True),
        Output("toast", "children", allow_duplicate=True),
        Input({"type": "rename", "cluster": ALL}, "n_clicks"),
        State({"type": "new-name", "cluster": ALL}, "value"),
        State("changed", "data"),
        prevent_initial_call=True,
    )(partial(rename, services))


def show(services: Services, request: dict[str, str], where: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Open the dialog with the content of kind `request["what"]` for `request["of"]`."""
    snapshot = services.snapshot(as_day(where["snapshot"]))
    make = CONTENTS.get(request["what"])
    content = make(services, snapshot, request["of"]) if snapshot and make else None
    return (True, *content) if content else (no_update, no_update, no_update)


def rename(services: Services, clicks: list[int | None], names: list[str | None], changed: int) -> tuple[Any, Any, Any]:
    """Save a user's name for a cluster; an empty one restores the pipeline's."""
    if not any(clicks) or not ctx.triggered_id:
        return no_update, no_update, no_update
    services.roadmap.rename_cluster(ctx.triggered_id["cluster"], names[0], services.current_user())
    message = "The name is saved." if (names[0] or "").strip() else "The pipeline's name is back."
    return changed + 1, False, elements.toast(message)


def _evidence(services: Services, snapshot: Snapshot, of: str) -> Content | None:
    cluster_id, _, evidence_id = of.partition(" ")
    cluster = snapshot.cluster(cluster_id)
    found = next((each for each in cluster.evidence if each.evidence_id == evidence_id), None) if cluster else None
    return ("The numbers behind it", details.evidence(found, cluster, snapshot)) if cluster and found else None


def _differences(services: Services, snapshot: Snapshot, of: str) -> Content | None:
    cluster = snapshot.cluster(of)
    return (f"What sets {cluster.name} apart", details.differences(cluster)) if cluster else None


def _model(services: Services, snapshot: Snapshot, of: str) -> Content | None:
    cluster = snapshot.cluster(of)
    if cluster is None:
        return None
    found = services.database.query(calls.load_calls, snapshot.day, of)
    return "What did the model see?", details.model_calls(cluster, found)


def _user(services: Services, snapshot: Snapshot, of: str) -> Content | None:
    user = services.database.query(users.load_user, snapshot.day, of)
    return (f"Why is {of} here?", user_components.why_here(user, snapshot)) if user else None


def show_events(services: Services, clicks: int | None, of: dict[str, str], where: dict[str, Any]) -> Component | None:
    """The events of one session with their metadata; none again at the next click."""
    snapshot = services.snapshot(as_day(where["snapshot"]))
    if not clicks or clicks % 2 == 0 or snapshot is None:
        return None
    first_at, last_at, user_id = of["of"].split(" ", 2)
    bounds = (datetime.fromisoformat(each) for each in (first_at, last_at))
    found = services.database.query(timeline.load_user_events, user_id, *bounds)
    return timeline_components.event_details(found, snapshot)


def _timeline(services: Services, snapshot: Snapshot, of: str) -> Content | None:
    page, _, user_id = of.partition(" ")
    return _show_timeline(services, snapshot, user_id, int(page) if page.isdigit() else 1)


def _typical(services: Services, snapshot: Snapshot, of: str) -> Content | None:
    """A typical user of a cluster; `of` is the cluster and which of them."""
    cluster_id, _, number = of.partition(" ")
    at = int(number) if number.isdigit() else 0
    user_id = services.database.query(timeline.load_typical_user, snapshot.day, cluster_id, at)
    return _show_timeline(services, snapshot, user_id, 1, (cluster_id, at)) if user_id else None


def _step(services: Services, snapshot: Snapshot, of: str) -> Content | None:
    """Who got to a step of a funnel and did not go on; `of` is the group, the step's place and the goal."""
    group, place, goal = of.split(" ", 2)
    own = snapshot.journeys.get(group)
    found = next((each for each in own.funnels if each.goal == goal), None) if own else None
    if found is None or int(place) + 1 >= len(found.steps):
        return None
    step, following = found.steps[int(place) : int(place) + 2]
    users_of_step = services.database.query(
        journeys.load_step_users, snapshot.day, group, goal, step.action, following.action
    )
    title = f"From {step.label} to {following.label}"
    if users_of_step is None:
        return title, html.P("Who went on at this step was not measured for each user.", className="quiet")
    return title, funnel.step_users(users_of_step, step, following)


def _show_timeline(
    services: Services, snapshot: Snapshot, user_id: str, page: int, another: tuple[str, int] | None = None
) -> Content:
    found = services.database.query(timeline.load_timeline, snapshot.day, user_id, page)
    title = f"What {user_id} did"
    if found is None:
        return title, timeline_components.no_events(user_id)
    user = services.database.query(users.load_user, snapshot.day, user_id)
    cluster = snapshot.cluster(user["cluster_id"]) if user else None
    roles = {row["action"]: row["role"] for row in services.database.query(load_event_rows)}
    return title, timeline_components.timeline(found, snapshot, cluster, roles, another)


def _rename(services: Services, snapshot: Snapshot, of: str) -> Content | None:
    cluster = snapshot.cluster(of)
    return (
        ("Rename the cluster", details.rename(cluster, services.roadmap.cluster_name_history(of))) if cluster else None
    )


def _feedback(services: Services, snapshot: Snapshot, of: str) -> Content | None:
    found = snapshot.insight(of)
    return ("Feedback", feedback_form(found[1])) if found else None


def _choice(services: Services, snapshot: Snapshot, of: str) -> Content | None:
    found = services.database.query(choice.load_choice, snapshot.day)
    return (overview.choice_title(snapshot), choice_components.how_chosen(found, snapshot)) if found else None


def _compare(services: Services, snapshot: Snapshot, of: str) -> Content | None:
    sides = [_side(services, snapshot, each) for each in of.split(" ", 1)]
    if len(sides) < 2 or None in sides:
        return None
    left, right = (side for side in sides if side)
    found = services.database.query(segment_facts.compare_segments, snapshot.day, left.segment, right.segment)
    names = left.segment.name, right.segment.name
    return f"{names[0]} and {names[1]}", details.compare((left.shown, right.shown), names, found, snapshot)


def _side(services: Services, snapshot: Snapshot, key: str) -> _Side | None:
    """The cluster or saved segment of that id, as a side of a comparison."""
    if cluster := snapshot.cluster(key):
        return _Side(cluster_segment(key, cluster.name), details.cluster_side(cluster, snapshot))
    saved = next((each for each in services.segments() if each.segment_id == key), None)
    if saved is None:
        return None
    facts = facts_of(services, snapshot, saved.rule)
    shown = segment_card.side(saved.name, facts, saved.rule, snapshot)
    return _Side(selected_segment(saved.rule, key, saved.name), shown)


CONTENTS: dict[str, Callable[[Services, Snapshot, str], Content | None]] = {
    "evidence": _evidence,
    "differences": _differences,
    "model": _model,
    "user": _user,
    "timeline": _timeline,
    "typical": _typical,
    "step": _step,
    "rename": _rename,
    "feedback": _feedback,
    "compare": _compare,
    "choice": _choice,
}
"""What each button of type `show` opens, by its `what`."""
