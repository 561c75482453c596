from dataclasses import replace

import numpy as np
import pytest

from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.null import null_p_value
from tests.grupa_pipeline.segmentation.measured import kinds, measured_twice

CONFIG = SegmentationConfig(fine_cells=(12, 12, 12), min_clusters=2)
CREDULOUS = replace(CONFIG, fine_cells=(2, 2, 2), min_kappa=-1.0, max_valley=99.0, max_valley_p=1.0)
"""Takes any two halves for two groups, so that only the test can tell that they are none."""


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [[150, 150], [200, 100, 100]])
def test_the_p_value_of_planted_kinds_is_below_the_limit(sizes: list[int]) -> None:
    rows, halves, _ = kinds(sizes)
    config = replace(CONFIG, min_clusters=len(sizes))
    assert null_p_value(rows, halves, config, 1) < config.max_p_value


def _p_values(config: SegmentationConfig, draws: int) -> np.ndarray:
    found = []
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=(240, 2)) if seed % 2 else rng.uniform(-2, 2, (240, 2))
        rows, halves = measured_twice(truth, 0.2, rng)
        found.append(null_p_value(rows, halves, config, seed))
    return np.array(found)


@pytest.mark.slow
def test_users_who_differ_by_degree_have_high_p_values() -> None:
    assert (_p_values(CONFIG, 4) == 1).all()


@pytest.mark.slow
def test_the_p_value_is_rarely_small_by_chance_even_where_any_parts_pass_for_groups() -> None:
    found = _p_values(CREDULOUS, 20)
    assert (found < 0.01).sum() == 0
    assert (found < 0.2).mean() <= 0.2


def test_one_group_cannot_be_separate() -> None:
    rows, halves, _ = kinds([200])
    assert null_p_value(rows, halves, CONFIG, 1) == 1


def test_few_users_of_a_kind_are_no_proof() -> None:
    rows, halves, _ = kinds([7, 7], noise=0.1)
    assert null_p_value(rows, halves, CREDULOUS, 1) > CONFIG.max_p_value


@pytest.mark.slow
def test_the_p_value_is_seeded() -> None:
    rows, halves, _ = kinds([60, 40], apart=5.0)
    assert null_p_value(rows, halves, CONFIG, 3) == null_p_value(rows, halves, CONFIG, 3)
