"""`grupa status` tells of a queue that does not move: for how long, why, and what to do."""

import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._daemon.types import DaemonHeartbeat

from grupa.cli import main
from grupa_pipeline.defs.dead_runs import process_tags
from grupa_pipeline.defs.instance import dagster_instance
from grupa_pipeline.defs.queue_report import report
from grupa_pipeline.settings import Settings
from tests.grupa_pipeline.defs.test_dead_runs import GONE, HERE, add


def add_queued(instance: dg.DagsterInstance) -> None:
    job = RemoteJobOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("grupa"), "a_repository"), "a_job")
    instance.add_run(dg.DagsterRun("a_job", status=dg.DagsterRunStatus.QUEUED, remote_job_origin=job))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def beat(instance: dg.DagsterInstance, age: float = 0) -> None:
    instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - age, "QUEUED_RUN_COORDINATOR", None, None))


@pytest.mark.slow
def test_an_empty_queue_is_not_mentioned(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    assert report(instance, tmp_path) == ([], True)


@pytest.mark.slow
@pytest.mark.parametrize("age", [None, 600])
def test_without_a_daemon_nothing_starts(instance: dg.DagsterInstance, tmp_path: Path, age: float | None) -> None:
    if age:
        beat(instance, age)
    add_queued(instance)
    [line], goes_on = report(instance, tmp_path)
    assert line.startswith("1 run waits, the first for 0 minutes: ") and "`grupa serve`" in line and not goes_on


@pytest.mark.slow
def test_a_dead_run_is_named_with_what_ends_it(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    add(instance, GONE)
    add_queued(instance)
    lines, goes_on = report(instance, tmp_path)
    assert f"process {HERE.pid} on {HERE.host} is gone" in lines[1] and "`grupa run`" in lines[2] and not goes_on
    beat(instance)
    lines, goes_on = report(instance, tmp_path)
    assert "died" in lines[0] and goes_on


@pytest.mark.slow
def test_a_run_under_way_is_named(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    beat(instance)
    run = add(instance, process_tags())
    add_queued(instance)
    add_queued(instance)
    [line], goes_on = report(instance, tmp_path)
    assert line.startswith("2 runs wait") and run[:8] in line and f"process {HERE.pid}" in line and goes_on


def test_a_queue_that_nothing_holds_up_is_reported_in_the_end(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_queued(instance)
    beat(instance)
    assert report(instance, tmp_path)[1]
    later = time.time() + 7200
    monkeypatch.setattr(time, "time", lambda: later)
    beat(instance)
    [line], goes_on = report(instance, tmp_path)
    assert "2 hours" in line and "Restart" in line and not goes_on


@pytest.mark.slow
def test_status_ends_with_1_while_the_queue_cannot_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with dagster_instance(Settings(warehouse=tmp_path)) as instance:
        add(instance, GONE)
        add_queued(instance)
    assert main.main(["status", "--warehouse", str(tmp_path)]) == 1
    assert "1 run waits" in capsys.readouterr().out
