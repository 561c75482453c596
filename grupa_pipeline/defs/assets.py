"""The assets: one a table, named as it is. An asset orchestrates; what it makes is computed by the functions it calls."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from pydantic import Field

from grupa_pipeline import tables
from grupa_pipeline.defs.asset_metadata import grid_metadata, outcome_metadata
from grupa_pipeline.defs.io_manager import Snapshots
from grupa_pipeline.defs.map_preview import draw_map
from grupa_pipeline.defs.partitions import SNAPSHOT_DAYS, days_of_run
from grupa_pipeline.defs.resources import WarehouseResource
from grupa_pipeline.ingest.errors import UnusableFileError
from grupa_pipeline.snapshots import build
from grupa_pipeline.storage import inbox
from grupa_pipeline.tables import Table

logger = logging.getLogger("grupa")

ONE_RUN = dg.BackfillPolicy.single_run()


class LogFiles(dg.Config):
    """Which logs to take in.

    Attributes:
        files: Paths of .csv or .csv.gz files; none means those in the inbox.
        timestamp_format: strptime format of their timestamps, where those are not ISO 8601 or epochs.
    """

    files: list[str] = Field(default_factory=list)
    timestamp_format: str | None = None


def _out(table: Table, *kinds: str) -> dg.AssetOut:
    return dg.AssetOut(description=table.comment, is_required=False, kinds={"duckdb", *kinds})


def _handed_over(context: dg.AssetExecutionContext, made: build.AssetTables) -> Iterator[dg.Output]:
    for name in made:
        if name in context.op_execution_context.selected_output_names:
            yield dg.Output(made[name], output_name=name)


def _tell_choice(context: dg.AssetExecutionContext, made: build.AssetTables) -> None:
    """How each day's clusters were chosen, beside that day's partition of the assets asked for."""
    for day, grid in made["segmentation_candidates"].items():
        told = {
            "segmentations": outcome_metadata(made["segmentations"][day], grid),
            "segmentation_candidates": grid_metadata(grid),
        }
        for name in told.keys() & context.op_execution_context.selected_output_names:
            context.add_asset_metadata(told[name], asset_key=name, partition_key=day.isoformat())


@dg.multi_asset(
    specs=[
        dg.AssetSpec(table.name, description=table.comment, group_name="ingest", kinds={"duckdb", *kinds})
        for table, kinds in ((tables.EVENTS, ("parquet",)), (tables.INGESTED_FILES, ()), (tables.REJECTED_ROWS, ()))
    ],
    can_subset=True,
    name="ingest",
)
def ingest(
    context: dg.AssetExecutionContext, config: LogFiles, warehouse: WarehouseResource
) -> Iterator[dg.MaterializeResult]:
    """Take logs in. The three tables belong together, so all three are written whichever is asked for."""
    now = datetime.now(UTC).replace(tzinfo=None)
    timestamp_format = config.timestamp_format or warehouse.timestamp_format
    publication, paths = warehouse.publication, [Path(file) for file in config.files]
    try:
        if paths:
            taken = inbox.IngestResult(inbox.ingest_logs(publication, paths, timestamp_format, now), {})
        else:
            taken = inbox.ingest_inbox(publication, warehouse.context.settings.inbox, timestamp_format, now)
    except UnusableFileError as error:
        raise dg.Failure(
            str(error), metadata={"file": error.file, "line": error.line or 0}, allow_retries=False
        ) from error
    for key in context.selected_asset_keys:
        yield dg.MaterializeResult(asset_key=key, metadata=inbox.report(publication, key.path[-1], taken))


@dg.multi_asset(
    outs={"user_features": _out(tables.USER_FEATURES, "parquet"), "feature_catalog": _out(tables.FEATURE_CATALOG)},
    deps=["events"],
    can_subset=True,
    partitions_def=SNAPSHOT_DAYS,
    backfill_policy=ONE_RUN,
    group_name="features",
    name="features",
)
def features(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Iterator[dg.Output]:
    """Measure what every user of the window does."""
    yield from _handed_over(context, build.make_features(warehouse.context, days_of_run(context.run.tags)))


@dg.multi_asset(
    outs={
        "segmentations": _out(tables.SEGMENTATIONS),
        "segmentation_candidates": _out(tables.SEGMENTATION_CANDIDATES),
        "user_embeddings": _out(tables.USER_EMBEDDINGS, "parquet"),
        "user_clusters": _out(tables.USER_CLUSTERS, "parquet"),
        "cluster_identities": _out(tables.CLUSTER_IDENTITIES),
        "cluster_transitions": _out(tables.CLUSTER_TRANSITIONS),
    },
    deps=["events"],
    can_subset=True,
    partitions_def=SNAPSHOT_DAYS,
    backfill_policy=ONE_RUN,
    group_name="segmentation",
    name="segmentation",
)
def segmentation(
    context: dg.AssetExecutionContext,
    warehouse: WarehouseResource,
    user_features: Snapshots,
    feature_catalog: Snapshots,
) -> Iterator[dg.Output]:
    """Find groups of users who behave alike, and say how far they can be trusted."""
    made = build.make_segmentation(warehouse.context, user_features, feature_catalog)
    if "user_embeddings" in context.op_execution_context.selected_output_names:
        last = max(made["user_embeddings"])
        picture = draw_map(made["user_embeddings"][last], made["user_clusters"][last], made["cluster_identities"][last])
        context.add_output_metadata({"map": dg.MetadataValue.md(picture)}, output_name="user_embeddings")
    _tell_choice(context, made)
    yield from _handed_over(context, made)


@dg.asset(
    partitions_def=SNAPSHOT_DAYS,
    backfill_policy=ONE_RUN,
    group_name="evidence",
    kinds={"duckdb"},
    description=tables.CLUSTER_EVIDENCE.comment,
)
def cluster_evidence(user_features: Snapshots, feature_catalog: Snapshots, user_clusters: Snapshots) -> Snapshots:
    """Measure how each cluster differs from everyone else."""
    return build.make_evidence(user_features, feature_catalog, user_clusters)["cluster_evidence"]


@dg.multi_asset(
    outs={
        "clusters": _out(tables.CLUSTERS),
        "cluster_insights": _out(tables.CLUSTER_INSIGHTS, "openai", "anthropic"),
        "llm_calls": _out(tables.LLM_CALLS),
    },
    can_subset=True,
    partitions_def=SNAPSHOT_DAYS,
    backfill_policy=ONE_RUN,
    group_name="insights",
    name="insights",
)
def insights(
    context: dg.AssetExecutionContext,
    warehouse: WarehouseResource,
    cluster_evidence: Snapshots,
    user_features: Snapshots,
    feature_catalog: Snapshots,
    user_clusters: Snapshots,
    cluster_identities: Snapshots,
    llm_base_url: dg.ResourceParam[str | None],
) -> Iterator[dg.Output]:
    """Name the clusters and write their pain points and recommendations, by a model or by rules."""
    made, warnings = build.make_insights(
        warehouse.context,
        cluster_evidence,
        user_features,
        feature_catalog,
        user_clusters,
        cluster_identities,
        base_url=llm_base_url,
    )
    for warning in warnings:
        logger.warning(warning)
        context.log.warning(warning)
    yield from _handed_over(context, made)
