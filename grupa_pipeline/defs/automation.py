"""Jobs, the daily schedule and the inbox sensor. Decides when something runs, never what it computes."""

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import dagster as dg

from grupa_pipeline.defs import assets, attempts, code_server
from grupa_pipeline.defs.dead_runs import end_dead_runs
from grupa_pipeline.defs.partitions import first_day
from grupa_pipeline.settings import Settings
from grupa_pipeline.snapshots.context import SnapshotContext
from grupa_pipeline.storage import inbox, run_request
from grupa_pipeline.storage.inbox_arrivals import file_state
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.vocabulary.enums import InboxPhase, JobName

# Dagster serialises exact strings only: enum members are handed to it as `.value`.
ingest_job = dg.define_asset_job(
    JobName.INGEST.value,
    selection=dg.AssetSelection.assets(assets.ingest),
    description="Ingest the logs in the inbox.",
)
snapshot_job = dg.define_asset_job(
    JobName.SNAPSHOT.value,
    selection=dg.AssetSelection.all() - dg.AssetSelection.assets(assets.ingest),
    description="Segment the users as of one day, and describe the clusters.",
)

insights_job = dg.define_asset_job(
    JobName.INSIGHTS.value,
    selection=dg.AssetSelection.assets(assets.insights),
    description="Write the insights of one day again, from what was measured.",
)


def daily_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """The schedule that segments the last day of the accepted events each night; skips when that is done already."""

    @dg.schedule(
        job=snapshot_job,
        cron_schedule="0 2 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        name="daily_resegmentation",
        description="Every night at 02:00 UTC: segment the last day of the accepted events.",
    )
    def daily_resegmentation(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        request_or_phase = next_snapshot(SnapshotContext(settings), context.instance)
        return _skip(request_or_phase) if isinstance(request_or_phase, InboxPhase) else request_or_phase

    return daily_resegmentation


def inbox_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor that ingests logs from the inbox and then requests the snapshot of the last day of the events.

    Its cursor is an `InboxPhase`, which the app reads from the ticks, and on a second line the state of each file in the inbox:
    a file is taken that this tick and the one before saw in the same state. Where events begin before
    the partitions do, it has the code location loaded again before a snapshot is requested.
    """
    loaded_first_day = first_day(settings)
    opened: list[dg.DagsterInstance] = []

    @dg.sensor(
        jobs=[ingest_job, snapshot_job],
        minimum_interval_seconds=10,
        default_status=dg.DefaultSensorStatus.RUNNING,
        name="inbox_sensor",
        description="Ingests logs that are put into the warehouse's inbox, then segments.",
    )
    def watch_inbox(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        instance = _open_once(context, opened)
        end_dead_runs(instance, settings.warehouse)
        arrivals = inbox.look_into(settings.inbox)
        states = _states(settings.inbox, arrivals)

        def cursor(phase: InboxPhase) -> str:
            return f"{phase}\n{json.dumps(states)}" if states else phase.value

        if request := _ingest_request(settings, instance, arrivals, _seen_before(context.cursor), states):
            return dg.SensorResult(run_requests=[request], cursor=cursor(InboxPhase.INGESTING))
        phase = InboxPhase.from_cursor(context.cursor)
        if first_day(settings) < loaded_first_day:
            return dg.SensorResult(skip_reason=_reload(loaded_first_day), cursor=cursor(phase))
        requested = run_request.take_request(settings.warehouse) is not None
        is_due = requested or phase is InboxPhase.INGESTING
        if not is_due and not attempts.is_unfinished(instance, snapshot_job.name):
            return dg.SensorResult(skip_reason=_skip(InboxPhase.IDLE, arrivals), cursor=cursor(phase))
        if not requested and _is_ingesting(instance):
            return dg.SensorResult(skip_reason=_skip(phase), cursor=cursor(phase))
        request_or_phase = next_snapshot(SnapshotContext(settings), instance)
        if isinstance(request_or_phase, InboxPhase):
            return dg.SensorResult(skip_reason=_skip(request_or_phase, arrivals), cursor=cursor(request_or_phase))
        return dg.SensorResult(run_requests=[request_or_phase], cursor=cursor(InboxPhase.IDLE))

    return watch_inbox


def _open_once(context: dg.SensorEvaluationContext, opened: list[dg.DagsterInstance]) -> dg.DagsterInstance:
    """The instance of a tick, opened once a process: opening it costs more than the rest of an idle tick."""
    if context.instance_ref is None:
        return context.instance
    if not opened:
        opened.append(dg.DagsterInstance.from_ref(context.instance_ref))
    return opened[0]


def next_snapshot(context: SnapshotContext, instance: dg.DagsterInstance) -> dg.RunRequest | InboxPhase:
    """A run for the last day of the accepted events; NO_EVENTS, UP_TO_DATE or IDLE when there is nothing to do (now)."""
    publication = context.publication
    day = publication.last_day()
    if day is None:
        return InboxPhase.NO_EVENTS
    if day < first_day(context.settings):
        return InboxPhase.BEFORE_FIRST_DAY
    input_sha256 = context.input_sha256(day)
    if _segmented_input(publication, day.isoformat()) == input_sha256:
        return InboxPhase.UP_TO_DATE
    key = f"{day}-{input_sha256}"
    return attempts.request(instance, snapshot_job.name, key, partition=day.isoformat()) or InboxPhase.IDLE


_SKIP_REASONS = {
    InboxPhase.IDLE: "The inbox is empty, or its logs are being worked on.",
    InboxPhase.INGESTING: "The logs are being ingested.",
    InboxPhase.NO_EVENTS: "No events have been accepted yet: run `grupa run LOG.csv`, or put a log into the inbox.",
    InboxPhase.BEFORE_FIRST_DAY: "All accepted events lie before GRUPA_FIRST_DAY.",
    InboxPhase.UP_TO_DATE: "The last day of the accepted events is segmented already from the same input.",
}


def _skip(phase: InboxPhase, arrivals: inbox.Arrivals | None = None) -> dg.SkipReason:
    waiting = arrivals.waiting if arrivals else {}
    if not waiting:
        return dg.SkipReason(_SKIP_REASONS[phase])
    return dg.SkipReason(" ".join(f"{name} waits: {reason}." for name, reason in waiting.items()))


def _reload(loaded_first_day: date) -> dg.SkipReason:
    """Have this code location loaded again, because events were accepted of days before its first partition."""
    what = f"Events of days before {loaded_first_day} were accepted, so the days of the snapshots are loaded again"
    if code_server.request_reload():
        return dg.SkipReason(f"{what}.")
    return dg.SkipReason(f"{what} when this code location is: press Reload beside it under Deployment.")


def _states(folder: Path, arrivals: inbox.Arrivals) -> dict[str, str]:
    """The state of each file in the inbox by its name."""
    paths = [*arrivals.logs, *arrivals.unusable, *(folder / name for name in arrivals.waiting)]
    return {path.name: repr(file_state(path)) for path in paths}


def _seen_before(cursor: str | None) -> dict[str, str]:
    """The states that the tick before saw."""
    states: dict[str, str] = json.loads((cursor or "").partition("\n")[2] or "{}")
    return states


def _ingest_request(
    settings: Settings,
    instance: dg.DagsterInstance,
    arrivals: inbox.Arrivals,
    seen: Mapping[str, str],
    states: Mapping[str, str],
) -> dg.RunRequest | None:
    """A run that ingests the inbox; None when nothing in it is complete, and nothing taken from it was written on.

    The run key changes when a file of the same name is put there again, and not when two ticks see the same file.
    """
    names = [path.name for path in (*arrivals.logs, *arrivals.unusable)]
    files = [(name, states[name]) for name in names if seen.get(name) == states[name]]
    files += [(path.name, repr(file_state(path))) for path in inbox.interrupted_copies(settings.inbox)]
    if not files:
        return None
    key = hashlib.sha256(json.dumps(files).encode()).hexdigest()
    return attempts.request(instance, ingest_job.name, f"inbox-{key}")


def _segmented_input(publication: Publication, day: str) -> str | None:
    """`input_sha256` of the published snapshot of `day`; None when there is none."""
    rows = publication.query("SELECT input_sha256 FROM segmentations WHERE snapshot_date = ?", [day]).to_pydict()
    return next(iter(rows.get("input_sha256", [])), None)


def _is_ingesting(instance: dg.DagsterInstance) -> bool:
    unfinished = dg.RunsFilter(
        job_name=ingest_job.name,
        statuses=[dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED],
    )
    return instance.get_runs_count(unfinished) > 0
