import numpy as np

from grupa_pipeline.segmentation.axes import SAMPLE, signal_axes


def test_the_axes_span_what_columns_share_and_leave_out_their_own_noise() -> None:
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(600, 3))
    weights = rng.normal(size=(3, 20))
    rows = hidden @ weights + rng.normal(size=(600, 20))
    axes = signal_axes(rows, 2, 0)
    assert axes.shape == (20, 3)
    planted = np.linalg.qr(weights.T)[0]
    assert np.linalg.svd(planted.T @ axes)[1].min() > 0.95  # cosine of the largest angle between the two spaces


def test_unrelated_columns_give_the_minimum_number_of_axes() -> None:
    rows = np.random.default_rng(1).normal(size=(500, 12))
    assert signal_axes(rows, 5, 0).shape == (12, 5)
    assert signal_axes(rows[:, :3], 5, 0).shape == (3, 3)


def test_signs_of_axes_are_stable() -> None:
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(400, 2)) @ rng.normal(size=(2, 8)) * [3] * 8 + rng.normal(size=(400, 8))
    first, second = signal_axes(rows, 2, 0), signal_axes(rows[:380], 2, 0)
    assert np.abs(first[:, :2] - second[:, :2]).max() < 0.2


def test_axes_of_a_sample_equal_those_of_all_rows() -> None:
    rng = np.random.default_rng(3)
    rows = np.repeat(rng.normal(size=(SAMPLE + 5000, 2)), 4, axis=1) + rng.normal(size=(SAMPLE + 5000, 8))
    axes = signal_axes(rows, 1, 0)
    assert axes.shape == (8, 2)
    assert np.linalg.svd(axes.T @ signal_axes(rows[:SAMPLE], 1, 0))[1].min() > 0.99
    np.testing.assert_array_equal(axes, signal_axes(rows, 1, 0))
