"""The I/O manager of snapshot assets: stages what an asset returns, and publishes a snapshot once its tables agree.

Assets return and receive a mapping from snapshot date to Arrow table, so that one run can compute several days.
"""

import logging
from datetime import date

import dagster as dg

from grupa_pipeline.defs.resources import WarehouseResource
from grupa_pipeline.storage import staging
from grupa_pipeline.storage.publication import BY_NAME
from grupa_pipeline.storage.staging import RowsByDay

logger = logging.getLogger("grupa")


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
        waiting = {day: reasons for day, reasons in publication.publish_agreeing(list(obj)).items() if reasons}
        logger.info("%s: %s rows", table.name, f"{row_count:,}")
        context.add_output_metadata(
            {
                "dagster/row_count": row_count,
                "dagster/table_name": table.name,
                "visible": not waiting,
                "waits_for": "; ".join(f"{day}: {_summary(reasons)}" for day, reasons in waiting.items()),
            }
        )

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
