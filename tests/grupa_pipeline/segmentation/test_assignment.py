import numpy as np

from grupa_pipeline.segmentation.assignment import assign_users, nearest_other
from grupa_pipeline.segmentation.grid import Candidate, Fit


def _placed() -> tuple[np.ndarray, np.ndarray, object]:
    """Two groups, half of them landmarks, then one row between them and one far from both."""
    rng = np.random.default_rng(0)
    rows = np.vstack([rng.normal(size=(100, 3)), rng.normal(size=(100, 3)) + 10, [[5, 5, 5]], [[90, 90, 90]]])
    landmarks = np.arange(0, 200, 2)
    labels = (landmarks >= 100).astype(int)
    fit = Fit(Candidate(15, 0.02, 5, "eom"), labels, labels, np.full(100, 0.8), np.array([3.0, 3.0]), 5, 0.5)
    return (
        rows,
        landmarks,
        assign_users(rows, landmarks, axes=np.eye(3), fit=fit, xy=rows[landmarks][:, :2], neighbors=10),
    )


def test_other_users_get_the_label_of_their_nearest_landmarks() -> None:
    _, _, assignment = _placed()
    assert (assignment.labels[1:100:2] == 0).mean() > 0.95
    assert (assignment.labels[101:200:2] == 1).mean() > 0.95
    assert assignment.strengths[assignment.labels >= 0].min() >= 0.5


def test_landmarks_keep_their_labels_strengths_and_positions() -> None:
    rows, landmarks, assignment = _placed()
    assert (assignment.labels[landmarks] == (landmarks >= 100)).all()
    assert (assignment.strengths[landmarks] == 0.8).all()
    assert (assignment.xy[landmarks] == rows[landmarks][:, :2]).all()


def test_users_far_from_all_clusters_are_unassigned_but_on_the_map() -> None:
    _, _, assignment = _placed()
    assert assignment.labels[-2] == -1
    assert assignment.labels[-1] == -1
    assert assignment.strengths[-1] == 0
    assert np.isfinite(assignment.xy).all()


def test_columns_off_the_axes_affect_outliers_but_not_the_choice_of_cluster() -> None:
    rng = np.random.default_rng(1)
    rows = np.zeros((401, 12))
    rows[:200, 0], rows[200:400, 0] = rng.normal(size=200), rng.normal(size=200) + 5
    rows[:400, 1:] = rng.normal(size=(400, 11)) * 5
    rows[400, 1] = 90
    landmarks = np.arange(0, 400, 2)
    labels = (landmarks >= 200).astype(int)
    fit = Fit(Candidate(15, 0.02, 5, "eom"), labels, labels, np.ones(200), np.array([40.0, 40.0]), 5, 0.5)
    inputs = {"fit": fit, "xy": rows[landmarks][:, :2], "neighbors": 15}
    along, everywhere = (
        assign_users(rows, landmarks, axes=axes, **inputs).labels for axes in (np.eye(12)[:, :1], np.eye(12))
    )
    truth = np.arange(400)[1::2] >= 200
    assert (along[1:400:2] == truth).mean() > 0.96
    assert (everywhere[1:400:2] == truth).mean() < 0.9
    assert along[400] == -1


def test_outliers_between_two_clusters_are_unassigned() -> None:
    rows = np.array([[-1.0], [-1], [-1], [-1], [-1], [1], [1], [1], [1], [1], [0.0], [0.1], [-0.9]])
    labels = np.array([0, 0, 0, 0, -1, 1, 1, 1, 1, -1])
    fit = Fit(Candidate(15, 0.02, 5, "eom"), labels, labels, np.ones(10), np.full(2, 9.0), 4, 0.5)
    inputs = {"axes": np.eye(1), "xy": np.zeros((10, 2)), "neighbors": 10}
    assignment = assign_users(rows, np.arange(10), fit=fit, **inputs)
    assert assignment.labels[10:].tolist() == [
        -1,
        -1,
        -1,
    ]  # a cluster of four landmarks is too small for a distance limit
    labels[[4, 9]] = [0, 1]
    assert assign_users(rows, np.arange(10), fit=fit, **inputs).labels[11:].tolist() == [1, 0]


def test_other_users_are_placed_near_their_neighbours_on_the_map() -> None:
    rows, _, assignment = _placed()
    assert np.abs(assignment.xy[1:200:2] - rows[1:200:2, :2]).mean() < 1.0


def test_the_nearest_other_cluster_is_never_the_own_one() -> None:
    rows = np.array([[0.0], [1.0], [10.0], [11.0], [30.0], [12.0]])
    assert nearest_other(rows, np.array([0, 0, 1, 1, 2, -1])).tolist() == [1, 1, 0, 0, 1, 1]
    assert nearest_other(rows, np.array([0, 0, 0, 0, 0, -1])).tolist() == [-1, -1, -1, -1, -1, 0]
    assert nearest_other(rows, np.full(6, -1)).tolist() == [-1] * 6
