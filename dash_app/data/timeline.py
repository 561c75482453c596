"""Queries on the events of one user: their sessions in order, with runs of one action folded, and the events of a session."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import duckdb

from grupa_pipeline.aggregates.units import IDLE, MINUTE

RUNS_OF_A_ROW, ROWS_OF_A_PAGE = 60, 20
"""A session with more runs takes several rows; so a page is bounded, however much a user does."""
MOST_EVENTS = 200
"""Events whose metadata are shown at once."""

_ORDERED = f"""
WITH bounds AS (SELECT window_start, window_end FROM segmentations WHERE snapshot_date = $day),
     own AS MATERIALIZED (
       SELECT timestamp, action, sequence FROM events, bounds
       WHERE user_id = $user AND timestamp >= window_start AND timestamp < window_end),
     ordered AS (
       SELECT timestamp, action, row_number() OVER w AS place,
              coalesce(timestamp - lag(timestamp) OVER w > INTERVAL {IDLE // MINUTE} MINUTE, true) AS starts,
              coalesce(action <> lag(action) OVER w, true) AS turns
       FROM own WINDOW w AS (ORDER BY timestamp, sequence NULLS LAST, action)),
     numbered AS (
       SELECT *, sum(starts::INT) OVER (ORDER BY place) AS session, sum((starts OR turns)::INT) OVER (ORDER BY place) AS run
       FROM ordered),
     runs AS (
       SELECT session, run, any_value(action) AS action, count(*) AS events, min(timestamp) AS first_at, max(timestamp) AS last_at
       FROM numbered GROUP BY session, run),
     parts AS (
       SELECT *, (row_number() OVER (PARTITION BY session ORDER BY run) - 1) // {RUNS_OF_A_ROW} AS part FROM runs),
     rows AS (
       SELECT session, part, min(first_at) AS first_at, max(last_at) AS last_at, sum(events)::BIGINT AS events,
              list(action ORDER BY run) AS actions, list(events ORDER BY run) AS counts
       FROM parts GROUP BY session, part)
"""


@dataclass(frozen=True)
class SessionRow:
    """One session, or a part of a long one (`part` from 0): its actions in order, each with how often it came in a row."""

    session: int
    part: int
    first_at: datetime
    last_at: datetime
    events: int
    runs: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Timeline:
    """A page of the sessions of one user in the snapshot's window, the newest first.

    `rows` are at most `ROWS_OF_A_PAGE`; `pages` counts them all; `before` is when the session older than the page ended.
    """

    user_id: str
    page: int
    pages: int
    sessions: int
    events: int
    first_at: datetime
    last_at: datetime
    rows: tuple[SessionRow, ...]
    before: datetime | None


@dataclass(frozen=True)
class UserEvent:
    """One event with its metadata."""

    at: datetime
    action: str
    metadata: Mapping[str, Any]


def load_timeline(con: duckdb.DuckDBPyConnection, day: date, user_id: str, page: int = 1) -> Timeline | None:
    """A page of a user's sessions; the nearest one where there are fewer, None where the user has no event in the window."""
    found = con.execute(
        f"""{_ORDERED},
            placed AS (
              SELECT *, row_number() OVER (ORDER BY session DESC, part DESC) AS place, count(*) OVER () AS all_rows,
                     max(session) OVER () AS sessions, sum(events) OVER ()::BIGINT AS all_events,
                     min(first_at) OVER () AS earliest, max(last_at) OVER () AS latest
              FROM rows),
            paged AS (SELECT *, least(greatest($page, 1), ceil(all_rows / {ROWS_OF_A_PAGE}))::BIGINT AS page FROM placed)
            SELECT page, all_rows, sessions, all_events, earliest, latest, session, part, first_at, last_at, events, actions, counts
            FROM paged WHERE place > (page - 1) * {ROWS_OF_A_PAGE} AND place <= page * {ROWS_OF_A_PAGE} + 1 ORDER BY place""",
        {"day": day, "user": user_id, "page": page},
    ).fetchall()
    if not found:
        return None
    shown_page, all_rows, sessions, events, earliest, latest = found[0][:6]
    rows = [
        SessionRow(session, part, first_at, last_at, own, tuple(zip(actions, counts, strict=True)))
        for *_, session, part, first_at, last_at, own, actions, counts in found
    ]
    before = rows[ROWS_OF_A_PAGE].last_at if len(rows) > ROWS_OF_A_PAGE else None
    pages = -(-all_rows // ROWS_OF_A_PAGE)
    shown = tuple(rows[:ROWS_OF_A_PAGE])
    return Timeline(user_id, shown_page, pages, int(sessions), events, earliest, latest, shown, before)


def load_user_events(
    con: duckdb.DuckDBPyConnection, user_id: str, first_at: datetime, last_at: datetime
) -> tuple[UserEvent, ...]:
    """The first `MOST_EVENTS` events of a user between two instants, both included, with their metadata."""
    rows = con.execute(
        "SELECT timestamp, action, metadata FROM events WHERE user_id = ? AND timestamp BETWEEN ? AND ?"
        f" ORDER BY timestamp, sequence NULLS LAST, action LIMIT {MOST_EVENTS}",
        [user_id, first_at, last_at],
    ).fetchall()
    return tuple(UserEvent(at, action, json.loads(found) if found else {}) for at, action, found in rows)


def load_typical_user(con: duckdb.DuckDBPyConnection, day: date, cluster_id: str, number: int = 0) -> str | None:
    """A user in the middle of a cluster: of those who are most surely in it, the `number`-th nearest to its centre on the map."""
    found = load_typical_users(con, day, cluster_id, 1, number)
    return found[0] if found else None


def load_typical_users(
    con: duckdb.DuckDBPyConnection, day: date, cluster_id: str, most: int, number: int = 0
) -> tuple[str, ...]:
    """The users in the middle of a cluster, as many as `most` from the `number`-th on."""
    found = con.execute(
        """WITH own AS (
             SELECT c.user_id, x, y, coalesce(membership = 'core', true) AS is_core
             FROM user_clusters c JOIN user_embeddings e USING (snapshot_date, user_id)
             WHERE c.snapshot_date = $day AND cluster_id = $cluster),
           centre AS (SELECT median(x) AS mx, median(y) AS my FROM own)
           SELECT user_id FROM own, centre ORDER BY is_core DESC, (x - mx) ** 2 + (y - my) ** 2, user_id
           LIMIT $most OFFSET $number % (SELECT greatest(count(*), 1) FROM own)""",
        {"day": day, "cluster": cluster_id, "number": number, "most": most},
    ).fetchall()
    return tuple(str(row[0]) for row in found)
