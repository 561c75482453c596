"""State of Dagster, read from its own storage: whether its daemon runs, the last run of each job, the inbox sensor's last tick.

Starts nothing and imports no asset. What it means for the pipeline's progress is in `progress.py`.
"""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from grupa_pipeline.defs.failures import failure_reason
from grupa_pipeline.vocabulary.enums import InboxPhase, JobName, RunState

if TYPE_CHECKING:  # Dagster takes a second to import: only the Data page pays for it
    from dagster import DagsterInstance, RunRecord

_SENSOR, _SENSOR_DAEMON = "inbox_sensor", "SENSOR"
_STALE_SECONDS = 90.0
"""The daemon beats every 30 seconds; after three missed beats it counts as stopped."""


@dataclass(frozen=True)
class Run:
    """One run of a job.

    Attributes:
        run_id: Dagster's id.
        state: How far it is.
        created: When it was created, in seconds since 1970, as are all times here.
        ended: When it ended; None while it has not.
        day: The snapshot that it computes, ISO 8601; None for a run that ingests.
        step_times: When each step began, by step key.
        failed_step: Key of the step that failed, where one did.
        problem: Why it failed, in a sentence.
    """

    run_id: str
    state: RunState
    created: float
    ended: float | None = None
    day: str | None = None
    step_times: dict[str, float] = field(default_factory=dict)
    failed_step: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class SkippedTick:
    """A tick of the inbox sensor that started no run: when (seconds since 1970), and the phase it left the sensor in."""

    at: float
    phase: InboxPhase


@dataclass(frozen=True)
class DagsterStatus:
    """What Dagster does now: `skipped` is the inbox sensor's last tick, if that started no run."""

    alive: bool = False
    ingest: Run | None = None
    snapshot: Run | None = None
    skipped: SkippedTick | None = None


class DagsterRuns:
    """Reads one Dagster home; may be shared between threads.

    Importing Dagster takes seconds, on a busy machine many: a thread of its own does that, once.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._instance: DagsterInstance | None = None
        self._guard = threading.Lock()
        self._is_imported = threading.Event()
        self._importing: threading.Thread | None = None

    def now(self, patience: float | None = None) -> DagsterStatus | None:
        """The present status; the default `DagsterStatus` when Dagster has never run here.

        Args:
            patience: Seconds to wait for the import of Dagster; None waits as long as it takes.

        Returns:
            None when the import takes longer: ask again.
        """
        if not (self._home / "dagster.yaml").exists():
            return DagsterStatus()
        with self._guard:
            if self._importing is None:
                self._importing = threading.Thread(target=self._import, name="import-dagster", daemon=True)
                self._importing.start()
        if not self._is_imported.wait(patience):
            return None
        instance = self._open_instance()
        beat = instance.get_daemon_heartbeats().get(_SENSOR_DAEMON)
        alive = beat is not None and time.time() - beat.timestamp < _STALE_SECONDS
        return DagsterStatus(
            alive, _last(instance, JobName.INGEST), _last(instance, JobName.SNAPSHOT), _skipped(instance)
        )

    def _import(self) -> None:
        try:
            import dagster  # noqa: F401 - what uses it imports it again, at once
        finally:
            self._is_imported.set()

    def _open_instance(self) -> "DagsterInstance":
        with self._guard:
            if self._instance is None:
                from dagster import DagsterInstance

                self._instance = DagsterInstance.from_config(str(self._home))
            return self._instance


def _last(instance: "DagsterInstance", job: JobName) -> Run | None:
    from dagster import RunsFilter

    records = instance.get_run_records(RunsFilter(job_name=job.value), limit=1)
    return _run(instance, records[0]) if records else None


def _run(instance: "DagsterInstance", record: "RunRecord") -> Run:
    from grupa_pipeline.defs.partitions import PARTITION_TAG

    run = record.dagster_run
    if run.is_finished:
        state = RunState.DONE if run.is_success else RunState.FAILED
    else:
        state = RunState.RUNNING if record.start_time else RunState.QUEUED
    steps = instance.get_run_step_stats(run.run_id) if record.start_time else []
    failed_step, problem = _failure(instance, run.run_id) if state is RunState.FAILED else (None, None)
    return Run(
        run_id=run.run_id,
        state=state,
        created=record.create_timestamp.timestamp(),
        ended=record.end_time,
        day=run.tags.get(PARTITION_TAG),
        step_times={step.step_key: step.start_time for step in steps if step.start_time},
        failed_step=failed_step,
        problem=problem,
    )


def _failure(instance: "DagsterInstance", run_id: str) -> tuple[str | None, str]:
    """Key of the step that failed and why, in a sentence; the details are in Dagster's UI."""
    from dagster import DagsterEventType

    for entry in instance.all_logs(run_id, of_type=DagsterEventType.STEP_FAILURE):
        return entry.step_key, failure_reason(entry.get_dagster_event())
    return None, "it ended before it was done"


def _skipped(instance: "DagsterInstance") -> SkippedTick | None:
    for state in instance.all_instigator_state():
        if state.instigator_name == _SENSOR:
            for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1):
                return SkippedTick(tick.timestamp, InboxPhase.from_cursor(tick.cursor)) if tick.skip_reason else None
    return None
