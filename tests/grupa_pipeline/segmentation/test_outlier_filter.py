import numpy as np

from grupa_pipeline.segmentation.embedding import exact_neighbors
from grupa_pipeline.segmentation.outlier_filter import fellow_distances, filter_outliers


def _rows_with_strays() -> tuple[np.ndarray, np.ndarray]:
    """Two dense groups, outliers (a tenth) labelled with the first, and scattered users labelled as a third group."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(200, 6)), rng.normal(size=(200, 6)) + 8
    strays = rng.normal(size=(20, 6)) * 5
    scattered = rng.uniform(-30, 40, size=(80, 6))
    labels = np.repeat([0, 1, 0, 2], [200, 200, 20, 80])
    return np.vstack([first, second, strays, scattered]), labels


def test_dense_groups_remain_and_their_outliers_are_unassigned() -> None:
    rows, labels = _rows_with_strays()
    filtered = filter_outliers(labels, exact_neighbors(rows, 51)).labels
    assert (filtered[:200] == 0).mean() > 0.97
    assert (filtered[200:400] == 1).mean() > 0.97
    assert (filtered[400:420] == -1).mean() > 0.8


def test_half_of_one_gaussian_is_no_group() -> None:
    rows = np.random.default_rng(1).normal(size=(300, 8))
    labels = np.where(np.random.default_rng(2).random(300) < 0.5, 0, 1)
    filtered = filter_outliers(labels, exact_neighbors(rows, 51))
    assert (filtered.labels == -1).all()
    assert len(filtered.reach) == 0


def test_labels_are_renumbered_after_a_group_is_dissolved() -> None:
    rows, labels = _rows_with_strays()
    renamed = np.array([1, 2, 0])[labels]  # the scattered users come first
    scattered = np.vstack([rows[:420], np.random.default_rng(3).normal(size=(80, 6))])  # now inside the first group
    filtered = filter_outliers(renamed, exact_neighbors(scattered, 51))
    assert set(filtered.labels) == {-1, 0, 1}
    assert len(filtered.reach) == 2
    assert (filtered.labels[420:] == -1).all()


def test_without_labels_all_users_stay_unassigned() -> None:
    rows = np.random.default_rng(4).normal(size=(60, 3))
    assert (filter_outliers(np.full(60, -1), exact_neighbors(rows, 20)).labels == -1).all()


def test_scattered_users_around_dense_groups_are_no_group() -> None:
    """They are barely nearer to each other than to the groups, as where an embedding joins all other users."""
    rng = np.random.default_rng(5)
    directions = rng.normal(size=(3, 14))
    centres = 1.85 * np.sqrt(14) * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    dense = [rng.normal(size=(150, 14)) + centre for centre in centres]
    rows = np.vstack([*dense, 2 * rng.normal(size=(130, 14))])
    labels = np.repeat([0, 1, 2, 3], [150, 150, 150, 130])
    neighbors = exact_neighbors(rows, 51)
    own, other = fellow_distances(labels, neighbors)
    assert 0.9 <= np.median(own[450:] / other[450:]) < 1
    filtered = filter_outliers(labels, neighbors).labels
    assert (filtered[450:] == -1).all()
    assert set(filtered[:450]) >= {0, 1, 2}
