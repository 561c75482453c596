"""A sound plan to change in tests, and an enrolment of which everything is known."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from dash_app.planning.duration import PastForecasts
from dash_app.planning.plan import Plan
from grupa_pipeline.vocabulary.enums import BaselineUsers, Direction, MetricKind
from grupa_pipeline.vocabulary.plan_fields import Arm, Guardrail


@dataclass(frozen=True)
class Steady:
    """So many new eligible users every day, until `pool` have come."""

    a_day: float
    pool: float = float("inf")
    past: PastForecasts | None = None

    def users_by(self, days: float) -> float:
        return min(self.a_day * days, self.pool)

    def days_until(self, users: float) -> float | None:
        return users / self.a_day if users <= self.pool else None


TICKETS = Guardrail(
    metric="tickets",
    metric_kind=MetricKind.MEAN,
    worse=Direction.INCREASE,
    baseline=2.0,
    baseline_sd=3.0,
    baseline_n=800,
    margin_absolute=0.3,
    margin_relative=0.15,
)


def a_plan(**changes: Any) -> Plan:
    fields: dict[str, Any] = {
        "plan_id": "plan-1",
        "snapshot_date": date(2026, 4, 30),
        "cluster_id": "C03",
        "recommendation_id": "rec-1",
        "evidence_ids": ("ev-1", "ev-2"),
        "name": "Shorten the proposal form",
        "owner": "ana",
        "hypothesis": "If the form is shorter, then more submit, because 40% leave it.",
        "population": "sessions/week > 3",
        "variants": (Arm("control"), Arm("treatment", description="Three fields.")),
        "primary_metric": "submitted",
        "metric_kind": MetricKind.PROPORTION,
        "direction": Direction.INCREASE,
        "baseline": 0.3,
        "baseline_sd": 0.458,
        "baseline_n": 800,
        "baseline_from": datetime(2026, 4, 3),
        "baseline_to": datetime(2026, 5, 1),
        "baseline_unseen": True,
        "baseline_users": BaselineUsers.RULE,
        "exposure_days": 14,
        "mde_relative": 0.1,
        "mde_absolute": 0.03,
        "guardrails": (TICKETS,),
        "start_date": date(2026, 5, 4),
    }
    return Plan(**(fields | changes))
