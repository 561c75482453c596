import numpy as np
import pytest

from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.grid import Candidate, Fit
from grupa_pipeline.segmentation.grid_labels import SELECTIONS, VERDICTS
from grupa_pipeline.segmentation.selection import EvaluatedFit, candidates_table, choose, evaluate

DEFAULT_CONFIG = SegmentationConfig()


def _fit(sizes: list[int], noise: int = 0, dbcv: float = 0.5, neighbors: int = 15) -> Fit:
    labels = np.concatenate([np.repeat(np.arange(len(sizes)), sizes), np.full(noise, -1)]).astype(int)
    candidate = Candidate(neighbors, 0.02, 5, "eom")
    return Fit(candidate, labels, labels, np.ones(len(labels)), np.ones(len(sizes)), 5, dbcv)


def _judged(
    sizes: list[int], *, noise: int = 0, dbcv: float = 0.5, stability: float = 0.9, neighbors: int = 15
) -> EvaluatedFit:
    fit = _fit(sizes, noise, dbcv, neighbors)
    return evaluate(fit, np.full(len(sizes), stability), np.ones(len(fit.labels)), DEFAULT_CONFIG)


@pytest.mark.parametrize(
    ("sizes", "noise", "stability", "verdict"),
    [
        ([50, 50], 0, 0.9, "too_few_clusters"),
        ([70, 15, 15], 0, 0.9, "one_big_cluster"),
        ([69, 16, 15], 0, 0.9, "passed"),
        ([20, 15, 10], 55, 0.9, "too_much_noise"),
        ([40, 30, 30], 0, 0.5, "unstable"),
        ([40, 30, 30], 0, 0.6, "passed"),
    ],
)
def test_a_verdict_is_the_first_failed_threshold(sizes: list[int], noise: int, stability: float, verdict: str) -> None:
    assert _judged(sizes, noise=noise, stability=stability).verdict == verdict
    assert verdict in VERDICTS, "the app and Dagster have words for it"


def test_users_of_unstable_clusters_do_not_count_for_a_candidate() -> None:
    fit = _fit([40, 30, 30])
    users = np.ones(100)
    less, more = (evaluate(fit, np.array([0.9, 0.9, last]), users, DEFAULT_CONFIG) for last in (0.2, 0.7))
    assert less.score < more.score


def test_shares_are_of_the_users_that_rows_stand_for() -> None:
    fit = _fit([40, 30, 20], noise=10)
    users = np.where(fit.labels == 0, 10, 1)
    evaluated = evaluate(fit, np.full(3, 0.9), users, DEFAULT_CONFIG)
    assert evaluated.verdict == "one_big_cluster"
    assert (evaluated.largest_share, evaluated.unassigned_share) == (pytest.approx(400 / 460), pytest.approx(10 / 460))
    users = np.where(fit.labels < 0, 20, 1)
    assert evaluate(fit, np.full(3, 0.9), users, DEFAULT_CONFIG).verdict == "too_much_noise"


def test_the_best_candidate_that_passed_is_chosen() -> None:
    good, better, out = _judged([40, 30, 30]), _judged([40, 30, 30], dbcv=0.8), _judged([90, 5, 5], dbcv=0.99)
    assert choose([good, out, better], None, DEFAULT_CONFIG) is better


def test_yesterdays_choice_is_kept_unless_another_is_clearly_better() -> None:
    old = _judged([40, 30, 30], dbcv=0.5, neighbors=15)
    new = _judged([40, 30, 30], dbcv=0.6, neighbors=30)
    far = _judged([40, 30, 30], dbcv=0.9, neighbors=30)
    yesterday = {"candidate": old.fit.candidate.as_parameters()}
    assert choose([old, new], yesterday, DEFAULT_CONFIG) is old
    assert choose([old, new], None, DEFAULT_CONFIG) is new
    assert choose([old, far], yesterday, DEFAULT_CONFIG) is far


def test_yesterdays_choice_is_not_kept_once_it_fails() -> None:
    failed = _judged([90, 5, 5], dbcv=0.9, neighbors=15)
    passed = _judged([40, 30, 30], dbcv=0.1, neighbors=30)
    assert choose([failed, passed], {"candidate": failed.fit.candidate.as_parameters()}, DEFAULT_CONFIG) is passed


def test_if_none_passed_the_best_with_enough_clusters_is_chosen() -> None:
    two, big = _judged([50, 50], dbcv=0.9), _judged([90, 5, 5], dbcv=0.2)
    chosen = choose([two, big], None, DEFAULT_CONFIG)
    assert chosen is big
    assert chosen.verdict == "one_big_cluster"


def test_the_table_shows_every_candidate_and_marks_the_chosen() -> None:
    evaluated = [_judged([40, 30, 30]), _judged([50, 50])]
    table = candidates_table(evaluated, evaluated[0])
    assert list(table["candidate"]) == [1, 2]
    assert list(table["chosen"]) == [True, False]
    assert set(table["parameters"][0]) == {"n_neighbors", "min_cluster_size", "min_samples", "cluster_selection_method"}


def test_every_cluster_selection_has_a_description() -> None:
    assert {selection for *_, selection in DEFAULT_CONFIG.densities} <= SELECTIONS.keys()
