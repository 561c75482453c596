"""The segments that people saved in the app: reads `saved_segments` of `roadmap.duckdb`, which the app alone writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from grupa_pipeline.storage import warehouse
from grupa_pipeline.storage.warehouse import NoWarehouseError
from grupa_pipeline.tables import SAVED_SEGMENTS
from grupa_pipeline.vocabulary.segment_rules import SegmentRule, segment_conditions_from_json


@dataclass(frozen=True)
class SavedSegment:
    """The newest revision of a saved segment.

    Attributes:
        segment_id: `S01`.
        revision: Counts up with every save, from 1.
        name: What people call it.
        rule: Whom it holds.
        saved_by: Who saved this revision.
        saved_at: When (UTC).
        deleted_at: When it was deleted; None: it is there.
    """

    segment_id: str
    revision: int
    name: str
    rule: SegmentRule
    saved_by: str
    saved_at: datetime
    deleted_at: datetime | None = None


def load_saved(folder: Path) -> tuple[SavedSegment, ...]:
    """The saved segments of a warehouse by id, without deleted ones; none where the app was never started on it."""
    try:
        with warehouse.read(folder / warehouse.ROADMAP_FILE) as con:
            return select_saved(con)
    except NoWarehouseError:
        return ()


def select_saved(con: duckdb.DuckDBPyConnection, *, deleted: bool = False) -> tuple[SavedSegment, ...]:
    """The newest revision of each segment by id, of `deleted` ones too where they are asked for."""
    if not con.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [SAVED_SEGMENTS.name]).fetchall():
        return ()  # a file of an earlier schema version, which only the app migrates
    rows = con.execute(
        f"SELECT segment_id, revision, name, rule, users, saved_by, saved_at, deleted_at FROM {SAVED_SEGMENTS.name}"
        " QUALIFY row_number() OVER (PARTITION BY segment_id ORDER BY revision DESC) = 1"
        " ORDER BY length(segment_id), segment_id"
    ).fetchall()
    found = (
        SavedSegment(key, revision, name, _rule(rule, users), by, at, gone)
        for key, revision, name, rule, users, by, at, gone in rows
    )
    return tuple(each for each in found if deleted or each.deleted_at is None)


def find_saved(saved: Sequence[SavedSegment], named: str) -> SavedSegment | None:
    """The segment of that id, else the one of that name in whatever case; None where there is none."""
    by_id = next((each for each in saved if each.segment_id == named), None)
    return by_id or next((each for each in saved if each.name.casefold() == named.strip().casefold()), None)


def _rule(conditions: str | None, users: list[str] | None) -> SegmentRule:
    if users is not None:
        return SegmentRule(users=tuple(users))
    return SegmentRule(segment_conditions_from_json(conditions or "[]"))
