"""What the Roadmap page does when it is used: edit in the table, move on the board, duplicate, remove, undo."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, no_update
from dash.development.base_component import Component

from dash_app import plan_drafts
from dash_app.callbacks.clientside import register_clientside
from dash_app.callbacks.planner import CANNOT
from dash_app.components import elements
from dash_app.components.roadmap_forecast import forecast_lines
from dash_app.planning.brief import quoted
from dash_app.planning.edits import read_edit
from dash_app.planning.plan import Plan
from dash_app.planning.positions import position_between
from dash_app.roadmap.store import StaleEditError, UnknownPlanError
from dash_app.services import Services
from grupa_pipeline.vocabulary.enums import PlanStatus
from grupa_pipeline.vocabulary.plan_fields import PLAN_FIELDS

Answer = tuple[Any, Any]


def register(app: Dash, services: Services) -> None:
    """Wire the Roadmap page and undo."""
    _register_browser(app)
    app.callback(Output("forecast-lines", "children"), Input("forecast-plans", "value"), prevent_initial_call=True)(
        partial(foresee, services)
    )
    for triggers, handle in (
        ([Input("plan-table", "cellValueChanged")], edit_cell),
        ([Input("dropped", "data")], drop),
        ([Input({"type": "step", "plan": ALL, "way": ALL}, "n_clicks")], step),
        ([Input({"type": "move", "plan": ALL}, "value"), State({"type": "move", "plan": ALL}, "id")], move),
        ([Input("plan-tool", "data")], use_tool),
        ([Input({"type": "undo", "what": ALL, "plan": ALL}, "n_clicks")], undo),
    ):
        app.callback(
            Output("saved", "data", allow_duplicate=True),
            Output("toast", "children", allow_duplicate=True),
            *triggers,
            State("saved", "data"),
            prevent_initial_call=True,
        )(partial(answer, services, handle))


def foresee(services: Services, chosen: list[str] | None) -> list[Component]:
    """What the chosen plans may bring in a quarter."""
    return forecast_lines(services.roadmap.plans(), chosen or [], services.catalog())


def _register_browser(app: Dash) -> None:
    tool = {"type": "plan-tool", "what": ALL}
    register_clientside(
        app,
        "plan_tool",
        Output("plan-tool", "data"),
        Output("url", "search", allow_duplicate=True),
        Input(tool, "n_clicks"),
        State("plan-table", "selectedRows", allow_optional=True),  # its tools go a moment after the table
        State("url", "search"),
        prevent_initial_call=True,
    )
    register_clientside(
        app,
        "enable_tools",
        Output(tool, "disabled"),
        Input("plan-table", "selectedRows"),
        State(tool, "id"),
        prevent_initial_call=True,
    )
    register_clientside(
        app,
        "views",
        Output("view-table", "hidden"),
        Output("view-board", "hidden"),
        Output("view-timeline", "hidden"),
        Input("roadmap-view", "value"),
    )
    register_clientside(
        app,
        "filter_plans",
        Output("plan-table", "dashGridOptions"),
        Input("plan-filter", "value"),
        State("plan-table", "dashGridOptions"),
        prevent_initial_call=True,
    )
    register_clientside(
        app,
        "dismiss",
        Output("toast", "children", allow_duplicate=True),
        Input({"type": "dismiss", "of": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )
    register_clientside(app, "let_go", Input("toast", "children"), prevent_initial_call=True)


def answer(services: Services, handle: Callable[..., Any], *values: Any) -> Answer:
    """Run `handle`; a refused change is shown as a notice, and the page shows the stored plans again."""
    *arguments, saved = values
    try:
        notice = handle(services, *arguments)
    except (StaleEditError, UnknownPlanError, *CANNOT) as error:
        return (saved or 0) + 1, elements.toast(f"Not saved. {error}", stays=True)
    return (no_update, no_update) if notice is None else ((saved or 0) + 1, notice)


def edit_cell(services: Services, changed: list[dict[str, Any]] | None) -> Any:
    """Save what was typed into a cell, on the revision that the row shows; a new first day moves the last one too."""
    if not changed:
        return None
    row, field, value = changed[0]["data"], changed[0]["colId"], changed[0]["value"]
    stored = services.roadmap.plan(row["plan_id"])
    plan = replace(stored, **{field: read_edit(PLAN_FIELDS[field], value)})
    if field == "start_date":
        plan = plan_drafts.resize_edit(services, stored, replace(plan, end_date=None)).plan
    services.roadmap.save(plan, int(row["revision"]), services.current_user())
    return elements.toast(f"{quoted(plan.name)} is saved.")


def drop(services: Services, dropped: dict[str, Any] | None) -> Any:
    """Put a dragged plan into a column, before the plan it was dropped on."""
    if not dropped:
        return None
    return _place(services, dropped["plan"], dropped["status"], dropped.get("before"))


def step(services: Services, clicks: Sequence[int]) -> Any:
    """Move a plan one place up or down its column."""
    if not any(clicks) or not ctx.triggered_id:
        return None
    plan_id, way = ctx.triggered_id["plan"], ctx.triggered_id["way"]
    plan = services.roadmap.plan(plan_id)
    column = [each for each in services.roadmap.plans() if each.status == plan.status]
    at = [each.plan_id for each in column].index(plan_id)
    rest = [each for each in column if each.plan_id != plan_id]
    target = at - 1 if way == "up" else at + 1
    if not 0 <= target <= len(rest):
        return None
    before = rest[target].plan_id if target < len(rest) else None
    return _place(services, plan_id, plan.status, before)


def move(services: Services, values: Sequence[str], ids: Sequence[dict[str, str]]) -> Any:
    """Put a plan at the end of the column chosen in its list."""
    if not ctx.triggered_id:
        return None
    plan_id = ctx.triggered_id["plan"]
    status = next(value for each, value in zip(ids, values, strict=True) if each["plan"] == plan_id)
    if services.roadmap.plan(plan_id).status == status:
        return None
    return _place(services, plan_id, status, None)


def use_tool(services: Services, request: dict[str, str] | None) -> Any:
    """Duplicate or remove the plan that is selected in the table."""
    if not request:
        return None
    user = services.current_user()
    if request["what"] == "duplicate":
        copy = services.roadmap.duplicate(request["plan"], user)
        return elements.toast(f"{quoted(copy.name)} is on the roadmap.", undo=("remove", copy.plan_id))
    plan = services.roadmap.remove(request["plan"], user)
    return elements.toast(f"{quoted(plan.name)} is off the roadmap.", undo=("restore", plan.plan_id))


def undo(services: Services, clicks: Sequence[int]) -> Any:
    """Undo the change that the notice reports."""
    if not any(clicks) or not ctx.triggered_id:
        return None
    plan_id, what = ctx.triggered_id["plan"], ctx.triggered_id["what"]
    if what == "remove":
        plan = services.roadmap.remove(plan_id, services.current_user())
        return elements.toast(f"{quoted(plan.name)} is off the roadmap again.")
    plan = services.roadmap.restore(plan_id, services.current_user())
    return elements.toast(f"{quoted(plan.name)} is back.")


def _place(services: Services, plan_id: str, status: str, before: str | None) -> Any:
    column = [each for each in services.roadmap.plans() if each.status == status and each.plan_id != plan_id]
    at = next((place for place, each in enumerate(column) if each.plan_id == before), len(column))
    position = position_between(_position(column, at - 1), _position(column, at))
    plan = services.roadmap.move(plan_id, PlanStatus(status), position, services.current_user())
    return elements.toast(
        f"{quoted(plan.name)} is now {'an' if status in ('idea', 'archived') else 'a'} {status} plan."
    )


def _position(column: Sequence[Plan], at: int) -> float | None:
    return column[at].position if 0 <= at < len(column) else None
