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


def cluster_since(cluster_id: str, planned_from: date, transitions: Iterable[Mapping[str, Any]]) -> str | None:
    """What became of a plan's cluster after its snapshot, in a sentence; None when it lives on unchanged.

    Args:
        cluster_id: The plan's cluster.
        planned_from: The plan's snapshot.
        transitions: Rows of `cluster_transitions`, any order.
    """
    later = sorted(
        (row for row in transitions if row["from_snapshot"] >= planned_from and row["from_cluster_id"] == cluster_id),
        key=lambda row: row["to_snapshot"],
    )
    for row in later:
        if row["kind"] == "death":
            return f"{cluster_id} is gone since {row['to_snapshot']}: its users no longer make a group."
        if row["kind"] == "split":
            parts = sorted({other["to_cluster_id"] for other in later if _same_split(row, other)})
            return f"{cluster_id} split into {', '.join(parts)} on {row['to_snapshot']}; check who the test is for."
        if row["kind"] == "merge":
            return (
                f"{cluster_id} merged into {row['to_cluster_id']} on {row['to_snapshot']}; check who the test is for."
            )
    return None


def _same_split(row: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return bool(
        other["kind"] in ("split", "continue")
        and other["to_snapshot"] == row["to_snapshot"]
        and other["to_cluster_id"] is not None
    )
