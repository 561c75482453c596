"""`grupa run`: Dagster's assets, run in this process on the instance that the UI shows, and a summary of the snapshot."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from grupa_pipeline.definitions import build_defs
from grupa_pipeline.defs.automation import ingest_job, snapshot_job
from grupa_pipeline.defs.dead_runs import process_tags
from grupa_pipeline.defs.failures import failure_reason
from grupa_pipeline.defs.instance import DagsterStorageError, dagster_instance
from grupa_pipeline.defs.partitions import ANY_DAY, first_day
from grupa_pipeline.event_catalog.action_meanings import goal_note
from grupa_pipeline.event_catalog.roles_file import RolesError
from grupa_pipeline.ingest.reading_options import DEFAULT_OPTIONS, ReadingOptions
from grupa_pipeline.segmentation.worker_pool import warm_up
from grupa_pipeline.setting_values import DUCKDB
from grupa_pipeline.settings import Settings
from grupa_pipeline.snapshots.spark_session import SparkUnavailableError, check_available
from grupa_pipeline.storage.migrations import NewerFileError
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.storage.repair import require_readable_schema
from grupa_pipeline.storage.roles_store import load_roles
from grupa_pipeline.storage.warehouse import DamagedWarehouseError

MOST_WINDOW_DAYS = 36_500
LARGEST_SEED = 2**32 - 1
"""The largest seed that numpy accepts."""

# Dagster's own log of a run goes to its UI; the terminal gets our progress lines and one sentence on failure.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class UnusableInputError(Exception):
    """A file or an option that cannot be used; the tables are unchanged.

    Attributes:
        file: Name of the file that is wrong, if there is one.
        line: Physical line of `file` that is wrong, if there is one.
        options: Words of the command line with which `file` could be read, if a person must confirm them.
    """

    def __init__(
        self, message: str, file: str | None = None, line: int | None = None, options: str | None = None
    ) -> None:
        super().__init__(message)
        self.file, self.line, self.options = file, line, options


class RunFailedError(Exception):
    """A run that failed for another reason than its input; Dagster's UI shows the details."""


@dataclass(frozen=True)
class Summary:
    """The result of `grupa run`: the fields of its JSON object, and `clusters`, which only the text lists."""

    snapshot_date: date
    status: str
    reason: str | None
    window_start: datetime
    window_end: datetime
    users: int
    events: int
    users_outside_window: int
    cluster_count: int
    unassigned_share: float
    insight_source: str | None
    warnings: list[str]
    files: list[dict[str, Any]]
    clusters: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """The fields of the JSON object (a contract); days and times in ISO 8601."""
        values = asdict(self)
        del values["clusters"]
        return {key: value.isoformat() if isinstance(value, date) else value for key, value in values.items()}

    def as_text(self) -> str:
        """The summary for a terminal."""
        lines = [
            f"{file['file_name']}: {file['rows_read']:,} rows read, {file['rows_accepted']:,} accepted, "
            f"{file['rows_rejected']:,} rejected, {file['rows_duplicate']:,} duplicate"
            for file in self.files
        ]
        lines.append(
            f"Snapshot {self.snapshot_date}: {self.users:,} users, {self.events:,} events, status {self.status}"
        )
        lines += [self.reason] if self.reason else []
        if self.users_outside_window:
            lines.append(
                f"{self.users_outside_window:,} users have no event in the window and are left out (see --window-days)."
            )
        lines += [
            f"  {row['cluster_id']}  {row['size']:>8,}  {row['share']:>6.1%}  {row['name']}" for row in self.clusters
        ]
        lines.append(f"  unassigned: {self.unassigned_share:.1%}")
        lines += [f"Insights were written by {self.insight_source}."] if self.insight_source else []
        return "\n".join(lines + [f"Warning: {warning}" for warning in self.warnings])


def run(
    settings: Settings,
    files: Sequence[Path] = (),
    *,
    as_of: date | None = None,
    reading: ReadingOptions = DEFAULT_OPTIONS,
) -> Summary:
    """Ingest `files`, then materialise every asset for one snapshot; for example `run(Settings.from_env(), [Path("log.csv")])`.

    Args:
        settings: The settings; the warehouse is created if it does not exist.
        files: Logs to ingest first; none segments the events of the warehouse.
        as_of: Day of the snapshot; default the last day of the accepted events.
        reading: How the logs are read, where that does not follow from them.

    Raises:
        UnusableInputError: A file or an option cannot be used, or there is nothing to segment.
        RunFailedError: A step failed, or its environment: a damaged warehouse, a full disk.
    """
    _check_options(settings, as_of)
    try:
        require_readable_schema(settings)
        warm_up()  # while the log is read
        return _run(settings, files, as_of, reading)
    except (DamagedWarehouseError, DagsterStorageError, NewerFileError, OSError, SQLAlchemyError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error  # Dagster's storage; without its SQL statement
        raise RunFailedError(f"The run stopped: {cause}") from error


def _run(settings: Settings, files: Sequence[Path], as_of: date | None, reading: ReadingOptions) -> Summary:
    # Who types a path may read what it names, unlike whoever launches a run in Dagster's UI.
    defs = build_defs(settings, {"log_folders": dg.ResourceDefinition.hardcoded_resource(None)})
    publication = Publication(settings.warehouse)
    with dagster_instance(settings) as instance:
        ingested, warnings = _ingest(defs, instance, files, reading) if files else ([], [])
        day = as_of or publication.last_day()
        if day is None:
            raise UnusableInputError("There are no events yet; name a log: grupa run LOG.csv")
        _check_day(settings, day, as_of)
        if files:
            defs = build_defs(settings)  # the log may have brought days before those that were known
        result = execute(defs, instance, snapshot_job.name, partition_key=day.isoformat(), run_config=QUIET)
    return summarize(publication, day, ingested, warnings + warnings_of(result))


def _check_options(settings: Settings, as_of: date | None) -> None:
    """Refuse unusable options before anything is ingested.

    Raises:
        UnusableInputError: An option, or the roles file, cannot be used.
    """
    try:
        load_roles(settings)
    except RolesError as error:
        raise UnusableInputError(str(error), error.file, error.line) from error
    if settings.seed > LARGEST_SEED:
        raise UnusableInputError(f"--seed {settings.seed} is more than {LARGEST_SEED}.")
    if settings.window_days > MOST_WINDOW_DAYS:
        raise UnusableInputError(
            f"--window-days {settings.window_days} is more than {MOST_WINDOW_DAYS:,} (a hundred years)."
        )
    if settings.engine != DUCKDB:
        try:
            check_available(settings.engine)
        except SparkUnavailableError as error:
            raise UnusableInputError(str(error)) from error
    if as_of and not ANY_DAY.has_partition_key(as_of.isoformat()):
        raise UnusableInputError(f"--as-of {as_of} is not a day from 1970-01-01 to today.")


def _check_day(settings: Settings, day: date, as_of: date | None) -> None:
    """Refuse a day of which there can be no snapshot.

    Raises:
        UnusableInputError: It is no partition.
    """
    if not ANY_DAY.has_partition_key(day.isoformat()):
        problem = f"The last events are of {day}, and a snapshot's day is from 1970-01-01 to today"
        raise UnusableInputError(f"{problem}; ingest a log with later events: grupa run LOG.csv")
    first = first_day(settings)
    if day < first:
        what = f"--as-of {day}" if as_of else f"The last event, of {day},"
        begins = "GRUPA_FIRST_DAY" if settings.first_day else "the first accepted event"
        raise UnusableInputError(f"{what} is before {begins} ({first}); snapshots begin on that day.")


def _ingest(
    defs: dg.Definitions, instance: dg.DagsterInstance, files: Sequence[Path], reading: ReadingOptions
) -> tuple[list[dict[str, Any]], list[str]]:
    config = {"files": [str(file.absolute()) for file in files], **reading.as_values()}
    run_config = QUIET | {"ops": {"ingest": {"config": config}}}
    result = execute(defs, instance, ingest_job.name, run_config=run_config)
    metadata: Any = result.asset_materializations_for_node("ingest")[0].metadata
    return metadata["files"].value, [*metadata["notes"].value, *warnings_of(result)]


def execute(defs: dg.Definitions, instance: dg.DagsterInstance, job: str, **options: Any) -> dg.ExecuteInProcessResult:
    """Run a job; a failed step becomes an error of one sentence."""
    result = defs.resolve_job_def(job).execute_in_process(
        instance=instance, raise_on_error=False, tags=process_tags(), **options
    )
    if result.success:
        return result
    for event in result.filter_events(lambda event: event.is_step_failure):
        details = event.step_failure_data.user_failure_data
        if details and "file" in details.metadata:
            values = {name: str(value.value) for name, value in details.metadata.items()}
            line, words = int(values["line"]) or None, values.get("options")
            raise UnusableInputError(details.description or "", values["file"], line, words)
        run = f"run {result.run_id}; Dagster's UI shows the details"
        raise RunFailedError(f"{event.step_key} failed: {failure_reason(event)} ({run})")
    for event in result.filter_events(lambda event: event.is_job_failure):
        if event.job_failure_data.error:  # before any step: the run could not begin
            raise RunFailedError(f"The run {result.run_id} failed: {failure_reason(event)}")
    raise RunFailedError(f"The run {result.run_id} failed; Dagster's UI shows the details.")


def warnings_of(result: dg.ExecuteInProcessResult) -> list[str]:
    """Warnings of the run's asset checks, but for the structure (part of the summary) and the age of the log."""
    return [
        f"{check.asset_key.path[-1]}: {check.description}"
        for check in result.get_asset_check_evaluations()
        if not check.passed and check.check_name not in ("structure", "freshness")
    ]


def summarize(publication: Publication, day: date, files: list[dict[str, Any]], warnings: list[str]) -> Summary:
    """What is published of a day.

    Raises:
        RunFailedError: Nothing is.
    """
    rows = publication.query("SELECT * FROM segmentations WHERE snapshot_date = ?", [day]).to_pylist()
    if not rows:
        raise RunFailedError(f"The tables of {day} come from different runs and were not published; run it again.")
    segmentation = rows[0]
    sources = publication.query(
        "SELECT DISTINCT source FROM cluster_insights WHERE snapshot_date = ? ORDER BY 1", [day]
    ).to_pydict()["source"]
    clusters = publication.query(
        "SELECT cluster_id, name, size, share FROM clusters WHERE snapshot_date = ? ORDER BY size DESC, cluster_id",
        [day],
    ).to_pylist()
    events = publication.query("SELECT * FROM event_catalog").to_pylist()
    note = goal_note(events)
    warnings = [*warnings, str(note)] if note else warnings
    window = (segmentation["window_start"].date(), segmentation["window_end"].date())
    return Summary(
        **{name: segmentation[name] for name in Summary.__dataclass_fields__ if name in segmentation},
        users_outside_window=publication.users() - segmentation["users"]
        if publication.has_events_outside(*window)
        else 0,
        insight_source=" and ".join(sources) or None,
        warnings=warnings,
        files=files,
        clusters=clusters,
    )
