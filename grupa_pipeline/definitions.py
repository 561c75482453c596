"""The only place where things are wired: assets, checks, automation and resources make one Dagster code location."""

from multiprocessing import resource_tracker
from typing import Any

import dagster as dg

from grupa_pipeline.defs import alert_sensors, asset_checks, assets, automation, weekly_check, weekly_digest
from grupa_pipeline.defs.asset_specs import describe_assets
from grupa_pipeline.defs.idle_costs import SERVER_INTERVALS, keep_engines, lengthen_intervals
from grupa_pipeline.defs.io_manager import WarehouseIOManager
from grupa_pipeline.defs.resources import WarehouseResource
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage.process_identity import ProcessIdentity, end_with
from grupa_pipeline.tables import CLUSTER_INSIGHTS


def build_defs(settings: Settings | None = None, resource_overrides: dict[str, Any] | None = None) -> dg.Definitions:
    """Dagster definitions for `settings` (default: from the environment); `resource_overrides` replace resources.

    Example:
        >>> build_defs().resolve_job_def("ingest_job").name
        'ingest_job'
    """
    settings = settings or Settings.from_env()
    warehouse = WarehouseResource.of(settings)
    resources: dict[str, Any] = {
        "warehouse": warehouse,
        # Not a field of the warehouse resource, whose fields Dagster's UI shows: an address may hold a password.
        "llm_base_url": dg.ResourceDefinition.hardcoded_resource(settings.llm_base_url),
        # Not a field of it either: who launches a run may change those.
        "log_folders": dg.ResourceDefinition.hardcoded_resource((settings.inbox, *settings.log_folders)),
        "io_manager": dg.IOManagerDefinition.hardcoded_io_manager(WarehouseIOManager(warehouse)),
    }
    return dg.Definitions(
        assets=_assets(settings),
        asset_checks=dg.load_asset_checks_from_modules([asset_checks]),
        jobs=[automation.ingest_job, automation.snapshot_job, automation.insights_job, weekly_check.deep_check_job],
        schedules=[
            automation.daily_schedule(settings),
            weekly_check.weekly_check,
            *weekly_digest.digest_schedules(settings),
        ],
        sensors=[automation.inbox_sensor(settings), *alert_sensors.webhook_sensors(settings)],
        resources=resources | (resource_overrides or {}),
        loggers={"console": dg.json_console_logger} if settings.log_format == "json" else None,
        # One process a run: starting one for every step costs seconds, and the run holds one lock.
        executor=dg.in_process_executor,
    )


def _assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """The assets; the one that a model writes shows whose model it is, if there is one."""
    provider = (settings.llm or "").partition(":")[0]

    def with_provider(spec: dg.AssetSpec) -> dg.AssetSpec:
        is_written = provider and spec.key == dg.AssetKey(CLUSTER_INSIGHTS.name)
        return spec.merge_attributes(kinds={provider}) if is_written else spec

    return [each.map_asset_specs(with_provider) for each in describe_assets(assets.ALL, settings)]


def _join_service(service: ProcessIdentity) -> None:
    """Make this process, a code server or a run of `grupa serve`, one of its service."""
    end_with(service)
    lengthen_intervals(SERVER_INTERVALS)
    keep_engines(connected=True)
    resource_tracker.ensure_running()  # the first run would start it: the code server's processes stay the same


_settings = Settings.from_env()
if _settings.service_process and (_service := ProcessIdentity.parse(_settings.service_process)):
    _join_service(_service)

defs = build_defs(_settings)
