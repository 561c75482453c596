"""Planted overlaps: found, and no others; and how long a check of many plans takes."""

from datetime import date, datetime, timedelta
from time import perf_counter

import numpy as np

from dash_app.planning.overlap import find_overlaps
from dash_app.planning.plan import Plan
from grupa_pipeline.vocabulary.enums import Direction, MetricKind, PlanStatus
from grupa_pipeline.vocabulary.plan_fields import Guardrail


def plans(count: int, seed: int = 4) -> tuple[list[Plan], set[frozenset[str]]]:
    """`count` plans with random users, metrics and weeks, and the pairs that meet, listed day by day."""
    rng = np.random.default_rng(seed)
    generated = [_plan(number, rng) for number in range(count)]
    meeting = set()
    for one in generated:
        for other in generated:
            if one.plan_id < other.plan_id and _same_days(one) & _same_days(other):
                meeting.add(frozenset((one.plan_id, other.plan_id)))
    return generated, meeting


def detected_pairs(generated: list[Plan]) -> set[frozenset[str]]:
    """The pairs that the app would warn about."""
    return {frozenset((overlap.plan_id, overlap.other_id)) for overlap in find_overlaps(generated)}


def check_time(generated: list[Plan], repeats: int = 20) -> float:
    """Milliseconds that one check of all plans takes, the median of `repeats`."""
    taken = []
    for _ in range(repeats):
        start = perf_counter()
        find_overlaps(generated)
        taken.append(1000 * (perf_counter() - start))
    return float(np.median(taken))


def _same_days(plan: Plan) -> set[tuple[str, str, date]]:
    if (
        plan.status == PlanStatus.ARCHIVED
        or plan.deleted_at is not None
        or plan.start_date is None
        or plan.end_date is None
    ):
        return set()
    length = (plan.end_date - plan.start_date).days + 1
    return {(plan.cluster_id, plan.primary_metric, plan.start_date + timedelta(days=day)) for day in range(length)}


def _plan(number: int, rng: np.random.Generator) -> Plan:
    start = date(2026, 1, 5) + timedelta(days=int(rng.integers(0, 364)))
    users = int(rng.integers(500, 5000))
    rail = Guardrail("tickets", MetricKind.MEAN, Direction.INCREASE, 2.0, 3.0, 500, 0.3)
    dated = bool(rng.random() < 0.95)
    return Plan(
        plan_id=f"plan-{number:04d}",
        status=PlanStatus(rng.choice(list(PlanStatus))),
        snapshot_date=date(2026, 1, 1),
        cluster_id=f"C{int(rng.integers(1, 4)):02d}",
        recommendation_id="rec",
        name=f"Plan {number}",
        primary_metric=str(rng.choice(["submitted", "deals"])),
        metric_kind=MetricKind.PROPORTION,
        direction=Direction.INCREASE,
        baseline=0.3,
        baseline_n=800,
        baseline_from=datetime(2025, 12, 1),
        baseline_to=datetime(2026, 1, 1),
        baseline_unseen=True,
        exposure_days=14,
        mde_absolute=0.03,
        guardrails=(rail,),
        n_per_arm=users,
        n_total=2 * users,
        rice_reach=float(rng.integers(5000, 20000)),
        start_date=start if dated else None,
        end_date=start + timedelta(days=7 * int(rng.integers(1, 9)) - 1) if dated else None,
        deleted_at=datetime(2026, 1, 2) if rng.random() < 0.05 else None,
    )
