import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from grupa_pipeline.segmentation.fine_partition import earlier_cells, kmeans_cells, leaf_cells


def test_k_means_cells_are_at_most_one_for_twelve_rows() -> None:
    rows = np.random.default_rng(0).normal(size=(300, 3))
    assert set(kmeans_cells(rows, 24, 1)) == set(range(24))
    assert kmeans_cells(rows[:72], 24, 1).max() + 1 == 6
    assert kmeans_cells(rows[:3], 24, 1).tolist() == [0, 0, 0]
    assert (kmeans_cells(rows, 24, 1) == kmeans_cells(rows, 24, 1)).all()


def test_k_means_cells_have_no_gaps_in_their_numbers() -> None:
    rows = np.repeat([[0.0], [5.0], [9.0]], 20, axis=0) + np.linspace(0, 1e-9, 60)[:, None]
    cells = kmeans_cells(rows, 3, 0)
    assert set(cells) == {0, 1, 2}
    assert adjusted_rand_score(np.repeat([0, 1, 2], 20), cells) == 1


@pytest.mark.slow
def test_leaf_cells_follow_a_ring_around_a_spot() -> None:
    rng = np.random.default_rng(1)
    angle = rng.uniform(0, 2 * np.pi, 300)
    ring = 10 * np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(size=(300, 2)) * 0.2
    points = np.vstack([ring, rng.normal(size=(100, 2)) * 0.5])
    cells = leaf_cells(points, 12)
    assert (cells >= 0).all()
    assert not set(cells[:300]) & set(cells[300:])


@pytest.mark.slow
def test_leaf_cells_of_users_without_a_dense_spot_are_one() -> None:
    assert set(leaf_cells(np.random.default_rng(2).uniform(size=(20, 2)), 15)) == {0}


def test_earlier_clusters_are_cells_and_new_users_join_the_likeliest() -> None:
    rng = np.random.default_rng(3)
    truth = np.repeat([0, 1, 2], 40)
    rows = rng.normal(size=(120, 3)) + 8 * np.eye(3)[truth]
    before = truth.copy()
    before[::3] = -1
    cells = earlier_cells(rows, before)
    assert cells is not None
    assert (cells == truth).all()
    everyone = earlier_cells(rows, truth)
    assert everyone is not None
    assert (everyone == truth).all()


def test_earlier_clusters_of_which_few_users_are_left_are_no_cells() -> None:
    rows = np.random.default_rng(4).normal(size=(100, 2))
    before = np.repeat([0, 1, -1], [25, 24, 51])
    assert earlier_cells(rows, before) is None
    before[60] = 1
    assert earlier_cells(rows, before) is not None
    assert earlier_cells(rows, np.zeros(100, dtype=int)) is None
    assert earlier_cells(rows, np.full(100, -1)) is None
