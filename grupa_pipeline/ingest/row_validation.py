"""Validates records: one SQL statement that turns a record into an event or gives its rejection reason.

All rules on values are here, for both readers. Rules on text and lines are in `records.py`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from grupa_pipeline.ingest import metadata
from grupa_pipeline.ingest.header import HeaderLayout, first_filled_sql
from grupa_pipeline.ingest.timestamp_text import BLANKS, INVISIBLE
from grupa_pipeline.ingest.timestamps import Style

FUTURE = timedelta(hours=24)
"""How far after the current time a timestamp may lie: allows for fast clocks and wrong time zones."""


@dataclass(frozen=True)
class RowValidator:
    """The rules for one file: its column layout, its timestamp style, and the current time (naive UTC)."""

    layout: HeaderLayout
    style: Style
    now: datetime

    def sql(self, records: str) -> str:
        """SQL that validates the relation `records` (c0, c1, ... and `problem`, a reader's reason or NULL).

        Adds user_id, timestamp, action, metadata, day, and `reason`, which is NULL when the record is valid. The first
        branch of `reason` is a fast path: a text that starts with a visible ASCII character is not blank. `metadata` is
        empty for none; without extra columns it is the column's unchanged text, which `metadata.normalized_texts`
        normalizes once per distinct text. Where the log has event ids, `event_id` is added too, empty for none.
        """
        layout = self.layout
        user, action = first_filled_sql(layout.user_ids), first_filled_sql(layout.actions)
        text = f"c{layout.timestamp}"
        if layout.extras:
            own = f"{metadata.own_metadata_sql(layout)} AS own, {metadata.own_keys_sql('own')} AS own_keys"
            others = metadata.merged_metadata_sql(layout, "own", "own_keys")
        else:
            own, others = "NULL AS own", "''" if layout.metadata is None else f"c{layout.metadata}"
        parsed = f"SELECT *, {own} FROM {self.style.read_sql(records, text)}"
        event_id = "" if layout.event_id is None else f" trim(c{layout.event_id}) AS event_id,"
        latest = f"TIMESTAMP '{self.now + FUTURE:%Y-%m-%d %H:%M:%S.%f}'"
        return f"""
            SELECT *, {user} AS user_id, ts AS timestamp, {action} AS action, CAST(ts AS DATE) AS day,
                {others} AS metadata,{event_id}
                CASE
                    WHEN problem IS NULL AND {user} BETWEEN '!' AND '~' AND {action} BETWEEN '!' AND '~' AND ts <= {latest}
                        THEN NULL
                    WHEN problem IS NOT NULL THEN problem
                    WHEN ts IS NULL AND {_word(user)} = 'user_id' AND {_word(text)} = 'timestamp' THEN 'repeated_header'
                    WHEN {_blank(user)} THEN 'missing_user_id'
                    WHEN ts IS NULL AND {_blank(text)} THEN 'missing_timestamp'
                    WHEN {_blank(action)} THEN 'missing_action'
                    WHEN ts IS NULL AND zone_letters <> '' THEN 'unknown_zone'
                    WHEN ts IS NULL THEN 'bad_timestamp'
                    WHEN ts > {latest} THEN 'timestamp_in_future'
                END AS reason
            FROM ({parsed})"""


def _blank(text: str) -> str:
    return f"regexp_full_match({text}, '(?:{BLANKS}|{INVISIBLE})*')"


def _word(text: str) -> str:
    return f"lower(trim({text}))"
