"""Tests whose numbers would look valid and are not: told in words, and no number of theirs is shown."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from dash_app.planning.plan import Plan
from dash_app.planning.sample_size import smallest_expected_cell
from grupa_pipeline.vocabulary.enums import MetricKind

FEWEST_USERS = 50
"""An arm of fewer is not planned: its mean is far from normal, and one user moves it by two points."""
FEWEST_EVENTS = 20
"""Users expected with, and without, the outcome in every arm; fewer, and the normal approximation does not hold."""
LARGEST_MARGIN = 0.5
"""A guardrail that may lose more than half of today's value guards nothing."""


class RefusalKind(StrEnum):
    """Why a plan's numbers are not shown."""

    CONSTANT_BASELINE = "constant_baseline"
    FEW_EVENTS = "few_events"
    FEW_USERS = "few_users"
    WIDE_MARGIN = "wide_margin"


@dataclass(frozen=True)
class PlanRefusal:
    """Why a plan cannot be run as it stands, and what to change."""

    kind: RefusalKind
    text: str


def refusals(plan: Plan, words: dict[str, str] | None = None) -> tuple[PlanRefusal, ...]:
    """Everything that makes the numbers of a sized plan invalid; empty when nothing does.

    Args:
        plan: A plan with its arms' users.
        words: What metrics are called; one that is missing goes by its name.
    """
    return tuple(_refusals(plan, words or {}))


def is_constant(kind: MetricKind, baseline: float, sd: float | None) -> bool:
    """Whether the metric is at its floor or ceiling: everybody has the same value."""
    return baseline in (0.0, 1.0) if kind == MetricKind.PROPORTION else not sd


def _refusals(plan: Plan, words: dict[str, str]) -> Iterator[PlanRefusal]:
    days = "1 day" if plan.exposure_days == 1 else f"{plan.exposure_days} days"
    if is_constant(plan.metric_kind, plan.baseline, plan.baseline_sd):
        who = "everybody" if plan.baseline else "nobody"
        yield PlanRefusal(
            RefusalKind.CONSTANT_BASELINE,
            f"Within {days} of being eligible {who} measured had the outcome, so how far it can move is not known."
            " Choose another metric or another exposure.",
        )
        return
    arms = tuple(arm.n or 0 for arm in plan.variants)
    if min(arms) < FEWEST_USERS:
        yield PlanRefusal(
            RefusalKind.FEW_USERS,
            f"An arm would have {min(arms):,} users. Below {FEWEST_USERS} chance decides, not the change: look for a smaller"
            " effect, or choose a metric that more users have.",
        )
    elif smallest_expected_cell(plan.metric, plan.effect, arms) < FEWEST_EVENTS:
        yield PlanRefusal(
            RefusalKind.FEW_EVENTS,
            f"In one arm fewer than {FEWEST_EVENTS} users would be with, or without, the outcome, and the formula does not"
            " hold there. Look for a smaller effect, or choose a metric that more users have.",
        )
    for rail in plan.guardrails:
        if rail.baseline and rail.margin_absolute > LARGEST_MARGIN * abs(rail.baseline):
            name = words.get(rail.metric, rail.metric)
            yield PlanRefusal(
                RefusalKind.WIDE_MARGIN,
                f"The guardrail “{name}” may lose more than half of today's value, so it guards nothing: set a margin of"
                f" at most {LARGEST_MARGIN:.0%}, or choose another guardrail.",
            )


def unsized(plan: Plan) -> Plan:
    """The plan without users and days: those of a test that is refused are shown nowhere."""
    return replace(
        plan,
        variants=tuple(replace(arm, n=None) for arm in plan.variants),
        guardrails=tuple(replace(rail, n_per_arm=None, n_total=None) for rail in plan.guardrails),
        n_per_arm=None,
        n_total=None,
        duration_days=None,
        end_date=None,
        feasible=False,
    )
