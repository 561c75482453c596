"""What happened to a plan, in order: its revisions in words, and what people said of it. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from dash_app.planning.changes import changes
from dash_app.planning.plan import Plan, PlanError, Problem

LONGEST_COMMENT = 4000
_TOLD = frozenset(
    {"status", "deleted_at", "approved_by", "approved_at", "decision", "decided_at", "result", "lesson", "tracking"}
)
"""Fields whose change has words of its own."""
_FOLLOW = frozenset(
    {
        "n_per_arm",
        "n_total",
        "duration_days",
        "feasible",
        "end_date",
        "decision_rule",
        "rice_reach",
        "rice_score",
        "method",
        "replay",
        "mde_relative",
        "baseline_sd",
        "baseline_n",
        "baseline_from",
        "baseline_to",
        "baseline_unseen",
        "baseline_users",
        "metric_kind",
    }
)
"""Fields that follow from others, so that they say nothing beside them."""
_WORDS = {
    "mde_absolute": "smallest effect",
    "traffic_share": "share who take part",
    "exposure_days": "exposure",
    "start_date": "first day",
    "variants": "arms",
    "population": "who takes part",
    "audience": "audience",
    "cuped": "adjustment for the days before",
    "rice_impact": "impact",
    "rice_confidence": "confidence",
    "rice_effort": "effort",
}


@dataclass(frozen=True)
class PlanComment:
    """What somebody said of a plan; `revision` is the plan's that they saw."""

    comment_id: str
    plan_id: str
    revision: int
    text: str
    said_by: str
    said_at: datetime


@dataclass(frozen=True)
class PlanEvent:
    """One entry of a plan's activity.

    Attributes:
        at: When (UTC).
        who: Who.
        what: What they did, as the rest of a sentence.
        comment: What they said; empty where they did something.
    """

    at: datetime
    who: str
    what: str
    comment: str = ""


def activity(revisions: Iterable[Plan], comments: Iterable[PlanComment]) -> tuple[PlanEvent, ...]:
    """Everything that happened to a plan, newest first; revisions that only moved it within its column are left out.

    Args:
        revisions: The plan's revisions, in any order.
        comments: What was said of it, in any order.
    """
    ordered = sorted(revisions, key=lambda plan: plan.revision)
    events = list(_events(ordered))
    events += [PlanEvent(each.said_at, each.said_by, "said", each.text) for each in comments]
    return tuple(sorted(events, key=lambda event: event.at, reverse=True))


def checked_comment(text: str | None) -> str:
    """A comment as it is stored.

    Raises:
        PlanError: It is empty or too long.
    """
    said = (text or "").strip()
    if not said:
        raise PlanError((Problem("comment", "Write something first."),))
    if len(said) > LONGEST_COMMENT:
        message = f"A comment has at most {LONGEST_COMMENT:,} characters; this one has {len(said):,}."
        raise PlanError((Problem("comment", message),))
    return said


def _events(revisions: Sequence[Plan]) -> Iterator[PlanEvent]:
    for before, after in zip((None, *revisions), revisions, strict=False):
        if after.updated_at is None:
            continue
        what = "put it on the roadmap" if before is None else ", ".join(_words(before, after))
        if what:
            yield PlanEvent(after.updated_at, after.updated_by or "somebody", what)


def _words(before: Plan, after: Plan) -> Iterator[str]:
    """What a revision did, in parts of a sentence; none where it only moved the plan within its column."""
    found = {change.field for change in changes(before, after)}
    edited = sorted(found - _TOLD - _FOLLOW)
    if edited:
        names = [_WORDS.get(name, name.replace("_", " ")) for name in edited]
        yield f"changed {' and '.join(filter(None, (', '.join(names[:-1]), names[-1])))}"
    elif found & _FOLLOW and not found & _TOLD:
        yield "sized it again"
    if "deleted_at" in found:
        yield "took it off the roadmap" if after.deleted_at else "put it back on the roadmap"
    if "status" in found:
        yield f"moved it from {before.status} to {after.status}"
    if "approved_by" in found:
        yield "approved it" if after.approved_by else "which took the approval back"
    if "result" in found:
        yield "recorded a result"
    if "decision" in found:
        yield f"decided: {after.decision}" if after.decision else "took the decision back"
    if "lesson" in found:
        yield "wrote down what was learnt"
    if "tracking" in found and after.tracking:
        yield f"found in a later snapshot: {after.tracking.verdict}"
