"""What people say of insights: adds rows to `insight_feedback`, on an open connection."""

from dataclasses import replace
from datetime import datetime

import duckdb

from grupa_pipeline.tables import INSIGHT_FEEDBACK
from grupa_pipeline.vocabulary.enums import FeedbackVerdict
from grupa_pipeline.vocabulary.insight_feedback import InsightFeedback

LONGEST_REASON = 500


class FeedbackError(ValueError):
    """What was said cannot be kept; the message tells what to change."""


def checked_feedback(feedback: InsightFeedback) -> InsightFeedback:
    """The feedback without blanks around its reason.

    Raises:
        FeedbackError: A dismissal has no reason, or a reason is too long.
    """
    text = " ".join((feedback.text or "").split()) or None
    if feedback.verdict is FeedbackVerdict.DISMISSED and text is None:
        raise FeedbackError("Say in a few words why it is dismissed.")
    if text and len(text) > LONGEST_REASON:
        raise FeedbackError(f"The reason is longer than {LONGEST_REASON} characters.")
    return replace(feedback, text=text)


def add_feedback(
    con: duckdb.DuckDBPyConnection, feedback: InsightFeedback, user: str, now: datetime
) -> InsightFeedback:
    """Insert what `user` says of an insight as its next revision; returns it as stored."""
    [(revision,)] = con.execute(
        f"SELECT coalesce(max(revision), 0) + 1 FROM {INSIGHT_FEEDBACK.name} WHERE insight_id = ?",
        [feedback.insight_id],
    ).fetchall()
    stored = replace(feedback, revision=revision, said_by=user, said_at=now)
    names = INSIGHT_FEEDBACK.column_names
    con.execute(
        f"INSERT INTO {INSIGHT_FEEDBACK.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
        [getattr(stored, name) for name in names],
    )
    return stored
