"""Segments users: runs the stages from features to validated clusters in order."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from grupa_pipeline.segmentation.assignment import (
    Assignment,
    AssignUsers,
    GroupModel,
    assign_users,
    fit_group_model,
)
from grupa_pipeline.segmentation.cluster_validation import ClusterValidation, validate_candidates
from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.embedding import embed, exact_neighbors, principal_coordinates
from grupa_pipeline.segmentation.few_events import EventCounts, Known, assign_few
from grupa_pipeline.segmentation.identity import identify
from grupa_pipeline.segmentation.landmarks import Landmarks, choose_landmarks
from grupa_pipeline.segmentation.map_alignment import align, can_continue, map_start
from grupa_pipeline.segmentation.merging import Halves
from grupa_pipeline.segmentation.prepare import Prepared, prepare
from grupa_pipeline.segmentation.replicates import Replicates, find_views, scaled_halves
from grupa_pipeline.segmentation.results import EarlierSnapshot, Segmentation
from grupa_pipeline.segmentation.selection import candidates_table, stable_groups
from grupa_pipeline.segmentation.snapshot_status import decide_status, shown_clusters
from grupa_pipeline.segmentation.transitions import no_transitions, transitions_between
from grupa_pipeline.segmentation.views import ViewValues, views_of_groups
from grupa_pipeline.segmentation.worker_pool import run_in_worker
from grupa_pipeline.vocabulary.enums import FeatureView, Membership, SegmentationStatus, UnassignedReason

DEFAULT_CONFIG = SegmentationConfig()
MAP_SPREAD = 0.1
NO_CANDIDATES = ["candidate", "parameters", "cluster_count", "largest_share", "unassigned_share"]
NO_CANDIDATES += ["dbcv", "stability", "score", "verdict", "chosen"]
IDENTITY_COLUMNS = ["cluster_id", "stability", "replication", "found_by", "first_seen", "color_slot"]
CORE, LIKELY = 0.9, 0.7
"""Least chance of membership of a user who is `core` and `likely`."""


@dataclass(frozen=True)
class _Inputs:
    """The arguments of one call of `segment`, features sorted."""

    features: pd.DataFrame
    counts: EventCounts | None
    seed: int
    snapshot_date: date
    history: Sequence[EarlierSnapshot]
    issued_ids: Collection[str]
    reissue_ids: Sequence[str]
    replicates: Replicates | None
    config: SegmentationConfig

    @property
    def few(self) -> np.ndarray:
        """Which of the users have few events, (n,)."""
        if self.counts is None:
            return np.zeros(len(self.features), dtype=bool)
        return (self.counts.events.reindex(self.features.index) < self.config.few_events).to_numpy()


def segment(
    features: pd.DataFrame,
    *,
    seed: int,
    snapshot_date: date,
    counts: EventCounts | None = None,
    history: Sequence[EarlierSnapshot] = (),
    issued_ids: Collection[str] = (),
    reissue_ids: Sequence[str] = (),
    replicates: Replicates | None = None,
    config: SegmentationConfig = DEFAULT_CONFIG,
    assign: AssignUsers = assign_users,
) -> Segmentation:
    """Find clusters in `features` (index user_id, clustering columns only, NaN where not applicable).

    `counts` says how many events each user has (None: enough); those with few are assigned by what the others looked like after
    as few. `history` holds the snapshots of the 14 days before, oldest first; `issued_ids` all ids ever issued; `reissue_ids`
    those that this snapshot issued before from equal features, in order; `replicates` measures the users on halves of their
    sessions (without it, what is told apart is told apart in the same sessions only); `assign` may assign users elsewhere (on
    a Spark cluster). Equal input gives an equal result, in any process and whatever the order of users and columns.

    Raises ValueError when `history` holds a snapshot of this day or later, or the index has duplicates.
    """
    from threadpoolctl import threadpool_limits

    if any(snapshot.snapshot_date >= snapshot_date for snapshot in history):
        raise ValueError(f"history for {snapshot_date} may hold earlier snapshots only")
    if not features.index.is_unique:
        raise ValueError("features hold a user twice")
    features = features.reindex(columns=sorted(features.columns)).sort_index()
    inputs = _Inputs(features, counts, seed, snapshot_date, history, issued_ids, reissue_ids, replicates, config)
    with threadpool_limits(1):  # sums in another order differ in the last bit, and UMAP amplifies that
        return _segment(inputs, assign)


def _segment(inputs: _Inputs, assign: AssignUsers) -> Segmentation:
    users, fewest = len(inputs.features), inputs.config.min_users
    if users < fewest:
        return _without_clusters(
            inputs,
            SegmentationStatus.TOO_FEW_USERS,
            f"Only {users} users have enough events; it takes at least {fewest} to look for groups.",
        )
    prepared = prepare(inputs.features)
    if len(prepared.rows) < fewest:
        return _without_clusters(
            inputs,
            SegmentationStatus.WEAK_STRUCTURE,
            f"The {users} users with enough events behave in only {len(prepared.rows)} different ways; "
            f"it takes at least {fewest} to look for groups.",
        )
    return _with_clusters(inputs, _select(inputs, prepared), assign)


@dataclass(frozen=True)
class _Selected:
    """The outcome of the stages up to the choice; `landmarks` index the rows of `prepared`, each is `standing_for` so many users,
    `points` is their map."""

    prepared: Prepared
    landmarks: np.ndarray
    standing_for: np.ndarray
    halves: Halves
    views: Mapping[FeatureView, ViewValues]
    points: np.ndarray
    validation: ClusterValidation


def _select(inputs: _Inputs, prepared: Prepared) -> _Selected:
    """Choose landmarks and views, draw the map, group the landmarks in every way, choose one."""
    config, index = inputs.config, inputs.features.index
    landmarks = choose_landmarks(
        prepared.rows,
        list(index[prepared.user_of_row]),
        np.bincount(prepared.row_of_user),
        limit=config.landmarks,
        cells=config.cells,
        seed=inputs.seed,
    )
    people = prepared.user_of_row[landmarks.rows]
    views = find_views(inputs.replicates, index, people, config.min_signal)
    halves = scaled_halves(inputs.replicates, index[people], prepared.rows[landmarks.rows], prepared.scales)
    if views:
        prepared, landmarks, people, halves = _with_views(inputs, views, landmarks, people, halves)
    rows, halves = prepared.rows[landmarks.rows], halves.exchanged()
    points = _landmark_map(inputs, rows, index[people])
    validation = validate_candidates(
        rows,
        halves,
        points,
        landmarks.users,
        earlier=_earlier_labels(inputs, index[people]),
        config=config,
        seed=inputs.seed,
    )
    return _Selected(prepared, landmarks.rows, landmarks.users, halves, views, points, validation)


def _with_views(
    inputs: _Inputs, views: Mapping[FeatureView, ViewValues], landmarks: Landmarks, people: np.ndarray, halves: Halves
) -> tuple[Prepared, Landmarks, np.ndarray, Halves]:
    """Rows, landmarks, their users and halves with the columns of the `views` beside those of the features."""
    values = list(views.values())
    everyone = len(values[0].whole) == len(inputs.features)
    whole = np.hstack([value.whole for value in values])
    place = people if everyone else np.arange(len(people))
    prepared = prepare(inputs.features, whole)
    rows = prepared.row_of_user[people]
    order = np.argsort(rows, kind="stable")
    first, second = (
        np.hstack([half, *(part[place] for part in parts)])[order]
        for half, parts in (
            (halves.first, [value.first for value in values]),
            (halves.second, [value.second for value in values]),
        )
    )
    return (
        prepared,
        Landmarks(rows[order], landmarks.users[order]),
        people[order],
        Halves(first, second, halves.measured[order]),
    )


def _earlier_labels(inputs: _Inputs, ids: pd.Index) -> np.ndarray | None:
    """The cluster each landmark was in at the last snapshot, as numbers, -1: in none; None without an earlier snapshot."""
    if not inputs.history:
        return None
    names = inputs.history[-1].labels.reindex(ids)
    return np.asarray(pd.Categorical(names.to_numpy(dtype=object)).codes, dtype=int)


def _with_clusters(inputs: _Inputs, selected: _Selected, assign: AssignUsers) -> Segmentation:
    """Assign all users, give ids, and collect the result."""
    config, validation = inputs.config, selected.validation
    chosen, rows = validation.chosen, selected.prepared.rows
    who, index = selected.prepared.row_of_user, inputs.features.index
    model = fit_group_model(selected.halves, chosen.grouping)
    assignment = assign(rows, selected.landmarks, model=model, xy=selected.points, neighbors=config.placing_neighbors)
    stable = stable_groups(chosen.grouping, chosen.stability, config)
    sizes = np.bincount(assignment.labels[who] + 1, minlength=len(stable) + 1)[1:]
    in_stable = float(sizes[stable].sum() / len(who))
    status, reason = decide_status(chosen, validation.p_value, in_stable, config)
    shown = shown_clusters(stable, status, config)
    assignment = _with_few(inputs, selected, assignment.take(who))
    labels = np.where(assignment.labels >= 0, shown[assignment.labels], -1)
    identities = identify(
        pd.Series(labels, index=index),
        inputs.history,
        today=inputs.snapshot_date,
        issued_ids=inputs.issued_ids,
        reissue_ids=inputs.reissue_ids,
        match_jaccard=config.match_jaccard,
    )
    users = _users(assignment, labels, shown, identities.ids, inputs.few).set_axis(index)
    kept = shown[:-1] >= 0
    replication = chosen.grouping.replication if inputs.replicates is not None else np.full(len(kept), np.nan)
    found_by = views_of_groups(
        rows[selected.landmarks], chosen.grouping.labels, len(selected.prepared.scales), selected.views
    )
    return Segmentation(
        status=status,
        reason=reason,
        cluster_count=len(identities.ids),
        dbcv=chosen.dbcv,
        stability=float(np.median(chosen.stability[kept])) if kept.any() else None,
        null_p_value=validation.p_value,
        parameters=_parameters(inputs, selected, model),
        candidates=candidates_table(validation.evaluated, chosen),
        embedding=pd.DataFrame(align(assignment.xy, index, _last_map(inputs)), columns=["x", "y"], index=index),
        users=users,
        identities=identities.table.assign(
            stability=chosen.stability[kept],
            replication=replication[kept],
            found_by=[found_by[group] for group in np.flatnonzero(kept)],
        )[IDENTITY_COLUMNS],
        transitions=_transitions(inputs, users["cluster_id"]),
    )


def _with_few(inputs: _Inputs, selected: _Selected, whole: Assignment) -> Assignment:
    """`whole`, the assignment of all users, with those who have few events assigned by what so few say."""
    few, prepared, grouping = inputs.few, selected.prepared, selected.validation.chosen.grouping
    if inputs.counts is None or inputs.replicates is None or not few.any():
        return whole
    people = prepared.user_of_row[selected.landmarks]
    enough = ~few[people]
    known = Known(
        inputs.features.iloc[people[enough]].index,
        grouping.labels[enough],
        selected.standing_for[enough],
        selected.points[enough],
    )
    return assign_few(
        whole,
        few,
        known,
        features=inputs.features,
        counts=inputs.counts,
        groups=grouping.cluster_count,
        scales=prepared.scales,
        replicates=inputs.replicates,
        least=LIKELY,
        neighbors=inputs.config.placing_neighbors,
        seed=inputs.seed,
    )


def _users(
    assignment: Assignment, labels: np.ndarray, shown: np.ndarray, ids: Sequence[str], few: np.ndarray
) -> pd.DataFrame:
    """Cluster, chances and reason of each user; `labels` are of the clusters shown, `assignment` of all; who has `few` events
    is no core."""
    names = np.array([*ids, None], dtype=object)
    reasons = np.full(len(labels), None, dtype=object)
    reasons[(assignment.labels >= 0) & (labels < 0)] = UnassignedReason.UNSTABLE_CLUSTER
    reasons[assignment.labels < 0] = UnassignedReason.NOISE
    reasons[(labels < 0) & few] = UnassignedReason.TOO_FEW_EVENTS
    chance = np.where(labels >= 0, assignment.probabilities, 0.0)
    nearest = np.where(assignment.others >= 0, shown[assignment.others], -1)
    grades = np.array([None, Membership.BETWEEN.value, Membership.LIKELY.value, Membership.CORE.value], dtype=object)
    membership = grades[np.where(labels < 0, 0, 1 + (chance >= LIKELY) + ((chance >= CORE) & ~few))]
    return pd.DataFrame(
        {
            "cluster_id": names[labels],
            "probability": chance,
            "unassigned_reason": reasons,
            "nearest_cluster_id": names[nearest],
            "membership": membership,
            "nearest_probability": np.where(nearest >= 0, assignment.other_probabilities, np.nan),
        }
    )


def _landmark_map(inputs: _Inputs, rows: np.ndarray, ids: pd.Index) -> np.ndarray:
    """Map coordinates (n, 2) of the landmarks' `rows`, started from those on the previous map."""
    config, before = inputs.config, _last_map(inputs)
    return run_in_worker(
        config,
        embed,
        exact_neighbors(rows, config.neighbors + 1),
        map_start(principal_coordinates(rows, 2), ids, before),
        n_neighbors=config.neighbors,
        epochs=config.map_epochs_again if can_continue(ids, before) else config.map_epochs,
        seed=inputs.seed,
        spread=MAP_SPREAD,
    )


def _last_map(inputs: _Inputs) -> pd.DataFrame | None:
    return inputs.history[-1].xy if inputs.history else None


def _parameters(inputs: _Inputs, selected: _Selected, model: GroupModel) -> dict[str, Any]:
    return {
        "method": inputs.config.as_parameters(),
        "features": list(selected.prepared.columns),
        "views": {view.value: round(values.signal, 4) for view, values in selected.views.items()},
        "users": len(inputs.features),
        "distinct_users": len(selected.prepared.rows),
        "landmarks": len(selected.landmarks),
        "landmarks_with_two_sessions": int(selected.halves.measured.sum()),
        "replicated": inputs.replicates is not None,
        "temperature": round(model.temperature, 4),
        "trust_sample": inputs.config.validation_size(len(selected.landmarks)),
        "candidate": selected.validation.chosen.grouping.candidate.as_parameters(),
    }


def _transitions(inputs: _Inputs, labels: pd.Series) -> pd.DataFrame:
    if not inputs.history:
        return no_transitions()
    last = inputs.history[-1]
    return transitions_between(last.labels, labels, last.snapshot_date, inputs.snapshot_date)


def _reason_without_clusters(status: SegmentationStatus) -> UnassignedReason:
    if status is SegmentationStatus.TOO_FEW_USERS:
        return UnassignedReason.TOO_FEW_USERS
    return UnassignedReason.NOISE


def _without_clusters(inputs: _Inputs, status: SegmentationStatus, reason: str) -> Segmentation:
    """A result in which all users are unassigned; the map is the first two principal coordinates."""
    users = pd.DataFrame(
        {
            "cluster_id": None,
            "probability": 0.0,
            "unassigned_reason": np.where(
                inputs.few, UnassignedReason.TOO_FEW_EVENTS, _reason_without_clusters(status)
            ),
            "nearest_cluster_id": None,
            "membership": None,
            "nearest_probability": np.nan,
        },
        index=inputs.features.index,
    ).astype({"cluster_id": object, "nearest_cluster_id": object, "membership": object})
    prepared = prepare(inputs.features) if len(inputs.features) else None
    xy = principal_coordinates(prepared.rows, 2)[prepared.row_of_user] if prepared else np.empty((0, 2))
    return Segmentation(
        status=status,
        reason=reason,
        cluster_count=0,
        dbcv=None,
        stability=None,
        null_p_value=None,
        parameters={"method": inputs.config.as_parameters(), "users": len(inputs.features)},
        candidates=pd.DataFrame(columns=NO_CANDIDATES),
        embedding=pd.DataFrame(xy, columns=["x", "y"], index=inputs.features.index),
        users=users,
        identities=pd.DataFrame(columns=IDENTITY_COLUMNS),
        transitions=_transitions(inputs, users["cluster_id"]),
    )
