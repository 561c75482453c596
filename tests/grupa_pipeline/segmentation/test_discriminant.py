import numpy as np
import pytest
from scipy.stats import multivariate_normal

from grupa_pipeline.segmentation.discriminant import SHRINKAGE, fit_discriminant, reassign


def _two(sizes: tuple[int, int] = (300, 100), apart: float = 5.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of two groups of one covariance, their labels, and the covariance within groups as it is estimated."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], sizes)
    rows = rng.normal(size=(len(labels), 2)) @ np.array([[2.0, 0.0], [1.5, 0.6]])
    rows[labels == 1] += [0.0, apart]
    within = rows - np.stack([rows[labels == group].mean(axis=0) for group in (0, 1)])[labels]
    covariance = within.T @ within / len(rows)
    sphere = np.trace(covariance) / 2 * np.eye(2)
    return rows, labels, (1 - SHRINKAGE) * covariance + SHRINKAGE * sphere


def test_scores_are_log_densities_plus_log_shares() -> None:
    rows, labels, covariance = _two()
    scores = fit_discriminant(rows, labels, 2).scores(rows)
    expected = np.column_stack(
        [
            multivariate_normal(rows[labels == group].mean(axis=0), covariance).logpdf(rows) + np.log(share)
            for group, share in ((0, 0.75), (1, 0.25))
        ]
    )
    constant = scores[0, 0] - expected[0, 0]
    assert scores == pytest.approx(expected + constant)


def test_distances_are_mahalanobis_from_the_own_centre() -> None:
    rows, labels, covariance = _two()
    away = rows - np.stack([rows[labels == group].mean(axis=0) for group in (0, 1)])[labels]
    expected = np.sqrt(np.einsum("nd,de,ne->n", away, np.linalg.inv(covariance), away))
    assert fit_discriminant(rows, labels, 2).distances(rows, labels) == pytest.approx(expected)


def test_the_direction_is_fishers() -> None:
    rows, labels, covariance = _two()
    difference = rows[labels == 1].mean(axis=0) - rows[labels == 0].mean(axis=0)
    expected = np.linalg.solve(covariance, difference)
    discriminant = fit_discriminant(rows, labels, 2)
    assert discriminant.direction(0, 1) == pytest.approx(expected)
    assert discriminant.direction(1, 0) == pytest.approx(-expected)


def test_rows_without_a_label_are_left_out() -> None:
    rows, labels, _ = _two()
    more = np.vstack([rows, np.full((50, 2), 90.0)])
    known = fit_discriminant(rows, labels, 2).scores(rows)
    assert fit_discriminant(more, np.append(labels, np.full(50, -1)), 2).scores(rows) == pytest.approx(known)


def test_few_rows_and_constant_columns_give_finite_scores() -> None:
    rows = np.random.default_rng(1).normal(size=(6, 30))
    rows[:, 3] = 1.0
    assert np.isfinite(fit_discriminant(rows, np.repeat([0, 1], 3), 2).scores(rows)).all()
    same = np.ones((6, 2))
    assert np.isfinite(fit_discriminant(same, np.repeat([0, 1], 3), 2).scores(same)).all()


def test_ragged_edges_are_drawn_where_groups_are_equally_dense() -> None:
    rows, labels, _ = _two((200, 200), apart=6.0)
    ragged = labels.copy()
    wrong = np.random.default_rng(2).choice(400, 40, replace=False)
    ragged[wrong] = 1 - ragged[wrong]
    assert (reassign(rows, ragged) == labels).mean() > 0.99


def test_groups_that_nobody_is_likeliest_in_leave_no_number() -> None:
    rows, labels, _ = _two((200, 200), apart=8.0)
    scattered = labels.copy()
    scattered[[0, 150, 250, 399]] = 2  # four users all over
    scattered = np.where(scattered == 1, 3, scattered)
    found = reassign(rows, np.unique(scattered, return_inverse=True)[1])
    assert set(found) == set(range(found.max() + 1))
    assert (reassign(rows, np.zeros(400, dtype=int)) == 0).all()
