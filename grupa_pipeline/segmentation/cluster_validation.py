"""Validates the landmarks' groupings: every candidate, the stability of the chosen one, and the null test."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.fine_partition import earlier_cells, kmeans_cells, leaf_cells
from grupa_pipeline.segmentation.grouping import Grouping, group_cells, group_subsample
from grupa_pipeline.segmentation.merging import Halves
from grupa_pipeline.segmentation.null import null_p_value
from grupa_pipeline.segmentation.selection import EvaluatedGrouping, choose, evaluate
from grupa_pipeline.segmentation.stability import cluster_stability, draw_subsamples
from grupa_pipeline.segmentation.worker_pool import run_all, run_in_worker
from grupa_pipeline.vocabulary.enums import CandidateVerdict, CellSource

REGIONS = 5
"""Parts that a continuum is shown in, at most."""


@dataclass(frozen=True)
class ClusterValidation:
    """Every candidate with its verdict, the chosen one, and the p-value of the null test."""

    evaluated: list[EvaluatedGrouping]
    chosen: EvaluatedGrouping
    p_value: float


def validate_candidates(
    rows: np.ndarray,
    halves: Halves,
    points: np.ndarray,
    users: np.ndarray,
    *,
    earlier: np.ndarray | None,
    config: SegmentationConfig,
    seed: int,
) -> ClusterValidation:
    """Group the landmarks' `rows` (n, columns) from every fine partition, choose, and test the choice.

    `halves` are the same users on halves of their sessions, `points` (n, 2) their map, `users` how many users each stands for,
    `earlier` the cluster each was in at the snapshot before (-1: none).

    Where no candidate has two groups, parts of the continuum are chosen, so that there is something to show; their verdict
    stays `too_few_clusters`. The null test is of groupings with enough groups; others have a p-value of 1.
    """
    subsamples = draw_subsamples(len(rows), config.validation_size(len(rows)), config.subsamples, seed)
    jobs = [
        partial(group_subsample, rows, halves, index, config.fine_cells[1], config, seed + number)
        for number, index in enumerate(subsamples)
    ]
    again = run_all(config, jobs)

    def assess(grouping: Grouping) -> EvaluatedGrouping:
        stability = cluster_stability(grouping.labels, subsamples, again)
        return evaluate(grouping, stability, points, users, config)

    evaluated = [
        assess(group_cells(rows, halves, cells, source, config))
        for source, cells in _partitions(rows, points, earlier, config, seed)
    ]
    chosen = choose(evaluated, config)
    if chosen.verdict is not CandidateVerdict.TOO_FEW_CLUSTERS:
        return ClusterValidation(evaluated, chosen, run_in_worker(config, null_p_value, rows, halves, config, seed))
    if not chosen.grouping.is_continuum:
        return ClusterValidation(evaluated, chosen, 1.0)
    cells = kmeans_cells(rows, config.fine_cells[0], seed)
    regions = assess(group_cells(rows, halves, cells, CellSource.KMEANS, config, REGIONS))
    chosen = replace(regions, verdict=CandidateVerdict.TOO_FEW_CLUSTERS)
    return ClusterValidation([*evaluated, chosen], chosen, 1.0)


def _partitions(
    rows: np.ndarray, points: np.ndarray, earlier: np.ndarray | None, config: SegmentationConfig, seed: int
) -> Iterator[tuple[CellSource, np.ndarray]]:
    """The fine partitions, in the order in which they are stored and in which ties are broken."""
    for cells in config.fine_cells:
        yield CellSource.KMEANS, kmeans_cells(rows, cells, seed)
    smallest = max(config.smallest_cluster, round(config.leaf_size * len(points)))
    yield CellSource.LEAF, run_in_worker(config, leaf_cells, points, smallest)
    before = earlier_cells(rows, earlier) if earlier is not None else None
    if before is not None:
        yield CellSource.EARLIER, before
