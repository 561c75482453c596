import numpy as np
import pytest

from dash_app.planning.cuped import adjusted, find_covariate, variance_ratio


def planted(correlation, users=2000, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=users)
    y = correlation * x + np.sqrt(1 - correlation**2) * rng.normal(size=users)
    noise = {f"noise_{number}": rng.normal(size=users) for number in range(15)}
    return y, noise | {"same": x}


@pytest.mark.parametrize("correlation", [0.4, 0.6, 0.8])
def test_the_ratio_is_that_of_the_planted_correlation(correlation):
    found = find_covariate(*planted(correlation))
    assert found.covariate == "same"
    assert found.variance_ratio == pytest.approx(1 - correlation**2, abs=0.05)
    assert found.ratio_low <= 1 - correlation**2 <= found.ratio_high


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_claimed_where_nothing_is_there(seed):
    assert find_covariate(*planted(0.0, users=200, seed=seed)) is None
    assert find_covariate(*planted(0.0, users=30, seed=seed)) is None


def test_a_covariate_that_misses_users_still_serves():
    y, before = planted(0.7)
    before["same"][::5] = np.nan
    assert find_covariate(y, before).covariate == "same"


def test_adjusting_keeps_the_mean_and_takes_off_the_variance():
    y, before = planted(0.6)
    left = adjusted(y, before["same"])
    assert left.mean() == pytest.approx(y.mean())
    assert left.var() / y.var() == pytest.approx(variance_ratio(y, before["same"]))


def test_a_metric_or_a_covariate_that_does_not_vary_claims_nothing():
    y, before = planted(0.6)
    assert find_covariate(np.ones(len(y)), before) is None
    assert find_covariate(y, {"same": np.ones(len(y))}) is None
