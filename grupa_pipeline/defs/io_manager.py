"""Between assets and tables: what a snapshot asset returns is staged, and published once its snapshot agrees.

An asset hands over, and is given, a mapping from snapshot date to Arrow table, so that one run can make several days.
"""

import logging
from collections.abc import Mapping
from datetime import date

import dagster as dg
import pyarrow as pa

from grupa_pipeline.defs.resources import WarehouseResource
from grupa_pipeline.storage import staging
from grupa_pipeline.storage.publication import BY_NAME

logger = logging.getLogger("grupa")

Snapshots = Mapping[date, pa.Table]
"""Rows of one table, by the snapshot that they belong to."""


class WarehouseIOManager(dg.IOManager):
    """Stages tables, and publishes those snapshots whose tables all agree. Runs under the warehouse's run lock."""

    def __init__(self, resource: WarehouseResource):
        self._resource = resource

    def handle_output(self, context: dg.OutputContext, obj: Snapshots) -> None:
        """Stage the rows of each snapshot in `obj`; publish the snapshots that they complete."""
        table = BY_NAME[context.asset_key.path[-1]]
        publication = self._resource.publication
        rows = 0
        for snapshot, made in obj.items():
            inputs = publication.inputs(table, snapshot, self._resource.context.input_sha256(snapshot))
            together = (made.schema.metadata or {}).get(staging.BATCH_KEY)
            if together:
                inputs[f"other tables of {context.op_def.name}"] = together.decode()
            rows += staging.stage(publication.folder, table, snapshot, made, inputs).rows
        waiting = {day: reasons for day, reasons in publication.publish_agreeing(list(obj)).items() if reasons}
        logger.info("%s: %s rows", table.name, f"{rows:,}")
        context.add_output_metadata(
            {
                "dagster/row_count": rows,
                "dagster/table_name": table.name,
                "visible": not waiting,
                "waits_for": "; ".join(f"{day}: {_briefly(reasons)}" for day, reasons in waiting.items()),
            }
        )

    def load_input(self, context: dg.InputContext) -> Snapshots:
        """Rows of the upstream table for each snapshot of this run, staged or published.

        Raises:
            dg.Failure: They have not been made.
        """
        table = BY_NAME[context.asset_key.path[-1]]
        days = [date.fromisoformat(key) for key in context.asset_partition_keys]
        try:
            return {day: self._resource.publication.load(table, day) for day in days}
        except LookupError as error:
            raise dg.Failure(str(error)) from error


def _briefly(reasons: list[str]) -> str:
    """What a person needs of the reasons: in the middle of a run most tables are still to come."""
    return ", ".join(reasons) if len(reasons) <= 2 else "the other tables of its snapshot"
