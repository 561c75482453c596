from datetime import date, datetime
from math import sqrt

import pytest

from dash_app.planning.brief import tracking_sentence
from dash_app.planning.estimates import estimate
from dash_app.planning.tracking import is_comparable, tracked
from grupa_pipeline.vocabulary.enums import MetricKind
from grupa_pipeline.vocabulary.plan_parts import ArmResult, Decision, ResultSource, TrackedValue, TrackingVerdict
from tests.dash_app.planning.plans import a_plan


def shipped(control=0.30, arm=0.34, users=3000, **changes):
    plan = a_plan(decision=Decision.SHIP, decided_at=datetime(2026, 6, 1), **changes)
    arms = [ArmResult("control", users, control), ArmResult("treatment", users, arm)]
    return a_plan(**(vars(plan) | {"result": estimate(plan, arms, ResultSource.TYPED, date(2026, 6, 1))}))


def seen(*values, users=3000):
    found = []
    for month, value in enumerate(values, start=7):
        half = 1.96 * sqrt(value * (1 - value) / users)
        found.append(TrackedValue(date(2026, month, 1), value, value - half, value + half, users))
    return tuple(found)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((0.34, 0.335, 0.345), TrackingVerdict.HOLDS),
        ((0.38,), TrackingVerdict.HOLDS),
        ((0.30, 0.298, 0.303), TrackingVerdict.FADED),
        ((0.27,), TrackingVerdict.FADED),
        ((0.32,), TrackingVerdict.CANNOT_TELL),
    ],
)
def test_what_is_seen_is_held_against_both_arms(values, verdict):
    found = tracked(shipped(), seen(*values)).tracking
    assert found.verdict is verdict
    assert (found.forecast, len(found.values)) == (0.34, len(values))
    assert found.forecast_low < 0.34 < found.forecast_high


def test_few_users_tell_nothing():
    assert tracked(shipped(), seen(0.30, users=40)).tracking.verdict is TrackingVerdict.CANNOT_TELL


def test_only_the_newest_quarter_counts():
    values = seen(0.34, 0.34, 0.30, 0.30, 0.30)
    assert tracked(shipped(), values).tracking.verdict is TrackingVerdict.FADED


def test_a_control_unlike_the_baseline_is_another_metric_or_other_users():
    plan = shipped(control=0.5, arm=0.55)
    assert not is_comparable(plan)
    assert tracked(plan, seen(0.5)).tracking.verdict is TrackingVerdict.CANNOT_TELL
    assert is_comparable(shipped())


def test_a_decrease_is_read_the_other_way():
    plan = shipped(control=0.30, arm=0.26, direction="decrease")
    plan = a_plan(**(vars(plan) | {"direction": type(a_plan().direction)("decrease")}))
    assert tracked(plan, seen(0.30, 0.30)).tracking.verdict is TrackingVerdict.FADED
    assert tracked(plan, seen(0.26, 0.26)).tracking.verdict is TrackingVerdict.HOLDS


def test_a_mean_takes_its_error_from_its_interval():
    plan = a_plan(decision=Decision.SHIP, metric_kind=MetricKind.MEAN, baseline=10.0, baseline_sd=4.0, mde_absolute=1.0)
    arms = [ArmResult("control", 800, 10.0, 4.0), ArmResult("treatment", 800, 11.0, 4.0)]
    plan = a_plan(**(vars(plan) | {"result": estimate(plan, arms, ResultSource.TYPED, date(2026, 6, 1))}))
    near = (TrackedValue(date(2026, 7, 1), 10.0, 9.8, 10.2, 1500),)
    assert tracked(plan, near).tracking.verdict is TrackingVerdict.FADED
    wide = (TrackedValue(date(2026, 7, 1), 10.0, 8.0, 12.0, 15),)
    assert tracked(plan, wide).tracking.verdict is TrackingVerdict.CANNOT_TELL


def test_what_did_not_ship_is_not_tracked():
    assert tracked(a_plan(decision=Decision.STOP), seen(0.3)).tracking is None
    assert tracked(shipped(), ()).tracking is None
    assert tracking_sentence(a_plan()) == ""


def test_the_sentence_has_both_ends():
    text = tracking_sentence(tracked(shipped(), seen(0.30)))
    assert text.startswith("It faded: 30.0% of 3,000 such users")
    assert "foretold 34.0%" in text
    assert "30.0% without the change" in text
