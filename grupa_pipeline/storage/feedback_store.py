"""What people said of insights in the app: reads `insight_feedback` of `roadmap.duckdb`, which the app alone writes."""

from pathlib import Path
from typing import Any

import duckdb

from grupa_pipeline.storage import warehouse
from grupa_pipeline.storage.warehouse import NoWarehouseError
from grupa_pipeline.tables import INSIGHT_FEEDBACK, TEST_ROADMAP
from grupa_pipeline.vocabulary.enums import FeedbackVerdict
from grupa_pipeline.vocabulary.insight_feedback import Feedback, InsightFeedback

_NEWEST = "QUALIFY row_number() OVER (PARTITION BY insight_id ORDER BY revision DESC) = 1"
_COLUMNS = (
    "insight_id", "snapshot_date", "cluster_id", "title", "verdict", "text", "evidence_id", "ci_low", "ci_high", "revision",
    "said_by", "said_at",
)  # fmt: skip


def load_decisions(folder: Path) -> Feedback:
    """What people decided on insights: what they said, and that something is planned where a plan tests a recommendation.

    Empty where the app was never started on the warehouse.

    Raises:
        DamagedWarehouseError: The roadmap does not open.
    """
    try:
        with warehouse.read(folder / warehouse.ROADMAP_FILE) as con:
            return {**_select_planned(con), **select_feedback(con)}
    except NoWarehouseError:
        return {}


def select_feedback(con: duckdb.DuckDBPyConnection) -> Feedback:
    """The newest that was said of each insight, but for what was taken back."""
    if not con.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [INSIGHT_FEEDBACK.name]).fetchall():
        return {}  # a file of an earlier schema version, which only the app migrates
    rows = con.execute(
        f"SELECT {', '.join(_COLUMNS)} FROM {INSIGHT_FEEDBACK.name} {_NEWEST} ORDER BY insight_id"
    ).fetchall()
    return {row[0]: _from_row(row) for row in rows if row[4]}


def _select_planned(con: duckdb.DuckDBPyConnection) -> Feedback:
    """The recommendations that plans on the roadmap test, as if somebody had said that they are planned."""
    rows = con.execute(
        f"SELECT recommendation_id, snapshot_date, cluster_id, name FROM {TEST_ROADMAP.name} WHERE deleted_at IS NULL "
        "ORDER BY created_at, plan_id"
    ).fetchall()
    return {row[0]: _from_row((*row, FeedbackVerdict.PLANNED)) for row in rows}


def _from_row(row: tuple[Any, ...]) -> InsightFeedback:
    """From the first values of `_COLUMNS`, or all."""
    values = dict(zip(_COLUMNS, row, strict=False))
    return InsightFeedback(**values | {"verdict": FeedbackVerdict(values["verdict"])})
