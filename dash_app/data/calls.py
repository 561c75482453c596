"""Questions about the calls to a model: what was sent and what came back."""

from dataclasses import dataclass
from datetime import date, datetime

import duckdb


@dataclass(frozen=True)
class Call:
    """One call, as llm_calls keeps it; `snapshot_date` is the day it was made for."""

    snapshot_date: date
    model: str
    prompt_version: str
    prompt: str
    response: str | None
    outcome: str
    error: str | None
    created_at: datetime


def load_calls(con: duckdb.DuckDBPyConnection, day: date, cluster_id: str, most: int = 4) -> tuple[Call, ...]:
    """The newest calls about a cluster up to a snapshot; a kept text was written on an earlier day."""
    rows = con.execute(
        "SELECT snapshot_date, model, prompt_version, prompt, response, outcome, error, created_at FROM llm_calls"
        " WHERE snapshot_date <= ? AND (cluster_id = ? OR cluster_id IS NULL)"
        " QUALIFY snapshot_date = max(snapshot_date) OVER () ORDER BY created_at DESC, call_id LIMIT ?",
        [day, cluster_id, most],
    ).fetchall()
    return tuple(Call(*row) for row in rows)
