"""What every asset of a run shares: the settings that shape a snapshot, the warehouse, and the lock that keeps runs apart."""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.maintenance import status
from grupa_pipeline.settings import Settings
from grupa_pipeline.snapshots import spark_session
from grupa_pipeline.storage import run_lock, warehouse
from grupa_pipeline.storage.publication import Publication

logger = logging.getLogger("grupa")


class WarehouseResource(dg.ConfigurableResource):
    """One warehouse and the settings of the runs that write to it. Holds no secret."""

    folder: str
    window_days: int = Settings.window_days
    min_events: int = Settings.min_events
    min_group: int = Settings.min_group
    seed: int = Settings.seed
    keep_snapshots: int = Settings.keep_snapshots
    keep_version_days: int = Settings.keep_version_days
    llm: str | None = None
    llm_warning: str | None = None
    engine: str = Settings.engine
    roles_file: str | None = None
    timestamp_format: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> "WarehouseResource":
        """The resource that `settings` describe."""
        shared = set(cls.model_fields) & set(Settings.__dataclass_fields__)
        values: dict[str, Any] = {name: getattr(settings, name) for name in shared}
        values["roles_file"] = str(settings.roles_file) if settings.roles_file else None
        return cls(folder=str(settings.warehouse), **values)

    @property
    def publication(self) -> Publication:
        """The warehouse, to load from and to publish into."""
        return Publication(Path(self.folder), self.keep_snapshots, self.keep_version_days)

    @property
    def inbox(self) -> Path:
        """Folder in which logs are put to be taken in."""
        return Path(self.folder) / "inbox"

    @property
    def on_spark(self) -> bool:
        """Whether a Spark cluster computes what is heavy; else DuckDB does, in this process."""
        return self.engine != Settings.engine

    def roles(self) -> Roles:
        """Which actions mean what."""
        return Roles.load(Path(self.roles_file) if self.roles_file else None)

    def window(self, snapshot: date) -> tuple[datetime, datetime]:
        """First instant and end (exclusive) of a snapshot's window, UTC."""
        end = datetime.combine(snapshot, datetime.min.time()) + timedelta(days=1)
        return end - timedelta(days=self.window_days), end

    def input_sha256(self, snapshot: date) -> str:
        """Fingerprint of all that a snapshot is made from, but for the snapshots before it."""
        start, end = self.window(snapshot)
        events = self.publication.events_key(start.date(), end.date())
        made_from = (events, self.roles().sha256(), self.min_events, self.window_days, self.seed)
        return hashlib.sha256(repr(made_from).encode()).hexdigest()

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["WarehouseResource"]:
        """Let one run at a time work on the warehouse: a second one waits, saying for whom."""

        def waiting(holder: str) -> None:
            message = f"Another run works on this warehouse: {holder}. Waiting for it to end."
            logger.warning(message)
            if context.log:
                context.log.warning(message)

        purpose = f"run {context.run.run_id}" if context.run else "a run"
        with run_lock.alone(
            Path(self.folder), purpose=purpose, waiting=waiting, keep_staged_days=self.keep_version_days
        ):
            status.show_files_here(self.publication)
            with warehouse.held_open(self.publication.database):
                try:
                    yield self
                finally:
                    spark_session.stop()
