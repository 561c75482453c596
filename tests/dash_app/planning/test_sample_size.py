import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import TTestIndPower, normal_sample_size_one_tail
from statsmodels.stats.proportion import samplesize_proportions_2indep_onetail

from dash_app.planning.design import Design, Metric, SizeError
from dash_app.planning.sample_size import (
    achieved_power,
    control_size,
    detectable_effect,
    non_inferiority_size,
    size,
    smallest_expected_cell,
)

designs = st.builds(
    lambda alpha, power, sides, ratio: Design(alpha, power, sides, (1.0, ratio)),
    st.floats(0.005, 0.2),
    st.floats(0.55, 0.98),
    st.sampled_from([1, 2]),
    st.floats(0.2, 5),
)


def test_values_of_r_power_prop_test():
    assert control_size(Metric("proportion", 0.5), 0.25, Design(power=0.9)) == pytest.approx(76.7, abs=0.05)
    assert size(Metric("proportion", 0.01), 0.001, Design()).arms == (163_095, 163_095)


def test_value_of_r_power_t_test():
    # R: power.t.test(delta = 1, sd = 1, power = .9) gives n = 22.02110.
    assert control_size(Metric("mean", 10, 1.0), 1.0, Design(power=0.9)) == pytest.approx(22.02110, rel=1e-5)


@given(baseline=st.floats(0.005, 0.99), to=st.floats(0.005, 0.99), design=designs)
def test_proportions_against_statsmodels(baseline, to, design):
    assume(abs(to - baseline) > 0.002)
    expected = samplesize_proportions_2indep_onetail(
        baseline - to,
        to,
        design.power,
        ratio=design.weights[1],
        alpha=design.alpha,
        alternative="two-sided" if design.sides == 2 else "smaller",
    )
    assert control_size(Metric("proportion", baseline), to - baseline, design) == pytest.approx(expected, rel=1e-3)


@given(standardized=st.floats(0.02, 1.5), sd=st.floats(0.01, 1e4), design=designs)
@settings(max_examples=60, deadline=None)
def test_means_against_statsmodels(standardized, sd, design):
    n = control_size(Metric("mean", 5.0, sd), standardized * sd, design)
    assume(n > 4 and n * design.weights[1] > 4)  # statsmodels' own search does not converge on fewer
    expected = TTestIndPower().solve_power(
        standardized,
        alpha=design.alpha,
        power=design.power,
        ratio=design.weights[1],
        alternative="two-sided" if design.sides == 2 else "larger",
    )
    assert n == pytest.approx(float(np.squeeze(expected)), rel=1e-3)


@given(standardized=st.floats(0.02, 1.5), sd=st.floats(0.01, 1e4), design=designs)
def test_ratios_against_statsmodels(standardized, sd, design):
    n = control_size(Metric("ratio", 2.0, sd), -standardized * sd, design)
    expected = normal_sample_size_one_tail(
        standardized, design.power, design.alpha / design.sides, std_null=np.sqrt(1 + 1 / design.weights[1])
    )
    assert n == pytest.approx(expected, rel=1e-3)


@given(kind=st.sampled_from(["proportion", "mean", "ratio"]), control=st.floats(30, 1e6), design=designs)
@settings(max_examples=60, deadline=None)
def test_detectable_effect_is_the_inverse(kind, control, design):
    metric = Metric(kind, 0.3, 0.9)
    effect = detectable_effect(metric, 1, control, design)
    assume(effect is not None)
    assert achieved_power(metric, effect, control, design) == pytest.approx(design.power, abs=1e-6)
    assert control_size(metric, effect, design) == pytest.approx(control, rel=1e-3)


def test_detectable_effect_is_signed_and_none_when_nothing_would_do():
    assert detectable_effect(Metric("proportion", 0.3), -1, 1000, Design()) < 0
    assert detectable_effect(Metric("proportion", 0.0), -1, 1000, Design()) is None
    assert detectable_effect(Metric("proportion", 0.98), 1, 20, Design()) is None
    assert detectable_effect(Metric("mean", 1, 1.0), 1, 1.0, Design()) is None


def test_bonferroni_shares_alpha_among_the_arms():
    metric = Metric("proportion", 0.2)
    four = control_size(metric, 0.03, Design(alpha=0.06, weights=(1, 1, 1, 1)))
    assert four == pytest.approx(control_size(metric, 0.03, Design(alpha=0.02)))
    assert size(metric, 0.03, Design(alpha=0.06, weights=(1, 1, 1, 1))).total == 4 * int(np.ceil(four))


def test_unequal_weights_size_for_the_smallest_arm():
    metric, effect = Metric("mean", 10.0, 4.0), 0.5
    sized = size(metric, effect, Design(weights=(2, 1, 0.5)))
    assert sized.arms[0] == pytest.approx(2 * sized.arms[1], abs=2)
    assert sized.arms[1] == pytest.approx(2 * sized.arms[2], abs=2)
    two = size(metric, effect, Design(alpha=0.025, weights=(2, 0.5)))
    assert sized.arms[0] == two.arms[0]


def test_one_sided_needs_fewer():
    metric = Metric("ratio", 0.4, 1.0)
    assert control_size(metric, 0.1, Design(sides=1)) < control_size(metric, 0.1, Design(sides=2))
    assert control_size(metric, 0.1, Design(alpha=0.05, sides=1)) == control_size(metric, 0.1, Design(alpha=0.1))


def test_non_inferiority_matches_the_textbook():
    # Chow et al. (2018), example 4.2.4: p = .85, margin .10, power .8, alpha .05 one-sided.
    expected = (stats.norm.ppf(0.95) + stats.norm.ppf(0.8)) ** 2 * 2 * 0.85 * 0.15 / 0.1**2
    assert non_inferiority_size(Metric("proportion", 0.85), 0.1, Design()).control == pytest.approx(expected)


def test_non_inferiority_holds_its_error_rates_in_simulation():
    rng = np.random.default_rng(3)
    metric, margin, design = Metric("mean", 5.0, 2.0), 0.25, Design()
    n = non_inferiority_size(metric, margin, design).arms[0]
    passes = {}
    for worsening in (0.0, margin):
        a = rng.normal(5.0, 2.0, (4000, n)).mean(axis=1)
        b = rng.normal(5.0 - worsening, 2.0, (4000, n)).mean(axis=1)
        passes[worsening] = np.mean((b - a + margin) / (2.0 * np.sqrt(2 / n)) > stats.norm.ppf(0.95))
    assert passes[0.0] == pytest.approx(0.8, abs=0.025)
    assert passes[margin] == pytest.approx(0.05, abs=0.015)


def test_expected_cells_count_both_sides_of_every_arm():
    assert smallest_expected_cell(Metric("proportion", 0.02), 0.01, (1000, 400)) == pytest.approx(12)
    assert smallest_expected_cell(Metric("mean", 1, 1.0), 0.01, (3, 3)) == float("inf")


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: Metric("proportion", 1.2), "between 0% and 100%"),
        (lambda: Metric("share", 0.2), "not 'share'"),
        (lambda: Metric("mean", 3.0), "does not vary"),
        (lambda: Metric("mean", 3.0, 0.0), "does not vary"),
        (lambda: Metric("mean", float("nan"), 1.0), "not a number"),
        (lambda: Design(alpha=0), "Alpha"),
        (lambda: Design(power=1), "Power"),
        (lambda: Design(power=0.4), "at least 0.5"),
        (lambda: Design(sides=3), "1 or 2 sides"),
        (lambda: control_size(Metric("mean", 1, 1e9), 1e-9, Design()), "No number of users"),
        (lambda: non_inferiority_size(Metric("mean", 1, 1e9), 1e-9, Design()), "No number of users"),
        (lambda: Design(weights=(1,)), "at least one other arm"),
        (lambda: Design(weights=(1, 0)), "weight above 0"),
        (lambda: Design(weights=(1, 0.0001)), "at least 0.1%"),
        (lambda: control_size(Metric("proportion", 0.9), 0.2, Design()), "smaller effect"),
        (lambda: control_size(Metric("mean", 1, 1.0), 0.0, Design()), "must not be 0"),
        (lambda: non_inferiority_size(Metric("mean", 1, 1.0), 0.0, Design()), "margin"),
    ],
)
def test_what_cannot_be_sized_is_said_in_words(build, says):
    with pytest.raises(SizeError, match=says):
        build()
