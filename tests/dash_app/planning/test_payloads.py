"""Payloads held against the field lists of the two published APIs, and read back."""

import json
import re
from dataclasses import replace

import pytest

from dash_app.planning.payloads import growthbook_payload, posthog_payload
from dash_app.planning.sizing import size_plan
from grupa_pipeline.vocabulary.plan_fields import Arm
from tests.dash_app.planning.plans import Steady, a_plan

# GrowthBook, `PostExperimentPayload` of its OpenAPI description, with the newer fields of its published client.
GROWTHBOOK_FIELDS = {
    "activationMetric", "archived", "assignmentQueryId", "attributionModel", "autoRefresh", "banditBurnInUnit",
    "banditBurnInValue", "banditConversionWindowUnit", "banditConversionWindowValue", "banditScheduleUnit",
    "banditScheduleValue", "bucketVersion", "bypassDuplicateKeyCheck", "customFields", "customMetricSlices",
    "datasourceId", "decisionFrameworkSettings", "defaultDashboardId", "description", "disableStickyBucketing",
    "excludeFromPayload", "fallbackAttribute", "guardrailMetrics", "hashAttribute", "hashVersion", "hypothesis",
    "inProgressConversions", "lookbackOverride", "metricOverrides", "metrics", "minBucketVersion", "name", "owner",
    "phases", "postStratificationEnabled", "project", "queryFilter", "regressionAdjustmentEnabled",
    "releasedVariationId", "secondaryMetrics", "segmentId", "sequentialTestingEnabled",
    "sequentialTestingTuningParameter", "shareLevel", "statsEngine", "status", "tags", "templateId", "trackingKey",
    "type", "variations",
}  # fmt: skip
GROWTHBOOK_REQUIRED = {"name", "variations", "trackingKey", "assignmentQueryId"}
GROWTHBOOK_PHASE = {
    "name", "dateStarted", "dateEnded", "reasonForStopping", "seed", "coverage", "trafficSplit", "namespace",
    "targetingCondition", "prerequisites", "reason", "condition", "savedGroupTargeting", "variationWeights",
}  # fmt: skip
# PostHog, request parameters of "Create experiments" and the schemas they name.
POSTHOG_FIELDS = {
    "name", "description", "start_date", "end_date", "feature_flag_key", "holdout_id", "parameters",
    "secondary_metrics", "saved_metrics_ids", "filters", "archived", "deleted", "type", "exposure_criteria", "metrics",
    "metrics_secondary", "stats_config", "scheduling_config", "_create_in_folder", "conclusion", "conclusion_comment",
    "primary_metrics_ordered_uuids", "secondary_metrics_ordered_uuids",
}  # fmt: skip
POSTHOG_PARAMETERS = {
    "excluded_variants", "feature_flag_variants", "minimum_detectable_effect", "rollout_percentage",
}  # fmt: skip
POSTHOG_VARIANT = {"key", "name", "rollout_percentage", "split_percent"}
POSTHOG_METRIC = {
    "completion_event", "conversion_window", "denominator", "goal", "kind", "metric_type", "name", "numerator",
    "retention_window_end", "retention_window_start", "retention_window_unit", "series", "source", "start_event",
    "start_handling", "uuid",
}  # fmt: skip

THREE = (Arm("As is"), Arm("Short", description="Three fields."), Arm("Shorter", description="One field."))


def _sized(**changes):
    return size_plan(a_plan(**changes), Steady(500)).plan


@pytest.mark.parametrize("changes", [{}, {"variants": THREE, "traffic_share": 0.4}, {"start_date": None}])
def test_growthbook_fields_are_published_ones(changes):
    body = growthbook_payload(_sized(**changes), datasource_id="ds_1")
    assert set(body) <= GROWTHBOOK_FIELDS
    assert set(body) >= GROWTHBOOK_REQUIRED
    (phase,) = body["phases"]
    assert {"name", "dateStarted"} <= set(phase) <= GROWTHBOOK_PHASE
    assert len(phase["variationWeights"]) == len(body["variations"]) >= 2
    assert sum(phase["variationWeights"]) == pytest.approx(1)
    for variation in body["variations"]:
        assert {"key", "name"} <= set(variation) <= {"id", "key", "name", "description", "screenshots"}
    assert (body["status"], body["type"], body["statsEngine"]) == ("draft", "standard", "frequentist")
    assert len(body["description"]) <= 10_000
    json.dumps(body)


def test_growthbook_loses_nothing_mapped():
    plan = _sized(variants=THREE, traffic_share=0.4)
    body = json.loads(json.dumps(growthbook_payload(plan, metric_ids={"tickets": "met_7"})))
    (phase,) = body["phases"]
    (target,) = body["decisionFrameworkSettings"]["decisionFrameworkMetricOverrides"]
    assert (body["name"], body["hypothesis"], body["owner"]) == (plan.name, plan.hypothesis, plan.owner)
    assert [(v["name"], v["description"]) for v in body["variations"]] == [
        (arm.name, arm.description) for arm in plan.variants
    ]
    assert phase["coverage"] == plan.traffic_share
    assert phase["variationWeights"] == pytest.approx([1 / 3] * 3)
    assert phase["dateStarted"] == f"{plan.start_date}T00:00:00Z"
    assert phase["dateEnded"] == f"{plan.end_date}T00:00:00Z"
    assert (body["metrics"], body["guardrailMetrics"]) == (["submitted"], ["met_7"])
    assert target == {"id": "submitted", "targetMDE": plan.mde_relative}
    assert body["description"] == plan.brief


@pytest.mark.parametrize("changes", [{}, {"variants": THREE, "traffic_share": 0.4}, {"hypothesis": "x " * 500}])
def test_posthog_fields_are_published_ones(changes):
    plan = _sized(**changes)
    body = posthog_payload(plan, events={"submitted": "proposal_submit", "tickets": "support_ticket"})
    assert {"name", "feature_flag_key"} <= set(body) <= POSTHOG_FIELDS
    assert set(body["parameters"]) <= POSTHOG_PARAMETERS
    variants = body["parameters"]["feature_flag_variants"]
    assert all(set(variant) <= POSTHOG_VARIANT for variant in variants)
    assert variants[0]["key"] == "control"
    assert len({variant["key"] for variant in variants}) == len(variants) == len(plan.variants)
    assert sum(variant["rollout_percentage"] for variant in variants) == pytest.approx(100, abs=1e-9)
    for metric in body["metrics"] + body["metrics_secondary"]:
        assert {"kind", "metric_type"} <= set(metric) <= POSTHOG_METRIC
    assert body["start_date"] is None
    assert len(body["name"]) <= 400
    assert len(body["description"]) <= 400
    assert re.fullmatch(r"[A-Za-z0-9_-]+", body["feature_flag_key"])


def test_posthog_loses_nothing_mapped():
    plan = _sized(traffic_share=0.4, variants=(Arm("As is", 3), Arm("Short", 1)))
    body = json.loads(json.dumps(posthog_payload(plan, events={"submitted": "sub", "tickets": "ticket"})))
    assert body["name"] == plan.name
    assert plan.hypothesis in body["description"]
    assert [(v["name"], v["rollout_percentage"]) for v in body["parameters"]["feature_flag_variants"]] == [
        ("As is", 75),
        ("Short", 25),
    ]
    assert body["parameters"]["rollout_percentage"] == 40
    assert body["metrics"] == [
        {
            "kind": "ExperimentMetric",
            "name": "submitted",
            "goal": "increase",
            "metric_type": "funnel",
            "series": [{"kind": "EventsNode", "event": "sub"}],
        }
    ]
    assert body["metrics_secondary"][0]["goal"] == "decrease"
    assert body["metrics_secondary"][0]["source"] == {"kind": "EventsNode", "event": "ticket"}


def test_the_same_effect_is_a_tenth_there_and_ten_here():
    plan = _sized()
    growthbook = growthbook_payload(plan)["decisionFrameworkSettings"]["decisionFrameworkMetricOverrides"]
    assert growthbook[0]["targetMDE"] == 0.1
    assert posthog_payload(plan)["parameters"]["minimum_detectable_effect"] == 10


def test_an_effect_without_a_baseline_is_left_out():
    plan = replace(_sized(), mde_relative=None)
    assert "decisionFrameworkSettings" not in growthbook_payload(plan)
    assert "minimum_detectable_effect" not in posthog_payload(plan)["parameters"]


def test_metrics_without_an_event_are_left_to_the_person():
    body = posthog_payload(_sized())
    assert (body["metrics"], body["metrics_secondary"]) == ([], [])
    assert "submitted" in body["description"]


def test_keys_differ_between_plans_of_one_name():
    one, other = _sized(), replace(_sized(), plan_id="plan-2")
    assert growthbook_payload(one)["trackingKey"] != growthbook_payload(other)["trackingKey"]
    odd = replace(one, name="提案 🚀")
    assert re.fullmatch(r"[A-Za-z0-9_-]+", posthog_payload(odd)["feature_flag_key"])
