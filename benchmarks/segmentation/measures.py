"""Measures of one segmentation or a history of segmentations; the goals are in `result_rows.py`."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.decomposition import NMF
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import minmax_scale

from benchmarks.segmentation.days import Day
from benchmarks.segmentation.planted import Planted
from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.prepare import prepare
from grupa_pipeline.segmentation.results import EarlierSnapshot, Segmentation
from grupa_pipeline.segmentation.segment import segment

FIRST_DAY = date(2026, 1, 1)
NO_MAJORITY = "-"
"""Placeholder id of a kind without a cluster that holds most of its users."""


def run(planted: Planted, seed: int) -> Segmentation:
    return segment(planted.features, seed=seed, snapshot_date=FIRST_DAY)


def agreement(truth: pd.Series, labels: pd.Series, *, assigned_only: bool) -> float:
    """Adjusted Rand index of two labellings of the same users; None is a label of its own unless `assigned_only`."""
    labels = labels.reindex(truth.index)
    keep = labels.notna() if assigned_only else pd.Series(True, index=truth.index)
    return float(adjusted_rand_score(truth[keep], labels[keep].fillna("-").astype(str))) if keep.any() else 0.0


def collapsed(result: Segmentation) -> bool:
    """Fewer than three clusters, or one of 70% of the users or more."""
    largest = result.users["cluster_id"].value_counts(normalize=False).max() if result.cluster_count else 0
    return result.cluster_count < 3 or largest >= 0.7 * len(result.users)


def kinds_shown(planted: Planted, result: Segmentation) -> float:
    """Share of planted kinds for which some cluster holds most of their users and has them as its majority."""
    table = pd.crosstab(planted.truth, result.users["cluster_id"])
    table = table.reindex(index=range(planted.kinds), fill_value=0)
    if table.empty:
        return 0.0
    sizes = planted.truth.value_counts().reindex(range(planted.kinds)).to_numpy()
    of_kind = table.to_numpy() / sizes[:, None]
    of_cluster = table.to_numpy() / table.sum(axis=0).to_numpy()
    return float(((of_kind > 0.5) & (of_cluster > 0.5)).any(axis=1).mean())


def rivals(planted: Planted, seed: int) -> dict[str, pd.Series]:
    """Labels by k-means on Grupa's scaled features and NMF on min-max scaled ones, with the true number of kinds."""
    features = planted.features.sort_index()
    prepared = prepare(features)
    rows = prepared.rows[prepared.row_of_user]
    kmeans = KMeans(planted.kinds, n_init=10, random_state=seed).fit_predict(rows)
    parts = NMF(planted.kinds, init="nndsvda", max_iter=500, random_state=seed).fit_transform(
        minmax_scale(features.fillna(features.median()))
    )
    index = features.index
    return {"k-means": pd.Series(kmeans, index), "NMF": pd.Series(parts.argmax(axis=1), index)}


def subsample_agreement(planted: Planted, seed: int) -> float:
    """ARI between runs on two random 80% of the users, over the users that both assigned."""
    labels = []
    for part in (1, 2):
        features = planted.features.sample(frac=0.8, random_state=seed * 100 + part)
        labels.append(segment(features, seed=seed + part, snapshot_date=FIRST_DAY).users["cluster_id"].dropna())
    shared = labels[0].index.intersection(labels[1].index)
    return float(adjusted_rand_score(labels[0][shared], labels[1][shared])) if len(shared) else 0.0


def bound_cost(planted: Planted, seed: int) -> tuple[float, float]:
    """ARI over users assigned by both: bounded against unbounded landmarks, and two unbounded fits of different seeds.

    Stability has a minimal setting, as it does not matter here, so no cluster of the unbounded fits is hidden as unstable.
    """
    bounded = segment(planted.features, seed=seed, snapshot_date=FIRST_DAY)
    config = SegmentationConfig(landmarks=len(planted.features), subsamples=1, min_stability=0.0)
    free = [segment(planted.features, seed=s, snapshot_date=FIRST_DAY, config=config) for s in (seed, seed + 1)]
    labels = [result.users["cluster_id"] for result in (bounded, *free)]
    return _shared_agreement(labels[0], labels[1]), _shared_agreement(labels[1], labels[2])


def _shared_agreement(first: pd.Series, second: pd.Series) -> float:
    both = first.notna() & second.notna()
    return float(adjusted_rand_score(first[both], second[both])) if both.any() else 0.0


@dataclass(frozen=True)
class SegmentedHistory:
    """A history of segmentations: each day's labels, truth and transitions."""

    days: list[Day]
    results: list[Segmentation]


def segment_history(days: Iterable[Day], seed: int) -> SegmentedHistory:
    """Segment day after day as the pipeline does: history of 14 days, ids issued so far, the last day's parameters."""
    seen, results = [], []
    history: list[EarlierSnapshot] = []
    issued: set[str] = set()
    for day in days:
        today = FIRST_DAY + timedelta(days=day.number)
        recent = [snapshot for snapshot in history if (today - snapshot.snapshot_date).days <= 14]
        result = segment(
            day.features,
            seed=seed,
            snapshot_date=today,
            history=recent,
            issued_ids=issued,
        )
        labels, identities = result.users["cluster_id"], result.identities
        known = identities[["cluster_id", "first_seen", "color_slot"]]
        history.append(EarlierSnapshot(today, labels, result.embedding, known))
        issued |= set(identities["cluster_id"])
        seen.append(day)
        results.append(result)
    return SegmentedHistory(seen, results)


def id_accuracy(segmented: SegmentedHistory) -> float:
    """Share of (day, kind) after the first day where most of the kind's users have the same id as on the first day.

    A kind counts as wrong on all days if it had no majority id on the first day, or the same one as another kind.
    """
    majorities = [
        result.users["cluster_id"].groupby(day.truth.reindex(result.users.index)).agg(_majority_id)
        for day, result in zip(segmented.days, segmented.results, strict=True)
    ]
    first = majorities[0]
    first = first.mask((first == NO_MAJORITY) | first.duplicated(keep=False))
    return float(np.mean([(later == first).mean() for later in majorities[1:]]))


def _majority_id(ids: pd.Series) -> str:
    counts = ids.value_counts()
    return str(counts.index[0]) if len(counts) and counts.iloc[0] > len(ids) / 2 else NO_MAJORITY


def detected_within(segmented: SegmentedHistory, change: str, days: int) -> bool:
    """Whether a `change` (split or merge) was detected within `days` days, for the right clusters only.

    A detection is right if most users of both clusters, before and after, are of the kinds concerned: for a split both
    halves (kinds 0 and 5, as either may keep the old id), for a merge kind 1, which the movers joined.
    """
    concerned = [0, 5] if change == "split" else [1]
    detections = []
    for before, result, day in zip(segmented.results, segmented.results[1:], segmented.days[1:], strict=False):
        links = result.transitions[result.transitions["kind"] == change]
        for link in links.itertuples():
            old, new = (
                before.users["cluster_id"] == link.from_cluster_id,
                result.users["cluster_id"] == link.to_cluster_id,
            )
            of_old, of_new = day.truth.reindex(old.index[old]), day.truth.reindex(new.index[new])
            detections.append((day.number, all(kinds.isin(concerned).mean() > 0.5 for kinds in (of_old, of_new))))
    return (
        bool(detections) and all(right for _, right in detections) and min(number for number, _ in detections) <= days
    )


def result_hash(result: Segmentation) -> str:
    """SHA-256 of all results of a segmentation, for comparing repeated runs."""
    tables = (
        result.candidates.astype(str),
        result.embedding,
        result.users,
        result.identities.astype(str),
        result.transitions,
    )
    numbers = (result.status, result.reason, result.dbcv, result.stability, result.null_p_value, result.parameters)
    text = "".join(table.to_csv() for table in tables) + json.dumps(numbers, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
