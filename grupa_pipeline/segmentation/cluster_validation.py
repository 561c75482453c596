"""Validates the grid on bounded samples: stability of every candidate, and the null test."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np

from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.grid import Fit
from grupa_pipeline.segmentation.null import (
    NullScores,
    draw_nulls,
    null_key,
    reusable_null,
    structure_score,
    summarize,
    tail_probability,
)
from grupa_pipeline.segmentation.selection import EvaluatedFit, evaluate
from grupa_pipeline.segmentation.stability import cluster_stability, draw_subsamples
from grupa_pipeline.segmentation.worker_pool import fit_samples
from grupa_pipeline.vocabulary.enums import CandidateVerdict


@dataclass(frozen=True)
class ClusterValidation:
    """Every candidate with its verdict, the null scores, the real score compared with them, and its p-value."""

    evaluated: list[EvaluatedFit]
    null: NullScores
    real_score: float
    p_value: float


def validate_candidates(
    rows: np.ndarray,
    users: np.ndarray,
    axes: np.ndarray,
    *,
    columns: Sequence[str],
    today: date,
    previous: dict[str, Any] | None,
    config: SegmentationConfig,
    seed: int,
) -> ClusterValidation:
    """Fit the grid on the landmark `rows`, on subsamples of them, and on null tables of that size unless earlier ones hold.

    `users` is how many users each row stands for.

    Where no candidate has enough clusters, all are evaluated by HDBSCAN's own labels, so that the best grouping can
    be shown; their verdict stays `too_few_clusters`. The real score is the mean over the subsamples,
    never the score of all landmarks: validity depends on how many rows there are, so like is compared with like.
    """
    size = config.validation_size(len(rows))
    subsamples = draw_subsamples(len(rows), size, config.subsamples, seed)
    key, shape = null_key(columns, len(rows), config), summarize(rows)
    null = reusable_null(previous, key, shape, today, config)
    nulls = [] if null else draw_nulls(rows, size, config.null_fits, seed)
    trials = fit_samples([rows, *(rows[index] for index in subsamples), *nulls], axes, config, seed)
    fits, real, empty = trials[0], trials[1 : 1 + len(subsamples)], trials[1 + len(subsamples) :]
    null = null or NullScores(tuple(structure_score(fit, config) for fit in empty), today, key, shape)
    evaluated = _evaluate_all(fits, real, subsamples, users, config)
    if all(each.fit.cluster_count < config.min_clusters for each in evaluated):
        bare = [[fit.unchecked() for fit in trial] for trial in real]
        loose = _evaluate_all([fit.unchecked() for fit in fits], bare, subsamples, users, config)
        evaluated = [replace(each, verdict=CandidateVerdict.TOO_FEW_CLUSTERS) for each in loose]
    score = float(np.mean([structure_score(trial, config) for trial in real]))
    return ClusterValidation(evaluated, null, score, tail_probability(score, null.scores))


def _evaluate_all(
    fits: Sequence[Fit],
    trials: Sequence[Sequence[Fit]],
    subsamples: Sequence[np.ndarray],
    users: np.ndarray,
    config: SegmentationConfig,
) -> list[EvaluatedFit]:
    return [
        evaluate(
            fit, cluster_stability(fit.labels, subsamples, [trial[number].labels for trial in trials]), users, config
        )
        for number, fit in enumerate(fits)
    ]
