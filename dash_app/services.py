"""What pages and callbacks are given to work with: the gate to the tables, the roadmap, the settings. No behaviour."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from dash_app.data.database import Database
from dash_app.data.loading import list_snapshots, load_snapshot
from dash_app.data.snapshot import Snapshot
from dash_app.roadmap.store import Roadmap
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import warehouse


@dataclass(frozen=True)
class Services:
    """One app's services.

    Attributes:
        settings: The settings it was made with.
        database: Reads the warehouse.
        roadmap: Reads and writes plans and people's names for clusters.
        current_user: Name of whoever sent the request in hand; a plan's owner and the author of its revisions.
    """

    settings: Settings
    database: Database
    roadmap: Roadmap
    current_user: Callable[[], str]
    _names: dict[str | None, dict[str, str]] = field(default_factory=dict, repr=False, compare=False)

    def days(self) -> tuple[date, ...]:
        """Days of all snapshots, newest first.

        Raises:
            NoWarehouseError: Nothing has been published.
        """
        return self.database.query(list_snapshots)

    def names(self) -> dict[str, str]:
        """People's names for clusters, by id; read again only when the roadmap has a new version."""
        version = warehouse.version(self.roadmap.database)
        if version not in self._names:
            found = self.roadmap.cluster_names()
            self._names.clear()
            self._names[version] = found
            return found
        return self._names[version]

    def snapshot(self, day: date | None) -> Snapshot | None:
        """The snapshot of `day` (None: the newest) with people's names over the pipeline's; None when there is none.

        Raises:
            NoWarehouseError: Nothing has been published.
        """
        if day is None:
            days = self.days()
            if not days:
                return None
            day = days[0]
        found = self.database.query(load_snapshot, day)
        return found.renamed(self.names()) if found else None
