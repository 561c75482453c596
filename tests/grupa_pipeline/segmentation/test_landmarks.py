import numpy as np
import pytest

from grupa_pipeline.segmentation.landmarks import choose_landmarks


def _two_kinds(big: int, small: int) -> tuple[np.ndarray, list[str]]:
    rng = np.random.default_rng(0)
    rows = np.vstack([rng.normal(size=(big, 4)), rng.normal(size=(small, 4)) + 12])
    return rows, [f"u{i}" for i in range(len(rows))]


def _chosen(rows: np.ndarray, ids: list[str], seed: int = 0) -> np.ndarray:
    return choose_landmarks(rows, ids, np.ones(len(rows)), limit=500, cells=16, seed=seed).rows


def test_few_rows_are_all_landmarks() -> None:
    rows, ids = _two_kinds(30, 5)
    users = np.arange(1, 36)
    chosen = choose_landmarks(rows, ids, users, limit=50, cells=8, seed=0)
    assert list(chosen.rows) == list(range(35))
    assert list(chosen.users) == list(users)


def test_the_sample_is_bounded_and_small_kinds_are_oversampled() -> None:
    rows, ids = _two_kinds(8000, 60)
    chosen = choose_landmarks(rows, ids, np.ones(8060), limit=500, cells=16, seed=0).rows
    assert len(chosen) == 500
    assert len(set(chosen)) == 500
    assert (chosen >= 8000).sum() > 3 * 500 * 60 / 8060


def test_the_same_users_are_chosen_again_when_some_are_gone() -> None:
    rows, ids = _two_kinds(3000, 60)
    names = np.array(ids)
    first = set(names[_chosen(rows, ids)])
    stay = np.flatnonzero(np.arange(len(rows)) % 20 != 0)
    second = set(names[stay][_chosen(rows[stay], list(names[stay]))])
    assert len(first & second) > 0.7 * 500  # independent samples of 500 of 3,060 would share about 80


def test_another_seed_chooses_others() -> None:
    rows, ids = _two_kinds(3000, 60)
    first, second = (_chosen(rows, ids, seed) for seed in (0, 1))
    assert len(set(first) & set(second)) < 250


def test_landmark_weights_restore_the_true_shares() -> None:
    rows, ids = _two_kinds(8000, 60)
    users = np.ones(len(rows))
    users[:100] = 41  # 4,000 more of the big kind, in a hundred ways
    chosen = choose_landmarks(rows, ids, users, limit=500, cells=16, seed=0)
    small = chosen.rows >= 8000
    assert small.mean() > 3 * 60 / users.sum()
    assert chosen.users.sum() == pytest.approx(users.sum())
    assert chosen.users[small].sum() / chosen.users.sum() == pytest.approx(60 / users.sum(), abs=0.001)
