"""Invariants of a warehouse: it opens, nothing acknowledged is missing, no snapshot is mixed."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

import duckdb

from dash_app.roadmap.store import Roadmap
from grupa_pipeline.storage import staging, warehouse
from grupa_pipeline.storage.staging import TableState


def opened(database: Path) -> duckdb.DuckDBPyConnection:
    """A connection like that of an analyst's client: the file behind the link, read-only."""
    return duckdb.connect(os.path.realpath(database), read_only=True)


def mixed_snapshots(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Snapshots whose tables were not computed from each other, or whose counts differ from their rows, a line each."""
    states: dict[object, dict[str, TableState]] = {}
    for name, day, key, rows, inputs in con.execute(
        "SELECT table_name, day, content_key, rows, inputs FROM published_files WHERE table_name <> 'events'"
    ).fetchall():
        states.setdefault(day, {})[name] = TableState(key, json.loads(inputs), rows)
    faults = [f"{day}: {why}" for day, tables in states.items() for why in staging.disagreements(tables)]
    faults += [
        f"{day}: {users} users, {listed} listed"
        for day, users, listed in con.execute(
            """SELECT s.snapshot_date, s.users, count(u.user_id) FROM segmentations s
               LEFT JOIN user_clusters u USING (snapshot_date) GROUP BY ALL HAVING s.users <> count(u.user_id)"""
        ).fetchall()
    ]
    return faults


def lost_rows(con: duckdb.DuckDBPyConnection, acknowledged: Iterable[str]) -> list[str]:
    """Acknowledged files (SHA-256) that are missing, and files whose rows differ from their counts, a line each."""
    counted = con.execute(
        """SELECT f.file_sha256, f.rows_accepted, f.rows_rejected,
                  (SELECT count(*) FROM events e WHERE e.file_sha256 = f.file_sha256),
                  (SELECT count(*) FROM rejected_rows r WHERE r.file_sha256 = f.file_sha256) FROM ingested_files f"""
    ).fetchall()
    missing = set(acknowledged) - {row[0] for row in counted}
    return [f"file {sha256[:8]} is gone" for sha256 in sorted(missing)] + [
        f"file {sha256[:8]}: {accepted} accepted, {events} held; {rejected} rejected, {listed} listed"
        for sha256, accepted, rejected, events, listed in counted
        if (accepted, rejected) != (events, listed)
    ]


def pipeline_faults(folder: Path, acknowledged: Iterable[str]) -> list[str]:
    """What is wrong with `grupa.duckdb`, the published file and Grupa's own copy, a line each."""
    database = folder / warehouse.PIPELINE_FILE
    faults: list[str] = []
    if warehouse.version(database) is None:
        return ["nothing is published"] if set(acknowledged) else []
    try:
        with opened(database) as con:
            faults += mixed_snapshots(con) + lost_rows(con, acknowledged)
        with warehouse.read(database) as con:
            con.execute("SELECT count(*) FROM events").fetchall()
    except (duckdb.Error, OSError, RuntimeError) as error:
        faults.append(f"does not open: {str(error).splitlines()[0]}")
    return faults


def plan_faults(folder: Path, acknowledged: Iterable[tuple[str, int]]) -> list[str]:
    """Acknowledged saves (plan, revision) that are not in the roadmap, a line each; or that it does not open."""
    database = folder / warehouse.ROADMAP_FILE
    try:
        with opened(database) as con:
            held = set(con.execute("SELECT plan_id, revision FROM test_roadmap_history").fetchall())
            newest = dict(con.execute("SELECT plan_id, revision FROM test_roadmap").fetchall())
        Roadmap(folder).plans()
    except (duckdb.Error, OSError, RuntimeError) as error:
        return [f"does not open: {str(error).splitlines()[0]}"]
    return [
        f"{plan_id} revision {revision} is lost"
        for plan_id, revision in acknowledged
        if (plan_id, revision) not in held or newest.get(plan_id, 0) < revision
    ]
