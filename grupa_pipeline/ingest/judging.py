"""What a record is worth: the one SQL statement that makes an event of it or says why it is rejected.

Every rule on values is here (on text and lines: `records.py`), whichever reader the record came from.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from grupa_pipeline.ingest import metadata
from grupa_pipeline.ingest.header import Layout
from grupa_pipeline.ingest.timestamps import Style

FUTURE = timedelta(hours=24)
"""How far past the clock a timestamp may lie: other machines' clocks run ahead, and zones are written wrongly."""


@dataclass(frozen=True)
class Judge:
    """The rules for one file: where its fields stand, how its timestamps are read, and the clock (naive UTC)."""

    layout: Layout
    style: Style
    now: datetime

    def sql(self, records: str) -> str:
        """The relation `records` (c0, c1, ... and `problem`, a reader's reason or NULL), judged.

        Adds user_id, timestamp, action, metadata, day, and `reason`, which is NULL when the record is good.
        """
        layout = self.layout
        user, text, action = (f"c{column}" for column in (layout.user_id, layout.timestamp, layout.action))
        parsed = f"SELECT *, {self.style.sql(text)} AS ts, {metadata.own_metadata_sql(layout)} AS own FROM {records}"
        keyed = f"SELECT *, {metadata.own_keys_sql('own') if layout.extras else 'NULL'} AS own_keys FROM ({parsed})"
        latest = (self.now + FUTURE).strftime("%Y-%m-%d %H:%M:%S.%f")
        return f"""
            SELECT *, {user} AS user_id, ts AS timestamp, {action} AS action, CAST(ts AS DATE) AS day,
                {metadata.merged_metadata_sql(layout, "own", "own_keys")} AS metadata,
                CASE
                    WHEN problem IS NOT NULL THEN problem
                    WHEN ts IS NULL AND {_word(user)} = 'user_id' AND {_word(text)} = 'timestamp' THEN 'repeated_header'
                    WHEN {_blank(user)} THEN 'missing_user_id'
                    WHEN {_blank(text)} THEN 'missing_timestamp'
                    WHEN {_blank(action)} THEN 'missing_action'
                    WHEN ts IS NULL THEN 'bad_timestamp'
                    WHEN ts > TIMESTAMP '{latest}' THEN 'timestamp_in_future'
                END AS reason
            FROM ({keyed})"""


def _blank(text: str) -> str:
    return f"{text} < '!' AND trim({text}, ' \t') = ''"  # the comparison spares almost every record the trim


def _word(text: str) -> str:
    return f"lower(trim({text}))"
