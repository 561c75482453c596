"""Typical journeys: real sequences of actions that stand for the users of a group (medoids of an edit distance)."""

import hashlib
from collections.abc import Sequence
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from grupa_pipeline.journeys.ordered_events import OrderedEvents
from grupa_pipeline.journeys.user_groups import UserGroups
from grupa_pipeline.vocabulary.enums import PathKind

MAX_SAMPLE = 120
"""Users of a group between whose journeys distances are computed."""
MAX_LENGTH = 15
"""Actions of a journey that are compared and shown, runs folded."""
MAX_JOURNEYS = 5
_ROUNDS = 8

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


def typical_journeys(groups: UserGroups, ordered: OrderedEvents) -> list[dict[str, Any]]:
    """At most `MAX_JOURNEYS` journeys a group, each with how many users it stands for, estimated from a sample of the group.

    None stands for fewer users than the minimum group.
    """
    sample = _sample(groups)
    journeys = _read_journeys(groups, ordered, sorted({user for users in sample.values() for user in users}))
    rows = []
    for cluster_id, users in sample.items():
        own = [journeys[user] for user in users if journeys.get(user)]
        scale = groups.size(cluster_id) / max(len(own), 1)
        for rank, (path, count) in enumerate(_medoids(own, min_users=groups.min_group / scale), start=1):
            standing = round(count * scale)
            rows.append(
                {
                    "cluster_id": cluster_id,
                    "kind": PathKind.TYPICAL.value,
                    "rank": rank,
                    "path": list(path),
                    "users": standing,
                    "share": standing / groups.size(cluster_id),
                    "rest_share": None,
                    "lift": None,
                }
            )
    return rows


def _sample(groups: UserGroups) -> dict[str | None, list[str]]:
    """Users of each group in an order that says nothing about them."""
    hashes = [hashlib.md5(str(user).encode(), usedforsecurity=False).digest() for user in groups.members.index]
    ranked = pd.Series(groups.members.to_numpy(), index=groups.members.index).iloc[
        sorted(range(len(hashes)), key=hashes.__getitem__)
    ]
    sample: dict[str | None, list[str]] = {None: list(ranked.index[:MAX_SAMPLE])}
    for cluster_id, size in groups.sizes.items():
        if size >= groups.min_group:
            sample[cluster_id] = list(ranked.index[(ranked == cluster_id).to_numpy()][:MAX_SAMPLE])
    return sample


def _read_journeys(groups: UserGroups, ordered: OrderedEvents, users: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The first actions of `users`, runs folded; an action of fewer users than the minimum group is left out."""
    engine, counts = groups.window.engine, groups.window.counts
    common = counts.group_by("action_key").agg(users=counts.count()).filter(ibis._.users >= groups.min_group)
    wanted = engine.materialize(pa.table({"user_id": pa.array(list(users), pa.string())}))
    wanted = engine.materialize(engine.with_keys(wanted.mutate(name=wanted.user_id)))
    folded = ordered.folded.semi_join(common, "action_key").inner_join(wanted, "user_key")
    folded = folded.select("name", "action_key", "place")
    named = engine.with_actions(folded).select("name", "action", "place").order_by(["name", "place"])
    journeys: dict[str, list[str]] = {}
    for row in engine.fetch(named).to_pylist():
        own = journeys.setdefault(row["name"], [])
        if len(own) < MAX_LENGTH and (not own or own[-1] != row["action"]):
            own.append(row["action"])
    return {user: tuple(path) for user, path in journeys.items()}


def _medoids(journeys: Sequence[tuple[str, ...]], min_users: float) -> list[tuple[tuple[str, ...], int]]:
    """Journeys that stand for the others, with how many each stands for; those of fewer than `min_users` are left out."""
    if not journeys:
        return []
    distances = _distances(journeys)
    chosen = _first_medoids(distances, min(MAX_JOURNEYS, len(set(journeys))))
    for _ in range(_ROUNDS):
        nearest = distances[:, chosen].argmin(axis=1)
        better = [_centre(distances, np.flatnonzero(nearest == number), own) for number, own in enumerate(chosen)]
        if better == chosen:
            break
        chosen = better
    counts = np.bincount(distances[:, chosen].argmin(axis=1), minlength=len(chosen))
    found = sorted(zip((-counts).tolist(), (journeys[own] for own in chosen), strict=True))
    return [(path, -count) for count, path in found if -count >= max(min_users, 1)]


def _first_medoids(distances: FloatArray, wanted: int) -> list[int]:
    """The most central journey, then each time the one that brings all nearest (the BUILD phase of PAM)."""
    chosen = [int(distances.sum(axis=1).argmin())]
    while len(chosen) < wanted:
        near = distances[:, chosen].min(axis=1)
        gains = np.maximum(near[:, None] - distances, 0).sum(axis=0)
        if gains.max() <= 0:
            break
        chosen.append(int(gains.argmax()))
    return chosen


def _centre(distances: FloatArray, members: IntArray, own: int) -> int:
    if not len(members):
        return own
    return int(members[distances[np.ix_(members, members)].sum(axis=1).argmin()])


def _distances(journeys: Sequence[tuple[str, ...]]) -> FloatArray:
    """Edit distance of each pair over the longer one's length, all pairs at once."""
    codes = {action: number for number, action in enumerate(sorted({step for path in journeys for step in path}), 1)}
    coded = np.zeros((len(journeys), MAX_LENGTH), dtype=np.int64)
    lengths = np.array([len(path) for path in journeys])
    for number, path in enumerate(journeys):
        coded[number, : len(path)] = [codes[step] for step in path]
    left, right = np.triu_indices(len(journeys), 1)
    edits = _edit_distances(coded[left], coded[right], lengths[left], lengths[right])
    distances = np.zeros((len(journeys), len(journeys)))
    distances[left, right] = edits / np.maximum(lengths[left], lengths[right])
    return distances + distances.T


def _edit_distances(one: IntArray, other: IntArray, lengths: IntArray, other_lengths: IntArray) -> FloatArray:
    """Levenshtein distances of the rows, each of its length: one table for all pairs."""
    pairs, width = one.shape
    if not pairs:
        return np.zeros(0)
    table = np.zeros((width + 1, width + 1, pairs), dtype=np.int16)
    table[:, 0], table[0, :] = np.arange(width + 1)[:, None], np.arange(width + 1)[:, None]
    for i in range(1, width + 1):
        for j in range(1, width + 1):
            change = table[i - 1, j - 1] + (one[:, i - 1] != other[:, j - 1])
            table[i, j] = np.minimum(np.minimum(table[i - 1, j], table[i, j - 1]) + 1, change)
    return table[lengths, other_lengths, np.arange(pairs)].astype(np.float64)
