"""Approval of a plan by another person: who may give it, what takes it back, and what it is needed for. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Any

from dash_app.planning.changes import changes
from dash_app.planning.plan import Plan, PlanError, Problem
from grupa_pipeline.vocabulary.enums import PlanStatus

_NO_EDITS = frozenset({"status", "position", "deleted_at", "approved_by", "approved_at", "tracking"})
"""Fields whose change is no edit of the plan: it was moved, approved, or measured by the app."""
_DESIGN = (
    "hypothesis",
    "population",
    "taking_part",
    "primary_metric",
    "metric_kind",
    "direction",
    "baseline",
    "exposure_days",
    "mde_absolute",
    "alpha",
    "power",
    "sides",
    "traffic_share",
    "cuped",
    "looks",
)


def approved(plan: Plan, revisions: Sequence[Plan], user: str, now: datetime) -> Plan:
    """The plan with the approval of `user`.

    Args:
        plan: The plan as it is stored.
        revisions: Its revisions, the newest first.
        user: Who approves.
        now: The time (UTC).

    Raises:
        PlanError: The last edit, or the last one of the design, is by `user`; or the plan is not one to approve.
    """
    if user in authors(revisions):
        text = f"The last edit of this plan is by {user}: another person has to approve it."
        raise PlanError((Problem("approved_by", text),))
    if plan.approved_by or plan.deleted_at or plan.status is PlanStatus.ARCHIVED:
        state = f"approved by {plan.approved_by} already" if plan.approved_by else "not on the roadmap any more"
        raise PlanError((Problem("approved_by", f"There is nothing to approve: this plan is {state}."),))
    return replace(plan, approved_by=user, approved_at=now)


def authors(revisions: Sequence[Plan]) -> frozenset[str]:
    """Who made the last edit of a plan, and who the last one of its design; `revisions` has the newest first."""
    pairs = list(pairwise(revisions))
    first = revisions[-1].updated_by
    last_edit = next((new.updated_by for new, old in pairs if _is_edit(old, new)), first)
    last_design = next((new.updated_by for new, old in pairs if design_of(old) != design_of(new)), first)
    return frozenset({last_edit, last_design})


def with_approval_of(before: Plan, edited: Plan, *, required: bool) -> Plan:
    """The edited plan, which keeps its approval while the test's design is the one that was approved.

    Where an approval is needed to be scheduled, a scheduled plan that loses it is ready again.
    """
    if before.approved_by is None or design_of(before) == design_of(edited):
        return edited
    falls_back = required and before.status is edited.status is PlanStatus.SCHEDULED
    status = PlanStatus.READY if falls_back else edited.status
    return replace(edited, approved_by=None, approved_at=None, status=status)


def check_scheduled(before: Plan | None, edited: Plan, *, required: bool) -> None:
    """Refuse to schedule a plan that nobody approved, where that is needed; one that is scheduled already stays so.

    Raises:
        PlanError: It has no approval.
    """
    was = before is not None and before.status is PlanStatus.SCHEDULED
    if required and edited.status is PlanStatus.SCHEDULED and not was and edited.approved_by is None:
        text = "Before it is scheduled, somebody other than who edited it last has to approve this plan."
        raise PlanError((Problem("status", text),))


def design_of(plan: Plan) -> tuple[Any, ...]:
    """What is tested on whom and how it is read: all that an approval holds for."""
    arms = tuple((arm.name, arm.weight, arm.description) for arm in plan.variants)
    rails = tuple((rail.metric, rail.worse, rail.margin_absolute) for rail in plan.guardrails)
    return (*(getattr(plan, name) for name in _DESIGN), arms, rails)


def _is_edit(before: Plan, after: Plan) -> bool:
    return any(change.field not in _NO_EDITS for change in changes(before, after))
