"""The planner drawer: opens filled in, sizes again as fields change, saves to the roadmap, takes back."""

from functools import partial
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, html, no_update
from dash.development.base_component import Component

from dash_app import formatting, plan_drafts, plan_options
from dash_app.callbacks import planner_activity, planner_edits
from dash_app.callbacks.clientside import register_clientside
from dash_app.callbacks.navigation import as_day
from dash_app.components import elements, empty
from dash_app.components.planner import drawer as planner_components
from dash_app.components.planner.calculation import workings
from dash_app.components.planner.form import form
from dash_app.data import history as histories
from dash_app.data.loading import load_catalog
from dash_app.planning.baseline import BaselineError
from dash_app.planning.brief import quoted
from dash_app.planning.changes import cluster_since
from dash_app.planning.decisions import earlier_tests
from dash_app.planning.design import SizeError
from dash_app.planning.duration import DurationError
from dash_app.planning.plan import Plan, PlanError
from dash_app.planning.sizing import sized_before
from dash_app.roadmap.store import StaleEditError, UnknownPlanError
from dash_app.services import Services

FIELDS, MARGINS = {"type": "field", "name": ALL}, {"type": "margin", "metric": ALL}
OPTIONS = {
    "type": "option",
    "plan": ALL,
    "metric": ALL,
    "audience": ALL,
    "clusters": ALL,
    "exposure": ALL,
    "direction": ALL,
}
UNSAVED = "unsaved:"
NOTHING_NEW = (no_update,) * 3
CANNOT = (BaselineError, DurationError, PlanError, SizeError)


def register(app: Dash, services: Services) -> None:
    """Wire the drawer."""
    _register_browser(app)
    app.callback(
        Output("planner", "children"),
        Output("draft", "data"),
        Output("drawer", "title"),
        Input("planning", "data"),
        Input("replan", "data"),
        State("where", "data"),
        State("draft", "data"),
        prevent_initial_call=True,
    )(partial(open_planner, services))
    app.callback(
        Output("plan-numbers", "children"),
        Output("plan-advice", "children"),
        Output("plan-workings", "children"),
        Output("plan-form", "children"),
        Output("plan-problem", "children"),
        Output("draft", "data", allow_duplicate=True),
        Input(FIELDS, "value"),
        Input(MARGINS, "value"),
        State(FIELDS, "id"),
        State(MARGINS, "id"),
        State("draft", "data"),
        prevent_initial_call=True,
    )(partial(edit, services))
    app.callback(
        Output("plan-problem", "children", allow_duplicate=True),
        Output("saved", "data", allow_duplicate=True),
        Output("toast", "children", allow_duplicate=True),
        Input("saving", "data"),
        State(FIELDS, "value"),
        State(MARGINS, "value"),
        State(FIELDS, "id"),
        State(MARGINS, "id"),
        State("draft", "data"),
        State("saved", "data"),
        prevent_initial_call=True,
    )(partial(save, services))
    app.callback(
        Output("toast", "children", allow_duplicate=True),
        Input("unsaved", "data"),
        State("draft", "data"),
        prevent_initial_call=True,
    )(say_unsaved)


def _register_browser(app: Dash) -> None:
    search = Output("url", "search", allow_duplicate=True)
    for name, trigger in (
        ("plan", Input({"type": "plan", "recommendation": ALL, "at": ALL}, "n_clicks")),
        ("open_plan", Input({"type": "open-plan", "plan": ALL}, "n_clicks")),
        ("after_save", Input("saved", "data")),
    ):
        register_clientside(app, name, search, trigger, State("url", "search"), prevent_initial_call=True)
    register_clientside(
        app,
        "close_plan",
        search,
        Output("unsaved", "data"),
        Input("drawer", "opened"),
        State("url", "search"),
        State("draft", "data"),
        prevent_initial_call=True,
    )
    register_clientside(app, "opened_draft", Input("draft", "data"))
    register_clientside(
        app,
        "drawer",
        Output("drawer", "opened"),
        Output("planner", "children", allow_duplicate=True),
        Input("planning", "data"),
        prevent_initial_call=True,
    )
    # Buttons come and go with the drawer, and Dash calls for that too: it would make the draft anew, or drop the call before.
    register_clientside(
        app,
        "replan",
        Output("replan", "data"),
        Input({"type": "reload-plan", "plan": ALL}, "n_clicks"),
        Input({"type": "alternative", "plan": ALL}, "n_clicks"),
        Input(OPTIONS, "n_clicks"),
        prevent_initial_call=True,
    )
    register_clientside(
        app,
        "save_plan",
        Output("saving", "data"),
        Input({"type": "save-plan", "plan": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )


def open_planner(
    services: Services,
    planning: dict[str, str],
    replan: dict[str, Any] | None,
    where: dict[str, Any] | None,
    draft: dict[str, Any] | None,
) -> tuple[Any, Any, Any]:
    """What the drawer shows, its draft and its title.

    For a new plan (`new:INSIGHT`), one on the roadmap, its newer revision, the alternative on offer, or what was closed
    without saving (`unsaved:` before either, as long as the browser holds the draft).
    """
    wanted = planning["plan"].removeprefix(UNSAVED)
    if not wanted:
        return NOTHING_NEW
    try:
        again = _from_draft(services, planning["plan"], replan, draft)
        if again:
            return _drawer(services, again)
        if wanted.startswith("new:"):
            return _new(services, wanted.removeprefix("new:"), (where or {}).get("snapshot"))
        return _drawer(services, services.roadmap.plan(wanted))
    except UnknownPlanError as error:
        return empty.no_plan(str(error)), None, _title("Test plan")
    except CANNOT as error:
        return empty.not_plannable(str(error)), None, _title("Plan a test")


def _from_draft(
    services: Services, wanted: str, replan: dict[str, Any] | None, draft: dict[str, Any] | None
) -> Plan | None:
    """The plan to show that comes of the draft the browser holds: the alternative to it, or itself when it was closed."""
    if not draft:
        return None
    plan = plan_drafts.from_store(draft)
    if replan and ctx.triggered_id == "replan":
        if replan["what"] == "option":
            return plan_options.with_option(services, plan, replan["of"])
        better = plan_drafts.resize(services, plan).alternative if replan["what"] == "alternative" else None
        return better.plan if better else None
    is_wanted = wanted in (f"{UNSAVED}{plan.plan_id}", f"{UNSAVED}new:{plan.recommendation_id}")
    return plan if is_wanted else None


def edit(
    services: Services,
    values: list[Any],
    margin_values: list[Any],
    ids: list[dict[str, str]],
    margin_ids: list[dict[str, str]],
    draft: dict[str, Any] | None,
) -> tuple[Any, Any, Any, Any, Any, Any]:
    """Size the plan again with the current fields; an error is shown and the numbers stay unchanged."""
    if not draft or not values:
        return (no_update,) * 6
    before = plan_drafts.from_store(draft)
    try:
        plan = _filled_in(services, before, values, margin_values, ids, margin_ids)
        sizing = plan_drafts.resize_edit(services, before, plan)
    except CANNOT as error:
        return no_update, no_update, no_update, no_update, planner_components.problem(error), no_update
    catalog = services.database.query(load_catalog)
    shown = before.primary_metric, before.exposure_days, [each["metric"] for each in margin_ids]
    return (
        planner_components.numbers(sizing, catalog),
        planner_components.advice(sizing, catalog),
        workings(sizing, plan_drafts.baseline_of(services, plan), catalog),
        no_update if _form_inputs(plan) == shown else form(plan, catalog),
        None,
        plan_drafts.to_store(sizing.plan),
    )


def save(
    services: Services,
    request: dict[str, Any] | None,
    values: list[Any],
    margin_values: list[Any],
    ids: list[dict[str, str]],
    margin_ids: list[dict[str, str]],
    draft: dict[str, Any] | None,
    saved: int,
) -> tuple[Any, Any, Any]:
    """Put the plan on the roadmap, or its next revision; a stale edit is refused and shows what changed.

    Saves the fields' current values, since the draft may lag behind the last edit.
    """
    if not request or not draft or request["plan"] != draft["plan_id"]:
        return no_update, no_update, no_update
    before, user = plan_drafts.from_store(draft), services.current_user()
    try:
        plan = _filled_in(services, before, values, margin_values, ids, margin_ids)
        plan = before if plan == before else plan_drafts.resize_edit(services, before, plan).plan
        if plan.revision == 0:
            plan = services.roadmap.add(plan_drafts.with_sound_id(plan), user)
            notice = elements.toast(
                f"{quoted(plan.name)} is on the roadmap. Nothing goes live.", undo=("remove", plan.plan_id)
            )
        else:
            stored = services.roadmap.save(plan, plan.revision, user)
            notice = elements.toast(f"{quoted(plan.name)} is saved.{_lost_approval(before, stored)}")
    except StaleEditError as error:
        return planner_components.stale(str(error), error.changes, plan.plan_id), no_update, no_update
    except UnknownPlanError as error:
        return planner_components.problem(error, outdated=False), no_update, no_update
    except CANNOT as error:
        return planner_components.problem(error), no_update, no_update
    return None, (saved or 0) + 1, notice


def _lost_approval(before: Plan, stored: Plan) -> str:
    """What to say of an edit that took the approval back."""
    if before.approved_by is None or stored.approved_by is not None:
        return ""
    ready = f" and it is {stored.status} again" if stored.status is not before.status else ""
    return f" The test's design changed, so {before.approved_by}'s approval is taken back{ready}."


def say_unsaved(unsaved: dict[str, Any] | None, draft: dict[str, Any] | None) -> Any:
    """Show a notice that a plan was closed with unsaved changes, with a link to reopen it."""
    if not unsaved or not draft:
        return no_update
    return elements.toast(f"Your changes to {quoted(draft['name'])} are not saved.", reopen=unsaved["plan"])


def _filled_in(
    services: Services,
    before: Plan,
    values: list[Any],
    margin_values: list[Any],
    ids: list[dict[str, str]],
    margin_ids: list[dict[str, str]],
) -> Plan:
    """The plan as the form says; not sized again."""
    fields = {each["name"]: value for each, value in zip(ids, values, strict=True)}
    limits = {each["metric"]: value for each, value in zip(margin_ids, margin_values, strict=True)}
    return planner_edits.apply(services, before, fields, limits)


def _form_inputs(plan: Plan) -> tuple[str, int, list[str]]:
    """The values that other form fields depend on: metric, exposure and guardrails."""
    return plan.primary_metric, plan.exposure_days, [each.metric for each in plan.guardrails]


def _new(services: Services, insight_id: str, day: str | None) -> tuple[Component, Any, Component]:
    shown = services.snapshot(as_day(day))
    found = shown.insight(insight_id) if shown else None
    if shown is None or found is None:
        message = "This snapshot has no such recommendation; choose the snapshot it was written for."
        return empty.no_plan(message), None, _title("Plan a test")
    draft = plan_options.new_draft(services, shown, *found)
    baseline = plan_drafts.baseline_of(services, draft.sizing.plan)
    notes = (*draft.notes, *_earlier(services, draft.sizing.plan))
    drawer = planner_components.planner(
        draft.sizing,
        baseline,
        shown.catalog,
        notes=notes,
        options=draft.options,
        segments=_segments(services),
        fits=draft.fits,
        nearest=draft.nearest,
    )
    return drawer, plan_drafts.to_store(draft.sizing.plan), _title(planner_components.title(draft.sizing.plan))


def _earlier(services: Services, plan: Plan) -> list[str]:
    """What earlier tests of the same metric or cluster came to, one sentence each."""
    earlier = earlier_tests(services.roadmap.plans(), plan.cluster_id, plan.primary_metric)[:3]
    return [
        f"Tested before: {quoted(each.name)} ({each.decision}). {each.lesson or 'No lesson was written down.'}"
        for each in earlier
    ]


def _drawer(services: Services, plan: Plan) -> tuple[Component, Any, Component]:
    """The drawer of a plan; one on the roadmap opens even when nothing can be counted for it any more."""
    unsized = ""
    try:
        sizing = plan_drafts.resize(services, plan)
    except CANNOT as error:
        if plan.revision == 0:
            raise
        sizing, unsized = sized_before(plan), f"It cannot be sized again. {_why(services, plan, error)}"
    drawer = planner_components.planner(
        sizing,
        plan_drafts.baseline_of(services, plan),
        services.database.query(load_catalog),
        discussed=planner_activity.section(services, plan) if plan.revision else None,
        since=cluster_since(plan.cluster_id, plan.snapshot_date, services.database.query(histories.load_transitions)),
        unsized=unsized,
        segments=_segments(services),
    )
    return drawer, plan_drafts.to_store(sizing.plan), _title(planner_components.title(plan))


def _segments(services: Services) -> list[tuple[str, str]]:
    """Ids and names of the saved segments."""
    return [(each.segment_id, each.name) for each in services.segments()]


def _why(services: Services, plan: Plan, error: Exception) -> str:
    """The root cause why a plan cannot be sized: missing data takes precedence over errors that follow from it."""
    shown = services.snapshot(plan.snapshot_date)
    if shown is None:
        return f"The snapshot of {formatting.day(plan.snapshot_date)} is no longer held."
    if shown.cluster(plan.cluster_id) is None:
        return f"Its cluster {plan.cluster_id} is no longer in the snapshot of {formatting.day(plan.snapshot_date)}."
    return str(error)


def _title(words: str) -> Component:
    return html.Span(words, className="drawer-title")
