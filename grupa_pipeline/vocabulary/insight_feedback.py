"""What people say of insights: the app writes it to `insight_feedback`, the pipeline and the app rank and hide by it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from grupa_pipeline.vocabulary.enums import FeedbackVerdict


@dataclass(frozen=True)
class InsightFeedback:
    """The newest that was said of one insight.

    Attributes:
        insight_id: The insight.
        snapshot_date: The snapshot that it was said of.
        cluster_id: The insight's cluster.
        title: The insight's title then.
        verdict: What was said; None takes back what was said before.
        text: Why, or None.
        evidence_id: The first evidence that the insight cites.
        ci_low: Lower end of the 95% interval of that evidence's effect then.
        ci_high: Upper end of the interval.
        revision: Counts up with everything that is said of the insight, from 1; 0 before it is stored.
        said_by: Who said it.
        said_at: When (UTC); None before it is stored.
    """

    insight_id: str
    snapshot_date: date
    cluster_id: str
    title: str
    verdict: FeedbackVerdict | None
    text: str | None = None
    evidence_id: str | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    revision: int = 0
    said_by: str = ""
    said_at: datetime | None = None

    def dismisses(self, effects: Mapping[str, float]) -> bool:
        """Whether the insight is dismissed, and its effect lies in the interval that it had then.

        Args:
            effects: The effects of a snapshot by evidence_id. A dismissal holds where they lack the insight's evidence.
        """
        if self.verdict is not FeedbackVerdict.DISMISSED:
            return False
        effect = effects.get(self.evidence_id or "")
        if effect is None or self.ci_low is None or self.ci_high is None:
            return True
        return self.ci_low <= effect <= self.ci_high


Feedback = Mapping[str, InsightFeedback]
"""The newest that was said of each insight, by insight_id."""
