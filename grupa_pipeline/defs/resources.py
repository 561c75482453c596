"""The resource that all assets of a run share: the warehouse, the settings of a snapshot, and the run lock."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from grupa_pipeline.defs.dead_runs import end_dead_runs, process_tags
from grupa_pipeline.defs.run_history import purge_run_history
from grupa_pipeline.settings import Settings
from grupa_pipeline.snapshots.context import SnapshotContext
from grupa_pipeline.storage import repair, run_lock, warehouse
from grupa_pipeline.storage.publication import Publication

logger = logging.getLogger("grupa")
_DEFAULTS = Settings()


class WarehouseResource(dg.ConfigurableResource["WarehouseResource"]):
    """One warehouse and the settings of the runs that write to it. Holds no secret."""

    folder: str
    window_days: int = _DEFAULTS.window_days
    min_events: int = _DEFAULTS.min_events
    min_group: int = _DEFAULTS.min_group
    seed: int = _DEFAULTS.seed
    keep_snapshots: int = _DEFAULTS.keep_snapshots
    keep_version_days: int = _DEFAULTS.keep_version_days
    keep_runs: int = _DEFAULTS.keep_runs
    keep_run_days: int = _DEFAULTS.keep_run_days
    llm: str | None = None
    llm_warning: str | None = None
    llm_timeout: int | None = None
    llm_deadline: int | None = None
    llm_concurrency: int | None = None
    llm_calls: int | None = None
    llm_output_tokens: int | None = None
    llm_context: int | None = None
    engine: str = _DEFAULTS.engine
    roles_file: str | None = None
    timestamp_format: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> "WarehouseResource":
        """The resource that `settings` describe."""
        values: dict[str, Any] = {name: getattr(settings, name) for name in _shared_fields()}
        values["roles_file"] = str(settings.roles_file) if settings.roles_file else None
        return cls(folder=str(settings.warehouse), **values)

    @property
    def context(self) -> SnapshotContext:
        """The context of the functions that compute this warehouse's tables."""
        values = {name: getattr(self, name) for name in _shared_fields()}
        values["roles_file"] = Path(self.roles_file) if self.roles_file else None
        return SnapshotContext(Settings(warehouse=Path(self.folder), **values))

    @property
    def publication(self) -> Publication:
        """The warehouse, to load from and to publish into."""
        return self.context.publication

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["WarehouseResource"]:
        """Hold the run lock while the run lasts; a second run waits and logs for whom.

        What a run starts ends with it, whoever launched it: the process of a run joins its children before it ends, and
        worker processes wait for work until they are released.
        """
        if context.run and context.instance:
            context.instance.add_run_tags(context.run.run_id, process_tags())

        def log_holder(holder: str) -> None:
            message = f"Another run works on this warehouse: {holder}. Waiting for it to end."
            logger.warning(message)
            if context.log:
                context.log.warning(message)

        purpose = f"run {context.run.run_id}" if context.run else "a run"
        with run_lock.hold_run_lock(
            Path(self.folder), purpose=purpose, on_wait=log_holder, keep_staged_days=self.keep_version_days
        ):
            if context.run and context.instance:
                end_dead_runs(context.instance, Path(self.folder), own=context.run.run_id)
                purge_run_history(context.instance, self.keep_runs, self.keep_run_days)
            repair.repair_publication(self.publication)
            with warehouse.keep_open(self.publication.database):
                try:
                    yield self
                finally:
                    _release()


def _release() -> None:
    """End what the run started, as far as it did: neither module is loaded only to be told to stop."""
    if worker_pool := sys.modules.get("grupa_pipeline.segmentation.worker_pool"):
        worker_pool.release_workers()
    if spark_session := sys.modules.get("grupa_pipeline.snapshots.spark_session"):
        spark_session.stop()


def _shared_fields() -> set[str]:
    """Settings that the resource holds under the same name."""
    return set(WarehouseResource.model_fields) & set(Settings.model_fields)
