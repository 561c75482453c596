"""Effect sizes against published examples and against the definitions, pair by pair."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from grupa_pipeline.insights.effects import RankedValues, discoveries, proportion_effect, wilson

small = st.lists(st.integers(0, 6), min_size=2, max_size=12)


def test_newcombe_intervals_are_the_published_ones():
    # Newcombe 1998, table II, method 10, cases (a), (b), (d) and (h).
    for hits, n, rest_hits, n_rest, low, high in (
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (10, 10, 0, 10, 0.6075, 1.0),
    ):
        effect = proportion_effect(hits, n, rest_hits, n_rest)
        assert (effect.low, effect.high) == pytest.approx((low, high), abs=5e-5)


def test_wilson_interval_is_the_published_one():
    # Newcombe 1998 (single proportions), table I, method 3: 81 of 263 and 0 of 20.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_a_lift_over_zero_is_none():
    assert proportion_effect(3, 10, 0, 10).lift is None


@settings(max_examples=60, deadline=None)
@given(small, small)
def test_delta_and_medians_equal_their_definitions(own: list[int], rest: list[int]):
    values = np.array(own + rest, dtype=float)
    effect = RankedValues(values).effect(np.arange(len(values)) < len(own))
    dominance = np.sign(np.subtract.outer(own, rest))
    assert effect.size == pytest.approx(dominance.mean())
    assert effect.cluster_value == np.median(own)
    assert effect.rest_value == np.median(rest)
    assert -1 <= effect.low <= effect.size + 1e-9
    assert effect.size - 1e-9 <= effect.high <= 1


def test_interval_of_delta_is_that_of_feng_and_cliff_computed_pair_by_pair():
    rng = np.random.default_rng(3)
    own, rest = rng.integers(0, 9, 23), rng.integers(1, 12, 31)
    effect = RankedValues(np.r_[own, rest].astype(float)).effect(np.arange(54) < 23)
    cells = np.sign(np.subtract.outer(own, rest))
    delta, (n, m) = cells.mean(), cells.shape
    rows, columns = ((cells.mean(axis=1) - delta) ** 2).sum(), ((cells.mean(axis=0) - delta) ** 2).sum()
    variance = (m**2 * rows + n**2 * columns - ((cells - delta) ** 2).sum()) / (n * m * (n - 1) * (m - 1))
    z = stats.norm.ppf(0.975)
    spread = z * np.sqrt(variance) * np.sqrt((1 - delta**2) ** 2 + z**2 * variance)
    ends = (np.array([-spread, spread]) + delta - delta**3) / (1 - delta**2 + z**2 * variance)
    assert (effect.low, effect.high) == pytest.approx(tuple(ends))


def test_mann_whitney_p_value_is_scipys():
    rng = np.random.default_rng(4)
    own, rest = rng.integers(0, 9, 40), rng.integers(0, 12, 31)
    effect = RankedValues(np.r_[own, rest].astype(float)).effect(np.arange(71) < 40)
    assert effect.p_value == pytest.approx(stats.mannwhitneyu(own, rest, method="asymptotic").pvalue)


def test_delta_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(5)
    truth = 2 * stats.norm.cdf(0.7 / np.sqrt(2)) - 1
    covered = 0
    for _ in range(400):
        values = np.r_[rng.normal(0.7, 1, 40), rng.normal(0, 1, 120)]
        effect = RankedValues(values).effect(np.arange(160) < 40)
        covered += effect.low <= truth <= effect.high
    assert 0.92 <= covered / 400 <= 0.98


def test_full_separation_still_has_an_interval():
    effect = RankedValues(np.arange(40, dtype=float)).effect(np.arange(40) >= 20)
    assert effect.size == 1
    assert 0.5 < effect.low < 1 == effect.high


def test_equal_values_have_no_effect():
    effect = RankedValues(np.ones(40)).effect(np.arange(40) < 10)
    assert (effect.size, effect.p_value) == (0, 1)


def test_discoveries_are_those_of_benjamini_and_hochberg():
    # Benjamini & Hochberg 1995, section 3.2: four of fifteen at .05.
    p_values = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
        0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0,
    ]  # fmt: skip
    shuffled = np.random.default_rng(6).permutation(15)
    significant = discoveries(np.array(p_values)[shuffled], 0.05)
    assert sorted(shuffled[significant]) == [0, 1, 2, 3]
    assert discoveries(np.array([]), 0.05).size == 0


def test_missing_values_are_ignored_and_members_may_be_positions() -> None:
    rng = np.random.default_rng(3)
    values = np.round(rng.normal(size=200), 1)
    member = rng.random(200) < 0.3
    gone = rng.random(200) < 0.2
    known = RankedValues(values[~gone]).effect(member[~gone])
    values[gone] = np.nan
    assert RankedValues(values).effect(member) == RankedValues(values).effect(np.flatnonzero(member)) == known
