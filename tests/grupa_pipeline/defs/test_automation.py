import os
import time
from pathlib import Path

import dagster as dg
import pytest

from grupa_pipeline.definitions import build_defs
from grupa_pipeline.defs.automation import next_snapshot
from grupa_pipeline.settings import Settings
from grupa_pipeline.snapshots.context import SnapshotContext
from grupa_pipeline.storage import inbox
from grupa_pipeline.storage.publication import Publication
from sample_data.generate import END, write_log
from tests.grupa_pipeline.defs.test_pipeline import QUIET


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(warehouse=tmp_path / "warehouse")
    settings.inbox.mkdir(parents=True)
    return settings


def put(settings: Settings, name: str, users: int = 12) -> Path:
    """Put a log into the inbox, as if it had arrived a while ago."""
    path = settings.inbox / name
    write_log(path, users=users, days=14)
    os.utime(path, (time.time() - 60, time.time() - 60))
    return path


def tick(settings: Settings, instance: dg.DagsterInstance, cursor: str | None) -> dg.SensorResult | dg.SkipReason:
    defs = build_defs(settings)
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    return defs.resolve_sensor_def("inbox_sensor")(context)


def execute(settings: Settings, instance: dg.DagsterInstance, request: dg.RunRequest) -> None:
    job = build_defs(settings).resolve_job_def(request.job_name or "snapshot_job")
    job.execute_in_process(instance=instance, run_config=QUIET, partition_key=request.partition_key)


@pytest.mark.slow
def test_a_file_in_the_inbox_is_taken_in_once_and_segmented(settings: Settings) -> None:
    path = put(settings, "log.csv")
    with dg.DagsterInstance.ephemeral() as instance:
        first = tick(settings, instance, None)
        assert isinstance(first, dg.SensorResult)
        again = tick(settings, instance, first.cursor)
        assert isinstance(again, dg.SensorResult)
        # Dagster starts no second run for a run key that it has seen.
        assert [r.run_key for r in first.run_requests or ()] == [r.run_key for r in again.run_requests or ()]
        execute(settings, instance, (first.run_requests or ())[0])
        assert not path.exists() and (settings.inbox / "done" / "log.csv").exists()
        second = tick(settings, instance, first.cursor)
        assert isinstance(second, dg.SensorResult)
        [request] = second.run_requests or ()
        assert (request.job_name, request.partition_key) == ("snapshot_job", END.isoformat())
        execute(settings, instance, request)
        assert isinstance(tick(settings, instance, second.cursor), dg.SkipReason)
    files = Publication(settings.warehouse).query("SELECT file_name FROM ingested_files").to_pylist()
    assert files == [{"file_name": "log.csv"}]


def test_a_file_that_cannot_be_used_is_put_aside_with_the_reason(settings: Settings) -> None:
    bad = settings.inbox / "bad.csv"
    bad.write_text("a,b\n1,2\n")
    os.utime(bad, (0, 0))
    put(settings, "good.csv")
    with dg.DagsterInstance.ephemeral() as instance:
        result = tick(settings, instance, None)
        assert isinstance(result, dg.SensorResult)
        execute(settings, instance, (result.run_requests or ())[0])
    assert "user_id" in (settings.inbox / "refused" / "bad.csv.why.txt").read_text()
    assert Publication(settings.warehouse).last_day() == END


def test_a_file_that_is_still_arriving_waits(settings: Settings) -> None:
    put(settings, "log.csv")
    (settings.inbox / "log.csv").touch()
    put(settings, ".hidden.csv")
    put(settings, "log.csv.part")
    assert inbox.pending_logs(settings.inbox) == []


@pytest.mark.slow
def test_the_schedule_segments_the_last_day_once_and_skips_with_its_reason(settings: Settings) -> None:
    defs = build_defs(settings)
    schedule = defs.resolve_schedule_def("daily_resegmentation")
    with dg.DagsterInstance.ephemeral() as instance:
        empty = schedule(dg.build_schedule_context(instance=instance))
        assert isinstance(empty, dg.SkipReason) and "No events" in str(empty.skip_message)
        put(settings, "log.csv")
        defs.resolve_job_def("ingest_job").execute_in_process(instance=instance, run_config=QUIET)
        request = schedule(dg.build_schedule_context(instance=instance))
        assert isinstance(request, dg.RunRequest) and request.partition_key == END.isoformat()
        execute(settings, instance, request)
        done = schedule(dg.build_schedule_context(instance=instance))
        assert isinstance(done, dg.SkipReason) and "segmented already" in str(done.skip_message)


@pytest.mark.slow
def test_new_events_or_other_settings_are_another_input(settings: Settings) -> None:
    put(settings, "log.csv")
    with dg.DagsterInstance.ephemeral() as instance:
        build_defs(settings).resolve_job_def("ingest_job").execute_in_process(instance=instance, run_config=QUIET)
        first = next_snapshot(SnapshotContext(settings))
        assert isinstance(first, dg.RunRequest)
        execute(settings, instance, first)
    assert isinstance(next_snapshot(SnapshotContext(settings)), dg.SkipReason)
    other = SnapshotContext(Settings(warehouse=settings.warehouse, window_days=7))
    assert isinstance(next_snapshot(other), dg.RunRequest)


def test_schedule_and_sensor_run_by_default() -> None:
    defs = build_defs(Settings())
    assert defs.resolve_schedule_def("daily_resegmentation").default_status == dg.DefaultScheduleStatus.RUNNING
    assert defs.resolve_sensor_def("inbox_sensor").default_status == dg.DefaultSensorStatus.RUNNING
