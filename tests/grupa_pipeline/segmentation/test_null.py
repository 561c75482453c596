import json
from datetime import date

import numpy as np
import pytest
from scipy.stats import spearmanr

from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.null import (
    CopulaSummary,
    NullScores,
    draw_nulls,
    null_key,
    reusable_null,
    summarize,
    tail_probability,
)

DAY = date(2026, 3, 1)
SHAPE = CopulaSummary(((0.1, 0.2),), ())


def test_null_tables_keep_margins_and_rank_correlations_and_lose_the_clusters() -> None:
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 2, 1500)
    rows = np.column_stack([np.exp(rng.normal(size=1500) * 0.3 + 2 * kind), rng.normal(size=1500) + 3 * kind])
    null = draw_nulls(rows, 1500, 1, 0)[0]
    assert set(null[:, 0]) <= set(rows[:, 0])
    for column in range(2):
        assert np.allclose(
            np.quantile(null[:, column], [0.1, 0.5, 0.9]), np.quantile(rows[:, column], [0.1, 0.5, 0.9]), atol=0.6
        )
    assert spearmanr(null).statistic == pytest.approx(spearmanr(rows).statistic, abs=0.06)
    between = np.abs(rows[:, 1] - 3 * (rows[:, 0] > 3)) > 2.5
    assert (np.abs(null[:, 1] - 3 * (null[:, 0] > 3)) > 2.5).mean() > 2 * between.mean()


def test_null_tables_are_seeded() -> None:
    rows = np.random.default_rng(1).normal(size=(200, 3))
    assert all((a == b).all() for a, b in zip(draw_nulls(rows, 50, 2, 5), draw_nulls(rows, 50, 2, 5), strict=True))
    assert (draw_nulls(rows, 50, 1, 5)[0] != draw_nulls(rows, 50, 1, 6)[0]).any()


def test_the_tail_probability_is_that_of_the_predictive_t() -> None:
    scores = [0.1, 0.2, 0.3, 0.2, 0.1, 0.3, 0.25, 0.15, 0.2, 0.2]
    assert tail_probability(0.2, scores) == pytest.approx(0.5)
    assert tail_probability(0.9, scores) < 0.001
    assert tail_probability(0.35, scores) > 0.01  # two spreads of ten scores prove nothing
    assert tail_probability(0.1, scores) > 0.85


def test_ten_zeros_do_not_make_a_small_score_a_discovery() -> None:
    assert tail_probability(0.1, [0.0] * 10) > 0.01


@pytest.mark.parametrize(("days", "reused"), [(0, True), (7, True), (8, False), (-1, False)])
def test_a_null_is_reused_for_seven_days(days: int, reused: bool) -> None:
    stored = {"null": NullScores((0.1, 0.2), DAY, "k", SHAPE).as_parameters()}
    today = date.fromordinal(DAY.toordinal() + days)
    assert (reusable_null(stored, "k", SHAPE, today, SegmentationConfig()) is not None) == reused


def test_a_null_of_other_features_or_another_grid_is_not_reused() -> None:
    key = null_key(["a", "b"], 100, SegmentationConfig())
    stored = {"null": NullScores((0.1,), DAY, key, SHAPE).as_parameters()}
    assert reusable_null(stored, key, SHAPE, DAY, SegmentationConfig()) == NullScores((0.1,), DAY, key, SHAPE)
    for other in (
        null_key(["a", "c"], 100, SegmentationConfig()),
        null_key(["a", "b"], 90, SegmentationConfig()),
        null_key(["a", "b"], 100, SegmentationConfig(epochs=7)),
    ):
        assert reusable_null(stored, other, SHAPE, DAY, SegmentationConfig()) is None
    assert null_key(["a", "b"], 100, SegmentationConfig(workers=1)) == key
    assert reusable_null(None, key, SHAPE, DAY, SegmentationConfig()) is None
    assert reusable_null({}, key, SHAPE, DAY, SegmentationConfig()) is None


def test_a_null_is_reused_while_margins_and_correlations_hardly_change() -> None:
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(3000, 4))
    drawn_from = summarize(rows)
    stored = json.loads(json.dumps({"null": NullScores((0.1,), DAY, "k", drawn_from).as_parameters()}))

    def reused(now: np.ndarray) -> bool:
        return reusable_null(stored, "k", summarize(now), DAY, SegmentationConfig()) is not None

    assert reused(rng.normal(size=(3000, 4)))
    two_valued = rows.copy()
    two_valued[:, 1] = np.sign(rows[:, 1])
    assert not reused(two_valued)
    one_factor = rows.copy()
    one_factor[:, 3] = 0.4 * rows[:, 0] + np.sqrt(1 - 0.4**2) * rows[:, 3]
    assert not reused(one_factor)
