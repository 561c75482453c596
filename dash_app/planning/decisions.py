"""Puts what came of a test into its plan: result, decision and lesson. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from dash_app.planning.estimates import estimate, has_mismatch
from dash_app.planning.plan import Plan, PlanError, Problem
from dash_app.planning.result_files import read_result
from grupa_pipeline.vocabulary.plan_parts import Decision


def with_outcome(plan: Plan, *, result: str, decision: str, lesson: str, now: datetime) -> Plan:
    """The plan with what is known of its test.

    Args:
        plan: The plan as it is stored.
        result: What a platform reports, or one line an arm; empty leaves the result as it is.
        decision: `ship`, `stop` or `iterate`; empty for none yet.
        lesson: What was learnt.
        now: The time (UTC).

    Raises:
        ResultFileError: The result cannot be read, or its arms are not the plan's.
        PlanError: There is a decision to ship without a result that can be read.
    """
    if result.strip():
        arms, source = read_result(result, plan)
        plan = replace(plan, result=estimate(plan, arms, source, now.date()))
    decided = _decision(decision)
    if decided is Decision.SHIP and (plan.result is None or has_mismatch(plan.result)):
        why = "there is no result" if plan.result is None else "the users were not split as planned"
        raise PlanError((Problem("decision", f"It cannot ship yet: {why}."),))
    decided_at = None if decided is None else plan.decided_at if decided is plan.decision else now
    return replace(plan, decision=decided, lesson=lesson.strip() or None, decided_at=decided_at)


def finished(plans: Iterable[Plan]) -> list[Plan]:
    """The plans with a decision, the newest first; removed ones are left out."""
    known = [plan for plan in plans if plan.decision is not None and plan.deleted_at is None]
    return sorted(known, key=lambda plan: plan.decided_at or datetime.min, reverse=True)


def matching(plans: Sequence[Plan], text: str) -> list[Plan]:
    """The plans of which every word of `text` is in name, lesson, hypothesis, metric, cluster, owner or decision."""
    words = text.casefold().split()
    return [plan for plan in plans if all(word in _searched(plan) for word in words)]


def earlier_tests(plans: Iterable[Plan], cluster_id: str, metric: str) -> list[Plan]:
    """Finished tests of the same metric or cluster, those of both first."""
    same = [plan for plan in finished(plans) if metric == plan.primary_metric or cluster_id == plan.cluster_id]
    return sorted(same, key=lambda plan: (plan.primary_metric != metric) + (plan.cluster_id != cluster_id))


def _decision(text: str) -> Decision | None:
    try:
        return Decision(text) if text else None
    except ValueError:
        choices = ", ".join(Decision)
        raise PlanError((Problem("decision", f"The decision must be one of {choices}."),)) from None


def _searched(plan: Plan) -> str:
    parts = (plan.name, plan.lesson, plan.hypothesis, plan.primary_metric, plan.cluster_id, plan.owner, plan.decision)
    return " ".join(part for part in parts if part).casefold()
