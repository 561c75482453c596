import numpy as np

from grupa_pipeline.segmentation.landmarks import choose_landmarks


def _two_kinds(big: int, small: int) -> tuple[np.ndarray, list[str]]:
    rng = np.random.default_rng(0)
    rows = np.vstack([rng.normal(size=(big, 4)), rng.normal(size=(small, 4)) + 12])
    return rows, [f"u{i}" for i in range(len(rows))]


def test_few_rows_are_all_landmarks() -> None:
    rows, ids = _two_kinds(30, 5)
    assert list(choose_landmarks(rows, ids, limit=50, cells=8, seed=0)) == list(range(35))


def test_the_sample_is_bounded_and_a_small_kind_keeps_more_than_its_share() -> None:
    rows, ids = _two_kinds(8000, 60)
    chosen = choose_landmarks(rows, ids, limit=500, cells=16, seed=0)
    assert len(chosen) == 500
    assert len(set(chosen)) == 500
    assert (chosen >= 8000).sum() > 3 * 500 * 60 / 8060


def test_the_same_users_are_chosen_again_when_some_are_gone() -> None:
    rows, ids = _two_kinds(3000, 60)
    names = np.array(ids)
    first = set(names[choose_landmarks(rows, ids, limit=500, cells=16, seed=0)])
    stay = np.flatnonzero(np.arange(len(rows)) % 20 != 0)
    second = set(names[stay][choose_landmarks(rows[stay], list(names[stay]), limit=500, cells=16, seed=0)])
    assert len(first & second) > 0.7 * 500  # drawn anew, 500 of 3,060 would share about 80


def test_another_seed_chooses_others() -> None:
    rows, ids = _two_kinds(3000, 60)
    first, second = (choose_landmarks(rows, ids, limit=500, cells=16, seed=seed) for seed in (0, 1))
    assert len(set(first) & set(second)) < 250
