"""How far the pipeline is, in stages. A pure function of the logs in the inbox and of Dagster's status."""

from collections.abc import Sequence
from dataclasses import dataclass

from dash_app.monitoring.dagster_runs import DagsterStatus, Run
from grupa_pipeline.vocabulary.enums import InboxPhase, PipelineStage, PipelineState, RunState

STAGE_NAMES = {
    PipelineStage.INBOX: "Waiting in the inbox",
    PipelineStage.INGEST: "Ingesting",
    PipelineStage.EVENT_CATALOG: "Event catalogue",
    PipelineStage.FEATURES: "Features",
    PipelineStage.SEGMENTATION: "Segmentation",
    PipelineStage.JOURNEYS: "Journeys",
    PipelineStage.EVIDENCE: "Evidence",
    PipelineStage.INSIGHTS: "Insights",
    PipelineStage.PUBLISHED: "Published",
}
_SNAPSHOT_STAGES = {
    PipelineStage.EVENT_CATALOG: "What every action means is read from names, people and histories.",
    PipelineStage.FEATURES: "What every user does is measured.",
    PipelineStage.SEGMENTATION: "Groups of users who behave alike are looked for; this takes longest.",
    PipelineStage.JOURNEYS: "What users of each cluster go through, and where they stop, is counted.",
    PipelineStage.EVIDENCE: "How each cluster differs from everyone else is measured.",
    PipelineStage.INSIGHTS: "Names, pain points and recommendations are written.",
}
"""The stages of a snapshot run, in order, and what happens in each."""

_NOTHING_TO_SEGMENT = {
    InboxPhase.IDLE: "Nothing new to segment.",
    InboxPhase.NO_EVENTS: "Nothing to segment: no event has been accepted yet.",
    InboxPhase.BEFORE_FIRST_DAY: "Nothing to segment: all accepted events lie before GRUPA_FIRST_DAY.",
    InboxPhase.UP_TO_DATE: "Nothing new to segment: the last day of the events is segmented already from the same input.",
}


@dataclass(frozen=True)
class PendingLog:
    """A log in the inbox and when it was put there, seconds since 1970."""

    name: str
    since: float


@dataclass(frozen=True)
class Progress:
    """Where the pipeline is.

    Attributes:
        state: Whether it works, waits or has ended.
        stage: The stage it is in, or ended in.
        message: A sentence for the user; on failure with the reason.
        stuck: Whether nothing will happen by itself, as Dagster is not running.
        can_retry: Whether a log is pending on which a run has failed.
        day: The snapshot that is or was computed, ISO 8601.
    """

    state: PipelineState
    stage: PipelineStage = PipelineStage.INBOX
    message: str = ""
    stuck: bool = False
    can_retry: bool = False
    day: str | None = None


def pipeline_progress(pending: Sequence[PendingLog], dagster: DagsterStatus) -> Progress:
    """How far the pipeline is with the pending logs, or how its last work ended."""
    ingest, snapshot = dagster.ingest, dagster.snapshot
    if ingest and ingest.state is RunState.RUNNING:
        return Progress(PipelineState.RUNNING, PipelineStage.INGEST, "Every row is read, checked and stored.")
    if snapshot and snapshot.state is RunState.RUNNING:
        return _during_snapshot_run(snapshot)
    if pending:
        return _with_pending_logs(pending, dagster)
    ended = ingest and ingest.state in (RunState.DONE, RunState.FAILED)
    if ingest and ended and not (snapshot and snapshot.created >= ingest.created):
        return _after_ingest(ingest, dagster)
    return _after_snapshot_run(snapshot, dagster)


def _after_snapshot_run(snapshot: Run | None, dagster: DagsterStatus) -> Progress:
    """How the last snapshot run ended, or that it is queued."""
    stuck = not dagster.alive
    if snapshot is None:
        return Progress(PipelineState.IDLE, PipelineStage.INBOX, "Nothing has been processed yet.", stuck=stuck)
    if snapshot.state is RunState.QUEUED:
        message = "The users are about to be segmented."
        return Progress(PipelineState.RUNNING, PipelineStage.EVENT_CATALOG, message, stuck=stuck, day=snapshot.day)
    if snapshot.state is RunState.FAILED:
        failed = (stage for stage in _SNAPSHOT_STAGES if stage == snapshot.failed_step)
        stage = next(failed, PipelineStage.EVENT_CATALOG)
        message = f"{STAGE_NAMES[stage]} failed: {snapshot.problem}"
        return Progress(PipelineState.FAILED, stage, message, day=snapshot.day)
    message = "A snapshot was published."
    return Progress(PipelineState.DONE, PipelineStage.PUBLISHED, message, stuck=stuck, day=snapshot.day)


def _with_pending_logs(pending: Sequence[PendingLog], dagster: DagsterStatus) -> Progress:
    newest = max(log.since for log in pending)
    ingest = dagster.ingest
    if ingest and ingest.state is RunState.FAILED and ingest.created > newest:
        message = f"The run failed: {ingest.problem} The logs stay in the inbox."
        return Progress(PipelineState.FAILED, PipelineStage.INGEST, message, stuck=not dagster.alive, can_retry=True)
    if not dagster.alive:
        return Progress(PipelineState.WAITING, stuck=True)
    if ingest and ingest.state is RunState.QUEUED:
        return Progress(PipelineState.WAITING, message="The log is about to be ingested.")
    return Progress(PipelineState.WAITING, message="Dagster looks into the inbox every ten seconds.")


def _during_snapshot_run(run: Run) -> Progress:
    begun = [stage for stage in _SNAPSHOT_STAGES if stage in run.step_times]
    stage = begun[-1] if begun else PipelineStage.EVENT_CATALOG
    return Progress(PipelineState.RUNNING, stage, _SNAPSHOT_STAGES[stage], day=run.day)


def _after_ingest(ingest: Run, dagster: DagsterStatus) -> Progress:
    """After an ingest run, and before (or without) a snapshot run."""
    stage, skipped = PipelineStage.INGEST, dagster.skipped
    if ingest.state is RunState.FAILED:
        message = f"The log could not be ingested: {ingest.problem}"
        return Progress(PipelineState.FAILED, stage, message, stuck=not dagster.alive)
    if skipped and ingest.ended and skipped.at > ingest.ended and skipped.phase in _NOTHING_TO_SEGMENT:
        return Progress(PipelineState.DONE, stage, _NOTHING_TO_SEGMENT[skipped.phase], stuck=not dagster.alive)
    if not dagster.alive:
        return Progress(
            PipelineState.WAITING, stage, "The log is ingested; segmentation waits for Dagster.", stuck=True
        )
    return Progress(PipelineState.RUNNING, stage, "The log is ingested; the users are about to be segmented.")
