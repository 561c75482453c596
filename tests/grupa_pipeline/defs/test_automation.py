"""The inbox sensor, the daily schedule, and when a snapshot is due."""

import os
import time
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from grupa_pipeline.definitions import build_defs
from grupa_pipeline.defs import code_server
from grupa_pipeline.defs.automation import next_snapshot
from grupa_pipeline.settings import Settings
from grupa_pipeline.snapshots.context import SnapshotContext
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.vocabulary.enums import InboxPhase, JobName
from sample_data.generate import END, write_log
from tests.grupa_pipeline import ingested_logs
from tests.grupa_pipeline.defs.test_pipeline import QUIET

pytestmark = pytest.mark.slow


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


def tick(settings: Settings, instance: dg.DagsterInstance, cursor: str | None) -> dg.SensorResult:
    defs = build_defs(settings)
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    result = defs.resolve_sensor_def("inbox_sensor")(context)
    assert isinstance(result, dg.SensorResult)
    return result


def execute(settings: Settings, instance: dg.DagsterInstance, request: dg.RunRequest) -> None:
    job = build_defs(settings).resolve_job_def(request.job_name or "snapshot_job")
    job.execute_in_process(instance=instance, run_config=QUIET, partition_key=request.partition_key)


@pytest.mark.slow
def test_a_file_in_the_inbox_is_ingested_once_and_segmented(settings: Settings) -> None:
    path = put(settings, "log.csv")
    with dg.DagsterInstance.ephemeral() as instance:
        unsure = tick(settings, instance, None)
        assert not unsure.run_requests and unsure.skip_reason
        first = tick(settings, instance, unsure.cursor)
        again = tick(settings, instance, first.cursor)
        # Dagster starts no second run for a run key that it has seen.
        assert [r.run_key for r in first.run_requests or ()] == [r.run_key for r in again.run_requests or ()]
        execute(settings, instance, (first.run_requests or ())[0])
        assert not path.exists() and (settings.inbox / "done" / "log.csv").exists()
        second = tick(settings, instance, first.cursor)
        [request] = second.run_requests or ()
        assert (request.job_name, request.partition_key) == ("snapshot_job", END.isoformat())
        execute(settings, instance, request)
        third = tick(settings, instance, second.cursor)
        assert third.skip_reason and third.cursor == InboxPhase.IDLE
    files = Publication(settings.warehouse).query("SELECT file_name FROM ingested_files").to_pylist()
    assert files == [{"file_name": "log.csv"}]


@pytest.mark.slow
def test_a_log_of_earlier_days_reloads_the_partitions_before_its_snapshot(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[bool] = []
    monkeypatch.setattr(code_server, "request_reload", lambda: requests.append(True) or True)
    loaded = build_defs(settings)  # when the warehouse was empty: partitions begin today
    early = ingested_logs.log(settings.inbox / "early.csv", "a,2025-06-01 10:00:00,login", "a,2025-06-03 10:00:00,x")
    os.utime(early, (0, 0))
    with dg.DagsterInstance.ephemeral() as instance:

        def look(defs: dg.Definitions, cursor: str) -> dg.SensorResult:
            result = defs.resolve_sensor_def("inbox_sensor")(dg.build_sensor_context(instance=instance, cursor=cursor))
            assert isinstance(result, dg.SensorResult)
            return result

        loaded.resolve_job_def("ingest_job").execute_in_process(instance=instance, run_config=QUIET)
        waiting = look(loaded, InboxPhase.INGESTING.value)
        assert requests and waiting.cursor == InboxPhase.INGESTING
        assert waiting.skip_reason and "before" in (waiting.skip_reason.skip_message or "")
        [request] = look(build_defs(settings), waiting.cursor).run_requests or ()
        assert (request.partition_key, len(requests)) == ("2025-06-03", 1)
        begins_later = Settings(warehouse=settings.warehouse, first_day=date(2025, 6, 4))
        assert next_snapshot(SnapshotContext(begins_later), instance) is InboxPhase.BEFORE_FIRST_DAY


@pytest.mark.slow
def test_a_file_that_cannot_be_used_is_quarantined_with_the_reason(settings: Settings) -> None:
    bad = settings.inbox / "bad.csv"
    bad.write_text("a,b\n1,2\n")
    os.utime(bad, (0, 0))
    put(settings, "good.csv")
    with dg.DagsterInstance.ephemeral() as instance:
        result = tick(settings, instance, tick(settings, instance, None).cursor)
        execute(settings, instance, (result.run_requests or ())[0])
    assert "user_id" in (settings.inbox / "refused" / "bad.csv.why.txt").read_text()
    assert Publication(settings.warehouse).last_day() == END


@pytest.mark.parametrize("cursor", [InboxPhase.INGESTING.value, "taken in"])  # the latter by Grupa 0.1.0
def test_once_logs_are_ingested_the_cursor_says_why_no_snapshot_is_due(settings: Settings, cursor: str) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = tick(settings, instance, cursor)
        assert (result.run_requests, result.cursor) == ([], InboxPhase.NO_EVENTS)
        later = tick(settings, instance, result.cursor)
        assert later.skip_reason and later.cursor == InboxPhase.NO_EVENTS


def test_no_snapshot_is_due_while_logs_are_being_ingested(settings: Settings) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_run(dg.DagsterRun(JobName.INGEST.value, status=dg.DagsterRunStatus.STARTED))
        result = tick(settings, instance, InboxPhase.INGESTING.value)
    assert result.skip_reason and result.cursor == InboxPhase.INGESTING


def test_a_file_that_is_still_arriving_waits(settings: Settings) -> None:
    (put(settings, "log.csv")).touch()
    put(settings, ".hidden.csv")
    with dg.DagsterInstance.ephemeral() as instance:
        result = tick(settings, instance, tick(settings, instance, None).cursor)
    assert not result.run_requests and result.skip_reason
    assert (result.skip_reason.skip_message or "").startswith("log.csv waits: it changed ")


def test_a_file_is_taken_that_two_ticks_saw_in_the_same_state(settings: Settings) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        cursor = None
        for size in range(12, 15):  # something puts a larger file there before each tick
            put(settings, "log.csv", users=size)
            result = tick(settings, instance, cursor)
            assert not result.run_requests
            cursor = result.cursor
        assert tick(settings, instance, cursor).run_requests


def test_a_file_that_is_no_log_starts_a_run_which_tells_of_it(settings: Settings) -> None:
    (settings.inbox / "log.xlsx").write_bytes(b"PK")
    os.utime(settings.inbox / "log.xlsx", (1, 1))
    with dg.DagsterInstance.ephemeral() as instance:
        assert tick(settings, instance, tick(settings, instance, None).cursor).run_requests


@pytest.mark.slow
def test_the_schedule_segments_the_last_day_once_and_skips_with_its_reason(settings: Settings, tmp_path: Path) -> None:
    defs = build_defs(settings)
    schedule = defs.resolve_schedule_def("daily_resegmentation")
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        empty = schedule(dg.build_schedule_context(instance=instance))
        assert isinstance(empty, dg.SkipReason) and empty.skip_message
        assert next_snapshot(SnapshotContext(settings), instance) is InboxPhase.NO_EVENTS
        put(settings, "log.csv")
        defs.resolve_job_def("ingest_job").execute_in_process(instance=instance, run_config=QUIET)
        request = schedule(dg.build_schedule_context(instance=instance))
        assert isinstance(request, dg.RunRequest) and request.partition_key == END.isoformat()
        execute(settings, instance, request)
        done = schedule(dg.build_schedule_context(instance=instance))
        assert isinstance(done, dg.SkipReason) and done.skip_message != empty.skip_message


@pytest.mark.slow
def test_new_events_or_other_settings_are_another_input(settings: Settings) -> None:
    put(settings, "log.csv")
    with dg.DagsterInstance.ephemeral() as instance:
        build_defs(settings).resolve_job_def("ingest_job").execute_in_process(instance=instance, run_config=QUIET)
        first = next_snapshot(SnapshotContext(settings), instance)
        assert isinstance(first, dg.RunRequest)
        execute(settings, instance, first)
        assert next_snapshot(SnapshotContext(settings), instance) is InboxPhase.UP_TO_DATE
        other = SnapshotContext(Settings(warehouse=settings.warehouse, window_days=7))
        assert isinstance(next_snapshot(other, instance), dg.RunRequest)


def test_schedule_and_sensor_run_by_default() -> None:
    defs = build_defs(Settings())
    assert defs.resolve_schedule_def("daily_resegmentation").default_status == dg.DefaultScheduleStatus.RUNNING
    assert defs.resolve_sensor_def("inbox_sensor").default_status == dg.DefaultSensorStatus.RUNNING
