from dataclasses import replace

import numpy as np
import pytest

from grupa_pipeline.segmentation.assignment import Assignment, GroupModel, assign_users, fit_group_model
from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.discriminant import fit_discriminant
from grupa_pipeline.segmentation.grouping import Grouping, group_cells
from grupa_pipeline.segmentation.merging import Halves
from grupa_pipeline.vocabulary.enums import CellSource
from tests.grupa_pipeline.segmentation.measured import kinds

CONFIG = SegmentationConfig()


def _grouped(sizes: list[int], apart: float = 6.0) -> tuple[np.ndarray, Halves, np.ndarray, Grouping]:
    rows, halves, truth = kinds(sizes, apart=apart)
    return rows, halves, truth, group_cells(rows, halves, truth, CellSource.KMEANS, CONFIG)


def _assigned(extra: list[list[float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray, Assignment]:
    """Three kinds, half of whose rows are landmarks, then rows that are not."""
    rows, halves, truth = kinds([100, 100, 100])
    landmarks = np.arange(0, 300, 2)
    grouping = group_cells(
        rows[landmarks], halves.take(landmarks), truth[landmarks], CellSource.KMEANS, replace(CONFIG, max_valley_p=1)
    )
    assert grouping.cluster_count == 3
    rows = np.vstack([rows, extra])
    model = fit_group_model(halves.take(landmarks), grouping)
    return rows, landmarks, truth, assign_users(rows, landmarks, model=model, xy=rows[landmarks][:, :2], neighbors=10)


BETWEEN = [[3.0, 3.0, 0.0, 0.0]]
FAR = [[60.0, -40.0, 0.0, 0.0]]


def test_all_users_join_the_group_they_are_likeliest_in() -> None:
    _, _, truth, assignment = _assigned(BETWEEN)
    inside = assignment.labels[:300] >= 0
    assert inside.mean() > 0.95
    assert (assignment.labels[:300] == truth)[inside].mean() > 0.98


def test_chances_sum_to_one_and_the_second_is_the_likeliest_other() -> None:
    _, _, _, assignment = _assigned(BETWEEN)
    two = _two_of(assignment)
    assert (assignment.probabilities >= assignment.other_probabilities)[assignment.labels >= 0].all()
    assert (two <= 1 + 1e-12).all()
    assert (assignment.others != assignment.labels).all()
    rows, halves, _, grouping = _grouped([80, 80])
    model = fit_group_model(halves, grouping)
    pair = assign_users(rows, np.arange(160), model=model, xy=rows[:, :2], neighbors=5)
    assert _two_of(pair)[pair.labels >= 0] == pytest.approx(1)


def _two_of(assignment: Assignment) -> np.ndarray:
    return assignment.probabilities + assignment.other_probabilities


def test_a_user_between_two_groups_is_as_likely_in_both() -> None:
    _, _, _, assignment = _assigned(BETWEEN)
    sure = assignment.probabilities[:300][assignment.labels[:300] >= 0]
    assert np.median(sure) > 0.99
    one, other = assignment.labels[300], assignment.others[300]
    if one < 0:
        assert assignment.other_probabilities[300] < 0.95
    else:
        assert {one, other} == {0, 1}
        assert assignment.probabilities[300] < 0.95


def test_an_unassigned_user_has_the_nearest_cluster_and_its_chance() -> None:
    _, _, _, assignment = _assigned([*FAR, [0.0, 0.0, 40.0, 0.0]])
    assert assignment.labels[300:].tolist() == [-1, -1]
    assert assignment.probabilities[300:].tolist() == [0, 0]
    assert assignment.others[300:].tolist() == [0, 2]
    assert (assignment.other_probabilities[300:] > 0.9).all()


def test_landmarks_keep_their_places_and_others_lie_among_their_neighbours() -> None:
    rows, landmarks, _, assignment = _assigned(FAR)
    assert (assignment.xy[landmarks] == rows[landmarks][:, :2]).all()
    assert np.abs(assignment.xy[1:300:2] - rows[1:300:2, :2]).mean() < 1
    assert np.isfinite(assignment.xy).all()


def test_a_single_group_has_no_other() -> None:
    rows, halves, _, grouping = _grouped([60])
    assignment = assign_users(rows, np.arange(60), model=fit_group_model(halves, grouping), xy=rows[:, :2], neighbors=5)
    assert (assignment.labels == 0).all()
    assert assignment.probabilities == pytest.approx(1)
    assert (assignment.others == -1).all()
    assert (assignment.other_probabilities == 0).all()


def test_without_groups_all_users_are_unassigned_but_on_the_map() -> None:
    rows, _, _ = kinds([30])
    model = GroupModel(fit_discriminant(rows, np.zeros(30, dtype=int), 1), np.zeros(0), 1.0)
    assignment = assign_users(rows, np.arange(0, 30, 2), model=model, xy=rows[::2, :2], neighbors=5)
    assert (assignment.labels == -1).all()
    assert (assignment.others == -1).all()
    assert np.isfinite(assignment.xy).all()


def test_the_temperature_is_one_where_halves_agree_and_more_where_they_are_too_sure() -> None:
    _, halves, _truth, grouping = _grouped([150, 150], apart=4.0)
    assert fit_group_model(halves, grouping).temperature == 1
    wrong = halves.second.copy()
    wrong[:30], wrong[150:180] = halves.second[150:180], halves.second[:30]
    doubtful = fit_group_model(Halves(halves.first, wrong, halves.measured), grouping)
    assert doubtful.temperature > 2
    unmeasured = np.ones(300, dtype=bool)
    unmeasured[:30] = unmeasured[150:180] = False
    partly = fit_group_model(Halves(halves.first, wrong, unmeasured), grouping)
    assert 1 <= partly.temperature < doubtful.temperature
    nobody = fit_group_model(Halves(halves.first, wrong, np.zeros(300, dtype=bool)), grouping)
    assert nobody.temperature == 1


def test_a_temperature_brings_chances_nearer_to_each_other() -> None:
    rows, _, _, grouping = _grouped([100, 100], apart=4.0)
    cool, warm = (
        assign_users(
            rows,
            np.arange(200),
            model=GroupModel(grouping.discriminant, grouping.reach, temperature),
            xy=rows[:, :2],
            neighbors=5,
        )
        for temperature in (1.0, 5.0)
    )
    assert (cool.labels == warm.labels).all()
    inside = cool.labels >= 0
    assert (warm.probabilities <= cool.probabilities)[inside].all()
    assert warm.probabilities[inside].mean() < cool.probabilities[inside].mean() - 0.05
    assert _two_of(warm)[inside] == pytest.approx(1)


def test_the_order_of_rows_changes_nothing() -> None:
    rows, halves, _, grouping = _grouped([60, 60])
    model = fit_group_model(halves, grouping)
    landmarks = np.arange(0, 120, 3)
    order = np.random.default_rng(3).permutation(120)
    there = np.sort(np.argsort(order)[landmarks])
    one = assign_users(rows, landmarks, model=model, xy=rows[landmarks][:, :2], neighbors=5)
    other = assign_users(rows[order], there, model=model, xy=rows[order][there][:, :2], neighbors=5)
    assert (one.labels[order] == other.labels).all()
    assert one.probabilities[order] == pytest.approx(other.probabilities)
    assert one.xy[order] == pytest.approx(other.xy)
