"""A real `grupa serve`: a log in the inbox becomes a snapshot, its runs end fully, and stopping stops."""

import re
import signal
import time
from collections.abc import Callable, Iterator

import dagster as dg
import pytest

from benchmarks.reliability.service.served_warehouse import ServedWarehouse
from grupa.service.preparation import prepare
from grupa_pipeline.defs.instance import dagster_instance
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import warehouse

pytestmark = pytest.mark.dagster_ui
RUN = "spawn_main"
PATIENCE = 600.0
"""Seconds: on a machine with other work, everything takes as long as that work lets it."""


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedWarehouse]:
    service = ServedWarehouse(tmp_path_factory.mktemp("served") / "warehouse", users=12)
    yield service
    service.stop(signal.SIGKILL)


def test_a_log_becomes_a_snapshot_and_nothing_goes_on_after_it_or_after_a_stop(served: ServedWarehouse) -> None:
    before, lines = _programs(served), len(served.log())
    served.put_log()
    assert served.await_snapshot(PATIENCE) is not None, served.log()
    _await(lambda: len(served.pids()) <= len(before), served)
    assert _programs(served) == before, "every run has ended with all that it started"
    assert served.faults() == []
    assert served.log()[lines:] == "", "nothing went wrong, so nothing is said"

    served.put_log()
    _await(lambda: served.find(RUN), served)
    assert served.stop() < 15, "all processes are gone"
    published = warehouse.version(served.folder / warehouse.PIPELINE_FILE)
    settings = Settings(warehouse=served.folder)
    assert prepare(settings) == 0, "the next start ends what the stop had no time to record"
    with dagster_instance(settings) as instance:
        [newest, *others] = instance.get_runs()
    assert newest.status in (dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE)
    assert {run.status for run in others} == {dg.DagsterRunStatus.SUCCESS}
    assert warehouse.version(served.folder / warehouse.PIPELINE_FILE) == published
    assert "nanobind" not in served.log()


def _programs(served: ServedWarehouse) -> list[str]:
    """Commands of its processes; the worker of the code server has another socket each time it is started."""
    return sorted(re.sub(r"--socket \S+", "", command) for command in served.pids().values())


def _await(condition: Callable[[], object], served: ServedWarehouse) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, served.log()
        time.sleep(0.1)
