"""What people decided on earlier insights, as it bears on new ones: their order, and what a model is told."""

from typing import Any

import pandas as pd

from grupa_pipeline.vocabulary.enums import FeedbackVerdict, InsightKind
from grupa_pipeline.vocabulary.insight_feedback import Feedback, InsightFeedback

MAX_TOLD = 12
"""Maximum number of decisions on one cluster that a model is told."""
MAX_REASON_LENGTH = 200
"""Characters of a reason that a model is told."""


def rank_decided(rows: list[dict[str, Any]], evidence: pd.DataFrame, decisions: Feedback) -> list[dict[str, Any]]:
    """Rank the insights of one cluster anew: of each kind what is planned comes behind the others, and what is dismissed last.

    A dismissal counts until the effect leaves the interval that it had then; the insight's body says so from then on.

    Args:
        rows: Rows of `cluster_insights` of one cluster, those of a kind in order of rank.
        evidence: The cluster's evidence today.
        decisions: What people decided.
    """
    if not any(row["insight_id"] in decisions for row in rows):
        return rows
    effects = dict(zip(evidence["evidence_id"].astype(str), evidence["effect_size"].astype(float), strict=True))
    ranked: list[dict[str, Any]] = []
    for kind in InsightKind:
        own = [row for row in rows if row["kind"] == kind]
        own.sort(key=lambda row: _place(decisions.get(row["insight_id"]), effects))
        ranked += [row | {"rank": rank} for rank, row in enumerate(own, start=1)]
    return [_told(row, decisions.get(row["insight_id"]), effects) for row in ranked]


def _place(decision: InsightFeedback | None, effects: dict[str, float]) -> int:
    if decision is None:
        return 0
    return 2 if decision.dismisses(effects) else int(decision.verdict is FeedbackVerdict.PLANNED)


def _told(row: dict[str, Any], decision: InsightFeedback | None, effects: dict[str, float]) -> dict[str, Any]:
    has_returned = decision is not None and decision.verdict is FeedbackVerdict.DISMISSED
    if decision is None or not has_returned or decision.dismisses(effects):
        return row
    day = f"{decision.snapshot_date:%-d %B %Y}"
    note = f"It was dismissed as of {day}; since then the difference has left the range it had."
    return row | {"body": f"{row['body']} {note}"}


def decisions_on(cluster_id: str, decisions: Feedback) -> list[dict[str, str]]:
    """What a model is told of the decisions on a cluster's earlier insights, the latest first."""
    own = [each for each in decisions.values() if each.cluster_id == cluster_id and each.verdict is not None]
    own.sort(key=lambda each: (each.snapshot_date, each.insight_id), reverse=True)
    return [
        {"insight": each.title, "decided": str(each.verdict)}
        | ({"why": each.text[:MAX_REASON_LENGTH]} if each.text else {})
        for each in own[:MAX_TOLD]
    ]
