"""Records what came of a plan: the result, the decision, the lesson."""

from functools import partial
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, no_update

from dash_app.components import elements
from dash_app.components.planner import drawer
from dash_app.planning.brief import quoted
from dash_app.planning.decisions import with_outcome
from dash_app.planning.plan import PlanError
from dash_app.planning.result_files import ResultFileError
from dash_app.roadmap.store import StaleEditError, UnknownPlanError, utc_now
from dash_app.services import Services

OUTCOME = {"type": "outcome-field", "name": ALL}


def register(app: Dash, services: Services) -> None:
    """Wire the form below a plan."""
    app.callback(
        Output("outcome-problem", "children"),
        Output("saved", "data", allow_duplicate=True),
        Output("toast", "children", allow_duplicate=True),
        Input({"type": "record", "plan": ALL}, "n_clicks"),
        State(OUTCOME, "value"),
        State(OUTCOME, "id"),
        State("draft", "data"),
        State("saved", "data"),
        prevent_initial_call=True,
    )(partial(record, services))


def record(
    services: Services,
    clicks: list[int | None],
    values: list[str | None],
    ids: list[dict[str, str]],
    draft: dict[str, Any] | None,
    saved: int,
) -> tuple[Any, Any, Any]:
    """Store the outcome on the revision that the drawer shows; what cannot be read is refused and changes nothing."""
    if not any(clicks) or not ctx.triggered_id or not draft:
        return (no_update,) * 3
    fields = {each["name"]: value or "" for each, value in zip(ids, values, strict=True)}
    try:
        stored = services.roadmap.plan(ctx.triggered_id["plan"])
        plan = with_outcome(
            stored, result=fields["result"], decision=fields["decision"], lesson=fields["lesson"], now=utc_now()
        )
        services.roadmap.save(plan, int(draft["revision"]), services.current_user())
    except StaleEditError as error:
        return drawer.stale(str(error), error.changes, error.newer.plan_id), no_update, no_update
    except (PlanError, ResultFileError, UnknownPlanError) as error:
        return drawer.problem(error, outdated=False), no_update, no_update
    return None, (saved or 0) + 1, elements.toast(f"What came of {quoted(plan.name)} is recorded.")
