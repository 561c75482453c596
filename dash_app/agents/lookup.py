"""What Python, reports and agents look up alike: a snapshot, a cluster, and what people said in the app.

What is not there is an error that lists what is.
"""

from datetime import date

from dash_app.data.database import Database
from dash_app.data.loading import list_snapshots, load_snapshot
from dash_app.data.snapshot import Cluster, Snapshot
from dash_app.planning.plan import Plan
from dash_app.roadmap.store import Roadmap
from grupa_pipeline.exports.segments import UnknownSegmentError, UnknownSnapshotError, listed_days
from grupa_pipeline.storage.warehouse import NoWarehouseError
from grupa_pipeline.vocabulary.insight_feedback import Feedback


def find_day(database: Database, day: date | None = None) -> date:
    """`day` where there is a snapshot of it; None: the newest.

    Raises:
        UnknownSnapshotError: There is none.
    """
    days = database.query(list_snapshots)
    if not days:
        raise UnknownSnapshotError("There is no snapshot yet; make one with grupa run LOG.csv")
    if day is not None and day not in days:
        raise UnknownSnapshotError(f"There is no snapshot of {day}; there are {listed_days(days)}.")
    return day or days[0]


def find_snapshot(database: Database, roadmap: Roadmap, day: date | None = None) -> Snapshot:
    """The snapshot of `day` (None: the newest), with the names that people gave to clusters, without insights that they dismissed.

    Raises:
        UnknownSnapshotError: There is none.
    """
    at = find_day(database, day)
    found = database.query(load_snapshot, at)
    if found is None:
        raise UnknownSnapshotError(f"There is no snapshot of {at} any more; ask again.")
    return found.renamed(given_names(roadmap)).judged(given_feedback(roadmap))


def find_cluster(snapshot: Snapshot, cluster_id: str) -> Cluster:
    """The cluster of that id.

    Raises:
        UnknownSegmentError: The snapshot has no such cluster.
    """
    found = snapshot.cluster(cluster_id)
    if found is None:
        raise UnknownSegmentError(
            f"There is no cluster {cluster_id!r} in the snapshot of {snapshot.day}",
            {each.cluster_id: each.name for each in snapshot.clusters},
        )
    return found


def find_plans(roadmap: Roadmap, *, archived: bool = True) -> list[Plan]:
    """The plans in the roadmap's order; none where the app was never started on the warehouse."""
    try:
        return roadmap.plans(archived=archived)
    except NoWarehouseError:
        return []


def given_names(roadmap: Roadmap) -> dict[str, str]:
    """Names that people gave to clusters, by id; none where the app was never started on the warehouse."""
    try:
        return roadmap.cluster_names()
    except NoWarehouseError:
        return {}


def given_feedback(roadmap: Roadmap) -> Feedback:
    """What people said of insights, by id; none where the app was never started on the warehouse."""
    try:
        return roadmap.feedback()
    except NoWarehouseError:
        return {}
