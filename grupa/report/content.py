"""What a report shows, read from the published tables: one snapshot, its map, and the plans. No HTML."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from dash_app.data.database import Database
from dash_app.data.loading import list_snapshots, load_snapshot
from dash_app.data.snapshot import Cluster, Snapshot
from dash_app.data.users import Points, load_points
from dash_app.planning.plan import Plan
from dash_app.roadmap.store import Roadmap
from grupa_pipeline.exports.segments import UnknownSegmentError, UnknownSnapshotError
from grupa_pipeline.storage.warehouse import PIPELINE_FILE, NoWarehouseError

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
    plans = _plans(roadmap)
    if roadmap_only:
        return ReportContent(None, (), None, None, plans)
    days = database.query(list_snapshots)
    if not days:
        raise UnknownSnapshotError("There is no snapshot yet; make one with grupa run LOG.csv")
    snapshot = database.query(load_snapshot, day or days[0])
    if snapshot is None:
        listed = ", ".join(str(each) for each in days[:10])
        raise UnknownSnapshotError(f"There is no snapshot of {day}; there are {listed}.")
    snapshot = snapshot.renamed(_names(roadmap))
    selected = snapshot.cluster(cluster_id)
    if cluster_id and selected is None:
        listed = ", ".join(f"{each.cluster_id} ({each.name})" for each in snapshot.clusters) or "none"
        raise UnknownSegmentError(
            f"There is no cluster {cluster_id!r} in the snapshot of {snapshot.day}; there are {listed}."
        )
    return ReportContent(
        snapshot=snapshot,
        clusters=(selected,) if selected else snapshot.clusters,
        selected=selected,
        points=database.query(load_points, snapshot.day, MOST_POINTS),
        plans=[plan for plan in plans if selected is None or plan.cluster_id == selected.cluster_id],
    )


def _plans(roadmap: Roadmap) -> list[Plan]:
    try:
        return roadmap.plans(archived=False)
    except NoWarehouseError:  # the app was never started on it
        return []


def _names(roadmap: Roadmap) -> dict[str, str]:
    try:
        return roadmap.cluster_names()
    except NoWarehouseError:
        return {}
