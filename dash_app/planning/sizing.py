"""Sizes a plan: users in each arm, weeks, what binds, what shorter tests would show, and a way out when it is too long.

Puts the formulas of `sample_size.py` and `duration.py` together for a `Plan`; pure.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil, floor, log10, sqrt

from dash_app.planning.brief import NO_LABELS, Label, Labels, decision_rule, effect_text, quoted, write_brief
from dash_app.planning.duration import LONGEST_WEEKS, Enrolment, duration_of, users_within
from dash_app.planning.plan import DIRECTIONS, Guardrail, Plan, PlanError, Problem, problems
from dash_app.planning.rice import QUARTER_DAYS, rice_score
from dash_app.planning.sample_size import (
    METHODS,
    PROPORTION,
    SMALLEST_CELL,
    Metric,
    Size,
    SizeError,
    detectable_effect,
    non_inferiority_size,
    size,
    smallest_expected_cell,
)

PREVIEW_WEEKS = (2, 4, 8)
FEWEST_USERS = 30
"""An arm of fewer is worth a doubt."""


@dataclass(frozen=True)
class Detectable:
    """What a test of `weeks` weeks would see: its users, and the smallest effect (above 0; None when there is none)."""

    weeks: int
    users: int
    absolute: float | None
    relative: float | None


@dataclass(frozen=True)
class Alternative:
    """A way to a test that ends in time: in words, and as a plan to size; None when there is none with these users."""

    text: str
    plan: Plan | None


@dataclass(frozen=True)
class Sizing:
    """A sized plan and what a person should know of it.

    Attributes:
        plan: The plan with arms, guardrails, users, days, dates, RICE score, decision rule and brief filled in.
        binding: The metric, primary or guardrail, that needs most users.
        detectable: The effect on the primary metric that 2, 4 and 8 weeks would show.
        alternative: What to do instead when the test would last longer than eight weeks; None when it does not.
        doubts: Why the numbers are not to be relied on before somebody has checked them; empty when they are.
        warnings: Sentences to show beside the numbers.
    """

    plan: Plan
    binding: str
    detectable: tuple[Detectable, ...]
    alternative: Alternative | None
    doubts: tuple[str, ...]
    warnings: tuple[str, ...]


def size_plan(plan: Plan, enrolment: Enrolment, labels: Labels = NO_LABELS) -> Sizing:
    """Size a plan.

    Args:
        plan: The plan with its effect, design and guardrails; what it held of sizes before is replaced.
        enrolment: How many different eligible users come, for the plan's population.
        labels: What metrics are called in the texts, and their units; one without a label goes by its name.

    Raises:
        PlanError: The plan cannot be sized; one message a field.
    """
    found = problems(plan)
    if found:
        raise PlanError(found)
    plan, binding = _with_users(plan)
    plan = _with_days(plan, enrolment)
    reach = enrolment.users_by(QUARTER_DAYS)
    plan = replace(plan, rice_reach=round(reach, 1), method=METHODS[plan.metric_kind])
    plan = replace(plan, rice_score=rice_score(reach, plan.rice_impact, plan.rice_confidence, plan.rice_effort))
    plan = replace(plan, decision_rule=decision_rule(plan, labels))
    detectable = tuple(_detectable(plan, weeks, enrolment) for weeks in PREVIEW_WEEKS)
    alternative = None if plan.feasible else _alternative(plan, enrolment, labels)
    plan = replace(plan, brief=write_brief(plan, labels))
    return Sizing(plan, binding, detectable, alternative, tuple(_doubts(plan)), tuple(_warnings(plan)))


def sized_before(plan: Plan) -> Sizing:
    """A plan with the sizes that it holds, for one whose users can no longer be counted."""
    rails = (rail.metric for rail in plan.guardrails if rail.n_total == plan.n_total)
    binding = next(rails, plan.primary_metric) if plan.n_total is not None else plan.primary_metric
    return Sizing(plan, binding, (), None, tuple(_doubts(plan)) if plan.n_total is not None else (), ())


def worded_again(plan: Plan, labels: Labels = NO_LABELS) -> Plan:
    """A plan whose users can no longer be counted after an edit: dates, score and texts follow, sizes stay.

    Raises:
        PlanError: A field is not usable; one message a field.
    """
    found = problems(plan)
    if found:
        raise PlanError(found)
    days = plan.duration_days
    end = plan.start_date + timedelta(days=days - 1) if plan.start_date and days else None
    plan = replace(plan, end_date=end, decision_rule=decision_rule(plan, labels))
    if plan.rice_reach is not None:
        score = rice_score(plan.rice_reach, plan.rice_impact, plan.rice_confidence, plan.rice_effort)
        plan = replace(plan, rice_score=score)
    return replace(plan, brief=write_brief(plan, labels))


def _with_users(plan: Plan) -> tuple[Plan, str]:
    """The plan with the most users that any of its metrics needs, and which metric that is."""
    with _said_at("mde_relative"):
        needed: dict[str, Size] = {plan.primary_metric: size(plan.metric, plan.effect, plan.design)}
    rails = []
    for rail in plan.guardrails:
        with _said_at("guardrails"):
            need = non_inferiority_size(_metric(rail), rail.margin_absolute, plan.design)
        needed[rail.metric] = need
        rails.append(replace(rail, n_per_arm=need.arms[0], n_total=need.total))
    binding = max(needed, key=lambda metric: needed[metric].total)
    users = needed[binding]
    arms = tuple(replace(arm, n=n) for arm, n in zip(plan.variants, users.arms, strict=True))
    sized = replace(plan, variants=arms, guardrails=tuple(rails), n_per_arm=users.arms[0], n_total=users.total)
    return sized, binding


@contextmanager
def _said_at(field: str) -> Iterator[None]:
    """Tell what cannot be sized at the field where a person can change it."""
    try:
        yield
    except SizeError as error:
        raise PlanError((Problem(field, str(error)),)) from error


def _with_days(plan: Plan, enrolment: Enrolment) -> Plan:
    duration = duration_of(plan.n_total or 0, plan.traffic_share, plan.exposure_days, enrolment)
    end = plan.start_date + timedelta(days=duration.days - 1) if plan.start_date and duration.days else None
    return replace(plan, duration_days=duration.days, feasible=duration.feasible, end_date=end)


def _detectable(plan: Plan, weeks: int, enrolment: Enrolment) -> Detectable:
    users = users_within(weeks, plan.traffic_share, plan.exposure_days, enrolment)
    effect = detectable_effect(plan.metric, DIRECTIONS[plan.direction], users * plan.design.shares[0], plan.design)
    absolute = None if effect is None else abs(effect)
    relative = absolute / abs(plan.baseline) if absolute is not None and plan.baseline else None
    return Detectable(weeks, floor(users), absolute, relative)


def _alternative(plan: Plan, enrolment: Enrolment, labels: Labels) -> Alternative:
    """The first change that brings the test within eight weeks, the least costly first."""
    for text, changed in _changes(plan, enrolment, labels):
        again, _ = _with_users(changed)
        if _with_days(again, enrolment).feasible:
            return Alternative(text, changed)
    return Alternative(
        "Too few of these users come for any test of eight weeks; plan it for a larger population, "
        "or talk to some of them instead.",
        None,
    )


def _changes(plan: Plan, enrolment: Enrolment, labels: Labels) -> Iterator[tuple[str, Plan]]:
    """Plans that need less and less, each with a sentence that names all it changes."""
    named: list[str] = []
    if plan.traffic_share < 1:
        plan = replace(plan, traffic_share=1.0)
        named.append("let all eligible users take part")
        yield _sentence(named), plan
    if len(plan.variants) > 2:
        control, treatment = plan.variants[:2]
        equally = "" if control.weight == treatment.weight else " in equal parts"
        plan = replace(plan, variants=tuple(replace(arm, weight=1.0) for arm in (control, treatment)))
        named.append(f"test only {treatment.name} against {control.name}{equally}")
        yield _sentence(named), plan
    users = users_within(LONGEST_WEEKS, plan.traffic_share, plan.exposure_days, enrolment)
    in_control = users * plan.design.shares[0] - len(plan.variants)
    effect = detectable_effect(plan.metric, DIRECTIONS[plan.direction], in_control, plan.design)
    if effect is None:
        return
    changed = plan
    if abs(effect) > plan.mde_absolute:
        changed = plan.with_effect(**_rounded(abs(effect), plan.baseline))
    changed = replace(changed, guardrails=tuple(_widened(rail, in_control, plan) for rail in plan.guardrails))
    relaxed = list(_relaxed(plan, changed, labels))
    if relaxed and not problems(changed) and _within_reason(changed):
        yield _sentence([*named, *relaxed], ", which eight weeks can show"), changed


def _sentence(named: Sequence[str], end: str = "") -> str:
    """`Do this, do that and do the other.`"""
    *first, last = named
    text = f"{', '.join(first)} and {last}" if first else last
    return f"{text[0].upper()}{text[1:]}{end}."


def _within_reason(plan: Plan) -> bool:
    """Whether no effect or margin is more than the baseline itself: nobody plans for a doubling."""
    sizes = [plan.mde_relative, *(rail.margin_relative for rail in plan.guardrails)]
    return all(size is None or size <= 1 for size in sizes)


def _widened(rail: Guardrail, control: float, plan: Plan) -> Guardrail:
    """The guardrail with the smallest margin that `control` users can hold, if that is wider than its own."""
    # Users needed fall with the square of the margin.
    need = non_inferiority_size(_metric(rail), rail.margin_absolute, plan.design).control
    if need <= control:
        return rail
    return rail.with_margin(**_rounded(rail.margin_absolute * sqrt(need / control), rail.baseline))


def _relaxed(before: Plan, after: Plan, labels: Labels) -> Iterator[str]:
    """The effect and the margins that are larger in `after`, in words."""
    if after.mde_absolute > before.mde_absolute:
        unit = labels.get(after.primary_metric, Label("")).unit
        change = effect_text(after.metric_kind, after.baseline, after.mde_absolute, after.mde_relative, unit)
        yield f"look for an effect of {change}"
    for old, new in zip(before.guardrails, after.guardrails, strict=True):
        if new.margin_absolute > old.margin_absolute:
            label = labels.get(new.metric, Label(new.metric))
            change = effect_text(new.metric_kind, new.baseline, new.margin_absolute, new.margin_relative, label.unit)
            yield f"allow {quoted(label.words)} a margin of {change}"


def _rounded(absolute: float, baseline: float) -> dict[str, float]:
    """An effect as a person would type it: over the baseline where there is one, up to the next of two digits."""
    return {"relative": _round_up(absolute / abs(baseline))} if baseline else {"absolute": _round_up(absolute)}


def _round_up(value: float) -> float:
    unit = 10.0 ** (floor(log10(value)) - 1)
    return round(ceil(value / unit - 1e-9) * unit, 12)


def _doubts(plan: Plan) -> Iterator[str]:
    arms = tuple(arm.n or 0 for arm in plan.variants)
    if plan.metric_kind == PROPORTION and plan.baseline in (0, 1):
        who = "Everybody" if plan.baseline else "Nobody"
        yield f"{who} measured had the outcome, so how likely it is can only be guessed; check that it can be moved at all."
    elif smallest_expected_cell(plan.metric, plan.effect, arms) < SMALLEST_CELL:
        yield "Fewer than 10 users with or without the outcome are expected in an arm: the formula is only rough there."
    if min(arms) < FEWEST_USERS:
        yield "So few users are enough only because the metric hardly varies among them; check that it can be moved at all."


def _warnings(plan: Plan) -> Iterator[str]:
    if not plan.baseline_unseen:
        yield "The baseline was measured on the same days that picked these users, so it may flatter."
    if plan.duration_days is None:
        yield "So many different users never come, by the log's own curve."
    elif not plan.feasible:
        yield f"The test would last {plan.duration_days // 7} weeks; beyond eight, users and product change under it."


def _metric(rail: Guardrail) -> Metric:
    return Metric(rail.metric_kind, rail.baseline, rail.baseline_sd)
