"""The null test: the grid is fitted to tables without clusters, and the real score is compared with those scores."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.grid import Fit

SMALLEST_SPREAD = 0.05
"""Null scores may all be 0; so few of them cannot show a spread below this."""

QUANTILES = np.linspace(0.05, 0.95, 19)
SHIFT = 0.1
"""A margin has changed when its quantiles lie farther apart than this on average, in the unit spread of scaled columns."""
TURN = 0.2
"""A rank correlation has changed when it differs by more than this."""


@dataclass(frozen=True)
class CopulaSummary:
    """What null tables are drawn from (a Gaussian copula): column quantiles and pairwise rank correlations."""

    quantiles: tuple[tuple[float, ...], ...]
    correlations: tuple[float, ...]

    def is_like(self, other: "CopulaSummary") -> bool:
        """Whether null tables of the one may stand for those of the other."""
        shifts = np.abs(np.subtract(self.quantiles, other.quantiles)).mean(axis=1)
        turns = np.abs(np.subtract(self.correlations, other.correlations))
        return bool(shifts.max(initial=0.0) <= SHIFT and turns.max(initial=0.0) <= TURN)


@dataclass(frozen=True)
class NullScores:
    """Scores of the null fits, the day they were computed, and the input they are valid for."""

    scores: tuple[float, ...]
    made_on: date
    key: str
    shape: CopulaSummary

    def as_parameters(self) -> dict[str, Any]:
        """JSON-ready values, from which `reusable_null` reads it back."""
        shape = {
            "quantiles": list(map(list, self.shape.quantiles)),
            "correlations": list(self.shape.correlations),
        }
        return {"scores": list(self.scores), "made_on": self.made_on.isoformat(), "key": self.key, "shape": shape}


def structure_score(fits: Sequence[Fit], config: SegmentationConfig) -> float:
    """The best density-based validity times share assigned on the grid, among groupings of enough clusters; else 0."""
    worth = (fit.dbcv * (1 - fit.unassigned_share) for fit in fits if fit.cluster_count >= config.min_clusters)
    return max(worth, default=0.0)


def draw_nulls(rows: np.ndarray, size: int, count: int, seed: int) -> list[np.ndarray]:
    """Draw `count` tables (size, columns) with the margins and rank correlations of `rows`, and nothing else.

    A Gaussian copula: normals with the correlation that gives these rank correlations, 2 sin(pi/6 Spearman's rho) (Pearson
    1907; Nelsen 2006, An Introduction to Copulas), made positive again where need be, and then each column's own quantiles.
    Permuting columns alone would drop the correlations, and one activity factor would pass for clusters.
    """
    from scipy.stats import norm

    rng = np.random.default_rng(seed)
    correlation = 2 * np.sin(np.pi / 6 * _rank_correlations(rows))
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0))
    root /= np.maximum(np.sqrt((root**2).sum(axis=1, keepdims=True)), 1e-12)
    ordered = np.sort(rows, axis=0)
    nulls = []
    for _ in range(count):
        places = norm.cdf(rng.normal(size=(size, rows.shape[1])) @ root.T)
        picks = np.minimum((places * len(rows)).astype(int), len(rows) - 1)
        nulls.append(np.take_along_axis(ordered, picks, axis=0))
    return nulls


def _rank_correlations(rows: np.ndarray) -> np.ndarray:
    """Spearman's rho of each pair of columns (columns, columns); 0 with one that is constant."""
    from scipy.stats import rankdata

    ranks = rankdata(rows, axis=0)
    ranks = (ranks - ranks.mean(axis=0)) / np.maximum(ranks.std(axis=0), 1e-12)
    return ranks.T @ ranks / len(rows)


def summarize(rows: np.ndarray) -> CopulaSummary:
    """The copula summary of `rows` (n, columns), rounded to the three digits that are stored."""
    quantiles = np.quantile(rows, QUANTILES, axis=0).T.round(3)
    above = np.triu_indices(rows.shape[1], 1)
    correlations = _rank_correlations(rows)[above].round(3)
    return CopulaSummary(tuple(map(tuple, quantiles.tolist())), tuple(correlations.tolist()))


def tail_probability(score: float, scores: Sequence[float]) -> float:
    """Chance that one more null score reaches `score`: Student's predictive tail from the mean and spread of
    `scores`."""
    from scipy.stats import t

    values = np.asarray(scores)
    spread = max(float(values.std(ddof=1)), SMALLEST_SPREAD) * np.sqrt(1 + 1 / len(values))
    return float(t.sf((score - values.mean()) / spread, df=len(values) - 1))


def null_key(columns: Sequence[str], landmarks: int, config: SegmentationConfig) -> str:
    """Hash of what null scores depend on beside the summary: the features, the number of landmarks and the
    configuration."""
    text = json.dumps([list(columns), landmarks, config.as_parameters()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def reusable_null(
    previous: dict[str, Any] | None, key: str, shape: CopulaSummary, today: date, config: SegmentationConfig
) -> NullScores | None:
    """The null distribution of an earlier snapshot's `parameters`, if it has the same `key`, a similar `shape` and is fresh
    enough.

    The result keeps the summary it was drawn from, so that small changes of many days add up.
    """
    stored = (previous or {}).get("null")
    if not stored or stored["key"] != key:
        return None
    drawn_from = CopulaSummary(tuple(map(tuple, stored["shape"]["quantiles"])), tuple(stored["shape"]["correlations"]))
    if not shape.is_like(drawn_from):
        return None
    made_on = date.fromisoformat(stored["made_on"])
    if not 0 <= (today - made_on).days <= config.null_days:
        return None
    return NullScores(tuple(stored["scores"]), made_on, key, drawn_from)
