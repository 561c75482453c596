"""How far the pipeline is, in stages with names that a person knows. A pure function of what waits and what Dagster does."""

from collections.abc import Sequence
from dataclasses import dataclass

from dash_app.monitoring.dagster_runs import DagsterStatus, Run

STAGES = ("Waiting in the inbox", "Taking in", "Features", "Segmentation", "Evidence", "Insights", "Published")
_STEPS = {"features": 2, "segmentation": 3, "cluster_evidence": 4, "insights": 5}
_STILL_TAKING = "The files are being taken in."
"""What the inbox's sensor says while it cannot know yet whether there is something to segment."""


@dataclass(frozen=True)
class Waiting:
    """A log in the inbox and when it was put there, seconds since 1970."""

    name: str
    since: float


@dataclass(frozen=True)
class Progress:
    """Where the pipeline is.

    Attributes:
        state: idle, waiting, running, done or failed.
        stage: The stage it is in, or ended in; index in STAGES.
        message: What that means, a sentence; on failure with the reason.
        stuck: Whether nothing will happen by itself, as Dagster is not running.
        can_retry: Whether a log waits that a run has failed on.
        day: The snapshot that is made or was made, ISO 8601.
    """

    state: str
    stage: int = 0
    message: str = ""
    stuck: bool = False
    can_retry: bool = False
    day: str | None = None


def pipeline_progress(waiting: Sequence[Waiting], doings: DagsterStatus) -> Progress:
    """How far the pipeline is with what waits, or how its last work ended."""
    ingest, snapshot = doings.ingest, doings.snapshot
    if ingest and ingest.status == "running":
        return Progress("running", 1, "Every row is read, checked and stored.")
    if snapshot and snapshot.status == "running":
        return _segmenting(snapshot)
    if waiting:
        return _waiting(waiting, doings)
    if ingest and ingest.status in ("done", "failed") and not (snapshot and snapshot.created >= ingest.created):
        return _taken_in(ingest, doings)
    return _segmented(snapshot, doings)


def _segmented(snapshot: Run | None, doings: DagsterStatus) -> Progress:
    """How the last run that segments ended, or that it is to come."""
    if snapshot is None:
        return Progress("idle", 0, "Nothing has been processed yet.", stuck=not doings.alive)
    if snapshot.status == "queued":
        return Progress("running", 2, "The users are about to be segmented.", stuck=not doings.alive, day=snapshot.day)
    if snapshot.status == "failed":
        stage = _STEPS.get(snapshot.failed_step or "", 2)
        return Progress("failed", stage, f"{STAGES[stage]} failed: {snapshot.problem}", day=snapshot.day)
    return Progress("done", 6, "A snapshot was published.", stuck=not doings.alive, day=snapshot.day)


def _waiting(waiting: Sequence[Waiting], doings: DagsterStatus) -> Progress:
    newest = max(each.since for each in waiting)
    ingest = doings.ingest
    if ingest and ingest.status == "failed" and ingest.created > newest:
        problem = f"The run failed: {ingest.problem} What waits in the inbox stays there."
        return Progress("failed", 1, problem, stuck=not doings.alive, can_retry=True)
    if not doings.alive:
        return Progress("waiting", 0, "", stuck=True)
    if ingest and ingest.status == "queued":
        return Progress("waiting", 0, "It is about to be taken in.")
    return Progress("waiting", 0, "Dagster looks into the inbox every ten seconds.")


def _segmenting(run: Run) -> Progress:
    begun = [stage for step, stage in _STEPS.items() if step in run.step_times]
    stage = max(begun, default=2)
    told = {
        2: "What every user does is measured.",
        3: "Groups of users who behave alike are looked for; this takes longest.",
        4: "How each cluster differs from everyone else is measured.",
        5: "Names, pain points and recommendations are written.",
    }
    return Progress("running", stage, told[stage], day=run.day)


def _taken_in(ingest: Run, doings: DagsterStatus) -> Progress:
    """After a log was taken in, and before (or without) a run that segments."""
    if ingest.status == "failed":
        return Progress("failed", 1, f"The log could not be taken in: {ingest.problem}", stuck=not doings.alive)
    if doings.skipped and ingest.ended and doings.skipped[0] > ingest.ended and doings.skipped[1] != _STILL_TAKING:
        return Progress("done", 1, f"Nothing new to segment: {doings.skipped[1]}", stuck=not doings.alive)
    if not doings.alive:
        return Progress("waiting", 1, "The log is taken in; segmenting waits.", stuck=True)
    return Progress("running", 1, "The log is taken in; the users are about to be segmented.")
