import numpy as np
import pytest

from dash_app.planning.sequential import boundaries, crossings, design_looks, spent
from grupa_pipeline.vocabulary.plan_parts import Spending

PUBLISHED = {
    # Two-sided .05, equal looks, spending by Lan & DeMets: Reboussin, DeMets, Kim & Lan (2000), and R's ldbounds.
    (Spending.OBRIEN_FLEMING, 2): (2.9626, 1.9686),
    (Spending.OBRIEN_FLEMING, 3): (3.7103, 2.5114, 1.9930),
    (Spending.OBRIEN_FLEMING, 4): (4.3326, 2.9631, 2.3590, 2.0141),
    (Spending.OBRIEN_FLEMING, 5): (4.8769, 3.3569, 2.6803, 2.2898, 2.0310),
    (Spending.POCOCK, 5): (2.4380, 2.4268, 2.4101, 2.3966, 2.3859),
}


@pytest.mark.parametrize(("spending", "number"), PUBLISHED)
def test_boundaries_are_the_published_ones(spending, number):
    assert design_looks(number, spending).boundaries == pytest.approx(PUBLISHED[spending, number], abs=1e-3)


@pytest.mark.parametrize("spending", list(Spending))
def test_the_chances_to_cross_add_up_to_what_is_spent(spending):
    times = (0.25, 0.5, 1.0)
    upper = boundaries(times, spending, 0.025)
    chances = crossings(times, upper, 0.0).upper
    assert np.cumsum(chances) == pytest.approx([spent(spending, time, 0.025) for time in times], abs=1e-6)


@pytest.mark.parametrize("futility", [False, True])
@pytest.mark.parametrize("spending", list(Spending))
def test_simulated_tests_keep_alpha_and_have_the_power(spending, futility):
    looks = design_looks(3, spending, futility=futility)
    steps = np.random.default_rng(4).normal(size=(60_000, 3)) * np.sqrt(1 / 3)
    times = np.arange(1, 4) / 3
    drift = np.sqrt(looks.inflation) * (1.959964 + 0.841621)
    for with_drift, low, high in ((0.0, 0.0 if futility else 0.047, 0.053), (drift, 0.79, 0.81)):
        scores = (steps.cumsum(axis=1) + with_drift * times) / np.sqrt(times)
        rejected = np.zeros(len(scores), dtype=bool)
        going = np.ones(len(scores), dtype=bool)
        for at, bound in enumerate(looks.boundaries):
            crossed = going & (np.abs(scores[:, at]) > bound)
            rejected |= crossed
            stops = scores[:, at] < looks.futility_boundaries[at] if futility else False
            going &= ~crossed & ~np.asarray(stops)
        assert low <= rejected.mean() <= high


def test_more_looks_need_a_few_more_users_and_end_sooner():
    few, many = (design_looks(number, Spending.OBRIEN_FLEMING) for number in (2, 5))
    assert 1 < few.inflation < many.inflation < 1.03
    assert many.expected < few.expected < 1
    assert design_looks(3, Spending.POCOCK, futility=True).futility_boundaries[-1] == pytest.approx(
        design_looks(3, Spending.POCOCK).boundaries[-1]
    )


@pytest.mark.parametrize("number", [1, 6])
def test_one_look_or_six_are_refused(number):
    with pytest.raises(ValueError, match="2 to 5"):
        design_looks(number, Spending.POCOCK)
