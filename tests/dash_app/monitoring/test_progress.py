"""How far the pipeline is, by the logs in the inbox and Dagster's status."""

import pytest

from dash_app.components import ingestion
from dash_app.monitoring.dagster_runs import DagsterStatus, Run, SkippedTick
from dash_app.monitoring.progress import STAGE_NAMES, PendingLog, Progress, pipeline_progress
from grupa_pipeline.vocabulary.enums import InboxPhase, PipelineStage, PipelineState, RunState
from tests.dash_app.trees import text

LOG = [PendingLog("log.csv", 100.0)]
INGESTED = Run("i", RunState.DONE, created=110.0, ended=120.0)
CATALOG_BEGUN = {PipelineStage.EVENT_CATALOG: 0.5}
FEATURES_BEGUN = {**CATALOG_BEGUN, PipelineStage.FEATURES: 1.0, "user_features_schema": 2.0}
SEGMENTATION_BEGUN = {**FEATURES_BEGUN, PipelineStage.SEGMENTATION: 3.0}
EVIDENCE_BEGUN = {**SEGMENTATION_BEGUN, PipelineStage.EVIDENCE: 4.0}
INSIGHTS_BEGUN = {**EVIDENCE_BEGUN, PipelineStage.INSIGHTS: 5.0}


def snapshot_run(state: RunState, step_times: dict[str, float] | None = None) -> Run:
    return Run("s", state, 125.0, step_times=step_times or {})


def where(progress: Progress) -> tuple[PipelineState, PipelineStage]:
    return progress.state, progress.stage


def test_a_log_waits_while_dagster_runs() -> None:
    progress = pipeline_progress(LOG, DagsterStatus(alive=True))
    assert where(progress) == (PipelineState.WAITING, PipelineStage.INBOX) and not progress.stuck


def test_a_log_waits_for_dagster_and_the_page_says_so() -> None:
    progress = pipeline_progress(LOG, DagsterStatus(alive=False))
    assert progress.stuck
    page = text(ingestion.pipeline(progress, LOG))
    assert "Dagster is not running" in page and "grupa serve" in page and "log.csv" in page


@pytest.mark.parametrize(
    ("dagster", "stage"),
    [
        (DagsterStatus(True, Run("i", RunState.RUNNING, 110.0)), PipelineStage.INGEST),
        (DagsterStatus(True, INGESTED), PipelineStage.INGEST),
        (DagsterStatus(True, INGESTED, snapshot_run(RunState.QUEUED)), PipelineStage.EVENT_CATALOG),
        (DagsterStatus(True, INGESTED, snapshot_run(RunState.RUNNING)), PipelineStage.EVENT_CATALOG),
        (DagsterStatus(True, INGESTED, snapshot_run(RunState.RUNNING, CATALOG_BEGUN)), PipelineStage.EVENT_CATALOG),
        (DagsterStatus(True, INGESTED, snapshot_run(RunState.RUNNING, FEATURES_BEGUN)), PipelineStage.FEATURES),
        (DagsterStatus(True, INGESTED, snapshot_run(RunState.RUNNING, SEGMENTATION_BEGUN)), PipelineStage.SEGMENTATION),
        (DagsterStatus(True, INGESTED, snapshot_run(RunState.RUNNING, EVIDENCE_BEGUN)), PipelineStage.EVIDENCE),
        (DagsterStatus(True, INGESTED, snapshot_run(RunState.RUNNING, INSIGHTS_BEGUN)), PipelineStage.INSIGHTS),
    ],
)
def test_stages_follow_the_steps_that_have_begun(dagster: DagsterStatus, stage: PipelineStage) -> None:
    assert where(pipeline_progress([], dagster)) == (PipelineState.RUNNING, stage)


def test_the_end_names_the_snapshot() -> None:
    run = Run("s", RunState.DONE, 125.0, 140.0, day="2025-06-29")
    progress = pipeline_progress([], DagsterStatus(True, INGESTED, run))
    assert (*where(progress), progress.day) == (PipelineState.DONE, PipelineStage.PUBLISHED, "2025-06-29")
    assert "29 Jun 2025 is published" in text(ingestion.pipeline(progress, []))


@pytest.mark.parametrize(
    ("at", "phase", "state"),
    [
        (119.0, InboxPhase.IDLE, PipelineState.RUNNING),  # the tick was before the log was ingested
        (121.0, InboxPhase.INGESTING, PipelineState.RUNNING),
        (121.0, InboxPhase.IDLE, PipelineState.DONE),
        (121.0, InboxPhase.UP_TO_DATE, PipelineState.DONE),
        (121.0, InboxPhase.NO_EVENTS, PipelineState.DONE),
    ],
)
def test_an_ingested_log_is_done_when_the_sensor_has_nothing_to_segment(
    at: float, phase: InboxPhase, state: PipelineState
) -> None:
    progress = pipeline_progress([], DagsterStatus(True, INGESTED, skipped=SkippedTick(at, phase)))
    assert where(progress) == (state, PipelineStage.INGEST)


def test_each_reason_for_no_snapshot_has_a_message_of_its_own() -> None:
    phases = (InboxPhase.IDLE, InboxPhase.UP_TO_DATE, InboxPhase.NO_EVENTS)
    ticks = [DagsterStatus(True, INGESTED, skipped=SkippedTick(121.0, phase)) for phase in phases]
    assert len({pipeline_progress([], tick).message for tick in ticks}) == 3


def test_a_failed_run_shows_its_reason_and_can_be_retried() -> None:
    failed = Run("i", RunState.FAILED, 110.0, 111.0, failed_step="ingest", problem="No space left on device")
    progress = pipeline_progress(LOG, DagsterStatus(True, failed))
    assert (progress.state, progress.can_retry) == (PipelineState.FAILED, True)
    page = text(ingestion.pipeline(progress, LOG))
    assert "No space left on device" in page and "Try again" in page
    put_again = pipeline_progress([PendingLog("log.csv", 130.0)], DagsterStatus(True, failed))
    assert put_again.state is PipelineState.WAITING


@pytest.mark.parametrize("step", list(PipelineStage)[2:6])
def test_a_failed_segmentation_is_marked_at_the_stage_that_failed(step: PipelineStage) -> None:
    failed = Run("s", RunState.FAILED, 125.0, 130.0, failed_step=step.value, problem="out of memory")
    progress = pipeline_progress([], DagsterStatus(True, INGESTED, failed))
    assert where(progress) == (PipelineState.FAILED, step) and "out of memory" in progress.message


def test_a_snapshot_older_than_the_last_log_is_not_its_end() -> None:
    old = Run("s", RunState.DONE, 50.0, 60.0, day="2025-06-28")
    assert pipeline_progress([], DagsterStatus(True, INGESTED, old)).state is PipelineState.RUNNING


def test_nothing_was_ever_processed() -> None:
    assert pipeline_progress([], DagsterStatus(alive=True)).state is PipelineState.IDLE


def test_every_stage_has_a_name() -> None:
    assert set(STAGE_NAMES) == set(PipelineStage)
