"""Assigns users with few events by what the others looked like after as few.

What three events say of a user is mostly chance, and how often or how long somebody acts they do not say at all. Users whose
cluster is known, measured on their first events alone, show what can be read off so few of what users do.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from grupa_pipeline.segmentation.assignment import Assignment, GroupModel, choose_groups, fit_temperature, place
from grupa_pipeline.segmentation.discriminant import fit_discriminant
from grupa_pipeline.segmentation.outlier_filter import reach_of_groups
from grupa_pipeline.segmentation.prepare import ColumnScale
from grupa_pipeline.segmentation.replicates import Replicates

FOLDS = 2


@dataclass(frozen=True)
class EventCounts:
    """How many events each user has (index user_id; outcomes not counted), and the features of which few events say something:
    what users do, not how often."""

    events: pd.Series
    columns: Collection[str]


@dataclass(frozen=True)
class Known:
    """Landmarks with enough events: ids, group (-1: none), how many users each stands for, map coordinates (n, 2)."""

    ids: pd.Index
    labels: np.ndarray
    users: np.ndarray
    xy: np.ndarray


def assign_few(
    whole: Assignment,
    few: np.ndarray,
    known: Known,
    *,
    features: pd.DataFrame,
    counts: EventCounts,
    groups: int,
    scales: Mapping[str, ColumnScale],
    replicates: Replicates,
    least: float,
    neighbors: int,
    seed: int,
) -> Assignment:
    """`whole`, the assignment of all users (rows of `features`), with the `few` (bool, by user) assigned anew.

    Each of the `known` is measured on as many first events as one of the few has, drawn at random. A user joins the group that is
    likeliest after so few events when its chance is at least `least`, beside the nearest fellows on the map. A group most of
    whose users have few events is a kind of such users, and keeps them.
    """
    placed = whole.labels >= 0
    sizes, own = (np.bincount(whole.labels[who], minlength=groups) for who in (placed, placed & few))
    asked = np.flatnonzero(few & ~(placed & (own > sizes / 2)[whole.labels]))
    columns = {name: scale for name, scale in scales.items() if name in counts.columns}
    if not len(asked):
        return whole
    if not columns or not (known.labels >= 0).any():
        return whole.updated(asked, _doubtful(whole.take(asked), np.inf))
    lengths = np.random.default_rng(seed).choice(
        counts.events.reindex(features.index).to_numpy()[asked], len(known.ids)
    )
    begun = replicates.beginnings(dict(zip(known.ids, map(int, lengths), strict=True))).reindex(known.ids)
    beginnings, rows = _scaled(begun, columns), _scaled(features.iloc[asked], columns)
    found = _doubtful(choose_groups(rows, fit_beginnings(beginnings, known.labels, groups, known.users)), least)
    xy = whole.xy[asked]
    for group in range(groups):
        theirs, fellows = found.labels == group, known.labels == group
        if theirs.any() and fellows.any():
            xy[theirs] = place(rows[theirs], beginnings[fellows], known.xy[fellows], neighbors)
    return whole.updated(asked, replace(found, xy=xy))


def fit_beginnings(rows: np.ndarray, labels: np.ndarray, groups: int, users: np.ndarray) -> GroupModel:
    """The model of the groups after few events, of the `rows` (n, columns) of users on their first events.

    Its temperature is fitted to chances of users that were learnt from others. `users` (n,) is how many each stands for.
    """
    fold, asked = np.random.default_rng(0).permutation(len(rows)) % FOLDS, []
    for held in range(FOLDS):
        inside = (fold == held) & (labels >= 0)
        if inside.any() and (labels[fold != held] >= 0).any():
            learnt = fit_discriminant(rows, np.where(fold == held, -1, labels), groups)
            asked.append((learnt.scores(rows[inside]), labels[inside]))
    shares = np.bincount(labels[labels >= 0], users[labels >= 0], minlength=groups)
    log_priors = np.log(np.maximum(shares, 0.5) / shares.sum())
    discriminant = replace(fit_discriminant(rows, labels, groups), log_priors=log_priors)
    return GroupModel(discriminant, reach_of_groups(discriminant, rows, labels), fit_temperature(asked))


def _doubtful(found: Assignment, least: float) -> Assignment:
    """`found` with nobody in a group whose chance is less than `least`; that group is then the nearest."""
    doubtful = (found.labels >= 0) & (found.probabilities < least)
    return replace(
        found,
        labels=np.where(doubtful, -1, found.labels),
        probabilities=np.where(doubtful, 0.0, found.probabilities),
        others=np.where(doubtful, found.labels, found.others),
        other_probabilities=np.where(doubtful, found.probabilities, found.other_probabilities),
    )


def _scaled(features: pd.DataFrame, scales: Mapping[str, ColumnScale]) -> np.ndarray:
    """The columns of `scales` (users, columns)."""
    return np.column_stack([scale.apply(features[name].to_numpy(dtype=float)) for name, scale in scales.items()])
