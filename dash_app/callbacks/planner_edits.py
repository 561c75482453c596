"""What the planner's fields mean for a plan: values of the form in, the changed plan out. No Dash."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from dash_app import plan_drafts
from dash_app.components.planner.effect_fields import shown_effect, stored_effect
from dash_app.components.planner.form import read_weights
from dash_app.data.loading import load_catalog
from dash_app.data.snapshot import Feature, metric_unit
from dash_app.planning.plan import Arm, Guardrail, Plan, PlanError, Problem
from dash_app.services import Services

_TEXTS = ("name", "hypothesis", "population", "owner", "status", "direction")


def apply(services: Services, plan: Plan, fields: Mapping[str, Any], margins: Mapping[str, Any]) -> Plan:
    """The plan with the form's values; metrics that are new to it are measured.

    A new primary metric is no guardrail any more; where it was the only one, the metric before it takes its place.

    Raises:
        PlanError: A field holds no usable value.
        BaselineError: A metric cannot be measured among these users.
    """
    had_metric = (plan.primary_metric, plan.exposure_days)
    texts: dict[str, Any] = {name: fields[name] or "" for name in _TEXTS}
    plan = replace(plan, **texts, **_numbers(fields))
    plan = replace(plan, variants=_arms(plan, str(fields["weights"]), fields["change"] or ""))
    asked = (fields["primary_metric"], int(_number(fields, "exposure_days")))
    moved = asked != had_metric
    catalog = services.database.query(load_catalog)
    if moved:
        plan = plan_drafts.with_metric(services, plan, *asked)
        rest = [each for each in fields["guardrails"] or [] if each != plan.primary_metric]
        fields = {**fields, "guardrails": rest or [had_metric[0]]}
    else:
        plan = _with_effect(plan, _number(fields, "mde"), metric_unit(plan.primary_metric, catalog))
    plan = plan_drafts.with_guardrails(services, plan, fields["guardrails"] or [])
    rails = tuple(_with_margin(each, margins.get(each.metric), catalog) for each in plan.guardrails)
    return replace(plan, guardrails=rails)


def _numbers(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "alpha": _number(fields, "alpha"),
        "power": _number(fields, "power"),
        "sides": int(fields["sides"]),
        "traffic_share": _number(fields, "traffic") / 100,
        "start_date": date.fromisoformat(fields["start_date"][:10]) if fields["start_date"] else None,
        "rice_impact": float(fields["rice_impact"]),
        "rice_confidence": _number(fields, "rice_confidence") / 100,
        "rice_effort": _number(fields, "rice_effort"),
    }


def _number(fields: Mapping[str, Any], name: str) -> float:
    try:
        return float(fields[name])
    except (TypeError, ValueError):
        raise PlanError((Problem(name, f"Give a number for {name.replace('_', ' ')}."),)) from None


def _arms(plan: Plan, text: str, change: str) -> tuple[Arm, ...]:
    weights = read_weights(text)
    if not weights:
        raise PlanError((Problem("variants", "Write the split as weights, control first, such as 1 : 1."),))
    arms = [plan.variants[at] if at < len(plan.variants) else Arm(f"treatment {at}") for at in range(len(weights))]
    arms = [replace(arm, weight=weight) for arm, weight in zip(arms, weights, strict=True)]
    return (arms[0], replace(arms[1], description=change), *arms[2:])


def _with_effect(plan: Plan, asked: float, unit: str) -> Plan:
    """A field shows three digits: an effect that reads the same is kept as it is."""
    if _reads_as(asked, shown_effect(plan.metric_kind, plan.mde_absolute, plan.mde_relative, unit)):
        return plan
    return plan.with_effect(**stored_effect(asked, plan.metric_kind, plan.mde_relative, unit))


def _with_margin(rail: Guardrail, asked: Any, catalog: Mapping[str, Feature]) -> Guardrail:
    if asked in (None, ""):
        return rail
    unit = metric_unit(rail.metric, catalog)
    if _reads_as(float(asked), shown_effect(rail.metric_kind, rail.margin_absolute, rail.margin_relative, unit)):
        return rail
    return rail.with_margin(**stored_effect(float(asked), rail.metric_kind, rail.margin_relative, unit))


def _reads_as(asked: float, shown: float) -> bool:
    return float(f"{asked:.3g}") == shown
