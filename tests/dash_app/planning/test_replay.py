import numpy as np
import pytest

from dash_app.planning.baseline import measure
from dash_app.planning.design import Design, Metric
from dash_app.planning.replay import delta_terms, replay
from grupa_pipeline.vocabulary.enums import MetricKind


def test_a_share_keeps_its_false_alarms_and_the_formulas_power():
    values = (np.random.default_rng(1).random(1200) < 0.4).astype(float)
    metric = Metric(MetricKind.PROPORTION, float(values.mean()))
    found = replay(metric, values, 0.08, Design())
    assert found.false_alarms == pytest.approx(0.05, abs=0.014)
    assert found.power == pytest.approx(found.formula_power, abs=0.03)
    assert not found.heavy_tail
    assert (found.splits, found.users) == (5000, 1200)


def test_a_heavy_tail_is_told():
    values = np.random.default_rng(1).pareto(1.1, 2000)
    found = replay(Metric(MetricKind.MEAN, float(values.mean()), float(values.std())), values, 1.0, Design())
    assert found.heavy_tail
    normal = np.random.default_rng(1).normal(10, 2, 2000)
    assert not replay(Metric(MetricKind.MEAN, 10.0, 2.0), normal, 1.0, Design()).heavy_tail


def test_a_ratio_is_replayed_on_its_delta_terms():
    rng = np.random.default_rng(2)
    views = 1.0 + rng.poisson(4, 1000)
    clicks = rng.binomial(views.astype(int), 0.3).astype(float)
    terms = delta_terms(clicks, views)
    measured = measure(MetricKind.RATIO, clicks, views)
    assert terms.mean() == pytest.approx(measured.value)
    assert terms.std(ddof=1) == pytest.approx(measured.sd)
    found = replay(measured.metric, terms, 0.03, Design())
    assert found.power == pytest.approx(found.formula_power, abs=0.04)


def test_a_mean_keeps_its_false_alarms_and_the_formulas_power():
    values = np.random.default_rng(5).gamma(2, 3, 1501)
    metric = Metric(MetricKind.MEAN, float(values.mean()), float(values.std(ddof=1)))
    found = replay(metric, values, 0.6, Design())
    assert found.false_alarms == pytest.approx(0.05, abs=0.014)
    assert found.power == pytest.approx(found.formula_power, abs=0.05)
    assert found.users == 1500


def test_few_users_or_a_metric_that_does_not_vary_are_not_replayed():
    metric = Metric(MetricKind.PROPORTION, 0.5)
    assert replay(metric, np.ones(40), 0.1, Design()) is None
    assert replay(metric, np.ones(400), 0.1, Design()) is None
