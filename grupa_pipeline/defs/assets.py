"""The assets: one a table, of the same name. An asset orchestrates; what it returns is computed by the functions it calls.

Each imports those when it runs: the code server, which runs none, never loads their libraries.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from grupa_pipeline import tables
from grupa_pipeline.defs.asset_metadata import (
    grid_metadata,
    ingest_metadata,
    map_metadata,
    outcome_metadata,
    size_metadata,
)
from grupa_pipeline.defs.partitions import ANY_DAY, days_of_run
from grupa_pipeline.defs.resources import WarehouseResource
from grupa_pipeline.defs.retries import retry_later, retry_unreachable_engine
from grupa_pipeline.ingest.columns import ColumnQuestionError
from grupa_pipeline.ingest.errors import UnusableFileError
from grupa_pipeline.ingest.reading_options import ReadingOptionError, ReadingOptions
from grupa_pipeline.storage import inbox
from grupa_pipeline.storage.staging import RowsByDay
from grupa_pipeline.tables import Table
from grupa_pipeline.vocabulary.enums import PipelineStage, TableStorage

if TYPE_CHECKING:
    from grupa_pipeline.snapshots.build import AssetTables

logger = logging.getLogger("grupa")

# Dagster serialises exact strings only: enum members are handed to it as `.value`.
# `asset_specs` adds columns, owners, tags and more, and puts the warehouse's own days in place of `ANY_DAY`.
_SINGLE_RUN = dg.BackfillPolicy.single_run()


class LogFiles(dg.Config):
    """Which logs to ingest.

    Attributes:
        files: Paths of logs, or of archives or folders of logs; none means those in the inbox.
        columns: Columns of the fields, such as `user_id=distinct_id,timestamp=time,action=event`.
        timezone: IANA name of the zone of times without one.
        timestamp_format: strptime format of their timestamps, where those are not ISO 8601 or epochs.
        repeats: `keep` or `drop`: whether equal records within a log are several events.
        accept_rejects: Whether a log is ingested although many of its records are rejected for one reason.
        encoding: Encoding of their text, such as `cp1250`, where it is not recognised.
    """

    files: list[str] = Field(default_factory=list)
    columns: str | None = None
    timezone: str | None = None
    timestamp_format: str | None = None
    repeats: str | None = None
    accept_rejects: bool = False
    encoding: str | None = None

    def options(self) -> ReadingOptions:
        """How the logs are read.

        Raises:
            ReadingOptionError: A value cannot be used.
        """
        return ReadingOptions.of({name: getattr(self, name) or None for name in _OPTIONS})


_OPTIONS = tuple(field.name for field in fields(ReadingOptions))


def _kinds(table: Table) -> set[str]:
    return {"duckdb"} | ({table.storage.value} if table.storage is TableStorage.PARQUET else set())


def _outs(*made_together: Table) -> dict[str, dg.AssetOut]:
    """One output a table."""
    return {
        table.name: dg.AssetOut(description=table.comment, is_required=False, kinds=_kinds(table))
        for table in made_together
    }


def _selected_outputs(context: dg.AssetExecutionContext, rows: "AssetTables") -> Iterator[dg.Output[RowsByDay]]:
    for name in rows:
        if name in context.op_execution_context.selected_output_names:
            yield dg.Output(rows[name], output_name=name)


def _add_choice_metadata(context: dg.AssetExecutionContext, rows: "AssetTables") -> None:
    """Show how each day's clusters were chosen, beside that day's partition of the selected assets."""
    for day, grid in rows["segmentation_candidates"].items():
        metadata = {
            "segmentations": outcome_metadata(rows["segmentations"][day], grid),
            "segmentation_candidates": grid_metadata(grid),
        }
        for name in metadata.keys() & context.op_execution_context.selected_output_names:
            context.add_asset_metadata(metadata[name], asset_key=name, partition_key=day.isoformat())


def _options(config: LogFiles) -> ReadingOptions:
    try:
        return config.options()
    except ReadingOptionError as error:
        raise dg.Failure(f"{error.option}: {error}", allow_retries=False) from error


def _require_inside(paths: Sequence[Path], folders: tuple[Path, ...] | None) -> None:
    """Refuse a path outside of `folders` (None: any) before anything of it is read."""
    for path in paths:
        if folders is not None and not any(path.resolve().is_relative_to(folder.resolve()) for folder in folders):
            raise dg.Failure(
                f"{path} is neither in the inbox nor in a folder of GRUPA_LOG_FOLDERS. Put the log into {folders[0]}, "
                "or run `grupa run` with it on the server.",
                allow_retries=False,
            )


def _ingest(config: LogFiles, warehouse: WarehouseResource, log_folders: tuple[Path, ...] | None) -> inbox.IngestResult:
    """Ingest the named files, or the inbox where none are named.

    Raises:
        dg.Failure: A named file cannot be used, or is in none of `log_folders`.
    """
    now = datetime.now(UTC).replace(tzinfo=None)
    options = _options(config).over(ReadingOptions(timestamp_format=warehouse.timestamp_format))
    publication, paths = warehouse.publication, [Path(file) for file in config.files]
    if not paths:
        return inbox.ingest_inbox(publication, warehouse.context.settings.inbox, options, now)
    _require_inside(paths, log_folders)
    try:
        return inbox.IngestResult(inbox.ingest_logs(publication, paths, options, now), {})
    except UnusableFileError as error:
        where: dict[str, Any] = {"file": error.file, "line": error.line or 0}
        if isinstance(error, ColumnQuestionError) and error.question.proposal:
            where["options"] = error.question.options
        raise dg.Failure(str(error), metadata=where, allow_retries=False) from error


@dg.multi_asset(
    specs=[
        dg.AssetSpec(table.name, description=table.comment, group_name="ingest", kinds=_kinds(table))
        for table in (tables.EVENTS, tables.INGESTED_FILES, tables.REJECTED_ROWS)
    ],
    can_subset=True,
    name=PipelineStage.INGEST.value,
)
def ingest(
    context: dg.AssetExecutionContext,
    config: LogFiles,
    warehouse: WarehouseResource,
    log_folders: dg.ResourceParam[tuple[Path, ...] | None],
) -> Iterator[dg.MaterializeResult[None]]:
    """Ingest logs. The three tables belong together, so all three are written whichever is selected."""
    result = _ingest(config, warehouse, log_folders)
    for key in context.selected_asset_keys:
        metadata = ingest_metadata(warehouse.publication, key.path[-1], result)
        yield dg.MaterializeResult(asset_key=key, metadata=metadata)


@dg.asset(
    group_name="event_catalog",
    kinds={"duckdb"},
    description=tables.EVENT_CATALOG.comment,
    name=PipelineStage.EVENT_CATALOG.value,
    deps=["events"],
    partitions_def=ANY_DAY,
    backfill_policy=_SINGLE_RUN,
)
def event_catalog(
    context: dg.AssetExecutionContext, warehouse: WarehouseResource, llm_base_url: dg.ResourceParam[str | None]
) -> RowsByDay:
    """Say of every action what it means, and from where that is known."""
    from grupa_pipeline.snapshots import build

    days = days_of_run(context.run.tags)
    with retry_unreachable_engine(context):
        rows, warnings = build.make_event_catalog(warehouse.context, days, base_url=llm_base_url)
    for warning in warnings:
        logger.warning(warning)
        context.log.warning(warning)
    return rows["event_catalog"]


@dg.multi_asset(
    outs=_outs(tables.USER_FEATURES, tables.FEATURE_CATALOG),
    deps=["events"],
    can_subset=True,
    group_name="features",
    name=PipelineStage.FEATURES.value,
    partitions_def=ANY_DAY,
    backfill_policy=_SINGLE_RUN,
)
def features(
    context: dg.AssetExecutionContext, warehouse: WarehouseResource, event_catalog: RowsByDay
) -> Iterator[dg.Output[RowsByDay]]:
    """Compute the features of every user in the window."""
    from grupa_pipeline.snapshots import build

    with retry_unreachable_engine(context):
        rows = build.make_features(warehouse.context, event_catalog)
    yield from _selected_outputs(context, rows)


@dg.multi_asset(
    outs=_outs(
        tables.SEGMENTATIONS,
        tables.SEGMENTATION_CANDIDATES,
        tables.USER_EMBEDDINGS,
        tables.USER_CLUSTERS,
        tables.CLUSTER_IDENTITIES,
        tables.CLUSTER_TRANSITIONS,
    ),
    deps=["events"],
    can_subset=True,
    group_name="segmentation",
    name=PipelineStage.SEGMENTATION.value,
    partitions_def=ANY_DAY,
    backfill_policy=_SINGLE_RUN,
)
def segmentation(
    context: dg.AssetExecutionContext,
    warehouse: WarehouseResource,
    user_features: RowsByDay,
    feature_catalog: RowsByDay,
    event_catalog: RowsByDay,
) -> Iterator[dg.Output[RowsByDay]]:
    """Find groups of users who behave alike, and measure how reliable they are."""
    from grupa_pipeline.snapshots import build

    with retry_unreachable_engine(context):
        rows = build.make_segmentation(warehouse.context, user_features, feature_catalog, event_catalog)
    if "user_embeddings" in context.op_execution_context.selected_output_names:
        context.add_output_metadata(map_metadata(rows), output_name="user_embeddings")
    _add_choice_metadata(context, rows)
    yield from _selected_outputs(context, rows)


@dg.multi_asset(
    outs=_outs(tables.JOURNEY_STEPS, tables.JOURNEY_PATHS, tables.ACTION_OUTCOMES, tables.CLUSTER_TRENDS),
    deps=["events"],
    can_subset=True,
    group_name="journeys",
    name=PipelineStage.JOURNEYS.value,
    partitions_def=ANY_DAY,
    backfill_policy=_SINGLE_RUN,
)
def journeys(
    context: dg.AssetExecutionContext, warehouse: WarehouseResource, user_clusters: RowsByDay, event_catalog: RowsByDay
) -> Iterator[dg.Output[RowsByDay]]:
    """Count what users of each cluster go through, and where they stop."""
    from grupa_pipeline.snapshots import build

    with retry_unreachable_engine(context):
        rows = build.make_journeys(warehouse.context, user_clusters, event_catalog)
    yield from _selected_outputs(context, rows)


@dg.asset(
    group_name="evidence",
    kinds={"duckdb"},
    description=tables.CLUSTER_EVIDENCE.comment,
    name=PipelineStage.EVIDENCE.value,
    partitions_def=ANY_DAY,
    backfill_policy=_SINGLE_RUN,
)
def cluster_evidence(user_features: RowsByDay, feature_catalog: RowsByDay, user_clusters: RowsByDay) -> RowsByDay:
    """Measure how each cluster differs from everyone else."""
    from grupa_pipeline.snapshots import build

    return build.make_evidence(user_features, feature_catalog, user_clusters)["cluster_evidence"]


class AskedInsights(dg.Config):
    """Which texts are written again although they are still true.

    Attributes:
        ask_again: Whether any are; otherwise only what is no longer true is written.
        cluster_id: The only cluster; empty for all.
    """

    ask_again: bool = False
    cluster_id: str = ""


@dg.multi_asset(
    outs=_outs(tables.CLUSTERS, tables.CLUSTER_INSIGHTS, tables.LLM_CALLS),
    can_subset=True,
    group_name="insights",
    name=PipelineStage.INSIGHTS.value,
    partitions_def=ANY_DAY,
    backfill_policy=_SINGLE_RUN,
)
def insights(
    context: dg.AssetExecutionContext,
    config: AskedInsights,
    warehouse: WarehouseResource,
    cluster_evidence: RowsByDay,
    user_features: RowsByDay,
    feature_catalog: RowsByDay,
    user_clusters: RowsByDay,
    cluster_identities: RowsByDay,
    event_catalog: RowsByDay,
    llm_base_url: dg.ResourceParam[str | None],
) -> Iterator[dg.Output[RowsByDay]]:
    """Name the clusters and write their pain points and recommendations, by a model or by rules."""
    from grupa_pipeline.insights.previous_texts import WrittenAgain
    from grupa_pipeline.snapshots import build

    inputs = (cluster_evidence, user_features, feature_catalog, user_clusters, cluster_identities, event_catalog)
    again = WrittenAgain(config.cluster_id or None) if config.ask_again else None
    written = build.make_insights(warehouse.context, *inputs, base_url=llm_base_url, again=again)
    for warning in written.warnings:
        logger.warning(warning)
        context.log.warning(warning)
    if written.provider_is_down and (request := retry_later(context)):
        raise request
    if "clusters" in context.op_execution_context.selected_output_names:
        context.add_output_metadata(size_metadata(written.rows), output_name="clusters")
    yield from _selected_outputs(context, written.rows)


ALL: list[dg.AssetsDefinition] = [ingest, event_catalog, features, segmentation, journeys, cluster_evidence, insights]
