"""Groups of the landmarks from the cells of one fine partition: merged, their edges drawn, strays left out."""

from dataclasses import dataclass

import numpy as np

from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.discriminant import Discriminant, fit_discriminant, reassign
from grupa_pipeline.segmentation.fine_partition import kmeans_cells
from grupa_pipeline.segmentation.merging import Halves, merge_cells, replication
from grupa_pipeline.segmentation.outlier_filter import filter_outliers
from grupa_pipeline.vocabulary.enums import CellSource


@dataclass(frozen=True)
class Candidate:
    """One fine partition: where its cells come from, and how many there are."""

    source: CellSource
    cells: int

    def as_parameters(self) -> dict[str, str | int]:
        """JSON-ready values."""
        return {"cells_from": self.source.value, "cells": self.cells}


@dataclass(frozen=True)
class Grouping:
    """Groups of the landmarks.

    `labels` (n,) are -1 for strays; `discriminant` tells the groups apart, `reach` (groups,) is how far from its centre a member
    of each may be; `replication` (groups,) is Cohen's kappa of each in other sessions; `information` is how much the groups say
    of other sessions, in bits.
    """

    candidate: Candidate
    labels: np.ndarray
    discriminant: Discriminant
    reach: np.ndarray
    replication: np.ndarray
    information: float

    @property
    def is_continuum(self) -> bool:
        """Whether the groups are parts of a continuum, from which nobody strays, and not kinds with a gap between them."""
        return bool(np.isinf(self.reach).all())

    @property
    def cluster_count(self) -> int:
        """Number of groups."""
        return len(self.reach)


def group_cells(
    rows: np.ndarray,
    halves: Halves,
    cells: np.ndarray,
    source: CellSource,
    config: SegmentationConfig,
    regions: int | None = None,
) -> Grouping:
    """Groups of `rows` (n, columns), made of their `cells` (n,).

    With `regions`, at most so many parts of a continuum, from which no row strays.
    """
    labels = reassign(rows, merge_cells(halves, cells, config, regions))
    groups = int(labels.max()) + 1
    discriminant, reach = fit_discriminant(rows, labels, groups), np.full(groups, np.inf)
    if regions is None and groups > 1:
        filtered = filter_outliers(rows, labels)
        labels, discriminant, reach = filtered.labels, filtered.discriminant, filtered.reach
    kappa, information = replication(halves, labels)
    return Grouping(Candidate(source, int(cells.max()) + 1), labels, discriminant, reach, kappa, information)


def group_subsample(
    rows: np.ndarray, halves: Halves, index: np.ndarray, cells: int, config: SegmentationConfig, seed: int
) -> np.ndarray:
    """Groups (of `index`) found among some of the `rows` alone, from as many `cells`."""
    some = rows[index]
    return reassign(some, merge_cells(halves.take(index), kmeans_cells(some, cells, seed), config))
