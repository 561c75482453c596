"""Queries on the event catalogue, and what the page Events shows of it: the newest snapshot's, as people's changes make it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from grupa_pipeline.event_catalog.action_meanings import EventCatalog
from grupa_pipeline.event_catalog.roles import ActionMeaning, Roles
from grupa_pipeline.vocabulary.action_names import readable
from grupa_pipeline.vocabulary.enums import Role, RoleSource

BARS = 24
"""Bars of an action's histogram over the window."""
EventRecord = Mapping[str, Any]
"""One row of `event_catalog`."""
_BY_PEOPLE = (RoleSource.PERSON, RoleSource.FILE)


@dataclass(frozen=True)
class Event:
    """One action on the page.

    Attributes:
        key: Short hash of the action, for ids of components.
        bars: Events in each of `BARS` equal parts of the window.
        proposed_role, proposed_by, proposal_reason: What is proposed instead of `role`; None where nothing is.
        is_pending: Whether the next run will read it otherwise than the newest snapshot did.
    """

    key: str
    action: str
    label: str
    meaning: str | None
    role: Role
    decided_by: str
    source: RoleSource
    reason: str
    users: int
    events: int
    bars: tuple[int, ...]
    proposed_role: Role | None
    proposed_by: str | None
    proposal_reason: str | None
    is_pending: bool


def load_event_roles(con: duckdb.DuckDBPyConnection, roles: Roles) -> EventCatalog:
    """The catalogue of the newest snapshot; without rows (of an earlier release) names and the roles file decide."""
    return EventCatalog.of(load_event_rows(con), roles)


def load_event_rows(con: duckdb.DuckDBPyConnection) -> tuple[EventRecord, ...]:
    """Rows of `event_catalog`, the commonest actions first; none in a warehouse of an earlier release."""
    if not con.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'event_catalog'").fetchall():
        return ()
    rows = con.sql("SELECT * FROM event_catalog ORDER BY users DESC, events DESC, action").to_arrow_table().to_pylist()
    return tuple(rows)


def load_bars(con: duckdb.DuckDBPyConnection) -> dict[str, tuple[int, ...]]:
    """Events of each action in `BARS` equal parts of the newest snapshot's window, first event to end."""
    rows = con.execute(
        """
        WITH window_of AS (SELECT greatest(window_start, min(e.timestamp)) AS first, window_end AS last
                           FROM segmentations s JOIN events e ON e.timestamp >= window_start AND e.timestamp < window_end
                           WHERE s.snapshot_date = (SELECT max(snapshot_date) FROM segmentations)
                           GROUP BY window_start, window_end),
             counted AS (SELECT action, least(?, floor(? * epoch(timestamp - first) / epoch(last - first))::INTEGER) AS bar
                         FROM events, window_of WHERE timestamp >= first AND timestamp < last)
        SELECT action, bar, count(*) FROM counted GROUP BY ALL""",
        [BARS - 1, BARS],
    ).fetchall()
    bars: dict[str, list[int]] = {}
    for action, bar, number in rows:
        bars.setdefault(action, [0] * BARS)[bar] = number
    return {action: tuple(numbers) for action, numbers in bars.items()}


def load_used_roles(con: duckdb.DuckDBPyConnection) -> str | None:
    """Hash of the roles that the newest snapshot was made with; None where an earlier release made it."""
    rows = con.execute(
        "SELECT parameters ->> 'roles_sha256' FROM segmentations ORDER BY snapshot_date DESC LIMIT 1"
    ).fetchall()
    return rows[0][0] if rows else None


def shown_events(rows: Sequence[EventRecord], roles: Roles, bars: Mapping[str, tuple[int, ...]]) -> list[Event]:
    """The actions as the next run will read them."""
    return [_event(row, roles.meaning(row["action"]), bars.get(row["action"], ())) for row in rows]


def key_of(action: str) -> str:
    """Short hash of an action, which may hold any character."""
    return hashlib.sha256(action.encode()).hexdigest()[:16]


def _event(row: EventRecord, said: ActionMeaning, bars: tuple[int, ...]) -> Event:
    # Where people say nothing, the snapshot knows more than the name: what a model drafted and histories show.
    from_snapshot = said.source not in _BY_PEOPLE and row["source"] not in _BY_PEOPLE
    draft = json.loads(row["draft"]) if row["draft"] else {}
    label = said.label or draft.get("label") or readable(row["action"])
    role = Role(row["role"]) if from_snapshot else said.role
    decided_by = row["decided_by"] if from_snapshot and not said.decided_explicitly else said.decided_by.value
    proposed = Role(row["proposed_role"]) if row["proposed_role"] and from_snapshot else None
    return Event(
        key=key_of(row["action"]),
        action=row["action"],
        label=label,
        meaning=said.meaning or draft.get("meaning"),
        role=role,
        decided_by=decided_by,
        source=RoleSource(row["source"]) if from_snapshot else said.source,
        reason=row["reason"] if from_snapshot else said.reason,
        users=row["users"],
        events=row["events"],
        bars=bars,
        proposed_role=proposed if proposed is not role else None,
        proposed_by=row["proposed_by"],
        proposal_reason=row["proposal_reason"],
        is_pending=(role.value, decided_by, label) != (row["role"], row["decided_by"], row["label"]),
    )
