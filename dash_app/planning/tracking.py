"""Whether a shipped change still shows in later snapshots: "holds", "faded", or "cannot tell". Pure.

The users that a test was planned for, measured as its baseline was on days after the change, are compared with both arms of the
result: the arm that shipped, where a change that holds is, and the control, where one that faded is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log, sqrt

from scipy.special import ndtri

from dash_app.planning.plan import Plan
from grupa_pipeline.vocabulary.enums import MetricKind
from grupa_pipeline.vocabulary.plan_parts import ArmResult, Decision, TrackedValue, Tracking, TrackingVerdict

LIKELIER = 9.0
"""One of the two must explain what is seen so many times better than the other (even odds become 90%)."""
_NEWEST = 3
"""Values that are put together, the newest: a quarter of 28 days each."""
_ELSEWHERE = 3.3
"""Deviations between the control and the planner's baseline beyond which they are not the same metric or users (p < .001)."""
_LEVEL = 0.95


@dataclass(frozen=True)
class _Estimate:
    value: float
    variance: float

    def misfit(self, other: "_Estimate") -> float:
        """Squared deviations between the two, if they measure the same."""
        variance = self.variance + other.variance
        return (self.value - other.value) ** 2 / variance if variance else float("inf")


def tracked(plan: Plan, values: Sequence[TrackedValue]) -> Plan:
    """The plan with what later snapshots say of it; without, where it did not ship on a result.

    Args:
        plan: The plan.
        values: Its metric on later days that do not overlap, the oldest first; empty where there are none yet.
    """
    result = plan.result
    if plan.decision is not Decision.SHIP or result is None or not values:
        return replace(plan, tracking=None)
    control, arm = result.arms[0], result.arms[1]
    return replace(
        plan,
        tracking=Tracking(
            verdict=_verdict(plan, values),
            forecast=arm.value,
            forecast_low=control.value + result.low,
            forecast_high=control.value + result.high,
            values=tuple(values),
        ),
    )


def is_comparable(plan: Plan) -> bool:
    """Whether the control showed what the planner had measured, so that later measurements can be held against the arms."""
    if plan.result is None:
        return False
    planned = _Estimate(
        plan.baseline, _spread(plan.metric_kind, plan.baseline, plan.baseline_sd) ** 2 / plan.baseline_n
    )
    return planned.misfit(_of_arm(plan, plan.result.arms[0])) <= _ELSEWHERE**2


def _verdict(plan: Plan, values: Sequence[TrackedValue]) -> TrackingVerdict:
    result = plan.result
    if result is None or result.effect * plan.direction.sign <= 0 or not is_comparable(plan):
        return TrackingVerdict.CANNOT_TELL
    seen = _pooled(plan, values[-_NEWEST:])
    gone, there = (seen.misfit(_of_arm(plan, arm)) for arm in result.arms[:2])
    if (seen.value - result.arms[1].value) * plan.direction.sign > 0:
        there = 0.0  # more than foretold is no sign against it
    if (seen.value - result.arms[0].value) * plan.direction.sign < 0:
        gone = 0.0
    likelier = (there - gone) / 2
    if likelier >= log(LIKELIER):
        return TrackingVerdict.FADED
    return TrackingVerdict.HOLDS if -likelier >= log(LIKELIER) else TrackingVerdict.CANNOT_TELL


def _pooled(plan: Plan, values: Sequence[TrackedValue]) -> _Estimate:
    found = [_of_value(plan, each) for each in values]
    weights = [1 / each.variance if each.variance else 1e12 for each in found]
    mean = sum(each.value * weight for each, weight in zip(found, weights, strict=True)) / sum(weights)
    return _Estimate(mean, 1 / sum(weights))


def _of_value(plan: Plan, value: TrackedValue) -> _Estimate:
    if plan.metric_kind is MetricKind.PROPORTION:
        return _Estimate(value.value, _spread(plan.metric_kind, value.value, None) ** 2 / value.users)
    return _Estimate(value.value, ((value.high - value.low) / (2 * float(ndtri((1 + _LEVEL) / 2)))) ** 2)


def _of_arm(plan: Plan, arm: ArmResult) -> _Estimate:
    return _Estimate(arm.value, _spread(plan.metric_kind, arm.value, arm.sd) ** 2 / arm.users)


def _spread(kind: MetricKind, value: float, sd: float | None) -> float:
    """Deviation between users."""
    return sqrt(max(value * (1 - value), 0.0)) if kind is MetricKind.PROPORTION else sd or 0.0
