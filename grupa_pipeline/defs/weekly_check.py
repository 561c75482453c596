"""The weekly job that reads every published file, so that damage is found while what brings it back is still there."""

import dagster as dg

from grupa_pipeline.defs.resources import WarehouseResource
from grupa_pipeline.maintenance import deep_check
from grupa_pipeline.vocabulary.enums import JobName


@dg.op(description="Read every published file and compare it with what was published, as `grupa status --deep` does.")
def check_files(warehouse: WarehouseResource) -> None:
    """Check every published file.

    Raises:
        dg.Failure: Some are damaged; its description names each, with what brings it back.
    """
    damage = list(deep_check.damage(warehouse.publication.folder))
    if damage:
        raise dg.Failure("\n".join(damage), metadata={"damaged": len(damage)}, allow_retries=False)


# Dagster serialises exact strings only: enum members are handed to it as `.value`.
@dg.job(name=JobName.DEEP_CHECK.value, description="Check every published file against its hash.")
def deep_check_job() -> None:
    """Check every published file."""
    check_files()


weekly_check = dg.ScheduleDefinition(
    job=deep_check_job,
    cron_schedule="0 4 * * 0",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    name="weekly_check",
    description="Every Sunday at 04:00 UTC: check every published file against its hash.",
)
