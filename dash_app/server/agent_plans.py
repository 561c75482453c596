"""The route by which an agent proposes a test: a plan of status `idea`, which stays one until a person makes it a draft.

`POST /api/plans` with a token of the scope `plan` and the JSON object
`{"recommendation_id": "...", "snapshot_date": "YYYY-MM-DD"}` (default: the newest snapshot).
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from flask import Flask, Response, jsonify, request

from dash_app import plan_options
from dash_app.data.snapshot import Cluster, Insight, Snapshot
from dash_app.planning.baseline import BaselineError
from dash_app.planning.design import SizeError
from dash_app.planning.duration import DurationError
from dash_app.planning.plan import Plan, PlanError
from dash_app.planning.positions import new_plan_id
from dash_app.server.auth import current_token
from dash_app.services import Services
from grupa_pipeline.auth.tokens import AccessToken
from grupa_pipeline.storage.file_lock import lock
from grupa_pipeline.storage.warehouse import NoWarehouseError
from grupa_pipeline.vocabulary.enums import InsightKind, PlanStatus

MAX_IDEAS = 20
"""Ideas of one agent that wait for a person."""
_LONGEST_ID = 100
_CANNOT = (BaselineError, DurationError, PlanError, SizeError)


class RefusedIdeaError(Exception):
    """An idea that is not taken; the message says why, `status` is HTTP's."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def register(server: Flask, services: Services) -> None:
    """Add the route."""

    def draft_plan() -> Response:
        token = current_token()
        if token is None:
            raise RuntimeError("the guard lets no request without a token in here")
        try:
            plan, is_new = propose(services, token, request.get_json(silent=True))
        except RefusedIdeaError as refusal:
            response = jsonify(error=str(refusal))
            response.status_code = refusal.status
            return response
        response = jsonify(plan_id=plan.plan_id, status=plan.status, name=plan.name, updated_by=plan.updated_by)
        response.status_code = 201 if is_new else 200
        return response

    server.add_url_rule("/api/plans", "draft_plan", draft_plan, methods=["POST"])


def propose(services: Services, token: AccessToken, body: object) -> tuple[Plan, bool]:
    """Put an agent's idea on the roadmap; the same one again is the one that is there.

    Args:
        services: The app's services.
        token: By which it came in.
        body: The JSON of the request.

    Returns:
        The plan as stored, and whether it is new.

    Raises:
        RefusedIdeaError: The request is unusable, there is no such recommendation, it cannot be planned, or too many wait.
    """
    recommendation_id, day = _request(body)
    found = _find(services, recommendation_id, day)
    # One at a time, over all workers: what is counted stays true, and measuring leaves the app its processor.
    with lock(services.settings.warehouse / ".ideas.lock", purpose="taking an agent's idea"):
        return _take(services, token, *found)


def _take(
    services: Services, token: AccessToken, shown: Snapshot, cluster: Cluster, insight: Insight
) -> tuple[Plan, bool]:
    ideas = _waiting(services.roadmap.plans(), token.agent)
    for idea in ideas:
        if (idea.recommendation_id, idea.snapshot_date) == (insight.insight_id, shown.day):
            return idea, False
    if len(ideas) >= MAX_IDEAS:
        raise RefusedIdeaError(f"{len(ideas)} ideas of {token.agent} wait for a person, the most there may be.", 429)
    try:
        draft = plan_options.new_draft(services, shown, cluster, insight).sizing.plan
        idea = replace(draft, plan_id=new_plan_id(), status=PlanStatus.IDEA, owner=token.owner)
        return services.roadmap.add(idea, token.agent), True
    except _CANNOT as error:
        raise RefusedIdeaError(f"No test can be planned for it: {error}", 422) from error


def _request(body: object) -> tuple[str, date | None]:
    """The recommendation's id and the snapshot's day that a request names."""
    match body:
        case {"recommendation_id": str(named), **rest} if set(rest) <= {"snapshot_date"} and len(named) <= _LONGEST_ID:
            day = rest.get("snapshot_date")
            try:
                return named, None if day is None else date.fromisoformat(str(day))
            except ValueError:
                pass
    raise RefusedIdeaError(
        'Post {"recommendation_id": "...", "snapshot_date": "YYYY-MM-DD"}; the day is optional.', 400
    )


def _find(services: Services, recommendation_id: str, day: date | None) -> tuple[Snapshot, Cluster, Insight]:
    try:
        shown = services.snapshot(day)
    except NoWarehouseError:
        shown = None
    if shown is None:
        raise RefusedIdeaError("There is no such snapshot.", 404)
    found = shown.insight(recommendation_id)
    if found is None or found[1].kind != InsightKind.RECOMMENDATION:
        raise RefusedIdeaError(f"The snapshot of {shown.day} has no such recommendation.", 404)
    return shown, *found


def _waiting(plans: Iterable[Plan], agent: str) -> list[Plan]:
    return [plan for plan in plans if plan.status == PlanStatus.IDEA and plan.updated_by == agent]
