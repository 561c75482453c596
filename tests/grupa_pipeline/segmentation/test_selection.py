from dataclasses import replace
from unittest import mock

import numpy as np
import pytest

from grupa_pipeline.segmentation import selection
from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.discriminant import fit_discriminant
from grupa_pipeline.segmentation.grid_labels import SOURCES, VERDICTS
from grupa_pipeline.segmentation.grouping import Candidate, Grouping
from grupa_pipeline.segmentation.selection import (
    EvaluatedGrouping,
    candidates_table,
    choose,
    density_validity,
    evaluate,
    stable_groups,
)
from grupa_pipeline.vocabulary.enums import CandidateVerdict, CellSource

CONFIG = SegmentationConfig(min_clusters=2)
"""Two groups suffice here; the default is tested apart."""


def grouped(
    sizes: list[int],
    noise: int = 0,
    *,
    replication: float | list[float] = 0.9,
    information: float = 1.0,
    source: CellSource = CellSource.KMEANS,
) -> Grouping:
    """A grouping of as many landmarks as `sizes` and `noise` say, on random rows."""
    labels = np.concatenate([np.repeat(np.arange(len(sizes)), sizes), np.full(noise, -1)]).astype(int)
    rows = np.random.default_rng(0).normal(size=(len(labels), 2))
    groups = max(len(sizes), 1)
    discriminant = fit_discriminant(rows, np.maximum(labels, 0), groups)
    kappa = np.broadcast_to(np.asarray(replication, dtype=float), len(sizes))
    return Grouping(
        Candidate(source, 24),
        labels,
        discriminant,
        np.full(len(sizes), 9.0 if len(sizes) > 1 else np.inf),
        kappa,
        information,
    )


def judged(
    grouping: Grouping, users: np.ndarray | None = None, stability: float | list[float] = 0.9
) -> EvaluatedGrouping:
    """`grouping` evaluated, but for its validity on the map: hdbscan takes seconds to load."""
    everyone = np.ones(len(grouping.labels))
    stable = np.broadcast_to(np.asarray(stability, dtype=float), grouping.cluster_count)
    with mock.patch.object(selection, "density_validity", return_value=0.5):
        return evaluate(grouping, stable, np.zeros((len(everyone), 2)), everyone if users is None else users, CONFIG)


@pytest.mark.parametrize(
    ("sizes", "noise", "replication", "verdict"),
    [
        ([100], 0, 0.9, "too_few_clusters"),
        ([50, 50], 0, 0.9, "passed"),
        ([90, 10], 0, 0.9, "passed"),
        ([25, 20], 55, 0.9, "too_much_noise"),
        ([30, 20], 50, 0.9, "passed"),
        ([40, 30, 30], 0, [0.9, 0.5, 0.5], "unstable"),
        ([40, 30, 30], 0, [0.9, 0.6, 0.5], "passed"),
    ],
)
def test_a_verdict_is_the_first_failed_threshold(
    sizes: list[int], noise: int, replication: float | list[float], verdict: str
) -> None:
    assert judged(grouped(sizes, noise, replication=replication)).verdict == verdict
    assert CandidateVerdict(verdict) in VERDICTS, "the app and Dagster have words for it"


def test_groups_that_do_not_come_out_again_are_unstable_and_count_for_nothing() -> None:
    assert judged(grouped([40, 30, 30]), stability=[0.9, 0.3, 0.3]).verdict == "unstable"
    some = judged(grouped([40, 30, 30], information=2.0), stability=[0.9, 0.9, 0.3])
    assert some.verdict == "passed"
    assert some.score == pytest.approx(2.0 * 0.7)


def test_stable_groups_come_out_again_and_hold_in_other_sessions() -> None:
    grouping = grouped([50, 50, 50], replication=[0.9, 0.59, 0.6])
    assert stable_groups(grouping, np.array([0.6, 0.9, 0.9]), CONFIG).tolist() == [True, False, True]
    assert stable_groups(grouping, np.array([0.59, 0.9, 0.9]), CONFIG).tolist() == [False, False, True]


def test_by_default_it_takes_three_groups() -> None:
    three, two = (evaluate_by_default(grouped(sizes)) for sizes in ([50, 30, 20], [50, 50]))
    assert (three.verdict, two.verdict) == ("passed", "too_few_clusters")
    assert not two.grouping.is_continuum


def evaluate_by_default(grouping: Grouping) -> EvaluatedGrouping:
    everyone, stable = np.ones(len(grouping.labels)), np.full(grouping.cluster_count, 0.9)
    with mock.patch.object(selection, "density_validity", return_value=0.5):
        return evaluate(grouping, stable, np.zeros((len(everyone), 2)), everyone, SegmentationConfig())


def test_every_source_of_cells_and_every_verdict_has_words() -> None:
    assert set(CellSource) == SOURCES.keys()
    assert set(CandidateVerdict) == VERDICTS.keys()


def test_shares_are_of_the_users_that_rows_stand_for() -> None:
    grouping = grouped([40, 30, 20], noise=10)
    evaluated = judged(grouping, np.where(grouping.labels == 0, 10, 1))
    assert evaluated.verdict == "passed"
    assert evaluated.largest_share == pytest.approx(400 / 460)
    assert evaluated.unassigned_share == pytest.approx(10 / 460)
    assert judged(grouping, np.where(grouping.labels < 0, 20, 1)).verdict == "too_much_noise"


def test_the_one_that_says_most_about_other_sessions_is_chosen() -> None:
    good, better = judged(grouped([40, 30, 30])), judged(grouped([40, 30, 30], information=1.4))
    out = judged(grouped([100], information=9.0))
    assert choose([good, out, better], CONFIG) is better
    assert choose([good, judged(grouped([50, 50]))], CONFIG) is good, "the first of equals"


def test_earlier_clusters_stay_while_they_are_as_good() -> None:
    earlier = judged(grouped([40, 30, 30], information=1.0, source=CellSource.EARLIER))
    a_little = judged(grouped([40, 30, 30], information=1.04))
    clearly = judged(grouped([40, 30, 30], information=1.06))
    assert choose([a_little, earlier], CONFIG) is earlier
    assert choose([clearly, earlier], CONFIG) is clearly
    assert choose([a_little, earlier], replace(CONFIG, keep_margin=0.0)) is a_little


def test_earlier_clusters_are_given_up_once_they_fail() -> None:
    failed = judged(grouped([40, 30, 30], replication=0.2, source=CellSource.EARLIER))
    passed = judged(grouped([40, 30, 30], information=0.97))
    assert choose([passed, failed], CONFIG) is passed


def test_if_none_passed_the_most_telling_is_chosen_with_its_verdict() -> None:
    noisy, one = judged(grouped([20, 20], noise=60)), judged(grouped([100], information=0.0))
    assert choose([one, noisy], CONFIG) is noisy
    assert choose([one], CONFIG).verdict == "too_few_clusters"


@pytest.mark.slow
def test_density_validity_is_high_for_separate_groups_low_for_cut_ones_and_none_for_one() -> None:
    rng = np.random.default_rng(2)
    labels = np.repeat([0, 1], 100)
    crowd = rng.normal(size=(200, 2))
    separate = crowd + 20 * labels[:, None]
    high, low = density_validity(separate, labels), density_validity(crowd, labels)
    assert high is not None
    assert low is not None
    assert high > 0.7
    assert low < 0
    assert density_validity(crowd, np.zeros(200, dtype=int)) is None
    assert density_validity(crowd, np.where(np.arange(200) < 198, 0, 1)) is None, "two points are no dense group"
    many = density_validity(np.repeat(separate, 8, axis=0) + rng.normal(size=(1600, 2)) / 9, np.repeat(labels, 8))
    assert many is not None


def test_the_table_shows_every_candidate_and_marks_the_chosen() -> None:
    evaluated = [judged(grouped([40, 30, 30]), stability=[0.9, 0.8, 0.7]), judged(grouped([100]), stability=0.2)]
    table = candidates_table(evaluated, evaluated[0])
    assert list(table["candidate"]) == [1, 2]
    assert list(table["chosen"]) == [True, False]
    assert list(table["score"]) == [1.0, 0.0]
    assert table["stability"][0] == 0.8
    assert table["stability"][1] == 0.2
    assert table["parameters"][0] == {"cells_from": "k-means", "cells": 24}
