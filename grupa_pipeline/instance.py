"""The Dagster instance of a warehouse: the same for the command line, the UI and the daemon."""

from pathlib import Path

import dagster as dg

from grupa_pipeline.settings import Settings

_DAGSTER_YAML = """\
# Written by grupa when this folder was new; yours to edit (docs/operations.md says what pays).
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 1
"""


_WORKSPACE_YAML = """\
# Written by grupa: what its UI and daemon load, under the name that the project's own workspace.yaml gives.
load_from:
  - python_module:
      module_name: grupa_pipeline.definitions
      location_name: grupa
"""


def prepare_home(settings: Settings) -> Path:
    """Dagster's home for `settings`, made and configured when it is new."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    if not config.exists():
        config.write_text(_DAGSTER_YAML, encoding="utf-8")
    workspace_file(home).write_text(_WORKSPACE_YAML, encoding="utf-8")
    return home


def dagster_instance(settings: Settings) -> dg.DagsterInstance:
    """The instance, to be used as a context manager."""
    return dg.DagsterInstance.from_config(str(prepare_home(settings)))


def workspace_file(home: Path) -> Path:
    """The workspace that Dagster's UI and daemon share: runs and schedules are found by the name of their location."""
    return home / "grupa_workspace.yaml"
