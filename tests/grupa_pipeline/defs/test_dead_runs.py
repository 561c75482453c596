"""Runs whose process is gone are ended in Dagster's books, by whoever looks; runs that live are left alone."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.tags import GRPC_INFO_TAG

from grupa_pipeline.defs import attempts, dead_runs
from grupa_pipeline.defs.dead_runs import PROCESS_TAG, end_dead_runs, process_tags
from grupa_pipeline.storage import run_lock
from grupa_pipeline.storage.process_identity import ProcessIdentity

STARTED = dg.DagsterRunStatus.STARTED
HERE = ProcessIdentity.current()
GONE = {PROCESS_TAG: str(replace(HERE, started=1))}
ELSEWHERE = {PROCESS_TAG: str(replace(HERE, namespace="pid:[1]"))}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def add(
    instance: dg.DagsterInstance, tags: dict[str, str], status: dg.DagsterRunStatus = STARTED, job: str = "a_job"
) -> str:
    return instance.add_run(dg.DagsterRun(job, status=status, tags=tags)).run_id


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run
    return run.status


def failure(instance: dg.DagsterInstance, run_id: str) -> str:
    return " ".join(entry.message for entry in instance.all_logs(run_id))


@pytest.mark.parametrize("state", dead_runs.IN_PROGRESS)
def test_a_run_whose_process_is_gone_is_ended_with_the_reason(
    instance: dg.DagsterInstance, tmp_path: Path, state: dg.DagsterRunStatus
) -> None:
    dead, alive = add(instance, GONE, state), add(instance, process_tags(), state)
    assert end_dead_runs(instance, tmp_path) == [dead]
    cancelled = state is dg.DagsterRunStatus.CANCELING
    ended = dg.DagsterRunStatus.CANCELED if cancelled else dg.DagsterRunStatus.FAILURE
    assert (status(instance, dead), status(instance, alive)) == (ended, state)
    assert f"{HERE.pid} on {HERE.host}" in failure(instance, dead)
    assert end_dead_runs(instance, tmp_path) == []


def test_runs_that_were_stopped_with_the_service_are_cancelled_and_say_so(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    run = add(instance, GONE)
    assert end_dead_runs(instance, tmp_path, stopped=True) == [run]
    assert status(instance, run) is dg.DagsterRunStatus.CANCELED
    assert "`grupa serve` was stopped" in failure(instance, run)


def test_without_a_service_a_run_that_it_had_just_launched_is_dead(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    launched, elsewhere = add(instance, {GRPC_INFO_TAG: "{}"}), add(instance, {})
    assert end_dead_runs(instance, tmp_path) == [], "it may be starting"
    assert end_dead_runs(instance, tmp_path, stopped=True) == [launched]
    assert status(instance, elsewhere) is STARTED, "a `grupa run` may be starting"


@pytest.mark.parametrize("tags", [{}, ELSEWHERE], ids=["no process known", "another container's"])
def test_where_the_process_cannot_be_seen_the_run_lock_decides(
    instance: dg.DagsterInstance, tmp_path: Path, tags: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_runs, "_FREE_SECONDS", 0.0)
    run = add(instance, tags)
    assert end_dead_runs(instance, tmp_path) == [], "it may be starting"
    monkeypatch.setattr(dead_runs, "_START_SECONDS", 0.0)
    with run_lock.hold_run_lock(tmp_path, purpose="that run"):
        assert end_dead_runs(instance, tmp_path) == []
    assert end_dead_runs(instance, tmp_path, own="a run that holds the lock, for which others may wait") == []
    assert end_dead_runs(instance, tmp_path) == [run]


def test_a_run_that_was_killed_or_stopped_is_requested_again_at_once(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    for stopped in (False, True):
        add(instance, GONE | {attempts.INPUT_TAG: "one input"})
        assert attempts.request(instance, "a_job", "one input") is None, "it counts as in progress"
        end_dead_runs(instance, tmp_path, stopped=stopped)
        assert attempts.is_unfinished(instance, "a_job")
        assert attempts.request(instance, "a_job", "one input")
    third = attempts.request(instance, "a_job", "one input")
    assert third and third.run_key == "one input-2" and third.tags[attempts.INPUT_TAG] == "one input"


def test_a_run_that_its_code_server_found_killed_is_requested_again_at_once_a_few_times(
    instance: dg.DagsterInstance,
) -> None:
    for number in range(attempts.MOST_KILLS + 1):
        run = instance.get_run_by_id(add(instance, {attempts.INPUT_TAG: "one input"}))
        assert run
        instance.report_run_failed(run)
        again = attempts.request(instance, "a_job", "one input")
        assert bool(again) == (number < attempts.MOST_KILLS)


def test_a_run_that_failed_is_requested_again_later_and_not_for_ever(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    tags, failed = {attempts.INPUT_TAG: "one input"}, dg.DagsterRunStatus.FAILURE
    add(instance, tags, failed)
    assert attempts.request(instance, "a_job", "one input") is None
    later = time.time() + attempts.PAUSES[0] + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert attempts.request(instance, "a_job", "one input")
    monkeypatch.setattr(time, "time", lambda: later + 1e6)
    for _ in range(attempts.MOST_FAILURES - 1):
        add(instance, tags, failed)
    assert attempts.request(instance, "a_job", "one input") is None
    assert attempts.request(instance, "a_job", "another input")


def test_a_run_that_a_person_cancelled_is_not_requested_again(instance: dg.DagsterInstance) -> None:
    add(instance, {attempts.INPUT_TAG: "one input"}, dg.DagsterRunStatus.CANCELED)
    assert attempts.request(instance, "a_job", "one input") is None
    assert not attempts.is_unfinished(instance, "a_job")


def test_an_input_that_comes_again_after_success_is_requested_again(instance: dg.DagsterInstance) -> None:
    add(instance, {attempts.INPUT_TAG: "one input"}, dg.DagsterRunStatus.SUCCESS)
    again = attempts.request(instance, "a_job", "one input")
    assert again and again.run_key == "one input-1"
