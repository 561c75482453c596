"""What changed: between two revisions of a plan, and in the cluster that a plan was made for. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from dash_app.planning.plan import Plan

_BOOKKEEPING = {"revision", "updated_by", "updated_at", "created_at", "brief", "position"}


@dataclass(frozen=True)
class Change:
    """A field with its value before and after."""

    field: str
    before: Any
    after: Any


def changes(before: Plan, after: Plan) -> tuple[Change, ...]:
    """The fields in which two revisions of a plan differ, but for bookkeeping and the brief that follows from them."""
    return tuple(
        Change(field.name, getattr(before, field.name), getattr(after, field.name))
        for field in fields(Plan)
        if field.name not in _BOOKKEEPING and getattr(before, field.name) != getattr(after, field.name)
    )


def cluster_since(cluster_id: str, planned_from: date, transitions: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """What became of a plan's cluster after its snapshot, one sentence an event, oldest first; empty when nothing did.

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
