"""When a run that ended without success is requested again: Dagster itself starts only one run for a run key.

Runs for the same input carry it in a tag. One that was killed (a few times), or stopped with the service, is requested again at
once, one that failed after a while; one that a person cancelled is not.
"""

import time

import dagster as dg

from grupa_pipeline.defs.dead_runs import INTERRUPTED_TAG

INPUT_TAG = "grupa/input"
PAUSES = (60.0, 600.0, 3600.0)
"""Seconds before the second attempt and the later ones, when the one before failed; afterwards the last of them."""
MOST_KILLS = 3
"""So many killed runs for the same input are followed by another at once; later ones may have been killed for their memory."""
MOST_FAILURES = 6
"""So often the same input may fail."""


def request(
    instance: dg.DagsterInstance, job_name: str, key: str, partition: str | None = None
) -> dg.RunRequest | None:
    """The next attempt to run `job_name` on the input that `key` names.

    Returns:
        None while an attempt is under way, when it is too early for another, and when there is no sense in one: it failed too
        often, or a person cancelled it.

    Example:
        >>> request(instance, "ingest_job", "inbox-1f3a").run_key
        'inbox-1f3a'
    """
    records = instance.get_run_records(dg.RunsFilter(job_name=job_name, tags={INPUT_TAG: key}))
    failures = sum(record.dagster_run.status is dg.DagsterRunStatus.FAILURE for record in records)
    if records:
        newest = records[0].dagster_run
        waited = time.time() - records[0].update_timestamp.timestamp()
        if not newest.is_finished or _was_cancelled(newest) or failures >= MOST_FAILURES:
            return None
        if waited < _pause(instance, newest, failures):
            return None
    return dg.RunRequest(
        run_key=f"{key}-{len(records)}" if records else key,
        job_name=job_name,
        partition_key=partition,
        tags={INPUT_TAG: key},
        # Without it a run writes all of its events to stderr.
        run_config={"loggers": {"console": {"config": {"log_level": "WARNING"}}}},
    )


def is_unfinished(instance: dg.DagsterInstance, job_name: str) -> bool:
    """Whether the newest run of `job_name` that was requested for some input ended before it was done."""
    newest = instance.get_run_records(dg.RunsFilter(job_name=job_name), limit=1)
    if not newest or INPUT_TAG not in newest[0].dagster_run.tags:
        return False
    run = newest[0].dagster_run
    return run.is_finished and not run.is_success and not _was_cancelled(run)


def _was_cancelled(run: dg.DagsterRun) -> bool:
    """Whether a person cancelled it."""
    return run.status is dg.DagsterRunStatus.CANCELED and INTERRUPTED_TAG not in run.tags


def _pause(instance: dg.DagsterInstance, newest: dg.DagsterRun, failures: int) -> float:
    """Seconds after the newest attempt before the next one."""
    if newest.status is not dg.DagsterRunStatus.FAILURE:
        return 0.0
    if failures <= MOST_KILLS and _was_killed(instance, newest):
        return 0.0
    return PAUSES[min(failures, len(PAUSES)) - 1]


def _was_killed(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether a run ended because its process did, as `dead_runs` or its code server found."""
    if INTERRUPTED_TAG in run.tags:
        return True
    reasons = [entry.get_dagster_event() for entry in instance.all_logs(run.run_id, dg.DagsterEventType.RUN_FAILURE)]
    return any(event.event_specific_data is None for event in reasons)
