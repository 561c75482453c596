"""Input from earlier snapshots, and the result of a segmentation. Data only."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from grupa_pipeline.vocabulary.enums import SegmentationStatus


@dataclass(frozen=True)
class EarlierSnapshot:
    """An earlier snapshot, as matching ids and aligning the map need it.

    `labels` maps user_id to cluster_id or None for every user of that snapshot, `xy` (index user_id; x, y) is its map, which
    only the last one needs (None: not loaded), `identities` holds cluster_id, first_seen and color_slot.
    """

    snapshot_date: date
    labels: pd.Series
    xy: pd.DataFrame | None
    identities: pd.DataFrame


@dataclass(frozen=True)
class Segmentation:
    """One snapshot's clusters, their validation, and the parameters they were computed with.

    `candidates` has the columns of the grid's table, `embedding` x and y by user_id, `users` cluster_id, probability,
    unassigned_reason and nearest_cluster_id by user_id, `identities` cluster_id, stability, first_seen and color_slot,
    `transitions` who moved since the last snapshot of `history`. `stability` is the median over the clusters shown.
    """

    status: SegmentationStatus
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
