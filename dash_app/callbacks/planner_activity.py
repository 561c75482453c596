"""What people do around a plan in its drawer: comment on it, approve it."""

from functools import partial
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, no_update
from dash.development.base_component import Component

from dash_app.components import elements
from dash_app.components.planner import drawer
from dash_app.components.planner.discussion import discussion
from dash_app.planning.approval import authors
from dash_app.planning.brief import quoted
from dash_app.planning.plan import Plan, PlanError
from dash_app.planning.plan_events import activity
from dash_app.roadmap.store import StaleEditError, UnknownPlanError
from dash_app.services import Services


def register(app: Dash, services: Services) -> None:
    """Wire the section of comments and activity."""
    app.callback(
        Output("plan-discussion", "children"),
        Output("comment-problem", "children"),
        Input({"type": "comment", "plan": ALL}, "n_clicks"),
        State("plan-comment", "value"),
        State("draft", "data"),
        prevent_initial_call=True,
    )(partial(comment, services))
    app.callback(
        Output("comment-problem", "children", allow_duplicate=True),
        Output("saved", "data", allow_duplicate=True),
        Output("toast", "children", allow_duplicate=True),
        Input({"type": "approve", "plan": ALL}, "n_clicks"),
        State("draft", "data"),
        State("saved", "data"),
        prevent_initial_call=True,
    )(partial(approve, services))


def section(services: Services, plan: Plan) -> Component:
    """The section of a plan on the roadmap, as it is now."""
    revisions = services.roadmap.history(plan.plan_id)
    events = activity(revisions, services.roadmap.comments(plan.plan_id))
    needed = services.settings.require_approval
    return discussion(revisions[0], events, authors(revisions), needs_approval=needed)


def comment(
    services: Services, clicks: list[int | None], text: str | None, draft: dict[str, Any] | None
) -> tuple[Any, Any]:
    """Store a comment, with the revision that the drawer shows, and show all that were made meanwhile."""
    if not any(clicks) or not ctx.triggered_id or not draft:
        return no_update, no_update
    try:
        plan = services.roadmap.plan(ctx.triggered_id["plan"])
        services.roadmap.comment(plan.plan_id, text, int(draft["revision"]), services.current_user())
    except (PlanError, UnknownPlanError) as error:
        return no_update, drawer.problem(error, outdated=False)
    return section(services, plan), no_update


def approve(
    services: Services, clicks: list[int | None], draft: dict[str, Any] | None, saved: int
) -> tuple[Any, Any, Any]:
    """Approve the revision that the drawer shows; a newer one is refused and shows what changed."""
    if not any(clicks) or not ctx.triggered_id or not draft:
        return (no_update,) * 3
    try:
        plan = services.roadmap.approve(ctx.triggered_id["plan"], int(draft["revision"]), services.current_user())
    except StaleEditError as error:
        return drawer.stale(str(error), error.changes, error.newer.plan_id), no_update, no_update
    except (PlanError, UnknownPlanError) as error:
        return drawer.problem(error, outdated=False), no_update, no_update
    return None, (saved or 0) + 1, elements.toast(f"{quoted(plan.name)} is approved.")
