"""What a plan requires: users in each arm, for the metric that needs most, and the days until they have come."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from math import ceil

from dash_app.planning.design import Metric, Size, SizeError
from dash_app.planning.duration import Enrolment, duration_of
from dash_app.planning.plan import Plan, PlanError, Problem
from dash_app.planning.sample_size import non_inferiority_size, size
from grupa_pipeline.vocabulary.plan_fields import Guardrail


def with_users(plan: Plan) -> tuple[Plan, str]:
    """The plan with the most users that any of its metrics needs, and which metric that is."""
    with _reported_at("mde_relative"):
        needed: dict[str, Size] = {plan.primary_metric: _with_looks(size(plan.metric, plan.effect, plan.design), plan)}
    rails = []
    for rail in plan.guardrails:
        with _reported_at("guardrails"):
            need = non_inferiority_size(rail_metric(rail), rail.margin_absolute, plan.design)
        needed[rail.metric] = need
        rails.append(replace(rail, n_per_arm=need.arms[0], n_total=need.total))
    binding = max(needed, key=lambda metric: needed[metric].total)
    users = needed[binding]
    arms = tuple(replace(arm, n=n) for arm, n in zip(plan.variants, users.arms, strict=True))
    sized = replace(plan, variants=arms, guardrails=tuple(rails), n_per_arm=users.arms[0], n_total=users.total)
    return sized, binding


def _with_looks(one_look: Size, plan: Plan) -> Size:
    """The largest sample of a test that is looked at several times, in every arm."""
    if plan.looks is None:
        return one_look
    arms = tuple(ceil(n * plan.looks.inflation - 1e-9) for n in one_look.arms)
    return Size(one_look.control * plan.looks.inflation, arms)


def with_days(plan: Plan, enrolment: Enrolment) -> Plan:
    """The plan with its duration in days, whether that is feasible, and its last day."""
    duration = duration_of(plan.n_total or 0, plan.traffic_share, plan.exposure_days, enrolment)
    end = plan.start_date + timedelta(days=duration.days - 1) if plan.start_date and duration.days else None
    return replace(plan, duration_days=duration.days, feasible=duration.feasible, end_date=end)


def rail_metric(rail: Guardrail) -> Metric:
    """A guardrail's metric, for the formulas."""
    return Metric(rail.metric_kind, rail.baseline, rail.baseline_sd)


@contextmanager
def _reported_at(field: str) -> Iterator[None]:
    """Report what cannot be sized at the field where it can be changed."""
    try:
        yield
    except SizeError as error:
        raise PlanError((Problem(field, str(error)),)) from error
