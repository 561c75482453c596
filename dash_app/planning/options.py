"""Compares the tests that a recommendation could be put to: which metric, whose users, how long an exposure.

Pure: works on measured baselines and forecasts. `dash_app/plan_options.py` measures them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from dash_app.planning.alternatives import rounded_up
from dash_app.planning.baseline import Baseline
from dash_app.planning.design import Design, SizeError
from dash_app.planning.draft import DEFAULT_EFFECT, LARGEST_DEFAULT, default_effect
from dash_app.planning.duration import LONGEST_WEEKS, Enrolment, duration_of, is_foretold, users_within
from dash_app.planning.metric_groups import MetricGroup
from dash_app.planning.refusals import FEWEST_EVENTS, FEWEST_USERS, is_constant
from dash_app.planning.sample_size import detectable_effect, size, smallest_expected_cell
from grupa_pipeline.vocabulary.enums import Direction
from grupa_pipeline.vocabulary.plan_parts import Audience, AudienceKind

_GROUPS = tuple(MetricGroup)


class Relevance(IntEnum):
    """How close a metric is to what the recommendation is about; smaller is closer."""

    OWN = 0
    SAME_STEP = 1
    GOAL = 2
    OTHER = 3


_AUDIENCES = tuple(AudienceKind)
_CLOSENESS = {
    Relevance.OWN: (0, 1, 6),
    Relevance.SAME_STEP: (2, 3, 7),
    Relevance.GOAL: (4, 5, 10),
    Relevance.OTHER: (8, 9, 11),
}
"""Order of metric and audience (`AudienceKind`): a goal among those with the pain comes before the own metric among
everyone, where the effect is diluted; that comes before a step the recommendation is not about."""


@dataclass(frozen=True)
class MeasuredMetric:
    """A metric among the users of an audience, measured in one exposure."""

    metric: str
    group: MetricGroup
    relevance: Relevance
    direction: Direction
    audience: Audience
    exposure_days: int
    baseline: Baseline


@dataclass(frozen=True)
class PlanOption:
    """A test that a recommendation could be put to.

    Attributes:
        candidate: Metric, audience and exposure.
        users: Different users within eight weeks; None where that cannot be foretold.
        smallest: Smallest effect that these show, over the baseline; None when they show none.
        effect: The effect it would be planned for, in the metric's unit; None where it cannot run.
        weeks: How long that takes; None where it cannot run.
        reason: Why it cannot run within eight weeks; empty where it can.
    """

    candidate: MeasuredMetric
    users: int | None
    smallest: float | None
    effect: float | None
    weeks: int | None
    reason: str

    @property
    def runs(self) -> bool:
        """Whether it shows a plausible effect within eight weeks."""
        return not self.reason


def assess(candidate: MeasuredMetric, enrolment: Enrolment, design: Design | None = None) -> PlanOption:
    """What a test of at most eight weeks would show.

    The effect planned for is a tenth of the baseline, or what eight weeks can show if that is more; one of more than a
    quarter is not plausible, and the test then cannot run.
    """
    design = design or Design()
    base = candidate.baseline
    if not is_foretold(enrolment):
        return PlanOption(candidate, None, None, None, None, "when these users come cannot be foretold")
    users = users_within(LONGEST_WEEKS, 1.0, candidate.exposure_days, enrolment)
    if is_constant(base.kind, base.value, base.sd):
        who = "everybody had it" if base.value else "nobody had it"
        return PlanOption(candidate, int(users), None, None, None, f"{who} within {candidate.exposure_days} days")
    control = users * design.shares[0] - len(design.weights)
    found = detectable_effect(base.metric, candidate.direction.sign, control, design)
    relative = abs(found / base.value) if found is not None and base.value else None
    if found is None or relative is None:
        return PlanOption(candidate, int(users), None, None, None, "no effect is large enough for so few users")
    if relative > LARGEST_DEFAULT:
        reason = f"eight weeks show nothing below {relative:.0%} of today's value"
        return PlanOption(candidate, int(users), relative, None, None, reason)
    usual = default_effect(base, candidate.direction)
    effect = max(usual, rounded_up(relative) * abs(base.value))
    return _planned(candidate, int(users), relative, effect, enrolment, design)


def _planned(
    candidate: MeasuredMetric, users: int, relative: float, effect: float, enrolment: Enrolment, design: Design
) -> PlanOption:
    """The option with its weeks; it cannot run where its numbers would not be valid."""
    metric = candidate.baseline.metric
    try:
        need = size(metric, candidate.direction.sign * effect, design)
    except SizeError as error:
        return PlanOption(candidate, users, relative, None, None, str(error))
    duration = duration_of(need.total, 1.0, candidate.exposure_days, enrolment)
    reason = ""
    if min(need.arms) < FEWEST_USERS:
        reason = f"fewer than {FEWEST_USERS} users an arm"
    elif smallest_expected_cell(metric, candidate.direction.sign * effect, need.arms) < FEWEST_EVENTS:
        reason = f"fewer than {FEWEST_EVENTS} users with or without the outcome in an arm"
    elif not duration.feasible:
        reason = "takes longer than eight weeks"
    weeks = duration.days // 7 if duration.days else None
    return PlanOption(candidate, users, relative, effect, weeks, reason)


def ranked(options: Iterable[PlanOption]) -> list[PlanOption]:
    """The options, the one to propose first.

    Those that run come first; of them goals and step rates, then what is closest to the recommendation (`_CLOSENESS`),
    and the smallest effect. What is below a tenth is no better than a tenth.
    """
    return sorted(options, key=_rank)


def _rank(option: PlanOption) -> tuple[float, ...]:
    each = option.candidate
    smallest = option.smallest if option.smallest is not None else float("inf")
    return (
        not option.runs,
        not each.group.is_rate,
        _CLOSENESS[each.relevance][_AUDIENCES.index(each.audience.kind)],
        max(smallest, DEFAULT_EFFECT),
        _GROUPS.index(each.group),
        option.weeks or 0,
        each.exposure_days,
    )
