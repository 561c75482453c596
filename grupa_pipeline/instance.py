"""The Dagster instance of a warehouse: the same for the command line, the UI and the daemon."""

from pathlib import Path

import dagster as dg

from grupa_pipeline.settings import Settings

_DAGSTER_YAML = """\
# Written by grupa when this folder was new; yours to edit (docs/operations.md says what pays).
telemetry:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 1
"""


def prepare_home(settings: Settings) -> Path:
    """Dagster's home for `settings`, made and configured when it is new."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    if not config.exists():
        config.write_text(_DAGSTER_YAML, encoding="utf-8")
    return home


def dagster_instance(settings: Settings) -> dg.DagsterInstance:
    """The instance, to be used as a context manager."""
    return dg.DagsterInstance.from_config(str(prepare_home(settings)))
