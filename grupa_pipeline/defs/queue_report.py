"""What `grupa status` says of Dagster's queue: which runs wait, for how long, for what, and what helps."""

import time
from collections.abc import Iterable
from pathlib import Path

import dagster as dg

from grupa_pipeline.defs.dead_runs import IN_PROGRESS, dead_runs, run_process
from grupa_pipeline.defs.instance import dagster_instance
from grupa_pipeline.settings import Settings

_STALE_SECONDS = 120.0
"""The daemon beats every 30 s."""
_PATIENCE_SECONDS = 180.0
"""A run that nothing holds up is started long before."""
_QUEUE_DAEMON = "QUEUED_RUN_COORDINATOR"


def queue_report(settings: Settings) -> tuple[list[str], bool]:
    """Sentences about runs that wait or that are dead, and whether the queue goes on by itself.

    Example:
        >>> queue_report(Settings(warehouse=Path("warehouse")))
        ([], True)
    """
    if not (settings.dagster_home / "dagster.yaml").exists():
        return [], True
    with dagster_instance(settings) as instance:
        return report(instance, settings.warehouse)


def report(instance: dg.DagsterInstance, warehouse: Path) -> tuple[list[str], bool]:
    """The same of an open instance."""
    queued = instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]), ascending=True)
    dead = list(dead_runs(instance, warehouse))
    daemon_lives = _daemon_lives(instance)
    lines = [_dead(run) for run in dead]
    if dead:
        lines.append(
            "The service ends it within a minute and goes on."
            if daemon_lives
            else "`grupa serve`, or the next `grupa run`, ends it."
        )
    if not queued:
        return lines, not dead or daemon_lives
    waited = time.time() - queued[0].create_timestamp.timestamp()
    reason, goes_on = _reason(instance, dead, daemon_lives, waited)
    waiting = "1 run waits" if len(queued) == 1 else f"{len(queued)} runs wait"
    return [f"{waiting}, the first for {_duration(waited)}: {reason}", *lines], goes_on


def _reason(
    instance: dg.DagsterInstance, dead: Iterable[dg.DagsterRun], daemon_lives: bool, waited: float
) -> tuple[str, bool]:
    """What the queue waits for, and whether it goes on by itself."""
    if not daemon_lives:
        return "Dagster's daemon does not run; start `grupa serve`.", False
    ended = {run.run_id for run in dead}
    if ended:
        return "a run that has died counts as in progress.", True
    working = [
        record
        for record in instance.get_run_records(dg.RunsFilter(statuses=IN_PROGRESS), ascending=True)
        if record.dagster_run.run_id not in ended
    ]
    if working:
        run, since = working[0].dagster_run, time.time() - working[0].create_timestamp.timestamp()
        process = run_process(run)
        where = f" in process {process.pid} on {process.host}" if process else ""
        return f"run {run.run_id[:8]} of {run.job_name}{where} has been under way for {_duration(since)}.", True
    if waited < _PATIENCE_SECONDS:
        return "it is about to start.", True
    return (
        "nothing is under way, and yet the daemon does not start it; its messages say why. Restart `grupa serve`.",
        False,
    )


def _dead(run: dg.DagsterRun) -> str:
    process = run_process(run)
    where = f"process {process.pid} on {process.host}" if process else "a process that is not known"
    return f"Run {run.run_id[:8]} of {run.job_name} counts as in progress, but {where} is gone."


def _daemon_lives(instance: dg.DagsterInstance) -> bool:
    beat = instance.get_daemon_heartbeats().get(_QUEUE_DAEMON)
    return beat is not None and time.time() - beat.timestamp < _STALE_SECONDS


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} minutes" if minutes != 1 else "1 minute"
    return f"{minutes // 60} hours" if minutes < 2880 else f"{minutes // 1440} days"
