"""What a process of Dagster's costs while nothing happens, and that it costs none of what happens."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from grupa_pipeline.defs import idle_costs
from grupa_pipeline.defs.idle_costs import DAEMON_INTERVALS, keep_engines, lengthen_intervals


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Fresh `create_engine` functions, which are put back: other tests open instances in this process."""
    modules: list[Any] = [import_module(name) for name in idle_costs._SQLITE_STORAGES]
    for module in modules:
        create = module.create_engine
        monkeypatch.setattr(module, "create_engine", getattr(create, "_create", create))
    yield modules
    for module in modules:
        for engine in getattr(module.create_engine, "_engines", {}).values():
            engine.dispose()


def test_each_interval_is_one_of_the_installed_version(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in DAEMON_INTERVALS:
        monkeypatch.setattr(import_module(module), name, getattr(import_module(module), name))  # put back at the end
    lengthen_intervals(DAEMON_INTERVALS)
    for (module, name), seconds in DAEMON_INTERVALS.items():
        assert getattr(import_module(module), name) == seconds


@pytest.mark.slow
@pytest.mark.parametrize("connected", [False, True])
def test_engines_are_kept_and_connections_where_they_are_asked_for(
    engines: list[Any], tmp_path: Path, connected: bool
) -> None:
    keep_engines(connected=connected)
    with dg.DagsterInstance.from_config(_home(tmp_path)) as instance:
        run = instance.create_run_for_job(_job)
        instance.report_run_failed(run)
        kept = {Path(str(engine.url.database)).name: engine for each in engines for engine in _engines(each)}
        assert {"index.db", "runs.db", "schedules.db", f"{run.run_id}.db"} <= set(kept)
        pools = {name for name, engine in kept.items() if type(engine.pool).__name__ == "QueuePool"}
        assert pools == ({"index.db", "runs.db", "schedules.db"} if connected else set())
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert [each.status for each in instance.get_runs()] == [dg.DagsterRunStatus.FAILURE]


def _engines(module: Any) -> list[Any]:
    return list(module.create_engine._engines.values())


def _home(folder: Path) -> str:
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return str(folder)


@dg.job
def _job() -> None:
    """Nothing to do."""
