"""What Dagster is doing, read from its own storage: whether its daemon lives, the last runs, why the inbox's sensor waits.

Starts nothing and imports no asset; what a person is told of it is progress's business.
"""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from grupa_pipeline.defs.failures import failure_reason

if TYPE_CHECKING:  # Dagster takes a second to import: only the Data page pays for it
    from dagster import DagsterInstance, RunRecord

INGEST, SNAPSHOT = "ingest_job", "snapshot_job"
_SENSOR, _SENSOR_DAEMON = "inbox_sensor", "SENSOR"
_STALE_SECONDS = 90.0
"""A daemon beats every 30 seconds; after three missed beats it is taken for gone."""


@dataclass(frozen=True)
class Run:
    """One run of a job. Times are seconds since 1970; `step_times` says when each step began.

    `status` is queued, running, done or failed; `day` the snapshot's, for a run that makes one.
    """

    run_id: str
    status: str
    created: float
    ended: float | None = None
    day: str | None = None
    step_times: dict[str, float] = field(default_factory=dict)
    failed_step: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class DagsterStatus:
    """Dagster now. `skipped` is the sensor's last tick that started nothing: when, and its reason."""

    alive: bool = False
    ingest: Run | None = None
    snapshot: Run | None = None
    skipped: tuple[float, str] | None = None


class DagsterRuns:
    """Reads one Dagster home; may be shared between threads."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._instance: DagsterInstance | None = None
        self._guard = threading.Lock()

    def now(self) -> DagsterStatus:
        """What Dagster is doing; nothing, when it has never run here."""
        instance = self._opened()
        if instance is None:
            return DagsterStatus()
        beat = instance.get_daemon_heartbeats().get(_SENSOR_DAEMON)
        alive = beat is not None and time.time() - beat.timestamp < _STALE_SECONDS
        return DagsterStatus(alive, _last(instance, INGEST), _last(instance, SNAPSHOT), _skipped(instance))

    def _opened(self) -> "DagsterInstance | None":
        with self._guard:
            if self._instance is None and (self._home / "dagster.yaml").exists():
                from dagster import DagsterInstance

                self._instance = DagsterInstance.from_config(str(self._home))
            return self._instance


def _last(instance: "DagsterInstance", job: str) -> Run | None:
    from dagster import RunsFilter

    records = instance.get_run_records(RunsFilter(job_name=job), limit=1)
    return _run(instance, records[0]) if records else None


def _run(instance: "DagsterInstance", record: "RunRecord") -> Run:
    run = record.dagster_run
    status = "done" if run.is_success else "failed" if run.is_finished else "running" if record.start_time else "queued"
    steps = instance.get_run_step_stats(run.run_id) if record.start_time else []
    failed_step, problem = _failure(instance, run.run_id) if status == "failed" else (None, None)
    return Run(
        run_id=run.run_id,
        status=status,
        created=record.create_timestamp.timestamp(),
        ended=record.end_time,
        day=run.tags.get("dagster/partition"),
        step_times={step.step_key: step.start_time for step in steps if step.start_time},
        failed_step=failed_step,
        problem=problem,
    )


def _failure(instance: "DagsterInstance", run_id: str) -> tuple[str | None, str]:
    """The step that failed and why, in a sentence; the details are in Dagster's UI."""
    from dagster import DagsterEventType

    for entry in instance.all_logs(run_id, of_type=DagsterEventType.STEP_FAILURE):
        return entry.step_key, failure_reason(entry.get_dagster_event())
    return None, "it ended before it was done"


def _skipped(instance: "DagsterInstance") -> tuple[float, str] | None:
    for state in instance.all_instigator_state():
        if state.instigator_name == _SENSOR:
            for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1):
                return (tick.timestamp, tick.skip_reason) if tick.skip_reason else None
    return None
