"""What people say about plans: the rows of `plan_comments`, on an open connection."""

from dataclasses import asdict

import duckdb

from dash_app.planning.plan_events import PlanComment
from grupa_pipeline.tables import PLAN_COMMENTS


def add_comment(con: duckdb.DuckDBPyConnection, comment: PlanComment) -> None:
    """Insert a comment; none is ever changed."""
    row = asdict(comment)
    marks = ", ".join(f"${name}" for name in row)
    con.execute(f"INSERT INTO {PLAN_COMMENTS.name} ({', '.join(row)}) VALUES ({marks})", row)


def select_comments(con: duckdb.DuckDBPyConnection, plan_id: str) -> list[PlanComment]:
    """What was said of a plan, oldest first."""
    rows = con.execute(
        f"SELECT {', '.join(PLAN_COMMENTS.column_names)} FROM {PLAN_COMMENTS.name} WHERE plan_id = ? "
        "ORDER BY said_at, comment_id",
        [plan_id],
    ).fetchall()
    return [PlanComment(**dict(zip(PLAN_COMMENTS.column_names, row, strict=True))) for row in rows]
