from datetime import datetime, timedelta

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from dash_app.planning.baseline import BaselineError, baseline_window, measure

END = datetime(2026, 5, 1)


@pytest.mark.parametrize(
    ("log_days", "held_out", "unseen", "exposure"),
    [
        (180, 28, True, 14),
        (112, 28, True, 14),
        (60, 15, True, 7),
        (28, 7, True, 3),
        (27, 27, False, 13),
        (1, 1, False, 1),
    ],
)
def test_the_days_of_a_baseline(log_days, held_out, unseen, exposure):
    window = baseline_window(END - timedelta(days=log_days) + timedelta(hours=7), END)
    assert (window.days, window.unseen, window.exposure_days) == (held_out, unseen, exposure)
    assert window.end == END
    assert window.last_eligible == END - timedelta(days=exposure)
    assert (window.note is None) == unseen


def test_same_days_are_said_to_flatter():
    assert "may flatter" in baseline_window(END - timedelta(days=10), END).note


def test_an_exposure_that_a_person_asks_for_must_fit():
    assert baseline_window(END - timedelta(days=180), END, exposure_days=28).exposure_days == 28
    with pytest.raises(BaselineError, match="1 to 28 days"):
        baseline_window(END - timedelta(days=180), END, exposure_days=29)
    with pytest.raises(BaselineError, match="less than a day"):
        baseline_window(END, END)


def test_measuring_after_picking_is_free_of_regression_to_the_mean():
    """Users picked for much activity have less of it afterwards; the same days flatter, the held-out days do not."""
    rng = np.random.default_rng(5)
    rate = rng.gamma(2, 1.0, 20_000)
    before, after = rng.poisson(rate), rng.poisson(rate)
    picked = before >= 4
    truth = rate[picked].mean()
    held_out = measure("mean", after[picked])
    assert held_out.low < truth < held_out.high
    assert measure("mean", before[picked]).low > truth * 1.2


def test_proportion_has_wilsons_interval():
    values = np.r_[np.ones(7), np.zeros(193), np.nan]
    found = measure("proportion", values)
    assert (found.value, found.n) == (pytest.approx(0.035), 200)
    assert (found.low, found.high) == pytest.approx(proportion_confint(7, 200, method="wilson"))
    assert found.sd == pytest.approx(np.sqrt(0.035 * 0.965))


def test_mean_has_students_interval():
    values = np.array([1.0, 2.0, 4.0, 9.0, np.nan])
    found = measure("mean", values)
    expected = stats.t.interval(0.95, 3, loc=4.0, scale=stats.sem(values[:4]))
    assert (found.low, found.high) == pytest.approx(expected)
    assert found.sd == pytest.approx(np.std([1, 2, 4, 9], ddof=1))


def test_ratio_interval_covers_and_its_sd_is_the_delta_methods():
    rng = np.random.default_rng(11)
    covered, estimates, sds = 0, [], []
    for _ in range(400):
        views = rng.poisson(8, 500) + 1
        found = measure("ratio", rng.binomial(views, 0.25), views)
        covered += found.low < 0.25 < found.high
        estimates.append(found.value)
        sds.append(found.sd)
    assert covered / 400 == pytest.approx(0.95, abs=0.03)
    assert np.std(estimates) * np.sqrt(500) == pytest.approx(np.mean(sds), rel=0.1)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: measure("mean", [1.0, np.nan]), "Fewer than two users"),
        (lambda: measure("proportion", [0, 1, 2]), "yes or no"),
        (lambda: measure("ratio", [1, 2, 3]), "denominator"),
        (lambda: measure("ratio", [1, 2], [0, 0]), "denominator is 0"),
        (lambda: measure("median", [1, 2]), "not 'median'"),
    ],
)
def test_what_cannot_be_measured_is_said_in_words(call, says):
    with pytest.raises(BaselineError, match=says):
        call()
