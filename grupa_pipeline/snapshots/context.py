"""The context in which every table of a run is computed: settings, warehouse and roles. Knows no Dagster."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.setting_values import DUCKDB
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.storage.roles_store import load_roles


@dataclass(frozen=True)
class SnapshotContext:
    """The settings of a run and what follows from them.

    Attributes:
        settings: Settings of the snapshots, and the warehouse's folder.

    Example:
        >>> SnapshotContext(Settings(window_days=30)).window(date(2025, 6, 30))
        (datetime.datetime(2025, 6, 1, 0, 0), datetime.datetime(2025, 7, 1, 0, 0))
    """

    settings: Settings

    @property
    def publication(self) -> Publication:
        """The warehouse, to load from and to publish into."""
        return Publication(self.settings.warehouse, self.settings.keep_snapshots, self.settings.keep_version_days)

    @property
    def on_spark(self) -> bool:
        """Whether a Spark cluster runs the heavy computations, and not DuckDB in this process."""
        return self.settings.engine != DUCKDB

    def roles(self) -> Roles:
        """The role of each action, as the roles file says.

        Raises:
            RolesError: The file cannot be used.
        """
        return load_roles(self.settings)

    def window(self, snapshot: date) -> tuple[datetime, datetime]:
        """First instant and end (exclusive) of a snapshot's window, UTC."""
        end = datetime.combine(snapshot, datetime.min.time()) + timedelta(days=1)
        return end - timedelta(days=self.settings.window_days), end

    def input_sha256(self, snapshot: date) -> str:
        """Hash of all that a snapshot is computed from, except the snapshots before it."""
        start, end = self.window(snapshot)
        events = self.publication.events_key(start.date(), end.date())
        settings = self.settings
        inputs = (events, self.roles().sha256(), settings.min_events, settings.window_days, settings.seed)
        return hashlib.sha256(repr(inputs).encode()).hexdigest()
