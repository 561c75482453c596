"""Callbacks of selections: users inside a lasso or of a filter, open in the panel, saved as a segment, compared."""

from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlencode

from dash import ALL, Dash, Input, Output, State, ctx, no_update
from dash.development.base_component import Component

from dash_app.callbacks.clientside import register_clientside
from dash_app.callbacks.navigation import as_day
from dash_app.components import elements, segment_card, segment_form
from dash_app.components.segment_form import FormChoices
from dash_app.data import segment_facts, users
from dash_app.data.event_catalog import load_event_rows
from dash_app.data.journeys import GroupJourneys
from dash_app.data.segment_facts import SegmentFacts
from dash_app.data.snapshot import Snapshot
from dash_app.roadmap.segment_edits import UnknownSavedSegmentError
from dash_app.services import Services
from grupa_pipeline.exports.saved_segments import SavedSegment
from grupa_pipeline.exports.segments import selected_segment
from grupa_pipeline.vocabulary.enums import Role
from grupa_pipeline.vocabulary.segment_rules import SegmentRule, SegmentRuleError

FIELDS = {"type": "segment-field", "name": ALL}


@dataclass(frozen=True)
class Selection:
    """What somebody selected: a rule, and the saved segment that it is of, if any."""

    rule: SegmentRule
    saved: SavedSegment | None = None


def register(app: Dash, services: Services) -> None:
    """Register the callbacks of selections."""
    register_clientside(
        app,
        "select",
        Output("url", "search", allow_duplicate=True),
        Output("segment", "data"),
        Input({"type": "segment-do", "what": ALL, "of": ALL}, "n_clicks"),
        Input("map", "selectedData"),
        State(FIELDS, "value"),
        State(FIELDS, "id"),
        State("selection", "data"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    # An output that nothing is put out to: without one Dash does not call it when the store comes onto the page.
    register_clientside(app, "draw_segment", Output("segment-drawn", "clear_data"), Input("segment-drawn", "data"))
    register_clientside(app, "segment_link", Output("segment-link", "content"), Input("segment-link", "n_clicks"))
    app.callback(Output("segment-body", "children"), Input("segment-asked", "data"), State("where", "data"))(
        partial(open_segment, services)
    )
    app.callback(
        Output("url", "search", allow_duplicate=True),
        Output("changed", "data", allow_duplicate=True),
        Output("toast", "children", allow_duplicate=True),
        Input({"type": "save-segment", "what": ALL}, "n_clicks"),
        State({"type": "segment-name", "of": ALL}, "value"),
        State({"type": "segment-of", "at": ALL}, "data"),
        State("where", "data"),
        State("changed", "data"),
        State("url", "search"),
        prevent_initial_call=True,
    )(partial(save_segment, services))


def open_segment(services: Services, asked: dict[str, Any] | None, where: dict[str, Any] | None) -> Component | None:
    """What the panel shows of what was asked for: a saved segment, a filter, an area of the map, or the empty form."""
    snapshot = services.snapshot(as_day((where or {}).get("snapshot")))
    if snapshot is None or not asked:
        return None
    choices = _choices(services, snapshot)
    fields = asked.get("fields") or {}
    if asked["what"] == "new":
        return segment_card.new_segment(segment_form.form(choices, snapshot, fields))
    try:
        selection = selected(services, snapshot, asked, choices)
    except (SegmentRuleError, UnknownSavedSegmentError) as error:
        return segment_card.new_segment(segment_form.form(choices, snapshot, fields), str(error))
    facts = facts_of(services, snapshot, selection.rule, drawn=True)
    own = None if selection.rule.users is not None else segment_form.fields_of(selection.rule, choices.fields)
    form = None if own is None else segment_form.form(choices, snapshot, own)
    return segment_card.open_segment(facts, selection.rule, snapshot, form, selection.saved, services.segments())


def save_segment(
    services: Services,
    clicks: list[int | None],
    names: list[str | None],
    asked: list[dict[str, Any] | None],
    where: dict[str, Any],
    changed: int,
    search: str | None,
) -> tuple[Any, Any, Any]:
    """Save what is open in the panel under a name, or delete it."""
    snapshot = services.snapshot(as_day(where["snapshot"]))
    if not any(clicks) or not ctx.triggered_id or snapshot is None or not asked or not asked[0]:
        return no_update, no_update, no_update
    user = services.current_user()
    try:
        selection = selected(services, snapshot, asked[0], _choices(services, snapshot))
        if ctx.triggered_id["what"] == "delete" and selection.saved:
            gone = services.roadmap.remove_segment(selection.saved.segment_id, user)
            return _search(search, ""), changed + 1, elements.toast(f"“{gone.name}” is deleted.")
        of = selection.saved.segment_id if selection.saved else None
        saved = services.roadmap.save_segment((names or [""])[0] or "", selection.rule, user, of)
    except (SegmentRuleError, UnknownSavedSegmentError) as error:
        return no_update, no_update, elements.toast(str(error), stays=True)
    return _search(search, saved.segment_id), changed + 1, elements.toast(f"“{saved.name}” is saved.")


def selected(services: Services, snapshot: Snapshot, asked: dict[str, Any], choices: FormChoices) -> Selection:
    """The rule that was asked for.

    Raises:
        SegmentRuleError: It selects nobody in particular.
        UnknownSavedSegmentError: There is no such saved segment.
    """
    key = asked.get("of")
    saved = next((each for each in services.segments() if each.segment_id == key), None)
    if asked["what"] == "saved":
        if saved is None:
            raise UnknownSavedSegmentError(f"There is no segment {key} any more; it may have been deleted.")
        return Selection(saved.rule, saved)
    if asked["what"] == "area":
        corners = tuple(map(float, asked["x"])), tuple(map(float, asked["y"]))
        inside = services.database.query(segment_facts.find_in_area, snapshot.day, *corners)
        return Selection(SegmentRule(users=inside))
    return Selection(segment_form.rule_of(asked.get("fields") or {}, choices.fields), saved)


def facts_of(services: Services, snapshot: Snapshot, rule: SegmentRule, *, drawn: bool = False) -> SegmentFacts:
    """Who a rule selects in a snapshot; `drawn` also finds them on the map."""
    points = services.database.query(users.load_points, snapshot.day) if drawn else None
    places = tuple(zip(points.user_id, points.cluster_id, strict=True)) if points else ()
    ways = snapshot.journeys.get(None, GroupJourneys()).funnels
    goal = snapshot.goal_rates.metric if snapshot.goal_rates else None
    everyone = services.database.query(segment_facts.load_averages, snapshot.day)
    return services.database.query(
        segment_facts.describe_segment, snapshot.day, selected_segment(rule), everyone, goal, ways, places
    )


def _choices(services: Services, snapshot: Snapshot) -> FormChoices:
    rows = services.database.query(load_event_rows)
    actions = [(row["action"], snapshot.labels.label(row["action"])) for row in rows]
    goals = [row["action"] for row in rows if row["role"] == Role.GOAL]
    return FormChoices(actions, goals, services.database.query(segment_facts.load_metadata_values, snapshot.day))


def _search(search: str | None, segment_id: str) -> str:
    """The address's query with another segment open, and no cluster."""
    kept = [
        (name, value) for name, value in parse_qsl((search or "").lstrip("?")) if name not in ("segment", "cluster")
    ]
    query = urlencode([*kept, ("segment", segment_id)] if segment_id else kept)
    return f"?{query}" if query else ""
