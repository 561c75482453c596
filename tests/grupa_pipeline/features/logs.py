"""Small logs, and how a test measures them."""

import json
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.features.feature_set import FeatureSet, build_features

START = datetime(2026, 1, 1)
END = START + timedelta(days=28)
Event = tuple[str, str, str] | tuple[str, str, str, dict[str, Any]]
"""user, time within the window as `day hh:mm[:ss]` (the first day is 0), action, metadata."""

_MEASURED: dict[str, FeatureSet] = {}
REAL_LOGS = Path(os.environ.get("GRUPA_REAL_LOGS", "../shared/data"))


def at(text: str) -> datetime:
    """`day hh:mm[:ss]` of the window."""
    day, time = text.split(" ")
    clock = datetime.strptime(time, "%H:%M:%S" if time.count(":") == 2 else "%H:%M")
    return START + timedelta(days=int(day), hours=clock.hour, minutes=clock.minute, seconds=clock.second)


def connect(events: Sequence[Event], *, sequence: bool = True) -> duckdb.DuckDBPyConnection:
    """A connection with the table `events`, whose order is that of the log, or not known without `sequence`."""
    con = duckdb.connect()
    rows = pa.table(
        {
            "user_id": pa.array([event[0] for event in events], pa.string()),
            "timestamp": pa.array([at(event[1]) for event in events], pa.timestamp("us")),
            "action": pa.array([event[2] for event in events], pa.string()),
            "metadata": pa.array([json.dumps(event[3]) if len(event) > 3 else None for event in events], pa.string()),
            "sequence": pa.array([number if sequence else None for number in range(len(events))], pa.int64()),
        }
    )
    con.register("incoming", rows)
    con.execute("CREATE TABLE events AS SELECT * REPLACE (metadata::JSON AS metadata) FROM incoming")
    con.unregister("incoming")
    return con


def measure(events: Sequence[Event], **options: Any) -> FeatureSet:
    """Features of `events` over 28 days; users need one event unless the test says otherwise. Measured once a log."""
    defaults = {"window_start": START, "window_end": END, "roles": Roles(), "min_events": 1}
    key = repr((events, options))
    if key not in _MEASURED:
        _MEASURED[key] = build_features(connect(events), "events", **(defaults | options))
    return _MEASURED[key]


def values(result: FeatureSet, feature: str) -> dict[str, float | None]:
    """The column `feature` by user."""
    return dict(zip(result.features["user_id"].to_pylist(), result.features[feature].to_pylist(), strict=True))


def entry(result: FeatureSet, feature: str) -> dict[str, Any]:
    """The catalog's row of `feature`."""
    return next(row for row in result.catalog.to_pylist() if row["feature"] == feature)


def columns(result: FeatureSet, role: str) -> list[str]:
    """Names of the columns of `role`."""
    return [row["feature"] for row in result.catalog.to_pylist() if row["role"] == role]


def real_log(name: str) -> duckdb.DuckDBPyConnection:
    """A connection with the real log `name` as `events`; skips where it is not there."""
    path = REAL_LOGS / f"{name}.csv.gz"
    if not path.exists():
        pytest.skip(f"no real log at {path} (set GRUPA_REAL_LOGS)")
    con = duckdb.connect()
    con.execute(
        f"""CREATE TABLE events AS
        SELECT user_id, timestamp::TIMESTAMP AS timestamp, action, metadata::JSON AS metadata, NULL::BIGINT AS sequence
        FROM read_csv('{path}', all_varchar = true)"""
    )
    return con
