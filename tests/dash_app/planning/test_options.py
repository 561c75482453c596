from dataclasses import replace

import numpy as np
import pytest

from dash_app.planning.baseline import measure
from dash_app.planning.duration import PastForecasts
from dash_app.planning.metric_groups import MetricGroup, metric_group
from dash_app.planning.options import MeasuredMetric, Relevance, assess, ranked
from grupa_pipeline.vocabulary.enums import Direction
from grupa_pipeline.vocabulary.plan_parts import Audience, AudienceKind
from tests.dash_app.planning.plans import Steady

CLUSTER, EVERYONE = Audience.of_cluster("C01"), Audience(AudienceKind.EVERYONE)


def candidate(share=0.3, **changes):
    baseline = measure("proportion", np.arange(1000) < 1000 * share)
    fields = {"metric": "had_deal", "group": MetricGroup.GOAL, "relevance": Relevance.OWN}
    given = MeasuredMetric(
        **fields, direction=Direction.INCREASE, audience=CLUSTER, exposure_days=14, baseline=baseline
    )
    return replace(given, **changes)


def test_an_option_with_many_users_is_planned_for_a_tenth():
    option = assess(candidate(), Steady(2000))
    assert option.runs
    assert option.effect == pytest.approx(0.03)
    assert option.smallest < 0.1
    assert option.weeks <= 8


def test_an_option_with_fewer_users_is_planned_for_what_eight_weeks_show():
    option = assess(candidate(), Steady(60))
    assert option.runs
    assert 0.1 < option.smallest <= option.effect / 0.3 <= 0.25
    assert option.weeks == 8


@pytest.mark.parametrize(
    ("given", "a_day", "said"),
    [
        (candidate(0.0), 1000, "nobody had it"),
        (candidate(1.0), 1000, "everybody had it"),
        (candidate(), 5, "nothing below"),
        (candidate(0.999, direction=Direction.DECREASE), 1000, "with or without the outcome"),
        (candidate(), 0.01, "no effect is large enough"),
    ],
)
def test_an_option_that_cannot_run_says_why(given, a_day, said):
    option = assess(given, Steady(a_day))
    assert not option.runs
    assert said in option.reason


def test_rates_come_first_then_the_closest_to_the_recommendation():
    def option(**changes):
        return assess(candidate(**changes), Steady(2000))

    count = option(metric="deals", group=MetricGroup.COUNT)
    own_among_all = option(audience=EVERYONE)
    goal = option(metric="had_other", relevance=Relevance.GOAL)
    other_step = option(metric="step", relevance=Relevance.OTHER, group=MetricGroup.STEP)
    stuck = assess(candidate(), Steady(5))
    shuffled = [stuck, count, other_step, own_among_all, goal]
    assert ranked(shuffled) == [goal, own_among_all, other_step, count, stuck]


@pytest.mark.parametrize(
    ("family", "kind", "role", "unit", "group"),
    [
        ("outcome_had", "proportion", "outcome", "share", MetricGroup.GOAL),
        (None, "proportion", "outcome", "share", MetricGroup.GOAL),
        ("funnel_step", "proportion", "context", "share", MetricGroup.STEP),
        ("funnel_hours", "mean", "context", "hours", MetricGroup.TIME),
        ("outcome_rate", "mean", "outcome", "deals/week", MetricGroup.COUNT),
        ("action_share", "ratio", "clustering", "share", MetricGroup.STAND_IN),
    ],
)
def test_metrics_are_grouped_by_what_they_measure(family, kind, role, unit, group):
    assert metric_group(family, kind, role, unit) is group


def test_nothing_runs_where_nobody_can_foretell_who_comes():
    option = assess(candidate(), Steady(2000, past=PastForecasts(12, 0.1, 3.0, 1.2)))
    assert (option.runs, option.users, option.weeks) == (False, None, None)
    assert "cannot be foretold" in option.reason
