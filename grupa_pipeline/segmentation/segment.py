"""Segments users: runs the stages from features to validated clusters in order."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from grupa_pipeline.segmentation.assignment import Assignment, AssignUsers, assign_users, nearest_other
from grupa_pipeline.segmentation.axes import signal_axes
from grupa_pipeline.segmentation.cluster_validation import ClusterValidation, validate_candidates
from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.embedding import embed, exact_neighbors, principal_coordinates
from grupa_pipeline.segmentation.identity import identify
from grupa_pipeline.segmentation.landmarks import choose_landmarks
from grupa_pipeline.segmentation.map_alignment import align, can_continue, map_start
from grupa_pipeline.segmentation.prepare import Prepared, prepare
from grupa_pipeline.segmentation.results import EarlierSnapshot, Segmentation
from grupa_pipeline.segmentation.selection import EvaluatedFit, candidates_table, choose
from grupa_pipeline.segmentation.snapshot_status import decide_status, shown_clusters, stable_clusters
from grupa_pipeline.segmentation.transitions import no_transitions, transitions_between
from grupa_pipeline.segmentation.worker_pool import run_in_worker
from grupa_pipeline.vocabulary.enums import SegmentationStatus, UnassignedReason

DEFAULT_CONFIG = SegmentationConfig()
MAP_SPREAD = 0.1
NO_CANDIDATES = ["candidate", "parameters", "cluster_count", "largest_share", "unassigned_share"]
NO_CANDIDATES += ["dbcv", "stability", "score", "verdict", "chosen"]


@dataclass(frozen=True)
class _Inputs:
    """The arguments of one call of `segment`, features sorted."""

    features: pd.DataFrame
    seed: int
    snapshot_date: date
    history: Sequence[EarlierSnapshot]
    issued_ids: Collection[str]
    reissue_ids: Sequence[str]
    previous_parameters: dict[str, Any] | None
    config: SegmentationConfig


def segment(
    features: pd.DataFrame,
    *,
    seed: int,
    snapshot_date: date,
    history: Sequence[EarlierSnapshot] = (),
    issued_ids: Collection[str] = (),
    reissue_ids: Sequence[str] = (),
    previous_parameters: dict[str, Any] | None = None,
    config: SegmentationConfig = DEFAULT_CONFIG,
    assign: AssignUsers = assign_users,
) -> Segmentation:
    """Find clusters in `features` (index user_id, clustering columns only, NaN where not applicable).

    `history` holds the snapshots of the 14 days before, oldest first; `issued_ids` all ids ever issued; `reissue_ids`
    those that this snapshot issued before from equal features, in order; `previous_parameters` the `parameters` of the
    last snapshot; `assign` may assign users elsewhere (on a Spark cluster). Equal input gives an equal result, in any process and
    whatever the order of users and columns.

    Raises ValueError when `history` holds a snapshot of this day or later, or the index has duplicates.
    """
    from threadpoolctl import threadpool_limits

    if any(snapshot.snapshot_date >= snapshot_date for snapshot in history):
        raise ValueError(f"history for {snapshot_date} may hold earlier snapshots only")
    if not features.index.is_unique:
        raise ValueError("features hold a user twice")
    features = features.reindex(columns=sorted(features.columns)).sort_index()
    inputs = _Inputs(features, seed, snapshot_date, history, issued_ids, reissue_ids, previous_parameters, config)
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
    """The outcome of the stages up to the choice; `landmarks` index the rows of `prepared`, `axes` are (columns, kept)."""

    prepared: Prepared
    landmarks: np.ndarray
    axes: np.ndarray
    validation: ClusterValidation
    chosen: EvaluatedFit


def _select(inputs: _Inputs, prepared: Prepared) -> _Selected:
    """Choose landmarks and axes, fit and validate the grid, choose a candidate."""
    config = inputs.config
    ids = list(inputs.features.index[prepared.user_of_row])
    users = np.bincount(prepared.row_of_user)
    landmarks = choose_landmarks(
        prepared.rows, ids, users, limit=config.landmarks, cells=config.cells, seed=inputs.seed
    )
    axes = signal_axes(prepared.rows, config.dimensions, inputs.seed)
    validation = validate_candidates(
        prepared.rows[landmarks.rows],
        landmarks.users,
        axes,
        columns=prepared.columns,
        today=inputs.snapshot_date,
        previous=inputs.previous_parameters,
        config=config,
        seed=inputs.seed,
    )
    return _Selected(
        prepared, landmarks.rows, axes, validation, choose(validation.evaluated, inputs.previous_parameters, config)
    )


def _with_clusters(inputs: _Inputs, selected: _Selected, assign: AssignUsers) -> Segmentation:
    """Assign all users, give ids, and collect the result."""
    config, chosen, rows = inputs.config, selected.chosen, selected.prepared.rows
    who, index = selected.prepared.row_of_user, inputs.features.index
    xy = _landmark_map(inputs, selected)
    assignment = assign(
        rows, selected.landmarks, axes=selected.axes, fit=chosen.fit, xy=xy, neighbors=config.placing_neighbors
    )
    sizes = np.bincount(assignment.labels[who] + 1, minlength=chosen.fit.cluster_count + 1)[1:]
    shares = sizes[stable_clusters(chosen, config)] / len(who)
    status, reason = decide_status(chosen, selected.validation, shares, config)
    shown = shown_clusters(chosen, status, config)
    labels = np.where(assignment.labels >= 0, shown[assignment.labels], -1)
    identities = identify(
        pd.Series(labels[who], index=index),
        inputs.history,
        today=inputs.snapshot_date,
        issued_ids=inputs.issued_ids,
        reissue_ids=inputs.reissue_ids,
        match_jaccard=config.match_jaccard,
    )
    users = _users(assignment, labels, rows, identities.ids).iloc[who].set_axis(index)
    stability = chosen.stability[shown[:-1] >= 0]
    return Segmentation(
        status=status,
        reason=reason,
        cluster_count=len(identities.ids),
        dbcv=chosen.fit.dbcv if chosen.fit.cluster_count > 1 else None,
        stability=float(np.median(stability)) if len(stability) else None,
        null_p_value=selected.validation.p_value,
        parameters=_parameters(inputs, selected),
        candidates=candidates_table(selected.validation.evaluated, chosen),
        embedding=pd.DataFrame(align(assignment.xy[who], index, _last_map(inputs)), columns=["x", "y"], index=index),
        users=users,
        identities=identities.table.assign(stability=stability)[
            ["cluster_id", "stability", "first_seen", "color_slot"]
        ],
        transitions=_transitions(inputs, users["cluster_id"]),
    )


def _users(assignment: Assignment, labels: np.ndarray, rows: np.ndarray, ids: Sequence[str]) -> pd.DataFrame:
    """Cluster, probability and reason of each distinct row; `labels` are of the clusters shown, `assignment` of all."""
    names = np.array([*ids, None], dtype=object)
    reasons = np.full(len(labels), None, dtype=object)
    reasons[(assignment.labels >= 0) & (labels < 0)] = UnassignedReason.UNSTABLE_CLUSTER
    reasons[assignment.labels < 0] = UnassignedReason.NOISE
    return pd.DataFrame(
        {
            "cluster_id": names[labels],
            "probability": np.where(labels >= 0, assignment.strengths, 0.0),
            "unassigned_reason": reasons,
            "nearest_cluster_id": names[nearest_other(rows, labels)],
        }
    )


def _landmark_map(inputs: _Inputs, selected: _Selected) -> np.ndarray:
    """Map coordinates of the landmarks, started from those on the previous map."""
    rows = selected.prepared.rows[selected.landmarks] @ selected.axes
    ids = inputs.features.index[selected.prepared.user_of_row[selected.landmarks]]
    count, config, before = selected.chosen.fit.candidate.n_neighbors, inputs.config, _last_map(inputs)
    return run_in_worker(
        config,
        embed,
        exact_neighbors(rows, count + 1),
        map_start(principal_coordinates(rows, 2), ids, before),
        n_neighbors=count,
        epochs=config.map_epochs_again if can_continue(ids, before) else config.map_epochs,
        seed=inputs.seed,
        spread=MAP_SPREAD,
    )


def _last_map(inputs: _Inputs) -> pd.DataFrame | None:
    return inputs.history[-1].xy if inputs.history else None


def _parameters(inputs: _Inputs, selected: _Selected) -> dict[str, Any]:
    return {
        "method": inputs.config.as_parameters(),
        "features": list(selected.prepared.columns),
        "users": len(inputs.features),
        "distinct_users": len(selected.prepared.rows),
        "landmarks": len(selected.landmarks),
        "trust_sample": inputs.config.validation_size(len(selected.landmarks)),
        "candidate": selected.chosen.fit.candidate.as_parameters(),
        "null": selected.validation.null.as_parameters(),
        "real_score": selected.validation.real_score,
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
            "unassigned_reason": _reason_without_clusters(status),
            "nearest_cluster_id": None,
        },
        index=inputs.features.index,
    ).astype({"cluster_id": object, "nearest_cluster_id": object})
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
        identities=pd.DataFrame(columns=["cluster_id", "stability", "first_seen", "color_slot"]),
        transitions=_transitions(inputs, users["cluster_id"]),
    )
