"""The whole way from features to clusters that can be trusted. Orders the stages and words the outcome; computes
little."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from grupa_pipeline.segmentation.axes import signal_axes
from grupa_pipeline.segmentation.embedding import embed, exact_neighbors, principal_coordinates
from grupa_pipeline.segmentation.grid import fit_grid
from grupa_pipeline.segmentation.identity import identify
from grupa_pipeline.segmentation.landmarks import choose_landmarks
from grupa_pipeline.segmentation.method import Method
from grupa_pipeline.segmentation.orientation import align, map_start
from grupa_pipeline.segmentation.placing import nearest_other, place
from grupa_pipeline.segmentation.prepare import Prepared, prepare
from grupa_pipeline.segmentation.results import Segmentation, Snapshot
from grupa_pipeline.segmentation.selection import Judged, candidates_table, choose
from grupa_pipeline.segmentation.transitions import no_transitions, transitions_between
from grupa_pipeline.segmentation.trust import Trust, check_trust

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
) -> Segmentation:
    """Find clusters in `features` (index user_id, clustering columns alone, NaN where not applicable).

    `history` holds the snapshots of the 14 days before, oldest first; `issued_ids` all ids ever issued; `reissue_ids`
    those that this snapshot issued before from equal input, in order; `previous_parameters` the `parameters` of the
    last snapshot. Equal input gives an equal result, in any process and whatever the order of users and columns.

    Raises ValueError when `history` holds a snapshot of this day or later, or the index has duplicates.
    """
    from threadpoolctl import threadpool_limits

    if any(snapshot.snapshot_date >= snapshot_date for snapshot in history):
        raise ValueError(f"history for {snapshot_date} may hold earlier snapshots only")
    if not features.index.is_unique:
        raise ValueError("features hold a user twice")
    features = features.reindex(columns=sorted(features.columns)).sort_index()
    asked = _Asked(features, seed, snapshot_date, history, issued_ids, reissue_ids, previous_parameters, method)
    users, fewest = len(features), method.min_users
    if users < fewest:
        return _without_clusters(
            asked,
            "too_few_users",
            f"Only {users} users have enough events; it takes at least {fewest} to look for groups.",
        )
    prepared = prepare(features)
    if len(prepared.rows) < fewest:
        return _without_clusters(
            asked,
            "weak_structure",
            f"The {users} users with enough events behave in only {len(prepared.rows)} different ways; "
            f"it takes at least {fewest} to look for groups.",
        )
    with threadpool_limits(1):  # sums in another order differ in the last bit, and UMAP amplifies that
        return _with_clusters(asked, prepared)


def _with_clusters(asked: _Asked, prepared: Prepared) -> Segmentation:
    """Landmarks, grid, checks, choice, everyone placed, ids, map."""
    method, rows, today = asked.method, prepared.rows, asked.snapshot_date
    row_ids = asked.features.index[prepared.user_of_row]
    landmarks = choose_landmarks(rows, list(row_ids), limit=method.landmarks, cells=method.cells, seed=asked.seed)
    axes = signal_axes(rows[landmarks], method.dimensions, asked.seed)
    fits = fit_grid(rows[landmarks], axes, method, asked.seed)
    previous = asked.previous_parameters
    trust = check_trust(
        rows[landmarks],
        axes,
        fits,
        columns=prepared.columns,
        today=today,
        previous=previous,
        method=method,
        seed=asked.seed,
    )
    chosen = choose(trust.judged, previous, method)
    status, reason = _verdict(chosen, trust, method)
    xy = _landmark_map(rows[landmarks] @ axes, row_ids[landmarks], chosen, asked)
    placed = place(
        rows,
        landmarks,
        fit=chosen.fit,
        xy=xy,
        neighbors=method.placing_neighbors,
    )
    shown = _shown(chosen, status, method)
    labels = np.where(placed.labels >= 0, shown[placed.labels], -1)
    who = prepared.row_of_user
    numbers = pd.Series(labels[who], index=asked.features.index)
    identities = identify(
        numbers,
        asked.history,
        today=today,
        issued_ids=asked.issued_ids,
        reissue_ids=asked.reissue_ids,
        match_jaccard=method.match_jaccard,
    )
    names = np.array([*identities.ids, None], dtype=object)
    users = pd.DataFrame(
        {
            "cluster_id": names[numbers.to_numpy()],
            "probability": np.where(labels >= 0, placed.strengths, 0.0)[who],
            "unassigned_reason": _reasons(placed.labels, labels)[who],
            "nearest_cluster_id": names[nearest_other(rows, labels)[who]],
        },
        index=asked.features.index,
    )
    stability = chosen.stability[shown[:-1] >= 0]
    return Segmentation(
        status=status,
        reason=reason,
        cluster_count=len(identities.ids),
        dbcv=chosen.fit.dbcv if chosen.fit.cluster_count > 1 else None,
        stability=float(np.median(stability)) if len(stability) else None,
        null_p_value=trust.p_value,
        parameters=_parameters(asked, prepared, len(landmarks), chosen, trust),
        candidates=candidates_table(trust.judged, chosen),
        embedding=pd.DataFrame(
            align(placed.xy[who], asked.features.index, _last_map(asked)),
            columns=["x", "y"],
            index=asked.features.index,
        ),
        users=users,
        identities=identities.table.assign(stability=stability)[
            ["cluster_id", "stability", "first_seen", "color_slot"]
        ],
        transitions=_transitions(asked, users["cluster_id"]),
    )


def _verdict(chosen: Judged, trust: Trust, method: Method) -> tuple[str, str | None]:
    """The snapshot's status, and its reason in words for someone who decides about a product."""
    if chosen.verdict == "too_few_clusters":
        return (
            "weak_structure",
            f"No way of grouping these users gave {method.min_clusters} groups set apart from their surroundings: "
            "users differ by degree rather than in kind. What is shown are regions of a continuum.",
        )
    if chosen.verdict == "one_big_cluster":
        return (
            "weak_structure",
            f"The best grouping puts {chosen.fit.largest_share:.0%} of the users into one group; the rest are exceptions.",
        )
    if chosen.verdict == "too_much_noise":
        return (
            "weak_structure",
            f"The best grouping leaves {chosen.fit.unassigned_share:.0%} of the users in no group: most fit none.",
        )
    stable = int((chosen.stability >= method.min_stability).sum())
    if stable < method.min_clusters:
        return (
            "weak_structure",
            f"Only {stable} of {len(chosen.stability)} groups come out again when part of the users is left out; "
            f"it takes {method.min_clusters} to rely on a grouping.",
        )
    if trust.p_value >= method.max_p_value:
        return (
            "weak_structure",
            "Users differ by degree rather than in kind: data with the same ranges and correlations but no groups "
            f"looks as grouped as this {max(trust.p_value, 0.01):.0%} of the time. The groups describe, not divide.",
        )
    return "ok", None


def _shown(chosen: Judged, status: str, method: Method) -> np.ndarray:
    """New number of each of the fit's clusters, -1 for those not shown, and a last -1 for 'unassigned'.

    Unstable clusters are not shown, unless the status already says 'weak' and no grouping of stable ones would be left:
    then the best grouping found is shown whole, each cluster with its low stability.
    """
    stable = chosen.stability >= method.min_stability
    if status != "ok" and stable.sum() < method.min_clusters:
        stable = np.ones(len(stable), dtype=bool)
    return np.append(np.where(stable, np.cumsum(stable) - 1, -1), -1)


def _reasons(placed: np.ndarray, shown: np.ndarray) -> np.ndarray:
    reasons = np.full(len(placed), None, dtype=object)
    reasons[(placed >= 0) & (shown < 0)] = "unstable_cluster"
    reasons[placed < 0] = "noise"
    return reasons


def _landmark_map(rows: np.ndarray, ids: pd.Index, chosen: Judged, asked: _Asked) -> np.ndarray:
    count = chosen.fit.candidate.n_neighbors
    start = map_start(principal_coordinates(rows, 2), ids, _last_map(asked))
    return embed(
        exact_neighbors(rows, count + 1),
        start,
        n_neighbors=count,
        epochs=asked.method.map_epochs,
        seed=asked.seed,
        spread=MAP_SPREAD,
    )


def _last_map(asked: _Asked) -> pd.DataFrame | None:
    return asked.history[-1].xy if asked.history else None


def _parameters(asked: _Asked, prepared: Prepared, landmarks: int, chosen: Judged, trust: Trust) -> dict[str, Any]:
    return {
        "method": asked.method.as_parameters(),
        "features": list(prepared.columns),
        "users": len(asked.features),
        "distinct_users": len(prepared.rows),
        "landmarks": landmarks,
        "trust_sample": asked.method.trust_size(landmarks),
        "candidate": chosen.fit.candidate.as_parameters(),
        "null": trust.null.as_parameters(),
        "real_score": trust.real_score,
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
