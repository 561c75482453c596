"""Reading a real Dagster instance that other code writes: runs, their steps, failures, the daemon's heartbeat."""

import threading
import time
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, TickData, TickStatus
from dagster._daemon.types import DaemonHeartbeat

from dash_app.monitoring.dagster_runs import DagsterRuns, DagsterStatus, SkippedTick
from grupa_pipeline.definitions import build_defs
from grupa_pipeline.defs.instance import dagster_instance
from grupa_pipeline.settings import Settings
from grupa_pipeline.vocabulary.enums import InboxPhase, JobName, PipelineStage, RunState

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


def test_where_dagster_never_ran_the_status_is_empty_and_nothing_is_created(settings: Settings) -> None:
    assert DagsterRuns(settings.dagster_home).now() == DagsterStatus()
    assert not settings.dagster_home.exists()


@pytest.mark.slow
def test_the_last_runs_with_their_steps_and_failures(settings: Settings) -> None:
    with dagster_instance(settings) as instance:
        ingest_job.execute_in_process(instance=instance, run_config=QUIET)
        snapshot_job.execute_in_process(
            instance=instance, run_config=QUIET, raise_on_error=False, tags={"dagster/partition": "2025-06-29"}
        )
    status = DagsterRuns(settings.dagster_home).now()
    ingested, failed = status.ingest, status.snapshot
    assert ingested is not None and ingested.state is RunState.DONE and PipelineStage.INGEST in ingested.step_times
    assert ingested.ended is not None and ingested.ended >= ingested.created
    assert failed is not None
    assert (failed.state, failed.failed_step, failed.day) == (
        RunState.FAILED,
        PipelineStage.SEGMENTATION,
        "2025-06-29",
    )
    assert "the disk is full" in (failed.problem or "")


@pytest.mark.slow
def test_nobody_waits_longer_than_they_said_for_the_import(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    (settings.dagster_home / "dagster.yaml").touch()
    may_go_on = threading.Event()
    monkeypatch.setattr(DagsterRuns, "_import", lambda runs: may_go_on.wait() and runs._is_imported.set())
    runs = DagsterRuns(settings.dagster_home)
    assert runs.now(0.01) is None
    may_go_on.set()
    assert runs.now() == DagsterStatus()


@pytest.mark.slow
@pytest.mark.parametrize("phase", list(InboxPhase))
def test_the_last_tick_of_the_sensor_is_read_with_its_phase(settings: Settings, phase: InboxPhase) -> None:
    sensor = build_defs(settings).resolve_sensor_def("inbox_sensor")
    with dagster_instance(settings) as instance:
        origin = RemoteInstigatorOrigin(
            RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("grupa"), "grupa"),
            sensor.name,
        )
        state = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING)
        instance.add_instigator_state(state)
        tick = TickData(
            state.instigator_origin_id,
            sensor.name,
            InstigatorType.SENSOR,
            TickStatus.SKIPPED,
            timestamp=121.0,
            selector_id=state.selector_id,
            skip_reason="whatever it says",
            cursor=phase.value,
        )
        instance.create_tick(tick)
    assert DagsterRuns(settings.dagster_home).now().skipped == SkippedTick(121.0, phase)


def test_the_app_and_dagster_name_jobs_and_steps_alike(settings: Settings) -> None:
    defs = build_defs(settings.model_copy(update={"digest_urls": ("json://127.0.0.1:9",)}))  # with a digest to send
    steps = {node.name for job in JobName for node in defs.resolve_job_def(job.value).nodes}
    assert set(list(PipelineStage)[1:6]) <= steps


@pytest.mark.parametrize(("age", "alive"), [(5, True), (600, False)])
@pytest.mark.slow
def test_dagster_lives_while_its_heart_beats(settings: Settings, age: float, alive: bool) -> None:
    with dagster_instance(settings) as instance:
        instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - age, "SENSOR", None, None))
    assert DagsterRuns(settings.dagster_home).now().alive is alive
