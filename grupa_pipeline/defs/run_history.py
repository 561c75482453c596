"""Keeps Dagster's storage from growing for ever: deletes old runs, their events and their output.

Every run deletes what is over the limits when it begins, so the history stays bounded with or without a daemon. Ticks of
schedules and sensors are bounded by `retention` in dagster.yaml, which the daemon obeys.
"""

import logging
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage

logger = logging.getLogger("grupa")

MOST_AT_ONCE = 50
"""Runs that one run deletes: the first one after an upgrade would otherwise take minutes for a long history."""

_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def purge_run_history(instance: dg.DagsterInstance, keep_runs: int, keep_days: int) -> list[str]:
    """Delete the oldest finished runs over the limits; returns their ids.

    Args:
        instance: The Dagster instance.
        keep_runs: The newest so many runs are kept.
        keep_days: Of those, the ones that were created in the last so many days.

    Example:
        >>> purge_run_history(instance, keep_runs=200, keep_days=180)
        []
    """
    oldest_kept = datetime.now(UTC) - timedelta(days=keep_days)
    excess = instance.get_runs_count() - keep_runs
    oldest = instance.get_run_records(dg.RunsFilter(statuses=_FINISHED), limit=MOST_AT_ONCE, ascending=True)
    expired = [
        record.dagster_run.run_id
        for position, record in enumerate(oldest)
        if position < excess or record.create_timestamp < oldest_kept
    ]
    for run_id in expired:
        _delete(instance, run_id)
    return expired


def _delete(instance: dg.DagsterInstance, run_id: str) -> None:
    instance.delete_run(run_id)
    storage = instance.event_log_storage
    if isinstance(storage, SqlEventLogStorage):  # Dagster itself keeps the rows of a deleted run's checks
        with storage.index_connection() as connection:
            table = AssetCheckExecutionsTable
            connection.execute(table.delete().where(table.c.run_id == run_id))
    if instance.is_persistent:
        shutil.rmtree(Path(instance.storage_directory()) / run_id, ignore_errors=True)  # what its steps printed
    if isinstance(storage, SqliteEventLogStorage):  # a file of its own for each run, which Dagster only empties
        for suffix in ("", "-wal", "-shm"):
            Path(storage.path_for_shard(run_id) + suffix).unlink(missing_ok=True)
