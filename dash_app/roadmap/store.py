"""The roadmap's database, `roadmap.duckdb`: the only module of the app that writes.

Creates and migrates the file, and saves plans: each save publishes one version of the file with a new revision in
`test_roadmap_history`, so that no acknowledged save is lost and none is overwritten. The checks of a plan are in
`planning/`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import duckdb

from dash_app.planning.approval import approved, check_scheduled, with_approval_of
from dash_app.planning.brief import write_brief
from dash_app.planning.changes import Change, changes
from dash_app.planning.plan import Plan, PlanError, Problem, check
from dash_app.planning.plan_events import PlanComment, checked_comment
from dash_app.planning.positions import new_plan_id
from dash_app.planning.tracking import tracked
from dash_app.roadmap import schema
from dash_app.roadmap.cluster_names import ClusterNameEdit, add_cluster_name, select_cluster_names
from dash_app.roadmap.comments import add_comment, select_comments
from dash_app.roadmap.feedback_edits import add_feedback, checked_feedback
from dash_app.roadmap.segment_edits import add_revision, find_stored, next_segment_id, require_short, sound_name
from grupa_pipeline.exports.saved_segments import SavedSegment, select_saved
from grupa_pipeline.storage import warehouse
from grupa_pipeline.storage.audit_log import AuditAction, recorded
from grupa_pipeline.storage.feedback_store import select_feedback
from grupa_pipeline.storage.migrations import is_current, migrate
from grupa_pipeline.storage.warehouse import MissingWarehouseError
from grupa_pipeline.tables import TEST_ROADMAP, TEST_ROADMAP_HISTORY
from grupa_pipeline.vocabulary.enums import PlanStatus
from grupa_pipeline.vocabulary.insight_feedback import Feedback, InsightFeedback
from grupa_pipeline.vocabulary.plan_fields import PLAN_FIELDS
from grupa_pipeline.vocabulary.plan_parts import TrackedValue
from grupa_pipeline.vocabulary.segment_rules import SegmentRule, check_rule

_BOARD_ORDER = tuple(PlanStatus)


class UnknownPlanError(LookupError):
    """There is no plan of that id on the roadmap."""


class StaleEditError(RuntimeError):
    """Somebody saved the plan in the meantime; nothing was written.

    Attributes:
        newer: The plan as it is stored now.
        changes: What differs between the revision that was edited and `newer`.
    """

    def __init__(self, newer: Plan, changed: tuple[Change, ...]) -> None:
        who = newer.updated_by or "Somebody"
        super().__init__(f"{who} changed this plan while you were editing it; your changes were not saved.")
        self.newer = newer
        self.changes = changed


def utc_now() -> datetime:
    """The time as the tables store it: UTC without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


class Roadmap:
    """The plans, cluster names, saved segments and feedback on insights of one warehouse folder.

    Every method opens the version published at that moment; an instance holds no connection and may be shared by threads.
    `brief` writes the brief that is stored with each revision; `require_approval` lets no plan be scheduled that nobody approved.
    """

    def __init__(
        self,
        folder: Path,
        *,
        now: Callable[[], datetime] = utc_now,
        keep_days: int = 7,
        brief: Callable[[Plan], str] = write_brief,
        require_approval: bool = False,
    ) -> None:
        self.database = folder / warehouse.ROADMAP_FILE
        self._now = now
        self._brief = brief
        self._keep_days = keep_days
        self._require_approval = require_approval
        self._was_there = False

    def ensure(self) -> None:
        """Create the file, or migrate an older one; does nothing when it is current.

        Raises:
            NewerFileError: A newer release of Grupa wrote the file.
        """
        try:
            with warehouse.read(self.database) as con:
                self._was_there = True
                if is_current(con, schema.CURRENT):
                    return
        except warehouse.NoWarehouseError:
            self.database.parent.mkdir(parents=True, exist_ok=True)
        with warehouse.publish(self.database, keep_days=self._keep_days) as con:
            migrate(con, schema.CURRENT)
        self._was_there = True

    def require_there(self) -> None:
        """Check that the file which `ensure` found or created is there still.

        Raises:
            MissingWarehouseError: It is gone.
        """
        if self._was_there and warehouse.version(self.database) is None:
            raise MissingWarehouseError(self.database)

    @contextmanager
    def _open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        self.require_there()
        with warehouse.read(self.database) as con:
            yield con

    @contextmanager
    def _publish(self, of: str = "", action: AuditAction = AuditAction.PLAN) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection whose changes are published together, and recorded in the audit log as `action` on `of`."""
        self.require_there()  # or else an empty folder would take the place of the one that was moved away
        with (
            recorded(self.database.parent, action, of),
            warehouse.publish(self.database, keep_days=self._keep_days) as con,
        ):
            yield con

    def plans(self, *, archived: bool = True, removed: bool = False) -> list[Plan]:
        """The plans in board order: by status, then position; without `archived` or `removed` ones unless requested."""
        with self._open() as con:
            plans = _select(con, TEST_ROADMAP.name)
        visible = [
            p for p in plans if (archived or p.status != PlanStatus.ARCHIVED) and (removed or p.deleted_at is None)
        ]
        return sorted(visible, key=lambda plan: (_BOARD_ORDER.index(plan.status), plan.position, plan.plan_id))

    def plan(self, plan_id: str) -> Plan:
        """The plan as it is now, removed or not.

        Raises:
            UnknownPlanError: There is none of that id.
        """
        with self._open() as con:
            return _newest(con, plan_id)

    def history(self, plan_id: str) -> list[Plan]:
        """Every revision of a plan, newest first; empty when there is none of that id."""
        with self._open() as con:
            return _history(con, plan_id)

    def add(self, plan: Plan, user: str) -> Plan:
        """Put a new plan at the end of its column; returns it as stored.

        Raises:
            PlanError: The plan is not sound, or its id is taken.
        """
        plan = replace(plan, approved_by=None, approved_at=None, tracking=None)
        check(plan)
        check_scheduled(None, plan, required=self._require_approval)
        with self._publish(plan.plan_id) as con:
            return self._insert(con, plan, user)

    def save(self, plan: Plan, expected_revision: int, user: str) -> Plan:
        """Store an edit made on revision `expected_revision`; returns the plan as stored.

        Raises:
            StaleEditError: The plan has a newer revision; carries it and what changed.
            PlanError: The plan is not sound.
            UnknownPlanError: There is no plan of that id.
        """
        check(plan)
        with self._publish(plan.plan_id) as con:
            newest = _current(con, plan.plan_id, expected_revision)
            kept = replace(
                plan,
                deleted_at=newest.deleted_at,
                approved_by=newest.approved_by,
                approved_at=newest.approved_at,
                tracking=newest.tracking if _has_same_outcome(plan, newest) else None,
            )
            return self._revise(con, newest, kept, user)

    def approve(self, plan_id: str, expected_revision: int, user: str) -> Plan:
        """Approve revision `expected_revision` of a plan; returns the plan as stored.

        Raises:
            StaleEditError: The plan has a newer revision; carries it and what changed.
            PlanError: `user` made the last edit, or there is nothing to approve.
            UnknownPlanError: There is no plan of that id.
        """
        with self._publish(plan_id, AuditAction.APPROVE) as con:
            newest = _current(con, plan_id, expected_revision)
            return self._revise(con, newest, approved(newest, _history(con, plan_id), user, self._now()), user)

    def track(self, plan_id: str, values: Sequence[TrackedValue], user: str) -> Plan:
        """Keep what later snapshots say of a shipped plan, with the values on whose days it rests.

        Raises:
            UnknownPlanError: There is no plan of that id.
        """
        return self._change(plan_id, user, lambda plan: tracked(plan, values))

    def comment(self, plan_id: str, text: str | None, revision: int, user: str) -> PlanComment:
        """Say something of a plan whose revision `revision` the user saw; the plan stays as it is.

        Raises:
            PlanError: There is no text, or too much.
            UnknownPlanError: There is no plan of that id.
        """
        said = checked_comment(text)
        with self._publish(plan_id, AuditAction.COMMENT) as con:
            seen = min(max(revision, 1), _newest(con, plan_id).revision)
            comment = PlanComment(uuid4().hex, plan_id, seen, said, user, self._now())
            add_comment(con, comment)
            return comment

    def comments(self, plan_id: str) -> list[PlanComment]:
        """What was said of a plan, oldest first."""
        with self._open() as con:
            return select_comments(con, plan_id)

    def move(self, plan_id: str, status: PlanStatus, position: float, user: str) -> Plan:
        """Put a plan at `position` of the column `status`; everything else stays as it was last saved.

        Raises:
            PlanError: The plan may not go there, such as to `scheduled` without a first day.
            UnknownPlanError: There is no plan of that id.
        """
        return self._change(plan_id, user, lambda plan: replace(plan, status=status, position=position))

    def remove(self, plan_id: str, user: str) -> Plan:
        """Take a plan off the roadmap; `restore` brings it back. Removing it twice changes nothing.

        Raises:
            UnknownPlanError: There is no plan of that id.
        """
        return self._change(plan_id, user, lambda plan: replace(plan, deleted_at=plan.deleted_at or self._now()))

    def restore(self, plan_id: str, user: str) -> Plan:
        """Undo `remove`.

        Raises:
            UnknownPlanError: There is no plan of that id.
        """
        return self._change(plan_id, user, lambda plan: replace(plan, deleted_at=None))

    def duplicate(self, plan_id: str, user: str) -> Plan:
        """Add a copy of a plan as a draft, with its baseline and evidence as they were.

        Raises:
            UnknownPlanError: There is no plan of that id.
        """
        with self._publish(plan_id) as con:
            plan = _newest(con, plan_id)
            copy = replace(
                plan,
                plan_id=new_plan_id(),
                name=f"{plan.name} (copy)",
                status=PlanStatus.DRAFT,
                deleted_at=None,
                result=None,
                decision=None,
                lesson=None,
                decided_at=None,
                approved_by=None,
                approved_at=None,
                tracking=None,
            )
            return self._insert(con, copy, user)

    def rename_cluster(self, cluster_id: str, name: str | None, user: str) -> None:
        """Name a cluster; None, or an empty name, restores the pipeline's name."""
        with self._publish(cluster_id, AuditAction.NAME) as con:
            add_cluster_name(con, cluster_id, (name or "").strip() or None, user, self._now())

    def cluster_names(self) -> dict[str, str]:
        """The newest name of each renamed cluster, by cluster_id."""
        newest = {edit.cluster_id: edit.name for edit in reversed(self.cluster_name_history())}
        return {cluster_id: name for cluster_id, name in newest.items() if name is not None}

    def cluster_name_history(self, cluster_id: str | None = None) -> list[ClusterNameEdit]:
        """Edits of a cluster's name, or of all, newest first."""
        with self._open() as con:
            return select_cluster_names(con, cluster_id)

    def segments(self) -> tuple[SavedSegment, ...]:
        """The saved segments by id, without deleted ones."""
        with self._open() as con:
            return select_saved(con)

    def save_segment(self, name: str, rule: SegmentRule, user: str, segment_id: str | None = None) -> SavedSegment:
        """Save a segment, new or as the next revision of `segment_id`; returns it as stored.

        Raises:
            SegmentRuleError: The rule or the name cannot be used.
            UnknownSavedSegmentError: There is no segment of that id.
        """
        require_short(check_rule(rule))
        with self._publish(segment_id or "new", AuditAction.SEGMENT) as con:
            before = find_stored(con, segment_id) if segment_id else None
            key = before.segment_id if before else next_segment_id(con)
            revision = before.revision + 1 if before else 1
            return add_revision(con, SavedSegment(key, revision, sound_name(con, name, key), rule, user, self._now()))

    def remove_segment(self, segment_id: str, user: str) -> SavedSegment:
        """Delete a segment; its revisions stay in the table.

        Raises:
            UnknownSavedSegmentError: There is no segment of that id.
        """
        with self._publish(segment_id, AuditAction.SEGMENT) as con:
            before, now = find_stored(con, segment_id), self._now()
            gone = replace(before, revision=before.revision + 1, saved_by=user, saved_at=now, deleted_at=now)
            return add_revision(con, gone)

    def feedback(self) -> Feedback:
        """The newest that people said of each insight, but for what was taken back."""
        with self._open() as con:
            return select_feedback(con)

    def give_feedback(self, feedback: InsightFeedback, user: str) -> InsightFeedback:
        """Keep what `user` says of an insight; no verdict takes back what was said before.

        Raises:
            FeedbackError: A dismissal has no reason, or a reason is too long.
        """
        checked = checked_feedback(feedback)
        with self._publish(feedback.insight_id, AuditAction.FEEDBACK) as con:
            return add_feedback(con, checked, user, self._now())

    def _insert(self, con: duckdb.DuckDBPyConnection, plan: Plan, user: str) -> Plan:
        if _select(con, TEST_ROADMAP.name, plan.plan_id):
            raise PlanError((Problem("plan_id", f"There is a plan {plan.plan_id} already."),))
        others = [other.position for other in _select(con, TEST_ROADMAP.name) if other.status == plan.status]
        now = self._now()
        position = max(others, default=0.0) + 1
        stored = replace(plan, revision=1, position=position, updated_by=user, created_at=now, updated_at=now)
        return self._write(con, stored)

    def _change(self, plan_id: str, user: str, edit: Callable[[Plan], Plan]) -> Plan:
        """Apply `edit` to the newest revision."""
        with self._publish(plan_id) as con:
            newest = _newest(con, plan_id)
            edited = edit(newest)
            if edited == newest:
                return newest
            if edited.deleted_at is None:
                check(edited)
            return self._revise(con, newest, edited, user)

    def _revise(self, con: duckdb.DuckDBPyConnection, newest: Plan, edited: Plan, user: str) -> Plan:
        edited = with_approval_of(newest, edited, required=self._require_approval)
        check_scheduled(newest, edited, required=self._require_approval)
        stored = replace(
            edited,
            revision=newest.revision + 1,
            updated_by=user,
            created_at=newest.created_at,
            updated_at=self._now(),
        )
        con.execute(f"DELETE FROM {TEST_ROADMAP.name} WHERE plan_id = ?", [stored.plan_id])
        return self._write(con, stored)

    def _write(self, con: duckdb.DuckDBPyConnection, plan: Plan) -> Plan:
        stored = replace(plan, brief=self._brief(plan))
        row = stored.to_row()
        values: Sequence[object] = list(row.values())
        marks = ", ".join("?" * len(values))
        for table in (TEST_ROADMAP.name, TEST_ROADMAP_HISTORY.name):
            con.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", values)
        return stored


def _select(
    con: duckdb.DuckDBPyConnection, table: str, plan_id: str | None = None, revision: int | None = None
) -> list[Plan]:
    there = {column[0] for column in con.execute(f"SELECT * FROM {table} LIMIT 0").description or ()}
    # A file of an earlier schema, which only the app migrates, says as much as it would then: NULL in a column to come.
    columns = ", ".join(name if name in there else f"NULL AS {name}" for name in PLAN_FIELDS)
    rows = con.execute(
        f"SELECT {columns} FROM {table} WHERE ($plan IS NULL OR plan_id = $plan) "
        "AND ($revision IS NULL OR revision = $revision)",
        {"plan": plan_id, "revision": revision},
    ).fetchall()
    return [Plan.from_row(dict(zip(PLAN_FIELDS, row, strict=True))) for row in rows]


def _has_same_outcome(plan: Plan, newest: Plan) -> bool:
    return (plan.result, plan.decision, plan.decided_at) == (newest.result, newest.decision, newest.decided_at)


def _history(con: duckdb.DuckDBPyConnection, plan_id: str) -> list[Plan]:
    revisions = _select(con, TEST_ROADMAP_HISTORY.name, plan_id)
    return sorted(revisions, key=lambda plan: -plan.revision)


def _current(con: duckdb.DuckDBPyConnection, plan_id: str, expected_revision: int) -> Plan:
    newest = _newest(con, plan_id)
    if newest.revision != expected_revision:
        edited = _select(con, TEST_ROADMAP_HISTORY.name, plan_id, expected_revision)
        raise StaleEditError(newest, changes(edited[0], newest) if edited else ())
    return newest


def _newest(con: duckdb.DuckDBPyConnection, plan_id: str) -> Plan:
    plans = _select(con, TEST_ROADMAP.name, plan_id)
    if not plans:
        raise UnknownPlanError(f"There is no plan {plan_id} on the roadmap; it may belong to another warehouse.")
    return plans[0]
