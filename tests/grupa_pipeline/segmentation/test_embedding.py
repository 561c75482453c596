import numpy as np
import pytest

from grupa_pipeline.segmentation.embedding import embed, exact_neighbors, principal_coordinates


def _rows() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.vstack([rng.normal(size=(40, 6)), rng.normal(size=(40, 6)) + 9])


def test_neighbours_are_exact_and_begin_with_the_row_itself() -> None:
    rows = _rows()
    indices, distances = exact_neighbors(rows, 4)
    every = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    assert (indices[:, 0] == np.arange(80)).all()
    assert np.allclose(distances, np.sort(every, axis=1)[:, :4], atol=1e-5)
    assert exact_neighbors(rows[:3], 9)[0].shape == (3, 3)


@pytest.mark.slow
def test_an_embedding_is_repeatable_and_keeps_groups_apart() -> None:
    rows = _rows()
    neighbors, start = exact_neighbors(rows, 16), principal_coordinates(rows, 2)
    first, again, other = (
        embed(neighbors, start, n_neighbors=15, epochs=50, seed=seed, spread=0.1) for seed in (1, 1, 2)
    )
    assert (first == again).all()
    assert (first != other).any()
    centres = first[:40].mean(axis=0), first[40:].mean(axis=0)
    within = np.linalg.norm(first[:40] - centres[0], axis=1).mean()
    assert np.linalg.norm(centres[0] - centres[1]) > 3 * within


def test_missing_dimensions_are_zero() -> None:
    coordinates = principal_coordinates(_rows()[:, :2], 5)
    assert coordinates.shape == (80, 5)
    assert (coordinates[:, 2:] == 0).all()
    assert np.abs(coordinates).max() == 10
