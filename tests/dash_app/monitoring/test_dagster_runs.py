"""Reading a real Dagster instance that other code writes: runs, their steps, failures, the daemon's heartbeat."""

import time
from pathlib import Path

import dagster as dg
import pytest
from dagster._daemon.types import DaemonHeartbeat

from dash_app.monitoring.dagster_runs import DagsterRuns
from grupa_pipeline.defs.instance import dagster_instance
from grupa_pipeline.settings import Settings

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(warehouse=tmp_path / "warehouse")


@dg.op
def segmentation() -> None:
    raise ValueError("the disk is full")


@dg.op
def ingest() -> None:
    return None


@dg.job
def snapshot_job() -> None:
    segmentation()


@dg.job
def ingest_job() -> None:
    ingest()


def test_where_dagster_never_ran_nothing_is_done_and_nothing_made(settings: Settings) -> None:
    found = DagsterRuns(settings.dagster_home).now()
    assert (found.alive, found.ingest, found.snapshot) == (False, None, None)
    assert not settings.dagster_home.exists()


def test_the_last_runs_with_their_steps_and_failures(settings: Settings) -> None:
    with dagster_instance(settings) as instance:
        ingest_job.execute_in_process(instance=instance, run_config=QUIET)
        snapshot_job.execute_in_process(
            instance=instance, run_config=QUIET, raise_on_error=False, tags={"dagster/partition": "2025-06-29"}
        )
    found = DagsterRuns(settings.dagster_home).now()
    assert found.ingest is not None and found.ingest.status == "done" and "ingest" in found.ingest.step_times
    assert found.ingest.ended is not None and found.ingest.ended >= found.ingest.created
    assert found.snapshot is not None
    assert (found.snapshot.status, found.snapshot.failed_step, found.snapshot.day) == (
        "failed",
        "segmentation",
        "2025-06-29",
    )
    assert "the disk is full" in (found.snapshot.problem or "")


@pytest.mark.parametrize(("age", "alive"), [(5, True), (600, False)])
def test_dagster_lives_while_its_heart_beats(settings: Settings, age: float, alive: bool) -> None:
    with dagster_instance(settings) as instance:
        instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - age, "SENSOR", None, None))
    assert DagsterRuns(settings.dagster_home).now().alive is alive
