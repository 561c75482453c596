"""SQL of a segment's rule: a condition on the columns of `user_clusters`, with everything that people typed as parameters."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from grupa_pipeline.vocabulary.enums import UNASSIGNED_GROUP
from grupa_pipeline.vocabulary.segment_rules import (
    RETURN_HOURS,
    SegmentCondition,
    SegmentConditionKind,
    SegmentRule,
)

Parameters = tuple[tuple[str, Any], ...]
"""Names of a query's parameters with their values; lists as tuples."""
_IN_WINDOW = (
    "timestamp >= (SELECT window_start FROM segmentations WHERE snapshot_date = {day})"
    " AND timestamp < (SELECT window_end FROM segmentations WHERE snapshot_date = {day})"
)
_DAY = "$day"
"""The parameter of the snapshot's day, to which a query on another day gives another name."""


class _Marks:
    """Hands out names of parameters and keeps their values."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.values: dict[str, Any] = {}

    def of(self, value: object) -> str:
        """A mark that stands for `value` in the query."""
        name = f"{self._prefix}{len(self.values)}"
        self.values[name] = value
        return f"${name}"

    def listed(self, values: tuple[str, ...]) -> str:
        """Marks of several values, to stand in brackets after IN."""
        return ", ".join(map(self.of, values))


def rule_condition(rule: SegmentRule, prefix: str = "s") -> tuple[str, Parameters]:
    """The SQL condition of a rule and its parameters, whose names begin with `prefix`; `$day` is the snapshot's day."""
    marks = _Marks(prefix)
    if rule.users is not None:
        text = f"user_id IN (SELECT unnest({marks.of(rule.users)}::VARCHAR[]))"
    else:
        text = " AND ".join(f"({_SQL[each.kind](each, marks)})" for each in rule.conditions) or "false"
    return f"({text})", tuple(marks.values.items())


def bound(parameters: Parameters) -> dict[str, Any]:
    """Parameters as DuckDB takes them."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in parameters}


def _did(condition: SegmentCondition, marks: _Marks) -> str:
    return (
        f"user_id IN (SELECT user_id FROM events WHERE {_times(condition, marks)} AND {_is_action(condition, marks)})"
    )


def _did_not(condition: SegmentCondition, marks: _Marks) -> str:
    return f"NOT {_did(condition, marks)}"


def _never_came_back(condition: SegmentCondition, marks: _Marks) -> str:
    """What the company or its software does to a user is no return of theirs."""
    times = _times(condition, marks)
    own = "NOT IN (SELECT action FROM event_catalog WHERE decided_by = 'system')"
    return (
        "user_id IN (SELECT user_id FROM (SELECT user_id, min(timestamp) AS first_at FROM events"
        f" WHERE {times} AND {_is_action(condition, marks)} GROUP BY user_id) AS done"
        f" ANTI JOIN (SELECT user_id, timestamp FROM events WHERE {_IN_WINDOW.format(day=_DAY)} AND action {own}) AS later"
        f" ON done.user_id = later.user_id AND later.timestamp > done.first_at + INTERVAL {RETURN_HOURS} HOUR)"
    )


def _metadata(condition: SegmentCondition, marks: _Marks) -> str:
    # A JSON pointer, since any text may be a field's name.
    pointer = "/" + condition.subjects[0].replace("~", "~0").replace("/", "~1")
    value = condition.value or ""
    likely = f"contains(metadata::VARCHAR, {marks.of(value)}) AND " if value.isascii() and value.isalnum() else ""
    return (
        f"user_id IN (SELECT user_id FROM events WHERE {_times(condition, marks)} AND {likely}"
        f"json_extract_string(metadata, {marks.of(pointer)}) = {marks.of(value)})"
    )


def _first_seen(condition: SegmentCondition, marks: _Marks) -> str:
    """Two looks at parts of the events, which cost less than the first time of everyone."""
    parts = []
    if condition.last_day:
        parts.append(f"user_id IN (SELECT user_id FROM events WHERE timestamp < {_end(condition.last_day, marks)})")
    if condition.first_day:
        start = marks.of(_start(condition.first_day))
        parts.append(f"user_id NOT IN (SELECT user_id FROM events WHERE timestamp < {start})")
    return " AND ".join(parts)


def _active(condition: SegmentCondition, marks: _Marks) -> str:
    return f"user_id IN (SELECT user_id FROM events WHERE {_times(condition, marks)})"


def _in_cluster(condition: SegmentCondition, marks: _Marks) -> str:
    clusters = tuple(each for each in condition.subjects if each != UNASSIGNED_GROUP)
    parts = [f"cluster_id IN ({marks.listed(clusters)})"] if clusters else []
    if len(clusters) < len(condition.subjects):
        parts.append("cluster_id IS NULL")
    return " OR ".join(parts)


_SQL: Mapping[SegmentConditionKind, Callable[[SegmentCondition, _Marks], str]] = {
    SegmentConditionKind.DID: _did,
    SegmentConditionKind.DID_NOT: _did_not,
    SegmentConditionKind.NEVER_CAME_BACK: _never_came_back,
    SegmentConditionKind.METADATA: _metadata,
    SegmentConditionKind.FIRST_SEEN: _first_seen,
    SegmentConditionKind.ACTIVE: _active,
    SegmentConditionKind.CLUSTER: _in_cluster,
}


def _is_action(condition: SegmentCondition, marks: _Marks) -> str:
    return f"action IN ({marks.listed(condition.subjects)})"


def _times(condition: SegmentCondition, marks: _Marks) -> str:
    """The condition's days within the snapshot's window."""
    parts = [_IN_WINDOW.format(day=_DAY)]
    if condition.first_day:
        parts.append(f"timestamp >= {marks.of(_start(condition.first_day))}")
    if condition.last_day:
        parts.append(f"timestamp < {_end(condition.last_day, marks)}")
    return " AND ".join(parts)


def _start(day: date) -> datetime:
    return datetime.combine(day, time())


def _end(day: date, marks: _Marks) -> str:
    return marks.of(_start(day) + timedelta(days=1))
