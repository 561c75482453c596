"""What a segmentation needs of the days before, and what it gives back. Data only."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Snapshot:
    """What identity needs of an earlier snapshot.

    `labels` maps user_id to cluster_id or None for every user of that snapshot, `xy` (index user_id; x, y) is its map, which
    only the last one needs (None: not loaded), `identities` holds cluster_id, first_seen and color_slot.
    """

    snapshot_date: date
    labels: pd.Series
    xy: pd.DataFrame | None
    identities: pd.DataFrame


@dataclass(frozen=True)
class Segmentation:
    """One snapshot's clusters, how far they can be trusted, and what they came from.

    `candidates` has the columns of the grid's table, `embedding` x and y by user_id, `users` cluster_id, probability,
    unassigned_reason and nearest_cluster_id by user_id, `identities` cluster_id, stability, first_seen and color_slot,
    `transitions` who moved since the last snapshot of `history`. `stability` is the median over the clusters shown.
    """

    status: str
    reason: str | None
    cluster_count: int
    dbcv: float | None
    stability: float | None
    null_p_value: float | None
    parameters: dict[str, Any]
    candidates: pd.DataFrame
    embedding: pd.DataFrame
    users: pd.DataFrame
    identities: pd.DataFrame
    transitions: pd.DataFrame
