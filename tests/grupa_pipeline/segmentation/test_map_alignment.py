import numpy as np
import pandas as pd
import pytest

from grupa_pipeline.segmentation.map_alignment import align, map_start


def _maps(users: int = 60) -> tuple[np.ndarray, pd.Index, pd.DataFrame]:
    """An earlier map and today's: the same, mirrored, turned, larger and elsewhere, with ten new users."""
    before = np.random.default_rng(0).normal(size=(users, 2)) * [3, 1]
    angle = 2.0
    turn = np.array([[np.cos(angle), np.sin(angle)], [np.sin(angle), -np.cos(angle)]])
    ids = pd.Index([f"u{i}" for i in range(users)])
    known = pd.DataFrame(before, index=ids, columns=["x", "y"]).iloc[: users - 10]
    return 2.5 * before @ turn + [40, -7], ids, known


def test_a_turned_and_mirrored_map_is_turned_back() -> None:
    xy, ids, before = _maps()
    assert np.allclose(align(xy, ids, before)[:50], before.to_numpy())


def test_new_users_are_turned_along() -> None:
    xy, ids, before = _maps()
    whole = np.random.default_rng(0).normal(size=(60, 2)) * [3, 1]
    assert np.allclose(align(xy, ids, before), whole)


@pytest.mark.parametrize("shared", [0, 9])
def test_too_few_shared_users_leave_the_map_alone(shared: int) -> None:
    xy, ids, before = _maps()
    assert (align(xy, ids, before.iloc[:shared]) == xy).all()
    assert (align(xy, ids, None) == xy).all()
    assert (map_start(xy, ids, before.iloc[:shared]) == xy).all()


def test_the_map_starts_where_users_were() -> None:
    xy, ids, before = _maps()
    start = map_start(xy, ids, before)
    assert np.allclose(start.mean(axis=0), 0)
    moved = start[:50] - before.to_numpy()
    assert np.allclose(moved, moved[0])
