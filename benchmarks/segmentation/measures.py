"""What is measured on one segmentation or one history of them: numbers only, no goals."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

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
NOBODYS = "-"
"""Stands for the id of a kind of which no cluster holds most users."""


def run(planted: Planted, seed: int) -> Segmentation:
    return segment(planted.features, seed=seed, snapshot_date=FIRST_DAY)


def agreement(truth: pd.Series, labels: pd.Series, *, assigned_only: bool) -> float:
    """Adjusted Rand index of two labellings of the same users; None counts as a label of its own unless left out."""
    labels = labels.reindex(truth.index)
    keep = labels.notna() if assigned_only else pd.Series(True, index=truth.index)
    return float(adjusted_rand_score(truth[keep], labels[keep].fillna("-").astype(str))) if keep.any() else 0.0


def collapsed(result: Segmentation) -> bool:
    """Fewer than three clusters, or one of 70% of the users or more."""
    largest = result.users["cluster_id"].value_counts(normalize=False).max() if result.cluster_count else 0
    return result.cluster_count < 3 or largest >= 0.7 * len(result.users)


def kinds_shown(planted: Planted, result: Segmentation) -> float:
    """Share of the planted kinds of which some cluster holds most users and in which they are the majority."""
    table = pd.crosstab(planted.truth, result.users["cluster_id"])
    table = table.reindex(index=range(planted.kinds), fill_value=0)
    if table.empty:
        return 0.0
    sizes = planted.truth.value_counts().reindex(range(planted.kinds)).to_numpy()
    of_kind = table.to_numpy() / sizes[:, None]
    of_cluster = table.to_numpy() / table.sum(axis=0).to_numpy()
    return float(((of_kind > 0.5) & (of_cluster > 0.5)).any(axis=1).mean())


def rivals(planted: Planted, seed: int) -> dict[str, pd.Series]:
    """k-means on our scaled features and NMF on min-max scaled ones, both told the true number of kinds."""
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

    The parameters are those that the bounded run chose. Stability and null are left at their least, being of no use here,
    so no cluster of the unbounded fits is hidden as unstable.
    """
    bounded = segment(planted.features, seed=seed, snapshot_date=FIRST_DAY)
    chosen = bounded.parameters["candidate"]
    setting = (chosen["cluster_fraction"], chosen["min_samples"], chosen["selection"])
    config = SegmentationConfig(
        landmarks=len(planted.features),
        neighbors=(chosen["n_neighbors"],),
        densities=(setting,),
        subsamples=1,
        null_fits=2,
        min_stability=0.0,
    )
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
    previous: dict[str, Any] | None = None
    for day in days:
        today = FIRST_DAY + timedelta(days=day.number)
        recent = [snapshot for snapshot in history if (today - snapshot.snapshot_date).days <= 14]
        result = segment(
            day.features,
            seed=seed,
            snapshot_date=today,
            history=recent,
            issued_ids=issued,
            previous_parameters=previous,
        )
        labels, identities = result.users["cluster_id"], result.identities
        known = identities[["cluster_id", "first_seen", "color_slot"]]
        history.append(EarlierSnapshot(today, labels, result.embedding, known))
        issued |= set(identities["cluster_id"])
        previous = result.parameters
        seen.append(day)
        results.append(result)
    return SegmentedHistory(seen, results)


def ids_right(segmented: SegmentedHistory) -> float:
    """Share of (day, kind) after the first day on which more than half of the kind's users carry the id that they did then.

    A kind counts as wrong on all days where most of its users had no id on the first, or the same as another kind's.
    """
    majorities = [
        result.users["cluster_id"].groupby(day.truth.reindex(result.users.index)).agg(_held_by_most)
        for day, result in zip(segmented.days, segmented.results, strict=True)
    ]
    first = majorities[0]
    first = first.mask((first == NOBODYS) | first.duplicated(keep=False))
    return float(np.mean([(later == first).mean() for later in majorities[1:]]))


def _held_by_most(ids: pd.Series) -> str:
    counts = ids.value_counts()
    return str(counts.index[0]) if len(counts) and counts.iloc[0] > len(ids) / 2 else NOBODYS


def named_within(segmented: SegmentedHistory, change: str, days: int) -> bool:
    """Whether a `change` (split or merge) was told within `days`, of the right clusters and no other.

    Most users of both clusters, the one before and the one after, are of those whom it concerns: of a split, both halves
    (kinds 0 and 5: either may keep the old id); of a merge, those who moved and those they joined (kind 1).
    """
    concerned = [0, 5] if change == "split" else [1]
    told = []
    for before, result, day in zip(segmented.results, segmented.results[1:], segmented.days[1:], strict=False):
        links = result.transitions[result.transitions["kind"] == change]
        for link in links.itertuples():
            old, new = (
                before.users["cluster_id"] == link.from_cluster_id,
                result.users["cluster_id"] == link.to_cluster_id,
            )
            of_old, of_new = day.truth.reindex(old.index[old]), day.truth.reindex(new.index[new])
            told.append((day.number, all(of.isin(concerned).mean() > 0.5 for of in (of_old, of_new))))
    return bool(told) and all(right for _, right in told) and min(number for number, _ in told) <= days


def fingerprint(result: Segmentation) -> str:
    """A hash of all that a segmentation says, for comparing repeats."""
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
