"""What a report shows, read from the published tables: one snapshot, its map, and the plans. No HTML."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from dash_app.agents.lookup import find_cluster, find_plans, find_snapshot
from dash_app.data.database import Database
from dash_app.data.snapshot import Cluster, Snapshot
from dash_app.data.users import Points, load_points
from dash_app.planning.plan import Plan
from dash_app.roadmap.store import Roadmap
from grupa_pipeline.storage.warehouse import PIPELINE_FILE

MOST_POINTS = 3_000
"""Points on the map: more make the file large and cannot be told apart on paper."""


@dataclass(frozen=True)
class ReportContent:
    """The content.

    Attributes:
        snapshot: The snapshot; None where nothing has been segmented and only plans are shown.
        clusters: The clusters that are described, the largest first.
        selected: The one cluster of a report on it.
        points: The map.
        plans: Plans that are not archived: of the clusters described, or all.
    """

    snapshot: Snapshot | None
    clusters: Sequence[Cluster]
    selected: Cluster | None
    points: Points | None
    plans: Sequence[Plan]


def read_content(
    folder: Path, *, day: date | None = None, cluster_id: str | None = None, roadmap_only: bool = False
) -> ReportContent:
    """Read what a report on a snapshot, on a cluster or on the roadmap shows.

    Raises:
        NoWarehouseError: Nothing has been published.
        UnknownSnapshotError: There is no snapshot of `day`; the message lists those there are.
        UnknownSegmentError: It has no such cluster; the message lists those it has.
    """
    database, roadmap = Database(folder / PIPELINE_FILE), Roadmap(folder)
    plans = find_plans(roadmap, archived=False)
    if roadmap_only:
        return ReportContent(None, (), None, None, plans)
    snapshot = find_snapshot(database, roadmap, day)
    selected = find_cluster(snapshot, cluster_id) if cluster_id else None
    return ReportContent(
        snapshot=snapshot,
        clusters=(selected,) if selected else snapshot.clusters,
        selected=selected,
        points=database.query(load_points, snapshot.day, MOST_POINTS),
        plans=[plan for plan in plans if selected is None or plan.cluster_id == selected.cluster_id],
    )
