"""The whole way from features to clusters that can be trusted. Orders the stages and words the outcome; computes
little."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from grupa_pipeline.segmentation.assignment import Placed, Placing, nearest_other, place
from grupa_pipeline.segmentation.axes import signal_axes
from grupa_pipeline.segmentation.cluster_validation import Trust, check_trust
from grupa_pipeline.segmentation.config import Method
from grupa_pipeline.segmentation.embedding import embed, exact_neighbors, principal_coordinates
from grupa_pipeline.segmentation.identity import identify
from grupa_pipeline.segmentation.landmarks import choose_landmarks
from grupa_pipeline.segmentation.map_alignment import align, goes_on, map_start
from grupa_pipeline.segmentation.prepare import Prepared, prepare
from grupa_pipeline.segmentation.results import Segmentation, Snapshot
from grupa_pipeline.segmentation.selection import Judged, candidates_table, choose
from grupa_pipeline.segmentation.snapshot_status import judge_outcome, shown_clusters, stable_clusters
from grupa_pipeline.segmentation.transitions import no_transitions, transitions_between
from grupa_pipeline.segmentation.worker_pool import in_worker

METHOD = Method()
MAP_SPREAD = 0.1
NO_CANDIDATES = ["candidate", "parameters", "cluster_count", "largest_share", "unassigned_share"]
NO_CANDIDATES += ["dbcv", "stability", "score", "verdict", "chosen"]


@dataclass(frozen=True)
class _Asked:
    """The arguments of one call of `segment`, features sorted."""

    features: pd.DataFrame
    seed: int
    snapshot_date: date
    history: Sequence[Snapshot]
    issued_ids: Collection[str]
    reissue_ids: Sequence[str]
    previous_parameters: dict[str, Any] | None
    method: Method


def segment(
    features: pd.DataFrame,
    *,
    seed: int,
    snapshot_date: date,
    history: Sequence[Snapshot] = (),
    issued_ids: Collection[str] = (),
    reissue_ids: Sequence[str] = (),
    previous_parameters: dict[str, Any] | None = None,
    method: Method = METHOD,
    placing: Placing = place,
) -> Segmentation:
    """Find clusters in `features` (index user_id, clustering columns alone, NaN where not applicable).

    `history` holds the snapshots of the 14 days before, oldest first; `issued_ids` all ids ever issued; `reissue_ids`
    those that this snapshot issued before from equal features, in order; `previous_parameters` the `parameters` of the
    last snapshot; `placing` may place users elsewhere than here. Equal input gives an equal result, in any process and
    whatever the order of users and columns.

    Raises ValueError when `history` holds a snapshot of this day or later, or the index has duplicates.
    """
    from threadpoolctl import threadpool_limits

    if any(snapshot.snapshot_date >= snapshot_date for snapshot in history):
        raise ValueError(f"history for {snapshot_date} may hold earlier snapshots only")
    if not features.index.is_unique:
        raise ValueError("features hold a user twice")
    features = features.reindex(columns=sorted(features.columns)).sort_index()
    asked = _Asked(features, seed, snapshot_date, history, issued_ids, reissue_ids, previous_parameters, method)
    with threadpool_limits(1):  # sums in another order differ in the last bit, and UMAP amplifies that
        return _segment(asked, placing)


def _segment(asked: _Asked, placing: Placing) -> Segmentation:
    users, fewest = len(asked.features), asked.method.min_users
    if users < fewest:
        return _without_clusters(
            asked,
            "too_few_users",
            f"Only {users} users have enough events; it takes at least {fewest} to look for groups.",
        )
    prepared = prepare(asked.features)
    if len(prepared.rows) < fewest:
        return _without_clusters(
            asked,
            "weak_structure",
            f"The {users} users with enough events behave in only {len(prepared.rows)} different ways; "
            f"it takes at least {fewest} to look for groups.",
        )
    return _with_clusters(asked, _find(asked, prepared), placing)


@dataclass(frozen=True)
class _Found:
    """What the stages up to the choice found; `landmarks` index the rows of `prepared`, `axes` are (columns, kept)."""

    prepared: Prepared
    landmarks: np.ndarray
    axes: np.ndarray
    trust: Trust
    chosen: Judged


def _find(asked: _Asked, prepared: Prepared) -> _Found:
    """Landmarks, axes, grid, checks of trust, choice."""
    method = asked.method
    ids = list(asked.features.index[prepared.user_of_row])
    users = np.bincount(prepared.row_of_user)
    landmarks = choose_landmarks(prepared.rows, ids, users, limit=method.landmarks, cells=method.cells, seed=asked.seed)
    axes = signal_axes(prepared.rows, method.dimensions, asked.seed)
    trust = check_trust(
        prepared.rows[landmarks.rows],
        landmarks.users,
        axes,
        columns=prepared.columns,
        today=asked.snapshot_date,
        previous=asked.previous_parameters,
        method=method,
        seed=asked.seed,
    )
    return _Found(prepared, landmarks.rows, axes, trust, choose(trust.judged, asked.previous_parameters, method))


def _with_clusters(asked: _Asked, found: _Found, placing: Placing) -> Segmentation:
    """Everyone placed, ids given, and all of it told."""
    method, chosen, rows = asked.method, found.chosen, found.prepared.rows
    who, index = found.prepared.row_of_user, asked.features.index
    xy = _landmark_map(asked, found)
    placed = placing(rows, found.landmarks, axes=found.axes, fit=chosen.fit, xy=xy, neighbors=method.placing_neighbors)
    sizes = np.bincount(placed.labels[who] + 1, minlength=chosen.fit.cluster_count + 1)[1:]
    shares = sizes[stable_clusters(chosen, method)] / len(who)
    status, reason = judge_outcome(chosen, found.trust, shares, method)
    shown = shown_clusters(chosen, status, method)
    labels = np.where(placed.labels >= 0, shown[placed.labels], -1)
    identities = identify(
        pd.Series(labels[who], index=index),
        asked.history,
        today=asked.snapshot_date,
        issued_ids=asked.issued_ids,
        reissue_ids=asked.reissue_ids,
        match_jaccard=method.match_jaccard,
    )
    users = _users(placed, labels, rows, identities.ids).iloc[who].set_axis(index)
    stability = chosen.stability[shown[:-1] >= 0]
    return Segmentation(
        status=status,
        reason=reason,
        cluster_count=len(identities.ids),
        dbcv=chosen.fit.dbcv if chosen.fit.cluster_count > 1 else None,
        stability=float(np.median(stability)) if len(stability) else None,
        null_p_value=found.trust.p_value,
        parameters=_parameters(asked, found),
        candidates=candidates_table(found.trust.judged, chosen),
        embedding=pd.DataFrame(align(placed.xy[who], index, _last_map(asked)), columns=["x", "y"], index=index),
        users=users,
        identities=identities.table.assign(stability=stability)[
            ["cluster_id", "stability", "first_seen", "color_slot"]
        ],
        transitions=_transitions(asked, users["cluster_id"]),
    )


def _users(placed: Placed, labels: np.ndarray, rows: np.ndarray, ids: Sequence[str]) -> pd.DataFrame:
    """What is said of each distinct row; `labels` are those of the clusters shown, `placed` those of all clusters."""
    names = np.array([*ids, None], dtype=object)
    reasons = np.full(len(labels), None, dtype=object)
    reasons[(placed.labels >= 0) & (labels < 0)] = "unstable_cluster"
    reasons[placed.labels < 0] = "noise"
    return pd.DataFrame(
        {
            "cluster_id": names[labels],
            "probability": np.where(labels >= 0, placed.strengths, 0.0),
            "unassigned_reason": reasons,
            "nearest_cluster_id": names[nearest_other(rows, labels)],
        }
    )


def _landmark_map(asked: _Asked, found: _Found) -> np.ndarray:
    """Where the landmarks stand on the map, started from where they stood on the last one."""
    rows = found.prepared.rows[found.landmarks] @ found.axes
    ids = asked.features.index[found.prepared.user_of_row[found.landmarks]]
    count, method, before = found.chosen.fit.candidate.n_neighbors, asked.method, _last_map(asked)
    return in_worker(
        method,
        embed,
        exact_neighbors(rows, count + 1),
        map_start(principal_coordinates(rows, 2), ids, before),
        n_neighbors=count,
        epochs=method.map_epochs_again if goes_on(ids, before) else method.map_epochs,
        seed=asked.seed,
        spread=MAP_SPREAD,
    )


def _last_map(asked: _Asked) -> pd.DataFrame | None:
    return asked.history[-1].xy if asked.history else None


def _parameters(asked: _Asked, found: _Found) -> dict[str, Any]:
    return {
        "method": asked.method.as_parameters(),
        "features": list(found.prepared.columns),
        "users": len(asked.features),
        "distinct_users": len(found.prepared.rows),
        "landmarks": len(found.landmarks),
        "trust_sample": asked.method.trust_size(len(found.landmarks)),
        "candidate": found.chosen.fit.candidate.as_parameters(),
        "null": found.trust.null.as_parameters(),
        "real_score": found.trust.real_score,
    }


def _transitions(asked: _Asked, labels: pd.Series) -> pd.DataFrame:
    if not asked.history:
        return no_transitions()
    last = asked.history[-1]
    return transitions_between(last.labels, labels, last.snapshot_date, asked.snapshot_date)


def _without_clusters(asked: _Asked, status: str, reason: str) -> Segmentation:
    """A result in which everyone is unassigned; the map is the first two principal coordinates."""
    users = pd.DataFrame(
        {
            "cluster_id": None,
            "probability": 0.0,
            "unassigned_reason": "too_few_users" if status == "too_few_users" else "noise",
            "nearest_cluster_id": None,
        },
        index=asked.features.index,
    ).astype({"cluster_id": object, "nearest_cluster_id": object})
    prepared = prepare(asked.features) if len(asked.features) else None
    xy = principal_coordinates(prepared.rows, 2)[prepared.row_of_user] if prepared else np.empty((0, 2))
    return Segmentation(
        status=status,
        reason=reason,
        cluster_count=0,
        dbcv=None,
        stability=None,
        null_p_value=None,
        parameters={"method": asked.method.as_parameters(), "users": len(asked.features)},
        candidates=pd.DataFrame(columns=NO_CANDIDATES),
        embedding=pd.DataFrame(xy, columns=["x", "y"], index=asked.features.index),
        users=users,
        identities=pd.DataFrame(columns=["cluster_id", "stability", "first_seen", "color_slot"]),
        transitions=_transitions(asked, users["cluster_id"]),
    )
