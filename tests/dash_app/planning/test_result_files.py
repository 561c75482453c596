import json

import pytest

from dash_app.planning.result_files import ResultFileError, read_result
from grupa_pipeline.vocabulary.enums import MetricKind
from grupa_pipeline.vocabulary.plan_parts import ArmResult, ResultSource
from tests.dash_app.planning.plans import a_plan

SHARE = a_plan()
MEAN = a_plan(metric_kind=MetricKind.MEAN, baseline=5.0, baseline_sd=2.0)
BOTH = (ArmResult("control", 1000, 0.12), ArmResult("treatment", 1010, 0.15))


def growthbook(*metrics):
    variations = [
        {"variationId": "0", "users": 1000, "analyses": [{"mean": 0.12, "stddev": 0.3}]},
        {"variationId": "1", "users": 1010, "analyses": [{"mean": 0.15, "stddev": 0.3}]},
    ]
    found = [{"metricId": name, "variations": variations} for name in metrics]
    return {"result": {"results": [{"dimension": "", "metrics": found}]}}


POSTHOG = {
    "baseline": {"key": "control", "number_of_samples": 1000, "sum": 120, "sum_squares": 120},
    "variant_results": [{"key": "test", "number_of_samples": 1010, "sum": 151.5, "sum_squares": 151.5}],
}
FUNNEL = {
    "variants": [
        {"key": "test", "success_count": 15, "failure_count": 85},
        {"key": "control", "success_count": 12, "failure_count": 88},
    ]
}
STATSIG = {
    "data": {
        "primaryMetrics": [
            {
                "metricID": "submitted::event_user",
                "control_mean": 0.12,
                "test_mean": 0.15,
                "control_std": 0.01,
                "test_std": 0.011,
                "control_units": 1000,
                "test_units": 1010,
            }
        ]
    }
}


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("arm,users,conversions\ntreatment,1010,151.5\ncontrol,1000,120\n", ResultSource.COUNTS),
        ("Variant,N,Rate\ncontrol,1000,0.12\ntest,1010,0.15", ResultSource.COUNTS),
        (json.dumps([{"arm": "control", "users": 1000, "value": 0.12}, {"arm": "1", "users": 1010, "value": 0.15}]),
         ResultSource.COUNTS),
        (json.dumps(growthbook("submitted")), ResultSource.GROWTHBOOK),
        (json.dumps(growthbook("met_other", "submitted")), ResultSource.GROWTHBOOK),
        (json.dumps(POSTHOG), ResultSource.POSTHOG),
        (json.dumps(STATSIG), ResultSource.STATSIG),
    ],
)  # fmt: skip
def test_every_format_is_read_in_the_plans_order(text, source):
    arms, found = read_result(text, SHARE)
    assert found is source
    assert [(arm.name, arm.users, pytest.approx(arm.value)) for arm in arms] == [
        (arm.name, arm.users, arm.value) for arm in BOTH
    ]


def test_a_posthog_funnel_of_before_is_read():
    arms, _ = read_result(json.dumps(FUNNEL), SHARE)
    assert arms == (ArmResult("control", 100, 0.12), ArmResult("treatment", 100, 0.15))


def test_a_mean_has_its_deviation():
    arms, _ = read_result("arm,users,mean,sd\ncontrol,100,5,2\ntreatment,100,5.5,2.1", MEAN)
    assert arms[1] == ArmResult("treatment", 100, 5.5, 2.1)
    arms, _ = read_result(json.dumps(STATSIG), MEAN)
    assert arms[0].sd == pytest.approx(0.01 * 1000**0.5)
    sums = [{"arm": name, "users": 4, "sum": 10, "sum_squares": 30} for name in ("control", "treatment")]
    arms, _ = read_result(json.dumps(sums), MEAN)
    assert arms[0].sd == pytest.approx((5 / 3) ** 0.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("{\n  'arm'", "Line 2, column 3"),
        ("{}", "no result of GrowthBook"),
        ("arm,conversions\ncontrol,3", "Line 1: the columns are arm, conversions"),
        ("arm,users,conversions\ncontrol,1000", "Line 2"),
        ("arm,users,conversions\ncontrol,many,3", "Line 2: users is 'many'"),
        ("arm,users,conversions\ncontrol,10.5,3", "whole number"),
        ("arm,users,conversions\ncontrol,100,300\ntreatment,1,1", "swapped"),
        ("arm,users,conversions\ncontrol,100,30\nblue,100,30", "“blue” is none of the plan's"),
        ("arm,users,conversions\ncontrol,100,30\n", "no arm treatment"),
        ("arm,users,conversions\ncontrol,100,30\ncontrol,100,30", "comes twice"),
        (json.dumps([{"arm": "control"}]), r"\[0\]: the field users is missing"),
        (json.dumps([1]), r"\[0\]: an arm is an object"),
        (json.dumps(growthbook("a", "b")), "no metric is called submitted; found are a, b"),
        (json.dumps({"result": {"results": []}}), "update them in GrowthBook"),
        (json.dumps({"result": {"results": [{}]}}), r"result\.results\[0\]: the field metrics"),
        (json.dumps({"baseline": {}, "variant_results": []}), "variant 0: the field number_of_samples is missing"),
        ("x" * 1_000_001, "larger than 1 MB"),
    ],
)
def test_what_cannot_be_read_is_refused_with_line_or_field(text, said):
    with pytest.raises(ResultFileError, match=said):
        read_result(text, SHARE)
