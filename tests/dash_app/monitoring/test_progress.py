"""How far the pipeline is, from what waits and what Dagster does."""

import pytest

from dash_app.components import ingestion
from dash_app.monitoring.dagster_runs import DagsterStatus, Run
from dash_app.monitoring.progress import STAGES, Waiting, pipeline_progress
from tests.dash_app.trees import text

LOG = [Waiting("log.csv", 100.0)]
TAKEN = Run("i", "done", created=110.0, ended=120.0)
BEGUN = {"features": 1.0, "user_features_schema": 2.0, "segmentation": 3.0}


def test_a_log_waits_while_dagster_lives() -> None:
    found = pipeline_progress(LOG, DagsterStatus(alive=True))
    assert (found.state, found.stage, found.stuck) == ("waiting", 0, False)


def test_a_log_waits_for_dagster_and_the_page_says_so() -> None:
    found = pipeline_progress(LOG, DagsterStatus(alive=False))
    assert found.stuck
    told = text(ingestion.pipeline(found, LOG))
    assert "Dagster is not running" in told and "grupa serve" in told and "log.csv" in told


@pytest.mark.parametrize(
    ("doings", "stage"),
    [
        (DagsterStatus(True, Run("i", "running", 110.0)), "Taking in"),
        (DagsterStatus(True, TAKEN, Run("s", "queued", 125.0)), "Features"),
        (DagsterStatus(True, TAKEN, Run("s", "running", 125.0)), "Features"),
        (DagsterStatus(True, TAKEN, Run("s", "running", 125.0, step_times=BEGUN)), "Segmentation"),
        (
            DagsterStatus(True, TAKEN, Run("s", "running", 125.0, step_times={**BEGUN, "cluster_evidence": 4.0})),
            "Evidence",
        ),
        (DagsterStatus(True, TAKEN, Run("s", "running", 125.0, step_times={**BEGUN, "insights": 5.0})), "Insights"),
    ],
)
def test_stages_follow_the_steps_that_have_begun(doings: DagsterStatus, stage: str) -> None:
    found = pipeline_progress([], doings)
    assert (found.state, STAGES[found.stage]) == ("running", stage)


def test_the_end_names_the_snapshot() -> None:
    found = pipeline_progress([], DagsterStatus(True, TAKEN, Run("s", "done", 125.0, 140.0, day="2025-06-29")))
    assert (found.state, STAGES[found.stage]) == ("done", "Published")
    assert "29 Jun 2025 is published" in text(ingestion.pipeline(found, []))


def test_a_log_that_brings_nothing_new_ends_with_the_sensors_reason() -> None:
    before = pipeline_progress([], DagsterStatus(True, TAKEN, skipped=(119.0, "Nothing waits in inbox/.")))
    assert before.state == "running"
    still = pipeline_progress([], DagsterStatus(True, TAKEN, skipped=(121.0, "The files are being taken in.")))
    assert still.state == "running"
    after = pipeline_progress([], DagsterStatus(True, TAKEN, skipped=(121.0, "2025-06-29 is segmented already.")))
    assert after.state == "done" and "segmented already" in after.message


def test_a_run_that_failed_says_why_and_may_be_tried_again() -> None:
    failed = Run("i", "failed", 110.0, 111.0, failed_step="ingest", problem="No space left on device")
    found = pipeline_progress(LOG, DagsterStatus(True, failed))
    assert (found.state, found.can_retry) == ("failed", True)
    told = text(ingestion.pipeline(found, LOG))
    assert "No space left on device" in told and "Try again" in told
    put_again = pipeline_progress([Waiting("log.csv", 130.0)], DagsterStatus(True, failed))
    assert put_again.state == "waiting"


def test_a_segmentation_that_failed_is_marked_where_it_failed() -> None:
    failed = Run("s", "failed", 125.0, 130.0, failed_step="segmentation", problem="out of memory")
    found = pipeline_progress([], DagsterStatus(True, TAKEN, failed))
    assert (found.state, STAGES[found.stage]) == ("failed", "Segmentation") and "out of memory" in found.message


def test_a_snapshot_older_than_the_last_log_is_not_its_end() -> None:
    old = Run("s", "done", 50.0, 60.0, day="2025-06-28")
    assert pipeline_progress([], DagsterStatus(True, TAKEN, old)).state == "running"


def test_nothing_was_ever_done() -> None:
    assert pipeline_progress([], DagsterStatus(alive=True)).state == "idle"
    assert "Nothing has been processed yet" in text(
        ingestion.pipeline(pipeline_progress([], DagsterStatus(alive=True)), [])
    )
