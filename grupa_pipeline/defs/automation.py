"""What runs by itself: the jobs, the daily re-segmentation and the sensor on the inbox. Decides when, never what."""

import hashlib
import json

import dagster as dg

from grupa_pipeline.defs import assets
from grupa_pipeline.settings import Settings
from grupa_pipeline.snapshots.context import SnapshotContext
from grupa_pipeline.storage import inbox
from grupa_pipeline.storage.publication import Publication

ingest_job = dg.define_asset_job(
    "ingest_job",
    selection=dg.AssetSelection.assets(assets.ingest),
    description="Take in the logs that wait in the inbox.",
)
snapshot_job = dg.define_asset_job(
    "snapshot_job",
    selection=dg.AssetSelection.all() - dg.AssetSelection.assets(assets.ingest),
    description="Segment the users as of one day, and describe the clusters.",
)


def daily_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Segments the last day of the accepted events each night, and skips, saying why, when that is done already."""

    @dg.schedule(
        job=snapshot_job,
        cron_schedule="0 2 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        name="daily_resegmentation",
        description="Every night at 02:00 UTC: segment the last day of the accepted events.",
    )
    def daily_resegmentation(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        return next_snapshot(SnapshotContext(settings))

    return daily_resegmentation


def inbox_sensor(settings: Settings) -> dg.SensorDefinition:
    """Takes in what is put into the inbox, then segments the day that it brought."""

    @dg.sensor(
        jobs=[ingest_job, snapshot_job],
        minimum_interval_seconds=10,
        default_status=dg.DefaultSensorStatus.RUNNING,
        name="inbox_sensor",
        description="Takes in logs that are put into the warehouse's inbox, then segments.",
    )
    def watch_inbox(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        files = inbox.pending_logs(settings.inbox)
        if files:
            # The same file put there again later is a new request; the same one seen by two ticks is not.
            seen = [(file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files]
            key = hashlib.sha256(json.dumps(seen).encode()).hexdigest()
            request = dg.RunRequest(run_key=f"inbox-{key}", job_name=ingest_job.name)
            return dg.SensorResult(run_requests=[request], cursor="taken in")
        if context.cursor != "taken in":
            return dg.SkipReason(f"Nothing waits in {settings.inbox.name}/.")
        if _is_ingesting(context.instance):
            return dg.SkipReason("The files are being taken in.")
        request_or_reason = next_snapshot(SnapshotContext(settings))
        if isinstance(request_or_reason, dg.SkipReason):
            context.update_cursor("")
            return request_or_reason
        request = request_or_reason._replace(job_name=snapshot_job.name)
        return dg.SensorResult(run_requests=[request], cursor="")

    return watch_inbox


def next_snapshot(context: SnapshotContext) -> dg.RunRequest | dg.SkipReason:
    """A run for the last day of the accepted events, or why there is nothing to do."""
    publication = context.publication
    day = publication.last_day()
    if day is None:
        return dg.SkipReason("No events have been accepted yet: run `grupa run LOG.csv`, or put a log into the inbox.")
    input_sha256 = context.input_sha256(day)
    if _segmented_input(publication, day.isoformat()) == input_sha256:
        return dg.SkipReason(f"{day}, the last day of the accepted events, is segmented already from the same input.")
    return dg.RunRequest(run_key=f"{day}-{input_sha256}", partition_key=day.isoformat())


def _segmented_input(publication: Publication, day: str) -> str | None:
    found = publication.query("SELECT input_sha256 FROM segmentations WHERE snapshot_date = ?", [day]).to_pydict()
    return next(iter(found.get("input_sha256", [])), None)


def _is_ingesting(instance: dg.DagsterInstance) -> bool:
    busy = dg.RunsFilter(
        job_name=ingest_job.name,
        statuses=[dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED],
    )
    return instance.get_runs_count(busy) > 0
