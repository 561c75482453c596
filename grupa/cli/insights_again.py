"""`grupa insights`: the texts of the newest snapshot written again, by the assets that wrote them, without segmenting."""

from datetime import date
from typing import Any

import dagster as dg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from grupa.cli.run import QUIET, RunFailedError, Summary, UnusableInputError, execute, summarize, warnings_of
from grupa_pipeline.definitions import build_defs
from grupa_pipeline.defs.automation import insights_job
from grupa_pipeline.defs.instance import DagsterStorageError, dagster_instance
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage.migrations import NewerFileError
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.storage.repair import require_readable_schema
from grupa_pipeline.storage.warehouse import DamagedWarehouseError
from grupa_pipeline.vocabulary.enums import PipelineStage


def ask_again(settings: Settings, cluster_id: str | None = None) -> Summary:
    """Write the insights of the newest snapshot again and publish them; no earlier text is reused.

    Args:
        settings: The settings; the model is theirs.
        cluster_id: The only cluster whose texts are written again; None for all.

    Raises:
        UnusableInputError: There is no snapshot, or no such cluster in it.
        RunFailedError: A step failed, its environment, or the snapshot's other tables are of other inputs.
    """
    try:
        require_readable_schema(settings)
        publication = Publication(settings.warehouse)
        day = _newest_snapshot(publication)
        if cluster_id is not None:
            _check_cluster(publication, day, cluster_id)
        config = {"ask_again": True, "cluster_id": cluster_id or ""}
        with dagster_instance(settings) as instance:
            result = execute(
                build_defs(settings),
                instance,
                insights_job.name,
                partition_key=day.isoformat(),
                run_config=QUIET | {"ops": {PipelineStage.INSIGHTS.value: {"config": config}}},
            )
    except (DamagedWarehouseError, DagsterStorageError, NewerFileError, OSError, SQLAlchemyError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error  # Dagster's storage; without its SQL statement
        raise RunFailedError(f"The run stopped: {cause}") from error
    if waiting := _waits_for(result):
        raise RunFailedError(f"The new texts of {day} were not published, for they wait for {waiting}; type: grupa run")
    return summarize(publication, day, [], warnings_of(result))


def _newest_snapshot(publication: Publication) -> date:
    rows = publication.query("SELECT max(snapshot_date) AS day FROM segmentations").to_pylist()
    newest: date | None = rows[0]["day"] if rows else None
    if newest is None:
        raise UnusableInputError("There is no snapshot yet; type: grupa run LOG.csv")
    return newest


def _check_cluster(publication: Publication, day: date, cluster_id: str) -> None:
    rows = publication.query(
        "SELECT cluster_id, name FROM clusters WHERE snapshot_date = ? ORDER BY cluster_id", [day]
    ).to_pylist()
    if cluster_id not in {row["cluster_id"] for row in rows}:
        known = ", ".join(f"{row['cluster_id']} ({row['name']})" for row in rows) or "none"
        raise UnusableInputError(f"The snapshot of {day} has no cluster {cluster_id}. Its clusters: {known}.")


def _waits_for(result: dg.ExecuteInProcessResult) -> str:
    """What keeps the written tables from being seen; empty once they are published."""
    materializations = result.asset_materializations_for_node(PipelineStage.INSIGHTS.value)
    if not materializations:
        return ""
    metadata: Any = materializations[-1].metadata
    return "" if metadata["visible"].value else str(metadata["waits_for"].value)
