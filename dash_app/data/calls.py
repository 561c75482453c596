"""Queries on the calls to a language model: prompts and responses."""

from dataclasses import dataclass
from datetime import date, datetime

import duckdb


@dataclass(frozen=True)
class LlmCall:
    """One row of llm_calls; `snapshot_date` is the snapshot that the call was for."""

    snapshot_date: date
    model: str
    prompt_version: str
    prompt: str
    response: str | None
    outcome: str
    error: str | None
    created_at: datetime


def load_calls(con: duckdb.DuckDBPyConnection, day: date, cluster_id: str, most: int = 4) -> tuple[LlmCall, ...]:
    """The newest calls about a cluster up to the snapshot of `day`: a reused text was written for an earlier one."""
    rows = con.execute(
        "SELECT snapshot_date, model, prompt_version, prompt, response, outcome, error, created_at FROM llm_calls"
        " WHERE snapshot_date <= ? AND (cluster_id = ? OR cluster_id IS NULL)"
        " QUALIFY snapshot_date = max(snapshot_date) OVER () ORDER BY created_at DESC, call_id LIMIT ?",
        [day, cluster_id, most],
    ).fetchall()
    return tuple(LlmCall(*row) for row in rows)
