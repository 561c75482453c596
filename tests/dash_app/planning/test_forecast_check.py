import numpy as np
import pytest

from dash_app.planning.duration import duration_of, is_foretold
from dash_app.planning.forecast_check import checked_forecast, past_forecasts


def arrivals(in_week, weeks=30, a_week=100, seed=2):
    """Passers-by: `a_week` times `in_week(week)` of them in each week."""
    rng = np.random.default_rng(seed)
    week = np.repeat(np.arange(weeks), [rng.poisson(a_week * in_week(each)) for each in range(weeks)])
    days = 7 * week + rng.integers(0, 7, len(week))
    return np.arange(len(days)), days, 7 * weeks


@pytest.mark.parametrize("in_week", [lambda week: 1, lambda week: 1.02**week, lambda week: 0.98**week])
def test_steady_growing_and_shrinking_logs_are_foretold_with_a_range(in_week):
    found = checked_forecast(*arrivals(in_week))
    assert is_foretold(found)
    took = duration_of(600, 1.0, 14, found)
    assert took.days is not None
    assert took.likely[0] <= took.days // 7 <= took.likely[1]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_log_that_comes_in_terms_is_not_foretold(seed):
    found = checked_forecast(*arrivals(lambda week: week % 13 < 8, weeks=52, seed=seed))
    assert not is_foretold(found)
    took = duration_of(600, 1.0, 14, found)
    assert (took.days, took.feasible, took.likely) == (None, False, None)


def test_a_log_of_a_few_weeks_is_not_checked():
    assert past_forecasts(*arrivals(lambda week: 1, weeks=8)) is None
    assert past_forecasts(*arrivals(lambda week: 1, weeks=9)).starts == 3


def test_every_so_many_th_of_many_users_are_looked_at_with_the_same_outcome():
    few = past_forecasts(*arrivals(lambda week: 1))
    many = past_forecasts(*arrivals(lambda week: 1, a_week=2000))
    assert many.starts == few.starts
    assert many.hold
    assert many.spread < 0.15
