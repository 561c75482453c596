"""Applies the values of the planner's form to a plan. No Dash."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dash_app import plan_drafts
from dash_app.components.planner.effect_fields import shown_effect, stored_effect
from dash_app.components.planner.form import read_weights
from dash_app.data.loading import load_catalog
from dash_app.data.snapshot import Feature, metric_unit
from dash_app.planning.design import SizeError
from dash_app.planning.edits import read_edit, read_number
from dash_app.planning.plan import Plan, PlanError, Problem, with_margin
from dash_app.planning.sequential import design_looks
from dash_app.services import Services
from grupa_pipeline.vocabulary.plan_fields import PLAN_FIELDS, Arm, Guardrail
from grupa_pipeline.vocabulary.plan_parts import Spending


def apply(services: Services, plan: Plan, fields: Mapping[str, Any], margins: Mapping[str, Any]) -> Plan:
    """The plan with the form's values; metrics that are new to it are measured.

    A new primary metric is no guardrail any more; where it was the only one, the metric before it takes its place.

    Args:
        services: For the catalog and the measurements.
        plan: The plan before the edit.
        fields: Values of the controls by name, see `grupa_pipeline/vocabulary/plan_fields.py`.
        margins: Values of the margins by the guardrail's metric.

    Raises:
        PlanError: A field holds no usable value.
        BaselineError: A metric cannot be measured among these users.
    """
    before = plan
    measured = (plan.primary_metric, plan.exposure_days)
    edits = {name: read_edit(field, fields[name]) for name, field in PLAN_FIELDS.items() if field.control}
    plan = replace(plan, **edits)
    plan = replace(plan, variants=_arms(plan, str(fields["weights"]), fields["change"] or ""))
    wanted = (str(fields["primary_metric"]), plan.exposure_days)
    catalog = services.database.query(load_catalog)
    if wanted != measured:
        plan = plan_drafts.with_metric(services, plan, *wanted)
        rest = [metric for metric in fields["guardrails"] or [] if metric != plan.primary_metric]
        fields = {**fields, "guardrails": rest or [measured[0]]}
    else:
        plan = _with_effect(plan, read_number("mde", fields["mde"]), metric_unit(plan.primary_metric, catalog))
    plan = plan_drafts.with_guardrails(services, plan, fields["guardrails"] or [])
    rails = tuple(_with_margin(rail, margins.get(rail.metric), catalog) for rail in plan.guardrails)
    plan = with_looks(replace(plan, guardrails=rails), str(fields.get("looks") or ""), fields.get("futility") == "yes")
    if _replayed(plan) == _replayed(before):
        return plan
    return plan_drafts.with_past(services, plan)


def with_looks(plan: Plan, chosen: str, futility: bool) -> Plan:
    """The plan read as often as chosen (`obrien_fleming 3`; empty is once), with boundaries for its alpha and power."""
    if not chosen:
        return replace(plan, looks=None)
    spending, number = chosen.split()
    try:
        design = plan.design
    except SizeError as error:
        raise PlanError((Problem("alpha", str(error)),)) from error
    looks = design_looks(
        int(number),
        Spending(spending),
        alpha_each=design.alpha_each,
        sides=design.sides,
        power=design.power,
        futility=futility,
    )
    return replace(plan, looks=looks)


def _replayed(plan: Plan) -> tuple[Any, ...]:
    """What a replay follows from."""
    return (plan.primary_metric, plan.exposure_days, plan.mde_absolute, plan.direction, plan.alpha, plan.sides)


def _arms(plan: Plan, text: str, change: str) -> tuple[Arm, ...]:
    weights = read_weights(text)
    if not weights:
        raise PlanError((Problem("variants", "Write the split as weights, control first, such as 1 : 1."),))
    arms = [plan.variants[at] if at < len(plan.variants) else Arm(f"treatment {at}") for at in range(len(weights))]
    arms = [replace(arm, weight=weight) for arm, weight in zip(arms, weights, strict=True)]
    return (arms[0], replace(arms[1], description=change), *arms[2:])


def _with_effect(plan: Plan, typed: float, unit: str) -> Plan:
    """A control shows three digits: an effect that reads the same stays as it is."""
    if _reads_as(typed, shown_effect(plan.metric_kind, plan.mde_absolute, plan.mde_relative, unit)):
        return plan
    return plan.with_effect(**stored_effect(typed, plan.metric_kind, plan.mde_relative, unit))


def _with_margin(rail: Guardrail, typed: Any, catalog: Mapping[str, Feature]) -> Guardrail:
    if typed in (None, ""):
        return rail
    number, unit = float(typed), metric_unit(rail.metric, catalog)
    if _reads_as(number, shown_effect(rail.metric_kind, rail.margin_absolute, rail.margin_relative, unit)):
        return rail
    return with_margin(rail, **stored_effect(number, rail.metric_kind, rail.margin_relative, unit))


def _reads_as(typed: float, shown: float) -> bool:
    return float(f"{typed:.3g}") == shown
