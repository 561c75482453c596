"""Ends runs in Dagster's books whose process is gone: killed, or stopped with the service or the machine.

Dagster counts such a run as started for ever, and with one run at a time nothing else would ever start. Every run names its
process in a tag; who starts the service or a run, and the inbox sensor at each tick, looks whether it still lives.
"""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from dagster._core.events import JobFailureData, RunFailureReason
from dagster._core.storage.tags import GRPC_INFO_TAG

from grupa_pipeline.storage import file_lock, run_lock
from grupa_pipeline.storage.process_identity import ProcessIdentity, ProcessState

logger = logging.getLogger("grupa")

PROCESS_TAG = "grupa/process"
INTERRUPTED_TAG = "grupa/interrupted"
"""Tag of the runs that were ended here; such a run is requested again, one that a person cancelled is not."""

IN_PROGRESS = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]

_START_SECONDS = 60
"""A run of which no process is known may be starting for so long."""
_FREE_SECONDS = 2.0
"""Between two looks at the run lock: a run that waits for it takes it as soon as it is free."""


def process_tags() -> dict[str, str]:
    """The tags that name this process as that of a run."""
    return {PROCESS_TAG: str(ProcessIdentity.current())}


def run_process(run: dg.DagsterRun) -> ProcessIdentity | None:
    """The process of a run; None when it has not said so (yet)."""
    return ProcessIdentity.parse(run.tags.get(PROCESS_TAG, ""))


def dead_runs(
    instance: dg.DagsterInstance, warehouse: Path, own: str | None = None, *, no_service: bool = False
) -> Iterator[dg.DagsterRun]:
    """Runs that Dagster counts as in progress and that nobody works on.

    Where the process of a run cannot be seen from here, the run is dead when the run lock is free: a living run holds it, or
    waits for it.

    Args:
        instance: The Dagster instance.
        warehouse: Folder of the warehouse that the runs write to.
        own: The id of the run that asks, if it is one; it holds the run lock itself.
        no_service: Whether no process of `grupa serve` lives: then a run that a code server launched and that has not named
            its process yet never will.
    """
    for record in instance.get_run_records(dg.RunsFilter(statuses=IN_PROGRESS)):
        run = record.dagster_run
        process = run_process(run)
        state = process.state() if process else ProcessState.UNKNOWN
        if run.run_id == own or state is ProcessState.ALIVE:
            continue
        never_began = no_service and process is None and GRPC_INFO_TAG in run.tags
        if state is ProcessState.UNKNOWN and not never_began:
            age = time.time() - record.update_timestamp.timestamp()
            if own or age < _START_SECONDS or not _nobody_works(warehouse):
                continue
        yield run


def end_dead_runs(
    instance: dg.DagsterInstance,
    warehouse: Path,
    own: str | None = None,
    *,
    no_service: bool = False,
    stopped: bool = False,
) -> list[str]:
    """Mark dead runs as failed, with the reason; returns their ids.

    Args:
        instance: The Dagster instance.
        warehouse: Folder of the warehouse that the runs write to.
        own: The id of the run that asks, if it is one.
        no_service: Whether no process of `grupa serve` lives.
        stopped: Whether the service was stopped just now, which cancels its runs.

    Example:
        >>> end_dead_runs(instance, Path("warehouse"))
        []
    """
    ended = []
    for run in list(dead_runs(instance, warehouse, own, no_service=no_service or stopped)):
        current = instance.get_run_by_id(run.run_id)
        if current is None or current.is_finished:  # it ended, or another process marked it, meanwhile
            continue
        instance.add_run_tags(run.run_id, {INTERRUPTED_TAG: "stopped" if stopped else "killed"})
        _end(instance, current, stopped)
        ended.append(run.run_id)
        logger.info("Run %s of %s counted as in progress, but its process is gone.", run.run_id, run.job_name)
    return ended


def _end(instance: dg.DagsterInstance, run: dg.DagsterRun, stopped: bool) -> None:
    process = run_process(run)
    whose = f"Its process ({process.pid} on {process.host})" if process else "Its process"
    after = "Nothing of it is published any more; what it had not published is computed again."
    if stopped:
        instance.report_run_canceled(run, f"`grupa serve` was stopped, and this run with it. {after}")
    elif run.status is dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, f"{whose} is gone. {after}")
    else:
        reason = f"{whose} is gone: it was killed, or the machine was restarted. {after}"
        data = JobFailureData(error=None, failure_reason=RunFailureReason.UNEXPECTED_TERMINATION)
        instance.report_run_failed(run, reason, data)


def _nobody_works(warehouse: Path) -> bool:
    """Whether no run holds the run lock or waits for it."""
    path = run_lock.lock_file(warehouse)
    if not file_lock.is_free(path):
        return False
    time.sleep(_FREE_SECONDS)
    return file_lock.is_free(path)
