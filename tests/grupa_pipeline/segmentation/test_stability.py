import numpy as np

from grupa_pipeline.segmentation.stability import cluster_stability, contingency, draw_subsamples


def test_recurring_clusters_score_one_for_any_numbering() -> None:
    labels = np.array([0] * 10 + [1] * 10 + [-1] * 5)
    samples = draw_subsamples(25, 15, 4, 0)
    again = [np.where(labels[i] < 0, -1, 1 - labels[i]) for i in samples]
    assert cluster_stability(labels, samples, again).tolist() == [1.0, 1.0]


def test_a_cluster_cut_in_half_scores_half_and_the_other_is_untouched() -> None:
    labels = np.repeat([0, 1], [20, 20])
    everyone = [np.arange(40)]
    cut = [np.concatenate([np.repeat([0, 2], 10), np.repeat(1, 20)])]
    assert cluster_stability(labels, everyone, cut).tolist() == [0.5, 1.0]


def test_a_cluster_that_dissolves_into_noise_scores_zero() -> None:
    labels = np.repeat([0, 1], [5, 5])
    assert cluster_stability(labels, [np.arange(10)], [np.repeat([-1, 0], [5, 5])]).tolist() == [0.0, 1.0]


def test_no_clusters_have_no_stability() -> None:
    assert len(cluster_stability(np.full(9, -1), [np.arange(9)], [np.zeros(9, dtype=int)])) == 0


def test_subsamples_are_sorted_without_repeats_and_seeded() -> None:
    first, again, other = draw_subsamples(100, 40, 3, 7), draw_subsamples(100, 40, 3, 7), draw_subsamples(100, 40, 3, 8)
    assert all(len(set(index)) == 40 and (np.diff(index) > 0).all() for index in first)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


def test_contingency_leaves_the_unassigned_out() -> None:
    assert contingency(np.array([0, 0, 1, -1]), np.array([0, 1, 1, 0])).tolist() == [[1, 1], [0, 1]]
