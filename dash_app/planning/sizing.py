"""Sizes a plan: users in each arm, weeks, which metric binds, what shorter tests would show, and an alternative.

Applies the formulas of `sample_size.py` and `duration.py` to a `Plan`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from math import floor

from dash_app.planning.alternatives import Alternative, find_alternative
from dash_app.planning.brief import NO_LABELS, Labels, decision_rule, write_brief
from dash_app.planning.design import METHODS
from dash_app.planning.duration import Enrolment, duration_of, is_foretold, users_within
from dash_app.planning.plan import Plan, check
from dash_app.planning.refusals import PlanRefusal, refusals, unsized
from dash_app.planning.requirements import with_days, with_users
from dash_app.planning.rice import QUARTER_DAYS, rice_score
from dash_app.planning.sample_size import detectable_effect

PREVIEW_WEEKS = (2, 4, 8)


class WarningKind(StrEnum):
    """What a sized plan warns of."""

    NEVER_FILLS = "never_fills"
    SAME_DAYS = "same_days"
    TOO_LONG = "too_long"
    UNFORESEEN = "unforeseen"


@dataclass(frozen=True)
class SizingWarning:
    """A warning: its kind, and the sentence to show."""

    kind: WarningKind
    text: str


@dataclass(frozen=True)
class Detectable:
    """What a test of `weeks` weeks can show: its users, and the smallest effect (above 0; None when there is none)."""

    weeks: int
    users: int
    absolute: float | None
    relative: float | None


@dataclass(frozen=True)
class Sizing:
    """A sized plan, with what to show beside it.

    Attributes:
        plan: The plan with arms, guardrails, users, days, dates, RICE score, decision rule and brief filled in.
        binding: The metric, primary or guardrail, that needs most users.
        detectable: The effect on the primary metric that 2, 4 and 8 weeks would show.
        alternative: What to do instead when the test would last longer than eight weeks; None when it does not.
        refusals: Why its numbers would not be valid; where there are any the plan holds none.
        warnings: What else to show beside the numbers.
        likely: Weeks between which it ends in nine cases of ten (None: never), by how earlier forecasts came out; None
            when that is not known.
    """

    plan: Plan
    binding: str
    detectable: tuple[Detectable, ...]
    alternative: Alternative | None
    refusals: tuple[PlanRefusal, ...]
    warnings: tuple[SizingWarning, ...]
    likely: tuple[int, int | None] | None = None

    @property
    def is_foretold(self) -> bool:
        """Whether the log allows a forecast of when users come."""
        return all(each.kind is not WarningKind.UNFORESEEN for each in self.warnings)


def size_plan(plan: Plan, enrolment: Enrolment, labels: Labels = NO_LABELS) -> Sizing:
    """Size a plan.

    Args:
        plan: The plan with its effect, design and guardrails; what it held of sizes before is replaced.
        enrolment: How many different eligible users come, for the plan's population.
        labels: What metrics are called in the texts, and their units; one without a label goes by its name.

    Raises:
        PlanError: The plan cannot be sized; one message a field.
    """
    check(plan)
    plan, binding = with_users(plan)
    plan = with_days(plan, enrolment)
    reach = enrolment.users_by(QUARTER_DAYS)
    plan = replace(plan, rice_reach=round(reach, 1), method=METHODS[plan.metric_kind])
    plan = replace(plan, rice_score=rice_score(reach, plan.rice_impact, plan.rice_confidence, plan.rice_effort))
    refused = refusals(plan, {name: label.words for name, label in labels.items()})
    if refused:
        plan = unsized(plan)
    plan = replace(plan, decision_rule=decision_rule(plan, labels))
    foretold = is_foretold(enrolment)
    detectable = tuple(_detectable(plan, weeks, enrolment) for weeks in PREVIEW_WEEKS if foretold)
    alternative = None if plan.feasible or refused or not foretold else find_alternative(plan, enrolment, labels)
    plan = replace(plan, brief=write_brief(plan, labels))
    likely = None
    if plan.n_total:
        likely = duration_of(plan.n_total, plan.traffic_share, plan.exposure_days, enrolment).likely
    return Sizing(plan, binding, detectable, alternative, refused, tuple(_warnings(plan, enrolment)), likely)


def sized_before(plan: Plan) -> Sizing:
    """A plan with the sizes that it holds, for one whose users can no longer be counted."""
    if plan.n_total is None:  # refused: why follows from the users that it would need
        needed, binding = with_users(plan)
        return Sizing(plan, binding, (), None, refusals(needed), ())
    rails = (rail.metric for rail in plan.guardrails if rail.n_total == plan.n_total)
    return Sizing(plan, next(rails, plan.primary_metric), (), None, refusals(plan), ())


def worded_again(plan: Plan, labels: Labels = NO_LABELS) -> Plan:
    """A plan whose users can no longer be counted after an edit: dates, score and texts follow, sizes stay.

    Raises:
        PlanError: A field is not usable; one message a field.
    """
    check(plan)
    days = plan.duration_days
    end = plan.start_date + timedelta(days=days - 1) if plan.start_date and days else None
    plan = replace(plan, end_date=end, decision_rule=decision_rule(plan, labels))
    if plan.rice_reach is not None:
        score = rice_score(plan.rice_reach, plan.rice_impact, plan.rice_confidence, plan.rice_effort)
        plan = replace(plan, rice_score=score)
    return replace(plan, brief=write_brief(plan, labels))


def _detectable(plan: Plan, weeks: int, enrolment: Enrolment) -> Detectable:
    users = users_within(weeks, plan.traffic_share, plan.exposure_days, enrolment)
    effect = detectable_effect(plan.metric, plan.direction.sign, users * plan.design.shares[0], plan.design)
    absolute = None if effect is None else abs(effect)
    relative = absolute / abs(plan.baseline) if absolute is not None and plan.baseline else None
    return Detectable(weeks, floor(users), absolute, relative)


def _warnings(plan: Plan, enrolment: Enrolment) -> Iterator[SizingWarning]:
    if not plan.baseline_unseen:
        yield SizingWarning(
            WarningKind.SAME_DAYS,
            "The baseline was measured on the same days that picked these users, so it may flatter.",
        )
    past = enrolment.past
    if past is not None and not past.hold:
        yield SizingWarning(
            WarningKind.UNFORESEEN,
            f"When these users come cannot be foretold, so no weeks are shown: of {past.starts} forecasts made from this"
            f" log's earlier weeks, one in ten saw less than {past.low:.0%} of the users it foretold and one in ten more than"
            f" {past.high:.0%}. The users an arm hold: plan for a time when they are there, and run until so many have come.",
        )
    elif plan.n_total is None:
        return
    elif plan.duration_days is None:
        yield SizingWarning(WarningKind.NEVER_FILLS, "So many different users never come, by the log's own curve.")
    elif not plan.feasible:
        yield SizingWarning(
            WarningKind.TOO_LONG,
            f"The test would last {plan.duration_days // 7} weeks; beyond eight, users and product change under it.",
        )
