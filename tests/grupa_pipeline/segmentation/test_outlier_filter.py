import numpy as np

from grupa_pipeline.segmentation.outlier_filter import CROWD, filter_outliers
from tests.grupa_pipeline.segmentation.measured import kinds


def _with_crowd(crowd: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Three dense kinds of 200, and a crowd all over the place, labelled as a fourth."""
    rows, _, truth = kinds([200, 200, 200], columns=6, apart=10.0)
    spread = np.random.default_rng(1).uniform(-15, 20, (crowd, 6))
    return np.vstack([rows, spread]), np.append(truth, np.full(crowd, 3))


def test_a_crowd_without_a_centre_is_dissolved_and_kinds_are_not() -> None:
    rows, labels = _with_crowd()
    filtered = filter_outliers(rows, labels)
    assert len(filtered.reach) == 3
    assert (filtered.labels[:600] == labels[:600]).mean() > 0.97
    assert (filtered.labels[600:] == -1).mean() > 0.85


def test_groups_are_renumbered_after_a_crowd_is_dissolved() -> None:
    rows, labels = _with_crowd()
    filtered = filter_outliers(rows, (labels + 1) % 4)  # the crowd comes first
    assert set(filtered.labels) == {-1, 0, 1, 2}
    assert [filtered.labels[200 * kind + 7] for kind in range(3)] == [0, 1, 2]
    assert len(filtered.discriminant.centres) == 3


def test_members_of_a_crowd_within_reach_of_a_kind_join_it() -> None:
    rows, labels = _with_crowd()
    inside = np.vstack([rows, rows[:10] + 0.01])
    filtered = filter_outliers(inside, np.append(labels, np.full(10, 3)))
    assert (filtered.labels[-10:] == 0).mean() > 0.8


def test_planted_kinds_are_kept_whole() -> None:
    rows, _, truth = kinds([300, 100, 20, 40], columns=5)
    filtered = filter_outliers(rows, truth)
    assert len(filtered.reach) == 4
    assert (filtered.labels == truth).mean() > 0.98


def test_of_two_groups_none_is_a_crowd_by_the_other() -> None:
    rng = np.random.default_rng(2)
    rows = np.vstack([rng.normal(size=(200, 3)), 2 * CROWD * rng.normal(size=(200, 3)) + 30])
    filtered = filter_outliers(rows, np.repeat([0, 1], 200))
    assert len(filtered.reach) == 2
    assert (filtered.labels >= 0).mean() > 0.97


def test_members_far_off_are_unassigned() -> None:
    rows, _, truth = kinds([200, 200])
    strays = np.array([[40.0, 0, 0, 0], [0, 0, 35, 0], [-30, -30, 0, 0]])
    filtered = filter_outliers(np.vstack([rows, strays]), np.append(truth, [0, 1, 1]))
    assert filtered.labels[400:].tolist() == [-1, -1, -1]
    assert (filtered.labels[:400] >= 0).mean() > 0.98
    own = filtered.discriminant.distances(rows, truth)
    assert (own <= filtered.reach[truth]).mean() > 0.98
