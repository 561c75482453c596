"""Finds plans that would test the same users at the same time; for those on the same metric, how many users they share.

Warns, never forbids. Pure; works on plans alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import combinations

from dash_app.formatting import day
from dash_app.planning.plan import Plan
from grupa_pipeline.vocabulary.enums import PlanStatus


@dataclass(frozen=True)
class Overlap:
    """Two plans on the same users, metric and days.

    Attributes:
        plan_id: One plan.
        other_id: The other; the one that starts first comes first.
        metric: What both are decided by.
        first_day: First day on which both run.
        last_day: Last day on which both run.
        shared_users: Users expected in both tests at once, when each draws its users independently.
    """

    plan_id: str
    other_id: str
    metric: str
    first_day: date
    last_day: date
    shared_users: int

    @property
    def text(self) -> str:
        """The warning, without the plans' names."""
        return (
            f"Same users and same primary metric from {day(self.first_day)} to {day(self.last_day)}: about "
            f"{self.shared_users:,} users would be in both."
        )


def find_overlaps(plans: Iterable[Plan]) -> list[Overlap]:
    """Every pair of plans with users in common and the same primary metric whose days meet, soonest first.

    Archived, removed and undated plans overlap with none. Each user of the cluster is taken to be in a test with the same
    chance, whichever other test has them, so the users in both are (users in one) * (users in the other) / (eligible
    users).
    """
    groups: dict[str, list[Plan]] = defaultdict(list)
    for plan in filter(_takes_place, plans):
        groups[plan.primary_metric].append(plan)
    overlaps = [overlap for group in groups.values() for overlap in _meetings(group)]
    return sorted(overlaps, key=lambda overlap: (overlap.first_day, overlap.plan_id, overlap.other_id))


def overlaps_by_plan(plans: Iterable[Plan]) -> dict[str, list[Overlap]]:
    """The same, by the id of each plan concerned; plans without an overlap are left out."""
    by_plan: dict[str, list[Overlap]] = defaultdict(list)
    for overlap in find_overlaps(plans):
        by_plan[overlap.plan_id].append(overlap)
        by_plan[overlap.other_id].append(overlap)
    return dict(by_plan)


def count_concurrent(plans: Iterable[Plan]) -> dict[str, int]:
    """How many other tests run on the same users on a day of a plan's own, whatever they measure, by the plan's id."""
    counts: dict[str, int] = defaultdict(int)
    for one, other in combinations(filter(_takes_place, plans), 2):
        first, last = _common_days(one, other)
        if first <= last and one.taking_part.meets(other.taking_part):
            counts[one.plan_id] += 1
            counts[other.plan_id] += 1
    return dict(counts)


def _takes_place(plan: Plan) -> bool:
    is_dated = plan.start_date is not None and plan.end_date is not None
    return is_dated and plan.status != PlanStatus.ARCHIVED and plan.deleted_at is None


def _common_days(one: Plan, other: Plan) -> tuple[date, date]:
    """First and last day on which both run; the last is before the first where there is none."""
    first = max(one.start_date or date.max, other.start_date or date.max)
    return first, min(one.end_date or date.min, other.end_date or date.min)


def _meetings(group: list[Plan]) -> Iterator[Overlap]:
    ordered = sorted(group, key=lambda plan: (plan.start_date or date.max, plan.plan_id))
    for one, other in combinations(ordered, 2):
        first, last = _common_days(one, other)
        if first <= last and one.taking_part.meets(other.taking_part):
            shared = _shared_users(one, other, last)
            yield Overlap(one.plan_id, other.plan_id, one.primary_metric, first, last, shared)


def _shared_users(one: Plan, other: Plan, last: date) -> int:
    pool = max(one.rice_reach or 0.0, other.rice_reach or 0.0, _drawn_from(one), _drawn_from(other))
    if pool == 0:
        return 0
    return round(_enrolled_by(one, last) * _enrolled_by(other, last) / pool)


def _drawn_from(plan: Plan) -> float:
    """Eligible users behind a plan's own."""
    return (plan.n_total or 0) / plan.traffic_share


def _enrolled_by(plan: Plan, day: date) -> float:
    """Users in a plan's test by the end of `day`, coming evenly while there is still time for their whole exposure."""
    if plan.start_date is None or plan.end_date is None or plan.n_total is None:
        return 0.0
    enrolment = max(1, (plan.end_date - plan.start_date).days + 1 - plan.exposure_days)
    return plan.n_total * min(1.0, ((day - plan.start_date).days + 1) / enrolment)
