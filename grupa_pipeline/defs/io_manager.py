"""The I/O manager of snapshot assets: stages what an asset returns, and publishes a snapshot once its tables agree.

Assets return and receive a mapping from snapshot date to Arrow table, so that one run can compute several days.
"""

import logging
from collections.abc import Iterable
from datetime import date
from typing import Any

import dagster as dg

from grupa_pipeline.defs.resources import WarehouseResource
from grupa_pipeline.storage import staging
from grupa_pipeline.storage.publication import BY_NAME
from grupa_pipeline.storage.staging import RowsByDay
from grupa_pipeline.tables import SNAPSHOT_TABLES

logger = logging.getLogger("grupa")
_NOTHING = "nothing"


class WarehouseIOManager(dg.IOManager):
    """Stages tables, and publishes the snapshots whose tables all agree. Used under the warehouse's run lock."""

    def __init__(self, resource: WarehouseResource):
        self._resource = resource

    def handle_output(self, context: dg.OutputContext, obj: RowsByDay) -> None:
        """Stage the rows of each snapshot in `obj`; publish the snapshots that they complete."""
        table = BY_NAME[context.asset_key.path[-1]]
        publication = self._resource.publication
        row_count = 0
        for snapshot, rows in obj.items():
            inputs = publication.inputs(table, snapshot, self._resource.context.input_sha256(snapshot))
            batch_key = (rows.schema.metadata or {}).get(staging.BATCH_KEY)
            if batch_key:
                # Stored in `published_files`, and compared with what earlier releases stored there: the text stays.
                inputs[f"other tables of {context.op_def.name}"] = batch_key.decode()
            row_count += staging.stage(publication.folder, table, snapshot, rows, inputs).rows
        staged = {day: staging.staged(publication.folder, day).keys() - {table.name} for day in obj}
        waiting = {day: reasons for day, reasons in publication.publish_agreeing(list(obj)).items() if reasons}
        logger.info("%s: %s rows", table.name, f"{row_count:,}")
        metadata: dict[str, Any] = {"dagster/row_count": row_count, "dagster/table_name": table.name}
        context.add_output_metadata(metadata | _visibility(context, waiting))
        for day, names in staged.items():
            if day not in waiting:
                _report_visible(context, day, names)

    def load_input(self, context: dg.InputContext) -> RowsByDay:
        """Rows of the upstream table for each snapshot of this run, staged or published.

        Raises:
            dg.Failure: They have not been computed.
        """
        table = BY_NAME[context.asset_key.path[-1]]
        days = [date.fromisoformat(key) for key in context.asset_partition_keys]
        try:
            return {day: self._resource.publication.load(table, day) for day in days}
        except LookupError as error:
            raise dg.Failure(str(error)) from error


def _summary(reasons: list[str]) -> str:
    """At most two reasons: in the middle of a run most tables are still to come."""
    return ", ".join(reasons) if len(reasons) <= 2 else "the other tables of its snapshot"


def _visibility(context: dg.OutputContext, waiting: dict[date, list[str]]) -> dict[str, Any]:
    """What a materialization says of its rows: whether they are visible, or what they wait for.

    A run that makes the whole snapshot says nothing before it publishes: what is still to come would stay for ever in
    events that nobody can change.
    """
    if not waiting:
        return {"visible": True, "waits_for": _NOTHING}
    selected = {key.path[-1] for key in context.step_context.job_def.asset_layer.selected_asset_keys}
    if selected.issuperset(table.name for table in SNAPSHOT_TABLES):
        return {}
    reasons = "; ".join(f"{day}: {_summary(reasons)}" for day, reasons in waiting.items())
    return {"visible": False, "waits_for": reasons}


def _report_visible(context: dg.OutputContext, day: date, names: Iterable[str]) -> None:
    """Say of the tables that were staged before that they are published now; Dagster shows it beside their last rows."""
    for name in sorted(names):
        metadata: dict[str, Any] = {"visible": True, "waits_for": _NOTHING}
        context.log_event(dg.AssetObservation(asset_key=name, partition=day.isoformat(), metadata=metadata))
