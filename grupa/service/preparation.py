"""Prepares a warehouse to be served: `python -m grupa.service.preparation`, and with `--stopped` records that it was stopped.

In processes of their own, since what they import (Dagster, DuckDB) would stay in the memory of the supervisor.
"""

import sys

from dash_app.roadmap.store import Roadmap
from grupa.cli.exit_status import ExitStatus
from grupa_pipeline.defs.dead_runs import end_dead_runs
from grupa_pipeline.defs.instance import dagster_instance, prepare_home
from grupa_pipeline.logging_config import configure_logs
from grupa_pipeline.settings import SettingError, Settings
from grupa_pipeline.storage.migrations import NewerFileError
from grupa_pipeline.storage.repair import repair
from grupa_pipeline.storage.warehouse import DamagedWarehouseError


def prepare(settings: Settings) -> int:
    """Migrate the roadmap, make the inbox, repair the warehouse, configure Dagster, and end the runs that killed processes left.

    Returns:
        The exit status; what went wrong is printed in a sentence.
    """
    try:
        Roadmap(settings.warehouse).ensure()
        settings.inbox.mkdir(exist_ok=True)  # people drop files there
        try:
            repair(settings)
        except DamagedWarehouseError as error:  # not fatal: the app shows it too, and is of use without the tables
            print(f"grupa: {error}", file=sys.stderr)
        prepare_home(settings)
        with dagster_instance(settings) as instance:
            end_dead_runs(instance, settings.warehouse, no_service=True)
    except SettingError as error:
        print(f"grupa: {error}", file=sys.stderr)
        return ExitStatus.UNUSABLE
    except (NewerFileError, OSError) as error:
        print(f"grupa: {error}", file=sys.stderr)
        return ExitStatus.FAILED
    return ExitStatus.DONE


def record_stop(settings: Settings) -> int:
    """Record the runs that were stopped with the service as cancelled; where Dagster's storage is gone, that creates none."""
    if not settings.dagster_home.is_dir():
        return ExitStatus.DONE
    with dagster_instance(settings) as instance:
        end_dead_runs(instance, settings.warehouse, stopped=True)
    return ExitStatus.DONE


if __name__ == "__main__":
    _settings = Settings.from_env()
    configure_logs(_settings.log_format)
    raise SystemExit(record_stop(_settings) if sys.argv[1:] == ["--stopped"] else prepare(_settings))
