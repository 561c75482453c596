from dataclasses import replace
from datetime import date, datetime

import pytest

from dash_app import plan_drafts, plan_options
from dash_app.planning.estimates import estimate
from dash_app.server import plan_tracking
from grupa_pipeline.vocabulary.enums import MetricKind
from grupa_pipeline.vocabulary.plan_parts import (
    ArmResult,
    Audience,
    AudienceKind,
    Decision,
    ResultSource,
    TrackingVerdict,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def shipped(services, shown):
    """A plan on the roadmap whose change shipped before the log's last days, with an arm far above what they show."""
    cluster = shown.clusters[0]
    plan = plan_options.new_draft(services, shown, cluster, cluster.recommendations[0]).sizing.plan
    sd = None if plan.metric_kind is MetricKind.PROPORTION else plan.baseline_sd
    effect = plan.direction.sign * (0.2 if sd is None else sd)
    arms = [
        ArmResult("control", 20_000, plan.baseline, sd),
        ArmResult("treatment", 20_000, plan.baseline + effect, sd),
    ]
    result = estimate(plan, arms, ResultSource.TYPED, date(2026, 1, 20))
    decided = replace(plan, result=result, decision=Decision.SHIP, decided_at=datetime(2026, 1, 20))
    return services.roadmap.add(decided, "ann")


def test_a_shipped_plan_is_measured_once_in_days_that_do_not_overlap(services, shipped):
    assert plan_tracking.track_shipped(services) == 1
    found = services.roadmap.plan(shipped.plan_id)
    assert found.tracking.verdict is TrackingVerdict.FADED
    (value,) = found.tracking.values
    assert value.value == pytest.approx(shipped.baseline, rel=0.3)
    assert (found.updated_by, found.revision) == (plan_tracking.APP, 2)
    assert "It faded" in found.brief
    assert plan_tracking.track_shipped(services) == 0


def test_days_before_the_change_say_nothing(services, shipped):
    later = replace(shipped, decided_at=datetime(2026, 3, 1))
    services.roadmap.save(later, shipped.revision, "ann")
    assert plan_tracking.track_shipped(services) == 0


def test_another_outcome_drops_what_was_measured_of_the_one_before(services, shipped):
    plan_tracking.track_shipped(services)
    plan = services.roadmap.plan(shipped.plan_id)
    assert services.roadmap.save(replace(plan, owner="bob"), plan.revision, "bob").tracking == plan.tracking
    plan = services.roadmap.plan(shipped.plan_id)
    again = services.roadmap.save(replace(plan, decision=Decision.STOP), plan.revision, "bob")
    assert again.tracking is None
    assert plan_tracking.track_shipped(services) == 0


def test_the_slow_part_of_a_draft_is_prepared(services, shown, monkeypatch):
    plan_tracking.prepare_drafts(services)
    monkeypatch.setattr(type(services.database), "connect", lambda self: pytest.fail("everyone is measured again"))
    everyone = Audience(AudienceKind.EVERYONE)
    assert len(plan_drafts.population_of(services, shown.day, everyone).values)
