import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.fine_partition import kmeans_cells
from grupa_pipeline.segmentation.grouping import Candidate, group_cells, group_subsample
from grupa_pipeline.segmentation.merging import Halves
from grupa_pipeline.vocabulary.enums import CellSource
from tests.grupa_pipeline.segmentation.measured import kinds, measured_twice

CONFIG = SegmentationConfig()


def test_planted_kinds_are_grouped_with_what_assignment_needs() -> None:
    rows, halves, truth = kinds([200, 100, 60])
    grouping = group_cells(rows, halves, kmeans_cells(rows, 15, 0), CellSource.KMEANS, CONFIG)
    inside = grouping.labels >= 0
    assert grouping.cluster_count == 3 == len(grouping.replication) == len(grouping.discriminant.centres)
    assert grouping.candidate == Candidate(CellSource.KMEANS, 15)
    assert grouping.candidate.as_parameters() == {"cells_from": "k-means", "cells": 15}
    assert inside.mean() > 0.97
    assert adjusted_rand_score(truth[inside], grouping.labels[inside]) > 0.98
    assert grouping.replication.min() > 0.95
    shares = np.array([200, 100, 60]) / 360
    assert grouping.information == pytest.approx(-(shares * np.log2(shares)).sum(), abs=0.1)


def test_strays_are_in_no_group() -> None:
    rows, halves, _ = kinds([200, 200])
    far = np.full((3, 4), [-40.0, 30, 0, 0])
    both = Halves(np.vstack([halves.first, far]), np.vstack([halves.second, far]), np.ones(403, dtype=bool))
    rows = np.vstack([rows, far])
    grouping = group_cells(rows, both, kmeans_cells(rows, 10, 0), CellSource.KMEANS, CONFIG)
    assert (grouping.labels[400:] == -1).all()
    assert grouping.cluster_count == 2


def test_a_continuum_is_one_group_or_so_many_parts_from_which_no_row_strays() -> None:
    rng = np.random.default_rng(1)
    rows, halves = measured_twice(rng.uniform(0, 6, (400, 2)), 0.2, rng)
    cells = kmeans_cells(rows, 12, 0)
    whole = group_cells(rows, halves, cells, CellSource.KMEANS, CONFIG)
    assert (whole.cluster_count, whole.information) == (1, 0)
    assert np.isinf(whole.reach).all()
    parts = group_cells(rows, halves, cells, CellSource.KMEANS, CONFIG, 4)
    assert parts.cluster_count == 4
    assert (parts.labels >= 0).all()


def test_groups_of_a_subsample_are_found_among_its_rows_alone() -> None:
    rows, halves, truth = kinds([150, 150])
    index = np.sort(np.random.default_rng(2).choice(300, 200, replace=False))
    found = group_subsample(rows, halves, index, 10, CONFIG, 0)
    assert adjusted_rand_score(truth[index], found) > 0.98
    only = np.arange(150)
    assert group_subsample(rows, halves, only, 10, CONFIG, 0).max() == 0
