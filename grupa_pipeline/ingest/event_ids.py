"""Event ids: of events with equal id, user and action one counts, whatever else differs, within a log and across logs.

Events that an earlier release stored have no id of their own; it is taken from their metadata, under the name of the log's
column of ids.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import duckdb
import numpy as np

from grupa_pipeline.ingest.day_partitioner import EVENT_ID
from grupa_pipeline.ingest.event_files import EventFile, stored_events_sql, without_rows
from grupa_pipeline.sql import exactly, quoted

_KEY = f"{EVENT_ID}, user_id, action"
_FEWEST_GROUPS, _INSTANTS, _SHARE = 10, 3, 0.1
_Files = Mapping[date, EventFile]


def are_event_ids(con: duckdb.DuckDBPyConnection, files: _Files) -> bool:
    """Whether the ids of a log's events are their own, and not those of what the events are about.

    They are not where many of them stand at three or more instants with one user and one action: ids of kinds, of sessions or of
    users, of which one event each would be kept.
    """
    [[groups, repeated]] = con.execute(
        f"""SELECT count(*), count(*) FILTER (instants >= {_INSTANTS})
            FROM (
                SELECT count(DISTINCT timestamp) AS instants FROM {_events(files)} WHERE {EVENT_ID} IS NOT NULL GROUP BY {_KEY}
            )"""
    ).fetchall()
    return not (repeated >= _FEWEST_GROUPS and repeated > _SHARE * groups)


def without_repeated_ids(con: duckdb.DuckDBPyConnection, files: _Files) -> dict[date, EventFile]:
    """The files of a log's days without events whose id, user and action an earlier event of the log has."""
    later = f"""
        SELECT filename, file_row_number FROM {_events(files)} WHERE {EVENT_ID} IS NOT NULL
        QUALIFY row_number() OVER (PARTITION BY {_KEY} ORDER BY timestamp, file_row_number) > 1"""
    return _without(con, files, later)


def without_known_ids(
    con: duckdb.DuckDBPyConnection, files: _Files, id_name: str, stored: Sequence[Path]
) -> dict[date, EventFile]:
    """The files of a log's days without events whose id, user and action a stored event has.

    Args:
        con: A DuckDB session.
        files: The log's events.
        id_name: The log's column of ids: the key of ids in the metadata of events that have none of their own.
        stored: Parquet files of stored events, of whatever day.
    """
    if not stored or not files:
        return dict(files)
    path = quoted(f"$.{json.dumps(id_name, ensure_ascii=False)}")
    metadata = "CAST(metadata AS VARCHAR)"
    known = f"""
        SELECT user_id, action, coalesce({EVENT_ID}, json_extract_string({metadata}, {path})) AS {EVENT_ID}
        FROM {stored_events_sql(stored)} WHERE {EVENT_ID} IS NOT NULL OR contains({metadata}, {quoted(id_name)})"""
    same = f"SELECT filename, file_row_number FROM {_events(files)} SEMI JOIN ({known}) AS known USING ({_KEY})"
    return _without(con, files, same)


def _events(files: _Files) -> str:
    names = ", ".join(exactly(file.path) for file in files.values())
    return f"read_parquet([{names}], filename = true, file_row_number = true)"


def _without(con: duckdb.DuckDBPyConnection, files: _Files, rows_sql: str) -> dict[date, EventFile]:
    """The files without the rows (filename, file_row_number) of `rows_sql`; days without an event left out."""
    dropped = con.execute(
        f"SELECT filename, list(file_row_number) AS rows FROM ({rows_sql}) GROUP BY filename"
    ).fetchall()
    rows = {Path(name): np.array(positions, dtype=np.int64) for name, positions in dropped}
    remaining = {day: without_rows(file, rows[file.path]) if file.path in rows else file for day, file in files.items()}
    return {day: file for day, file in remaining.items() if file is not None}
