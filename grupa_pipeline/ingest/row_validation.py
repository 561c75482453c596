"""Validation of records: the one SQL statement that turns a record into an event or names the reason to reject it.

Every rule on values is here (on text and lines: `records.py`), whichever reader the record came from.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from grupa_pipeline.ingest import metadata
from grupa_pipeline.ingest.header import HeaderLayout
from grupa_pipeline.ingest.timestamps import Style, utc_sql

FUTURE = timedelta(hours=24)
"""How far past the clock a timestamp may lie: other machines' clocks run ahead, and zones are written wrongly."""


@dataclass(frozen=True)
class RowValidator:
    """The rules for one file: the columns of its fields, the style of its timestamps, and the clock (naive UTC)."""

    layout: HeaderLayout
    style: Style
    now: datetime

    def sql(self, records: str) -> str:
        """The relation `records` (c0, c1, ... and `problem`, a reader's reason or NULL), validated.

        Adds user_id, timestamp, action, metadata, day, and `reason`, which is NULL when the record is good (as
        is quickly seen of almost any: nothing that begins with a visible letter of ASCII is blank). `metadata` is
        empty where there is nothing; without extra columns it is the column's own text, to be validated by
        `metadata.normalized_texts`, since few texts stand in many records.
        """
        layout = self.layout
        user, text, action = (f"c{column}" for column in (layout.user_id, layout.timestamp, layout.action))
        if layout.extras:
            own = f"{metadata.own_metadata_sql(layout)} AS own, {metadata.own_keys_sql('own')} AS own_keys"
            others = metadata.merged_metadata_sql(layout, "own", "own_keys")
        else:
            own, others = "NULL AS own", "''" if layout.metadata is None else f"c{layout.metadata}"
        zoned = f"SELECT *, {self.style.zoned_sql(text)} AS zoned, {own} FROM {records}"
        parsed = f"SELECT *, {utc_sql('zoned')} AS ts FROM ({zoned})"
        latest = f"TIMESTAMP '{self.now + FUTURE:%Y-%m-%d %H:%M:%S.%f}'"
        return f"""
            SELECT *, {user} AS user_id, ts AS timestamp, {action} AS action, CAST(ts AS DATE) AS day, {others} AS metadata,
                CASE
                    WHEN problem IS NULL AND {user} BETWEEN '!' AND '~' AND {action} BETWEEN '!' AND '~' AND ts <= {latest}
                        THEN NULL
                    WHEN problem IS NOT NULL THEN problem
                    WHEN ts IS NULL AND {_word(user)} = 'user_id' AND {_word(text)} = 'timestamp' THEN 'repeated_header'
                    WHEN {_blank(user)} THEN 'missing_user_id'
                    WHEN ts IS NULL AND {_blank(text)} THEN 'missing_timestamp'
                    WHEN {_blank(action)} THEN 'missing_action'
                    WHEN ts IS NULL THEN 'bad_timestamp'
                    WHEN ts > {latest} THEN 'timestamp_in_future'
                END AS reason
            FROM ({parsed})"""


def _blank(text: str) -> str:
    return rf"regexp_full_match({text}, '[\s\v\pZ\x{{85}}]*')"


def _word(text: str) -> str:
    return f"lower(trim({text}))"
