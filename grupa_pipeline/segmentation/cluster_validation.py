"""The checks of trust on bounded samples: stability of every candidate, and the null. Orders `trials`, judges nothing
alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np

from grupa_pipeline.segmentation.config import Method
from grupa_pipeline.segmentation.grid import Fit
from grupa_pipeline.segmentation.null import (
    Null,
    draw_nulls,
    kept_null,
    measure_shape,
    null_key,
    structure_score,
    tail_probability,
)
from grupa_pipeline.segmentation.selection import Judged, judge
from grupa_pipeline.segmentation.stability import cluster_stability, draw_subsamples
from grupa_pipeline.segmentation.worker_pool import fit_samples


@dataclass(frozen=True)
class Trust:
    """Every candidate judged, the null, the real score that was held against it, and the null's tail beyond that
    score."""

    judged: list[Judged]
    null: Null
    real_score: float
    p_value: float


def check_trust(
    rows: np.ndarray,
    users: np.ndarray,
    axes: np.ndarray,
    *,
    columns: Sequence[str],
    today: date,
    previous: dict[str, Any] | None,
    method: Method,
    seed: int,
) -> Trust:
    """Fit the grid on the landmark `rows`, on subsamples of them, and on null tables of that size unless some are kept.

    `users` is how many users each row stands for.

    Where no candidate has enough clusters, all are judged by HDBSCAN's own labels, so that the best grouping found can
    be shown, and each keeps the verdict that says there are too few. The real score is the mean over the subsamples,
    never the score of all landmarks: validity depends on how many rows there are, so like is compared with like.
    """
    size = method.trust_size(len(rows))
    subsamples = draw_subsamples(len(rows), size, method.subsamples, seed)
    key, shape = null_key(columns, len(rows), method), measure_shape(rows)
    null = kept_null(previous, key, shape, today, method)
    nulls = [] if null else draw_nulls(rows, size, method.null_fits, seed)
    trials = fit_samples([rows, *(rows[index] for index in subsamples), *nulls], axes, method, seed)
    fits, real, empty = trials[0], trials[1 : 1 + len(subsamples)], trials[1 + len(subsamples) :]
    null = null or Null(tuple(structure_score(fit, method) for fit in empty), today, key, shape)
    judged = _judge_all(fits, real, subsamples, users, method)
    if all(each.fit.cluster_count < method.min_clusters for each in judged):
        bare = [[fit.unchecked() for fit in trial] for trial in real]
        loose = _judge_all([fit.unchecked() for fit in fits], bare, subsamples, users, method)
        judged = [replace(each, verdict="too_few_clusters") for each in loose]
    score = float(np.mean([structure_score(trial, method) for trial in real]))
    return Trust(judged, null, score, tail_probability(score, null.scores))


def _judge_all(
    fits: Sequence[Fit],
    trials: Sequence[Sequence[Fit]],
    subsamples: Sequence[np.ndarray],
    users: np.ndarray,
    method: Method,
) -> list[Judged]:
    return [
        judge(fit, cluster_stability(fit.labels, subsamples, [trial[number].labels for trial in trials]), users, method)
        for number, fit in enumerate(fits)
    ]
