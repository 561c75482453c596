"""Finds the change that brings a test which takes too long within eight weeks, the least costly first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, log10, sqrt

from dash_app.planning.brief import Label, Labels, effect_text, quoted
from dash_app.planning.duration import LONGEST_WEEKS, Enrolment, users_within
from dash_app.planning.plan import Plan, problems, with_margin
from dash_app.planning.refusals import LARGEST_MARGIN, refusals
from dash_app.planning.requirements import rail_metric, with_days, with_users
from dash_app.planning.sample_size import detectable_effect, non_inferiority_size
from grupa_pipeline.vocabulary.plan_fields import Guardrail


@dataclass(frozen=True)
class Alternative:
    """A way to a test that ends in time: in words, and as a plan to size; None when there is none with these users."""

    text: str
    plan: Plan | None


def find_alternative(plan: Plan, enrolment: Enrolment, labels: Labels) -> Alternative:
    """The first change that brings the test within eight weeks, the least costly first."""
    for text, changed in _changes(plan, enrolment, labels):
        again, _ = with_users(changed)
        if with_days(again, enrolment).feasible and not refusals(again):
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
    effect = detectable_effect(plan.metric, plan.direction.sign, in_control, plan.design)
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
    """Whether no effect exceeds the baseline itself, and no margin half of it."""
    margins = [rail.margin_relative for rail in plan.guardrails]
    return (plan.mde_relative or 0) <= 1 and all(margin is None or margin <= LARGEST_MARGIN for margin in margins)


def _widened(rail: Guardrail, control: float, plan: Plan) -> Guardrail:
    """The guardrail with the smallest margin that `control` users can hold, if that is wider than its own."""
    # Users needed fall with the square of the margin.
    need = non_inferiority_size(rail_metric(rail), rail.margin_absolute, plan.design).control
    if need <= control:
        return rail
    return with_margin(rail, **_rounded(rail.margin_absolute * sqrt(need / control), rail.baseline))


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
    return {"relative": rounded_up(absolute / abs(baseline))} if baseline else {"absolute": rounded_up(absolute)}


def rounded_up(value: float) -> float:
    """The next number of two significant digits."""
    unit = 10.0 ** (floor(log10(value)) - 1)
    return round(ceil(value / unit - 1e-9) * unit, 12)
