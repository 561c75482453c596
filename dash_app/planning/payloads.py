"""Drafts of a plan for experiment platforms: the bodies of GrowthBook's and PostHog's create calls.

Only builds the bodies: nothing is sent, and both stay drafts there. Fields follow GrowthBook's `POST
/api/v1/experiments` and PostHog's `POST /api/projects/:project_id/experiments/`; `docs/planner.md` shows what is mapped
to what. Beware of the effect: GrowthBook takes 0.1 for +10%, PostHog takes 10.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

from dash_app.planning.brief import change_text
from dash_app.planning.plan import Plan
from grupa_pipeline.vocabulary.enums import Direction, MetricKind
from grupa_pipeline.vocabulary.plan_fields import Guardrail

_GROWTHBOOK_DESCRIPTION = 10_000
_POSTHOG_NAME = 400
_POSTHOG_DESCRIPTION = 400


def growthbook_payload(
    plan: Plan,
    *,
    assignment_query_id: str = "user_id",
    datasource_id: str | None = None,
    metric_ids: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Body of GrowthBook's `POST /api/v1/experiments`, as a draft.

    Args:
        plan: A sized plan.
        assignment_query_id: The data source's assignment query; `user_id` is what GrowthBook sets up itself.
        datasource_id: GrowthBook's data source, when known.
        metric_ids: GrowthBook's id of each of our metrics; our own names stand in for those without.
    """
    ids = metric_ids or {}
    keys = _arm_keys(plan)
    body: dict[str, Any] = {
        "name": plan.name,
        "trackingKey": _slug(plan),
        "assignmentQueryId": assignment_query_id,
        "type": "standard",
        "status": "draft",
        "hypothesis": plan.hypothesis,
        "description": plan.brief[:_GROWTHBOOK_DESCRIPTION],
        "tags": ["grupa", plan.cluster_id],
        "owner": plan.owner,
        "statsEngine": "frequentist",
        "hashAttribute": "id",
        "hashVersion": 2,
        "metrics": [ids.get(plan.primary_metric, plan.primary_metric)],
        "guardrailMetrics": [ids.get(rail.metric, rail.metric) for rail in plan.guardrails],
        "variations": [
            {"id": key, "key": str(number), "name": arm.name, "description": arm.description}
            for number, (key, arm) in enumerate(zip(keys, plan.variants, strict=True))
        ],
        "phases": [_phase(plan)],
    }
    if datasource_id is not None:
        body["datasourceId"] = datasource_id
    if plan.mde_relative is not None:
        target = {"id": body["metrics"][0], "targetMDE": plan.mde_relative}
        body["decisionFrameworkSettings"] = {"decisionFrameworkMetricOverrides": [target]}
    return body


def posthog_payload(plan: Plan, *, events: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Body of PostHog's create-experiment call; with no start date it is a draft there.

    Args:
        plan: A sized plan.
        events: The event behind each of our metrics. Metrics without one, and ratios, are not in the body; the
            description lists them.
    """
    known = events or {}
    primary = _posthog_metric(plan.primary_metric, plan.metric_kind, plan.direction, known)
    rails = [_posthog_metric(rail.metric, rail.metric_kind, rail.worse.opposite, known) for rail in plan.guardrails]
    variants = [
        {"key": key, "name": arm.name, "rollout_percentage": percent}
        for key, arm, percent in zip(_arm_keys(plan), plan.variants, _percentages(plan), strict=True)
    ]
    parameters: dict[str, Any] = {
        "feature_flag_variants": variants,
        "rollout_percentage": round(100 * plan.traffic_share, 2),
    }
    if plan.mde_relative is not None:
        parameters["minimum_detectable_effect"] = round(100 * plan.mde_relative, 6)
    return {
        "name": plan.name[:_POSTHOG_NAME],
        "description": _posthog_description(plan),
        "feature_flag_key": _slug(plan),
        "type": "product",
        "start_date": None,
        "end_date": None,
        "archived": False,
        "parameters": parameters,
        "metrics": [primary] if primary else [],
        "metrics_secondary": [metric for metric in rails if metric],
        "stats_config": {"method": "frequentist"},
    }


def _phase(plan: Plan) -> dict[str, Any]:
    """GrowthBook's phase, which holds the traffic and needs a first day: the baseline's end for plans without a date."""
    start = plan.start_date or plan.baseline_to.date()
    phase: dict[str, Any] = {
        "name": "Main",
        "dateStarted": _midnight(start),
        "coverage": plan.traffic_share,
        "variationWeights": list(plan.design.shares),
    }
    if plan.end_date is not None:
        phase["dateEnded"] = _midnight(plan.end_date)
    return phase


def _posthog_metric(metric: str, kind: MetricKind, goal: Direction, events: Mapping[str, str]) -> dict[str, Any] | None:
    if metric not in events or kind == MetricKind.RATIO:
        return None
    source = {"kind": "EventsNode", "event": events[metric]}
    counted: dict[str, Any] = {"metric_type": "funnel", "series": [source]}
    if kind == MetricKind.MEAN:
        counted = {"metric_type": "mean", "source": source}
    return {"kind": "ExperimentMetric", "name": metric, "goal": goal, **counted}


def _posthog_description(plan: Plan) -> str:
    """The hypothesis first: PostHog truncates the text."""
    rails = ", ".join(_rail(rail) for rail in plan.guardrails)
    text = f"{plan.hypothesis} Primary metric: {plan.primary_metric}. Guardrails: {rails}. For: {plan.population}."
    return text if len(text) <= _POSTHOG_DESCRIPTION else text[: _POSTHOG_DESCRIPTION - 1] + "…"


def _rail(rail: Guardrail) -> str:
    return f"{rail.metric} (no {rail.worse} of {change_text(rail.metric_kind, rail.margin_absolute)})"


def _arm_keys(plan: Plan) -> list[str]:
    """PostHog requires the first arm's key to be `control`."""
    if len(plan.variants) == 2:
        return ["control", "test"]
    return ["control", *(f"test-{number}" for number in range(1, len(plan.variants)))]


def _percentages(plan: Plan) -> list[float]:
    """The arms' shares in percent, adding up to exactly 100."""
    others = [round(100 * share, 2) for share in plan.design.shares[1:]]
    return [round(100 - sum(others), 2), *others]


def _slug(plan: Plan) -> str:
    """Letters, digits and hyphens alone, and different for every plan."""
    words = re.sub(r"[^a-z0-9]+", "-", plan.name.lower()).strip("-")[:60].strip("-")
    tail = re.sub(r"[^A-Za-z0-9]+", "-", plan.plan_id).strip("-")[-12:].strip("-")
    return "-".join(part for part in ("grupa", words, tail) if part)


def _midnight(day: date) -> str:
    return datetime.combine(day, time()).isoformat() + "Z"
