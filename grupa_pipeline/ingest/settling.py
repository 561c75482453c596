"""From a staged file to its events: duplicates out, sorted, one Parquet file a UTC day.

Works a day at a time, so that memory is bounded by a day and a new day costs that day. What counts as a duplicate is
decided here: equal user_id, timestamp, action and metadata, where metadata that says the same in other words is equal.
"""

import os
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb

from grupa_pipeline.ingest.staging import Staged
from grupa_pipeline.ingest.timestamps import quoted

_EVENT = "user_id, timestamp, action, metadata"


@dataclass(frozen=True)
class Day:
    """The events of one day of one file: how many, in which Parquet file (None without any), from when to when."""

    rows: int
    path: Path | None
    first_event_at: datetime | None
    last_event_at: datetime | None


def settle_days(
    con: duckdb.DuckDBPyConnection, staged: Staged, out: Path, known: Callable[[date], Sequence[Path]]
) -> dict[date, Day]:
    """Write the events of every day of a staged file that neither it nor an earlier file holds already.

    `known(day)` names the Parquet files of that day's events already held.
    """
    days = sorted(staged.days)
    held = {day: [str(path) for path in known(day)] for day in days}
    workers = min(len(days), os.cpu_count() or 1)

    def settle(share: list[date]) -> dict[date, Day]:
        with con.cursor() as cursor:
            cursor.execute("SET TimeZone = 'UTC'")
            return {day: _settle(cursor, staged, day, out, held[day]) for day in share}

    with ThreadPoolExecutor(workers) as pool:
        shares = pool.map(settle, [days[start::workers] for start in range(workers)])
        settled = {day: result for share in shares for day, result in share.items()}
    return {day: settled[day] for day in days}


def _settle(con: duckdb.DuckDBPyConnection, staged: Staged, day: date, out: Path, held: list[str]) -> Day:
    files = quoted(f"{staged.folder}/day={day}/*.parquet")
    new = f"(SELECT {_EVENT} FROM read_parquet({files}, hive_partitioning = false))"
    if held or _has_twins(con, new):
        new = _without_duplicates(new, held)
    path = out / f"events-{day}-{staged.scan.sha256[:12]}-{uuid.uuid4().hex[:8]}.parquet"
    columns = f"user_id, timestamp, action, CAST(metadata AS JSON) AS metadata, '{staged.scan.sha256}' AS file_sha256"
    con.execute(
        f"COPY (SELECT {columns} FROM {new} ORDER BY {_EVENT}) TO {quoted(str(path))} (FORMAT parquet, COMPRESSION zstd)"
    )
    span = f"SELECT count(*), min(timestamp), max(timestamp) FROM read_parquet({quoted(str(path))})"
    [(rows, first, last)] = con.execute(span).fetchall()
    if not rows:
        path.unlink()
    return Day(rows, path if rows else None, first, last)


def _has_twins(con: duckdb.DuckDBPyConnection, new: str) -> bool:
    """Whether two records share user, time and action, so that their metadata must be compared."""
    twins = f"SELECT 1 FROM {new} GROUP BY user_id, timestamp, action HAVING count(*) > 1 LIMIT 1"
    return con.execute(twins).fetchone() is not None


def _without_duplicates(new: str, held: list[str]) -> str:
    """The events of `new` that are not in the files `held`, each once.

    Metadata is compared in canonical form, but only where another event has the same user, time and action.
    """
    both = f"SELECT {_EVENT}, 1 AS is_new FROM {new}"
    if held:
        files = f"read_parquet({[*held]})"
        both += (
            f" UNION ALL SELECT user_id, timestamp, action, CAST(metadata AS VARCHAR), 0 FROM {files} AS held "
            f"SEMI JOIN {new} AS new USING (user_id, timestamp, action)"
        )
    return f"""(
        SELECT user_id, timestamp, action, min(metadata) AS metadata
        FROM (
            SELECT *, CASE WHEN count(*) OVER same > 1 THEN canonical_json(metadata) ELSE metadata END AS says
            FROM ({both}) WINDOW same AS (PARTITION BY user_id, timestamp, action)
        )
        GROUP BY user_id, timestamp, action, says HAVING min(is_new) = 1
    )"""
