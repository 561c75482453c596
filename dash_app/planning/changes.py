"""Differences between two revisions of a plan, and what happened since to the cluster that a plan is for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from dash_app.planning.plan import Plan
from grupa_pipeline.vocabulary.plan_fields import PLAN_FIELDS


@dataclass(frozen=True)
class Change:
    """A field with its value before and after."""

    field: str
    before: Any
    after: Any


def changes(before: Plan, after: Plan) -> tuple[Change, ...]:
    """The fields in which two revisions of a plan differ, without the bookkeeping that follows from a save."""
    return tuple(
        Change(name, getattr(before, name), getattr(after, name))
        for name, field in PLAN_FIELDS.items()
        if not field.bookkeeping and getattr(before, name) != getattr(after, name)
    )


def cluster_since(cluster_id: str, planned_from: date, transitions: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Births, splits, merges and deaths of a plan's cluster after its snapshot, one sentence each, oldest first.

    Args:
        cluster_id: The plan's cluster.
        planned_from: The plan's snapshot.
        transitions: Rows of `cluster_transitions`, any order.
    """
    later = sorted(
        (row for row in transitions if row["from_snapshot"] >= planned_from and row["kind"] is not None),
        key=lambda row: (row["to_snapshot"], row["to_cluster_id"] or ""),
    )
    return tuple(text for row in later if (text := _sentence(cluster_id, row)))


def _sentence(cluster_id: str, row: Mapping[str, Any]) -> str | None:
    came, went, day = row["from_cluster_id"], row["to_cluster_id"], row["to_snapshot"]
    if row["kind"] == "death" and came == cluster_id:
        return f"{cluster_id} is gone since {day}: its users no longer make a group."
    if row["kind"] == "split" and came == cluster_id:
        return f"{went} split from {cluster_id} on {day}; check who the test is for."
    if row["kind"] == "merge" and came == cluster_id:
        return f"{cluster_id} merged into {went} on {day}; check who the test is for."
    if row["kind"] == "merge" and went == cluster_id:
        return f"{came} merged into {cluster_id} on {day}; check who the test is for."
    return None
