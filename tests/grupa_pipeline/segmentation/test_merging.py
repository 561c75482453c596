from collections.abc import Callable
from dataclasses import replace
from math import comb

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, cohen_kappa_score

from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.discriminant import fit_discriminant
from grupa_pipeline.segmentation.fine_partition import kmeans_cells
from grupa_pipeline.segmentation.merging import (
    Halves,
    along_difference,
    find_gap,
    has_gap,
    merge_cells,
    pairwise_kappa,
    replication,
    valley_p_value,
)
from tests.grupa_pipeline.segmentation.measured import kinds, measured_twice

CONFIG = SegmentationConfig()


def _groups(rows: np.ndarray, halves: Halves, cells: int = 16, regions: int | None = None) -> np.ndarray:
    return merge_cells(halves, kmeans_cells(rows, cells, 0), CONFIG, regions)


def _once_in_a_while(users: int, rng: np.random.Generator) -> tuple[np.ndarray, Halves]:
    """Eight actions that every user does now and then, as whether a user ever did them, and two habits."""
    did = [rng.random((users, 8)) < 0.12 for _ in range(2)]
    habits, measured = measured_twice(rng.normal(size=(users, 2)), 0.3, rng)
    first, second = (
        np.hstack([4.0 * half, habit]) for half, habit in zip(did, (measured.first, measured.second), strict=True)
    )
    return np.hstack([4.0 * (did[0] | did[1]), habits]), Halves(first, second, measured.measured)


def test_what_users_did_by_chance_does_not_split_a_kind() -> None:
    rows, halves = _once_in_a_while(600, np.random.default_rng(0))
    assert _groups(rows, halves).max() == 0
    same_sessions = Halves(rows, rows, halves.measured)
    assert _groups(rows, same_sessions).max() > 0, "only other sessions tell chance from habit"


def test_what_users_did_by_chance_does_not_hide_the_kinds() -> None:
    rng = np.random.default_rng(1)
    rows, halves = _once_in_a_while(600, rng)
    truth = np.repeat([0, 1], 300)
    for values in (rows, halves.first, halves.second):
        values[:, 8] += 8 * truth
    assert adjusted_rand_score(truth, _groups(rows, halves)) > 0.98


def _line(rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(0, 10, (800, 1))


def _square(rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(0, 10, (800, 2))


def _arc(rng: np.random.Generator, degrees: float = 120) -> np.ndarray:
    angle = np.radians(rng.uniform(0, degrees, 800))
    return 10 * np.column_stack([np.cos(angle), np.sin(angle)])


@pytest.mark.parametrize("shape", [_line, _square, _arc])
@pytest.mark.parametrize("seed", [2, 3])
def test_a_uniform_continuum_merges_to_one_group(shape: Callable[[np.random.Generator], np.ndarray], seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, halves = measured_twice(shape(rng), 0.2, rng)
    assert kmeans_cells(rows, 16, 0).max() == 15
    assert _groups(rows, halves).max() == 0


@pytest.mark.xfail(
    strict=True, reason="seen along a straight line, what bends back is denser at both ends than between"
)
@pytest.mark.parametrize("degrees", [240, 360])
def test_a_continuum_that_bends_back_merges_to_one_group(degrees: float) -> None:
    rng = np.random.default_rng(2)
    rows, halves = measured_twice(_arc(rng, degrees), 0.2, rng)
    assert _groups(rows, halves).max() == 0


def test_with_regions_a_continuum_is_shown_in_so_many_parts() -> None:
    rng = np.random.default_rng(4)
    rows, halves = measured_twice(_square(rng), 0.2, rng)
    labels = _groups(rows, halves, regions=4)
    assert labels.max() == 3
    assert np.bincount(labels).min() > 40


@pytest.mark.parametrize("small", [20, 100, 1000])
def test_two_kinds_stay_two_however_unequal(small: int) -> None:
    rows, halves, truth = kinds([2000 - small, small])
    assert adjusted_rand_score(truth, _groups(rows, halves)) > 0.98


def test_kinds_that_are_not_the_same_in_other_sessions_are_merged() -> None:
    _rows, halves, truth = kinds([200, 200])
    shuffled = np.random.default_rng(0).permutation(400)
    unlike = Halves(halves.first, halves.second[shuffled], halves.measured)
    assert merge_cells(halves, truth, CONFIG).max() == 1
    assert merge_cells(unlike, truth, CONFIG).max() == 0


def test_kappas_are_those_of_the_confusion() -> None:
    """Of 8 users of group 0 the other half says 6 in 0 and 2 in 1; of 12 of group 1, 3 in 0 and 9 in 1."""
    labels = np.repeat([0, 1], [8, 12])
    said = np.array([0] * 6 + [1] * 2 + [0] * 3 + [1] * 9)
    scores = np.eye(2)[said]
    kappa = pairwise_kappa(scores, labels, [0, 1], np.ones(20, dtype=bool))
    by_hand = (15 / 20 - (8 * 9 + 12 * 11) / 400) / (1 - (8 * 9 + 12 * 11) / 400)
    assert kappa[0, 1] == kappa[1, 0] == pytest.approx(by_hand) == pytest.approx(cohen_kappa_score(labels, said))


def test_kappas_of_a_pair_leave_out_other_groups_and_users_who_were_not_measured() -> None:
    labels = np.repeat([0, 1, 2], [6, 6, 6])
    scores = np.eye(3)[labels]
    scores[:6] = [0.1, 0.0, 1.0]  # group 0 looks like 2, and less like 1
    scores[6:8] = [1.0, 0.0, 0.0]  # wrong, and not measured
    measured = np.ones(18, dtype=bool)
    measured[6:8] = False
    kappa = pairwise_kappa(scores, labels, [0, 1, 2], measured)
    assert kappa[0, 1] == pytest.approx(1)
    assert kappa[0, 2] == pytest.approx(0)


def test_users_who_were_not_measured_twice_do_not_decide() -> None:
    _rows, halves, truth = kinds([200, 200])
    odd = halves.second.copy()
    odd[:80] = odd[-80:]
    measured = np.ones(400, dtype=bool)
    measured[:80] = False
    assert replication(Halves(halves.first, odd, measured), truth)[0].min() > 0.98
    assert replication(Halves(halves.first, odd, np.ones(400, dtype=bool)), truth)[0].max() < 0.9


@pytest.mark.parametrize(("between", "at"), [(0, 10), (2, 8), (5, 5), (30, 40)])
def test_the_p_value_of_a_valley_is_binomial(between: int, at: int) -> None:
    by_hand = sum(comb(between + at, few) for few in range(between + 1)) / 2 ** (between + at)
    assert valley_p_value(between, at) == pytest.approx(by_hand)
    assert valley_p_value(0, 0) == 1


def test_the_gap_is_the_emptiest_stretch_between_the_medians() -> None:
    places = np.concatenate([np.linspace(-1, 1, 41), np.linspace(4.5, 5.5, 5), np.linspace(11, 13, 81)])
    labels = np.repeat([0, 1], [46, 81])
    gap = find_gap(places, labels, 0, 1)
    assert gap is not None
    assert 6 < gap.between < 9
    assert gap.counts(places) == (0, 41)
    assert find_gap(places, labels, 1, 0) is None
    assert find_gap(np.zeros(127), labels, 0, 1) is None


def test_a_gap_needs_enough_users_and_depth() -> None:
    rng = np.random.default_rng(5)
    both = np.concatenate([rng.normal(0, 1, 100), rng.normal(6, 1, 100)])
    labels = np.repeat([0, 1], 100)
    assert has_gap(both, labels, 0, 1, CONFIG)
    few = np.r_[0:4, 100:104]
    assert not has_gap(both[few], labels[few], 0, 1, CONFIG), "four users a group prove nothing"
    flat = np.sort(rng.uniform(0, 6, 200))
    assert not has_gap(flat, labels, 0, 1, CONFIG)
    assert not has_gap(both, labels, 0, 1, replace(CONFIG, max_valley=-1.0))


def test_noise_cannot_choose_its_own_direction() -> None:
    """In many columns of noise two halves of one crowd lie apart along their own difference, not along the other half's."""
    rng = np.random.default_rng(6)
    _rows, halves = measured_twice(np.zeros((120, 60)), 1.0, rng)
    labels = kmeans_cells(halves.first, 2, 0)
    learnt = fit_discriminant(np.vstack([halves.first, halves.second]), np.tile(labels, 2), 2)
    same = Halves(halves.first, halves.first, halves.measured)
    own = along_difference(same, labels, 0, 1, fit_discriminant(halves.first, labels, 2))
    assert has_gap(own, labels, 0, 1, CONFIG)
    assert not has_gap(along_difference(halves, labels, 0, 1, learnt), labels, 0, 1, CONFIG)


def test_what_only_the_first_half_has_is_no_difference_between_users() -> None:
    """Everybody registers in the first half, where each user of one kind then lies as users of the other do without that."""
    rows, halves, truth = kinds([150, 150])
    apart = rows[truth == 1].mean(axis=0) - rows[truth == 0].mean(axis=0)
    registered = np.zeros(rows.shape[1])
    registered[-1] = 3 * np.linalg.norm(apart)
    shifted = Halves(halves.first + apart + registered, halves.second, halves.measured)
    learnt = fit_discriminant(shifted.second, truth, 2)
    assert (learnt.scores(shifted.first).argmax(axis=1)[truth == 0] == 1).mean() > 0.9
    assert replication(shifted.exchanged(), truth)[0].min() > 0.9
    assert len(np.unique(merge_cells(shifted.exchanged(), truth, CONFIG))) == 2


def test_every_other_user_has_the_halves_exchanged() -> None:
    halves = Halves(np.array([[1.0], [2.0]]), np.array([[3.0], [4.0]]), np.ones(2, dtype=bool)).exchanged()
    assert (halves.first.tolist(), halves.second.tolist()) == ([[1.0], [4.0]], [[3.0], [2.0]])


def test_replication_tells_a_group_that_holds_from_one_that_does_not() -> None:
    _rows, halves, truth = kinds([150, 150, 150])
    kappa, information = replication(halves, truth)
    assert kappa.min() > 0.98
    assert information == pytest.approx(np.log2(3), abs=0.05)
    rng = np.random.default_rng(7)
    mixed = halves.second.copy()
    mixed[150:] = mixed[150:][rng.permutation(300)]
    kappa, less = replication(Halves(halves.first, mixed, halves.measured), truth)
    assert kappa[0] > 0.9
    assert kappa[1:].max() < 0.5
    assert less < information - 0.4


def test_replication_leaves_strays_out_and_needs_two_groups() -> None:
    _, halves, truth = kinds([100, 100])
    odd = halves.second.copy()
    odd[:20] = odd[-20:]
    labels = truth.copy()
    labels[:20] = -1
    assert replication(Halves(halves.first, odd, halves.measured), labels)[0].min() > 0.98
    kappa, information = replication(halves, np.zeros(200, dtype=int))
    assert (kappa.tolist(), information) == ([0.0], 0.0)
    assert len(replication(halves, np.full(200, -1))[0]) == 0


def test_the_order_of_rows_changes_nothing() -> None:
    rows, halves, _ = kinds([120, 80, 40])
    cells = kmeans_cells(rows, 16, 0)
    order = np.random.default_rng(8).permutation(240)
    moved = merge_cells(halves.take(order), cells[order], CONFIG)
    assert adjusted_rand_score(merge_cells(halves, cells, CONFIG)[order], moved) == 1
