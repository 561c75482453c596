"""What pages and callbacks work with: settings, database, roadmap, and the lookups that combine them. No components, no SQL."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from dash_app.data.database import Database
from dash_app.data.event_catalog import load_event_roles
from dash_app.data.history import ClusterLabels, load_latest_names
from dash_app.data.loading import list_snapshots, load_catalog, load_snapshot
from dash_app.data.snapshot import Feature, Snapshot
from dash_app.roadmap.store import Roadmap
from grupa_pipeline.event_catalog.action_meanings import EventCatalog
from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.exports.saved_segments import SavedSegment
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import warehouse
from grupa_pipeline.storage.roles_store import load_roles
from grupa_pipeline.storage.warehouse import NoWarehouseError
from grupa_pipeline.vocabulary.insight_feedback import Feedback


@dataclass(frozen=True)
class Services:
    """The services of one app.

    Attributes:
        settings: The settings that the app was created with.
        database: Reads the warehouse.
        roadmap: Reads and writes plans, and the names that users gave to clusters.
        current_user: Returns the name of the user of the current request: the owner of new plans, the author of revisions.
    """

    settings: Settings
    database: Database
    roadmap: Roadmap
    current_user: Callable[[], str]
    _names: dict[str | None, dict[str, str]] = field(default_factory=dict, repr=False, compare=False)
    _segments: dict[str | None, tuple[SavedSegment, ...]] = field(default_factory=dict, repr=False, compare=False)
    _feedback: dict[str | None, Feedback] = field(default_factory=dict, repr=False, compare=False)

    def require_warehouse(self) -> None:
        """Check that what was there when the app started, or was read since, is there still.

        Raises:
            MissingWarehouseError: The warehouse is gone.
        """
        self.database.version()
        self.roadmap.require_there()

    def days(self) -> tuple[date, ...]:
        """Days of all snapshots, newest first.

        Raises:
            NoWarehouseError: Nothing has been published.
        """
        return self.database.query(list_snapshots)

    def names(self) -> dict[str, str]:
        """Names that users gave to clusters, by id; cached until the roadmap has a new version."""
        version = warehouse.version(self.roadmap.database)
        if version not in self._names:
            names = self.roadmap.cluster_names()
            self._names.clear()
            self._names[version] = names
            return names
        return self._names[version]

    def segments(self) -> tuple[SavedSegment, ...]:
        """The segments that users saved, by id; cached until the roadmap has a new version."""
        version = warehouse.version(self.roadmap.database)
        if version not in self._segments:
            found = self.roadmap.segments()
            self._segments.clear()
            self._segments[version] = found
            return found
        return self._segments[version]

    def feedback(self) -> Feedback:
        """What users said of insights, by insight_id; cached until the roadmap has a new version."""
        version = warehouse.version(self.roadmap.database)
        if version not in self._feedback:
            found = self.roadmap.feedback()
            self._feedback.clear()
            self._feedback[version] = found
            return found
        return self._feedback[version]

    def snapshot(self, day: date | None) -> Snapshot | None:
        """The snapshot of `day` (None: the newest), with users' names and feedback; None when there is none.

        Raises:
            NoWarehouseError: Nothing has been published.
        """
        if day is None:
            days = self.days()
            if not days:
                return None
            day = days[0]
        snapshot = self.database.query(load_snapshot, day)
        return snapshot.renamed(self.names()).judged(self.feedback()) if snapshot else None

    def catalog(self) -> Mapping[str, Feature]:
        """The feature catalog; empty when nothing has been published."""
        try:
            return self.database.query(load_catalog)
        except NoWarehouseError:
            return {}

    def roles(self) -> Roles:
        """What people say of the log now: the next run reads it.

        Raises:
            RolesError: The roles file cannot be used.
        """
        return load_roles(self.settings)

    def event_roles(self) -> EventCatalog:
        """The roles of actions as the newest snapshot has them; by names and the roles file where there is none.

        Raises:
            RolesError: The roles file cannot be used.
        """
        roles = self.roles()
        try:
            return self.database.query(load_event_roles, roles)
        except NoWarehouseError:
            return EventCatalog.of([], roles)

    def cluster_labels(self) -> ClusterLabels:
        """Name and colour slot of every cluster of any snapshot, users' names first; empty when nothing has been published.

        A name that several clusters have is followed by the id.
        """
        try:
            known = self.database.query(load_latest_names)
        except NoWarehouseError:
            return {}
        own = self.names()
        names = [own.get(cluster_id, name) for cluster_id, name, _ in known]
        times = Counter(names)
        return {
            cluster_id: (name if times[name] == 1 else f"{name} ({cluster_id})", slot)
            for (cluster_id, _, slot), name in zip(known, names, strict=True)
        }
