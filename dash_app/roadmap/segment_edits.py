"""Segments that people save: adds rows to `saved_segments`, on an open connection."""

import duckdb

from grupa_pipeline.exports.saved_segments import SavedSegment, select_saved
from grupa_pipeline.tables import SAVED_SEGMENTS
from grupa_pipeline.vocabulary.segment_rules import SegmentRule, SegmentRuleError, segment_conditions_to_json

LONGEST_LIST = 100_000
"""Most users of a segment that lists them."""
LONGEST_NAME = 120


class UnknownSavedSegmentError(LookupError):
    """There is no saved segment of that id."""


def next_segment_id(con: duckdb.DuckDBPyConnection) -> str:
    """The id of a new segment: above every id ever issued."""
    used = [int(each.segment_id[1:]) for each in select_saved(con, deleted=True)]
    return f"S{max(used, default=0) + 1:02}"


def find_stored(con: duckdb.DuckDBPyConnection, segment_id: str) -> SavedSegment:
    """The newest revision of a segment, deleted or not.

    Raises:
        UnknownSavedSegmentError: There is none of that id.
    """
    found = next((each for each in select_saved(con, deleted=True) if each.segment_id == segment_id), None)
    if found is None:
        raise UnknownSavedSegmentError(f"There is no saved segment {segment_id}; it may belong to another warehouse.")
    return found


def sound_name(con: duckdb.DuckDBPyConnection, name: str, segment_id: str) -> str:
    """The name without blanks around it.

    Raises:
        SegmentRuleError: It is empty or too long, or another segment has it.
    """
    name = " ".join(name.split())
    if not name:
        raise SegmentRuleError("Give the segment a name.")
    if len(name) > LONGEST_NAME:
        raise SegmentRuleError(f"The name is longer than {LONGEST_NAME} characters.")
    taken = {each.name.casefold(): each.segment_id for each in select_saved(con)}
    if taken.get(name.casefold(), segment_id) != segment_id:
        raise SegmentRuleError(f"There is a segment of that name already ({taken[name.casefold()]}).")
    return name


def require_short(rule: SegmentRule) -> None:
    """Check that a list of users is not too long to keep.

    Raises:
        SegmentRuleError: It is.
    """
    if rule.users is not None and len(rule.users) > LONGEST_LIST:
        raise SegmentRuleError(
            f"{len(rule.users):,} users are too many for a list; {LONGEST_LIST:,} can be saved. Filter them by what they did."
        )


def add_revision(con: duckdb.DuckDBPyConnection, segment: SavedSegment) -> SavedSegment:
    """Insert a segment as a row; returns it."""
    con.execute(
        f"INSERT INTO {SAVED_SEGMENTS.name} ({', '.join(SAVED_SEGMENTS.column_names)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            segment.segment_id,
            segment.revision,
            segment.name,
            segment_conditions_to_json(segment.rule.conditions) if segment.rule.users is None else None,
            None if segment.rule.users is None else list(segment.rule.users),
            segment.saved_by,
            segment.saved_at,
            segment.deleted_at,
        ],
    )
    return segment
