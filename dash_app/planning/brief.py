"""The texts of a plan: its decision rule, and the test brief in Markdown."""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from dash_app.planning.design import Method
from dash_app.planning.plan import Plan
from grupa_pipeline.vocabulary.enums import BaselineUsers, Direction, MetricKind
from grupa_pipeline.vocabulary.plan_fields import PLAN_FIELDS, Guardrail
from grupa_pipeline.vocabulary.plan_parts import AudienceKind, TrackingVerdict


class Label(NamedTuple):
    """What a metric is called on a screen, and the unit of its values (`share`: they are shown in percent)."""

    words: str
    unit: str = ""


Labels = Mapping[str, Label]
"""By the metric's name in the tables; one without a label goes by that name."""
NO_LABELS: Labels = MappingProxyType({})
SRM_RULE = (
    "Before anything is read, check the split: if a chi-squared test of the users in each arm against the planned shares gives"
    " p < 0.001, the assignment is broken, and the result is not read."
)
"""The check for a sample ratio mismatch (Fabijan et al. 2019)."""
NOTHING_LIVE = "A plan only: nothing goes live from here."


def decision_rule(plan: Plan, labels: Labels = NO_LABELS) -> str:
    """The decision for each result, agreed on before the test; metrics go by their labels where they have one."""
    level = f"{plan.design.alpha_each:.4f}".rstrip("0")
    each = "the treatment" if len(plan.variants) == 2 else "an arm"
    shared = (
        "" if len(plan.variants) == 2 else f" (alpha {plan.alpha:g} shared among {plan.design.comparisons} comparisons)"
    )
    rails = "; ".join(_rail_rule(rail, labels) for rail in plan.guardrails)
    when = f"Decide once, on day {plan.duration_days}" if plan.duration_days else "Decide once, at the planned end"
    confidence = f"{1 - plan.design.alpha_each:.2%}".replace(".00%", "%")
    return (
        f"Ship {each} if {_quoted(plan.primary_metric, labels)} {_moves(plan.direction)} against control with p < {level}, "
        f"{_sides(plan.sides)}{shared}, and its one-sided {confidence} bounds keep every guardrail within its margin: "
        f"{rails}. Otherwise keep the control. {_looks_rule(plan) or f'{when}, not before.'} {SRM_RULE}"
    )


def _looks_rule(plan: Plan) -> str:
    """When a group-sequential test stops; empty for one that is read once."""
    looks = plan.looks
    if looks is None:
        return ""
    shares = [f"{look / looks.number:.0%}" for look in range(1, looks.number + 1)]
    at = ", ".join(f"{share}: {bound:.3f}" for share, bound in zip(shares, looks.boundaries, strict=True))
    futile = ""
    if looks.futility_boundaries:
        low = ", ".join(f"{each:.3f}" for each in looks.futility_boundaries[:-1])
        futile = f" It may stop without effect where z in the hoped-for direction is below {low} at the looks before the last."
    return (
        f"Read it {looks.number} times, when these shares of the users have been exposed, and at no other time; the primary"
        f" metric is decided where |z| is beyond {at}.{futile}"
    )


def write_brief(plan: Plan, labels: Labels = NO_LABELS) -> str:
    """The test brief in Markdown, ready to copy. Text of users, logs and models is escaped."""
    sections = [
        f"# {_text(plan.name)}",
        f"*{NOTHING_LIVE}*",
        _facts(plan),
        *_outcome(plan, labels),
        *_texts(plan),
        *_past(plan, labels),
        f"## Who takes part\n\n{_population(plan)}",
        f"## Variants\n\n{_variants(plan)}",
        f"## Primary metric\n\n{_primary(plan, labels)}",
        f"## Guardrails\n\n{_guardrails(plan, labels)}",
        f"## Decision rule\n\n{_text(plan.decision_rule)}",
        f"## Where it comes from\n\n{_origin(plan)}",
    ]
    return "\n\n".join(sections) + "\n"


def _texts(plan: Plan) -> Iterator[str]:
    """The fields that have a section of their own; an optional one only where it is filled in."""
    for name, field in PLAN_FIELDS.items():
        value = getattr(plan, name)
        if field.heading and value is not None:
            yield f"## {field.heading}\n\n{_text(value)}"


def result_sentence(plan: Plan, unit: str = "") -> str:
    """What the test showed, in a sentence or two; empty where it is not known."""
    result = plan.result
    if result is None:
        return ""
    control, arm = result.arms[0], result.arms[1]
    kind, level = plan.metric_kind, f"{1 - plan.design.alpha_each:.1%}".replace(".0%", "%")
    values = [value_text(kind, each.value, unit) for each in (control, arm)]
    change, low, high = (
        f"{'+' if each >= 0 else '-'}{change_text(kind, abs(each), unit)}"
        for each in (result.effect, result.low, result.high)
    )
    return (
        f"{values[1]} of {arm.users:,} users in {arm.name}, {values[0]} of {control.users:,} in {control.name}: {change}"
        f" ({level} interval {low} to {high}, p = {result.p_value:.3g}). Chance of this split: {result.srm_p_value:.2g}."
    )


def tracking_sentence(plan: Plan, unit: str = "") -> str:
    """What later snapshots say of a shipped change, in a sentence or two; empty where there is none yet."""
    found = plan.tracking
    if found is None or plan.result is None:
        return ""
    last = found.values[-1]
    seen, foretold, low, high, without = (
        value_text(plan.metric_kind, each, unit)
        for each in (last.value, found.forecast, found.forecast_low, found.forecast_high, plan.result.arms[0].value)
    )
    words = {
        TrackingVerdict.HOLDS: "It holds",
        TrackingVerdict.FADED: "It faded",
        TrackingVerdict.CANNOT_TELL: "Whether it holds cannot be told",
    }
    return (
        f"{words[found.verdict]}: {seen} of {last.users:,} such users in the snapshot of {last.snapshot_date}; the result"
        f" foretold {foretold} ({low} to {high}), and {without} without the change. Nobody is held back, so what else changed"
        " since counts too."
    )


def _outcome(plan: Plan, labels: Labels) -> Iterator[str]:
    """What came of it."""
    if plan.result is not None:
        decided = f" Decision: {plan.decision}." if plan.decision else ""
        unit = _unit(plan.primary_metric, labels)
        later = f" {_text(tracking_sentence(plan, unit))}" if plan.tracking else ""
        yield f"## What came of it\n\n{_text(result_sentence(plan, unit))}{decided}{later}"


def _past(plan: Plan, labels: Labels) -> Iterator[str]:
    """What the audience's own past says of the test."""
    lines = past_sentences(plan, labels)
    if lines:
        yield "## What their own past says\n\n" + "\n\n".join(_text(line) for line in lines)


def past_sentences(plan: Plan, labels: Labels = NO_LABELS) -> list[str]:
    """Replay and CUPED, a sentence or two each; none where they were not measured."""
    found = []
    if plan.replay is not None:
        again = plan.replay
        tail = (
            " A few users hold so much of this metric that the formula cannot be relied on: cap it, or choose a share of users."
            if again.heavy_tail
            else ""
        )
        found.append(
            f"{again.splits:,} random splits of {again.users:,} of these users: without an effect {again.false_alarms:.1%} were"
            f" significant (alpha {plan.design.alpha_each:g}), with the planned one {again.power:.0%}; the formula says"
            f" {again.formula_power:.0%} for so many.{tail}"
        )
    if plan.cuped is not None:
        saved = plan.cuped
        days = f", {saved.days_saved} days fewer" if saved.days_saved else ""
        found.append(
            f"Adjusted for {_quoted(saved.covariate, labels)} of the days before (CUPED) {saved.variance_ratio:.0%} of the"
            f" variance is left ({saved.ratio_low:.0%} to {saved.ratio_high:.0%} in replays){days}. The users above are without it."
        )
    return found


def _facts(plan: Plan) -> str:
    weeks = f"{plan.duration_days // 7} weeks" if plan.duration_days else "no end foretold"
    longer = "longer than eight weeks: " if plan.duration_days else ""
    limit = "" if plan.feasible else f" ({longer}not feasible as it stands)"
    if plan.n_total is None:
        weeks, limit = "not sized", ""
    rows = [
        (
            "Users an arm",
            f"{plan.n_per_arm:,} in the control, {plan.n_total:,} in all" if plan.n_per_arm else "not sized",
        ),
        ("Duration", f"{weeks}{limit}"),
        ("Dates", f"{plan.start_date or 'not set'} to {plan.end_date or 'not set'}"),
        ("Owner", _text(plan.owner) or "nobody yet"),
        *([("Approved by", _text(plan.approved_by))] if plan.approved_by else []),
        ("RICE", f"{plan.rice_score:,.1f}" if plan.rice_score is not None else "not scored"),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def _population(plan: Plan) -> str:
    audience = plan.taking_part
    clusters = " and ".join(_text(each) for each in audience.clusters)
    whose = {
        AudienceKind.CLUSTER: f"the eligible users of cluster {_text(plan.cluster_id)}",
        AudienceKind.SIBLINGS: f"the eligible users of clusters {clusters}",
        AudienceKind.EVERYONE: "all eligible users",
        AudienceKind.SEGMENT: f"the eligible users of segment {clusters}",
    }
    share = f"{plan.traffic_share:.0%} of {whose[audience.kind]}"
    return f"{share}: {_text(plan.population) or 'no rule given'}."


def _variants(plan: Plan) -> str:
    total = sum(arm.weight for arm in plan.variants)
    lines = ["| arm | share | users | what is different |", "|---|---|---|---|"]
    for arm in plan.variants:
        users = f"{arm.n:,}" if arm.n is not None else ""
        lines.append(f"| {_text(arm.name)} | {arm.weight / total:.1%} | {users} | {_text(arm.description)} |")
    return "\n".join(lines)


def _primary(plan: Plan, labels: Labels) -> str:
    seen = (
        "unseen when the users were picked"
        if plan.baseline_unseen
        else "the same days that picked them, so it may flatter"
    )
    kind, unit, note = plan.metric_kind, _unit(plan.primary_metric, labels), baseline_users_note(plan)
    effect = effect_text(kind, plan.baseline, plan.mde_absolute, plan.mde_relative, unit)
    return (
        f"{_metric(plan.primary_metric, labels)} ({plan.metric_kind}) should {plan.direction}. Baseline "
        f"{value_text(kind, plan.baseline, unit)} among {plan.baseline_n:,} users, "
        f"{plan.baseline_from:%Y-%m-%d} to {plan.baseline_last_day:%Y-%m-%d} ({seen}), "
        f"within {plan.exposure_days} days from first being eligible. Smallest "
        f"effect worth finding: {effect}. Alpha {plan.alpha:g}, power "
        f"{plan.power:g}, {_sides(plan.sides)}. Method: {plan.method}.{f' {note}' if note else ''}"
    )


def _guardrails(plan: Plan, labels: Labels) -> str:
    lines = ["| metric | baseline | must not | users in all |", "|---|---|---|---|"]
    for rail in plan.guardrails:
        unit = _unit(rail.metric, labels)
        margin = change_text(rail.metric_kind, rail.margin_absolute, unit)
        total = f"{rail.n_total:,}" if rail.n_total is not None else ""
        baseline = value_text(rail.metric_kind, rail.baseline, unit)
        lines.append(f"| {_metric(rail.metric, labels)} | {baseline} | {rail.worse} by {margin} or more | {total} |")
    return "\n".join([*lines, "", f"Each by a {Method.NON_INFERIORITY}."])


def _origin(plan: Plan) -> str:
    evidence = ", ".join(_code(evidence_id) for evidence_id in plan.evidence_ids) or "none kept"
    return (
        f"Snapshot {plan.snapshot_date}, cluster {_text(plan.cluster_id)}, recommendation "
        f"{_code(plan.recommendation_id)}; evidence: {evidence}."
    )


def baseline_users_note(plan: Plan) -> str | None:
    """A sentence where the baseline is of the cluster's members because no rule is stored; None elsewhere."""
    if plan.baseline_users is not BaselineUsers.MEMBERS_NO_RULE:
        return None
    return f"The baseline is of the cluster's members on {plan.snapshot_date}: no rule is stored for it as conditions."


def in_points(kind: str, unit: str = "") -> bool:
    """Whether a metric's values are shown in percent, and changes of it in percentage points."""
    return kind == MetricKind.PROPORTION or unit == "share"


def value_text(kind: str, value: float, unit: str = "") -> str:
    """A metric's value for people: shares in percent with one decimal, the rest with four digits and their unit."""
    if in_points(kind, unit):
        return f"{_digits(100 * value, 1)}%" if 0 < abs(value) < 0.0005 else f"{value:.1%}"
    return f"{_digits(value, 4)} {unit}".strip()


def change_text(kind: str, change: float, unit: str = "") -> str:
    """The size of a change for people: of shares in percentage points, of the rest in their unit."""
    if in_points(kind, unit):
        return f"{_digits(100 * change, 2)} points"
    return f"{_digits(change, 3)} {unit}".strip()


def relative_text(kind: str, baseline: float, relative: float, unit: str = "") -> str:
    """A change over its baseline: `10% of today's 30.0%`."""
    return f"{_digits(100 * relative, 3)}% of today's {value_text(kind, baseline, unit)}"


def effect_text(kind: str, baseline: float, absolute: float, relative: float | None, unit: str = "") -> str:
    """A change both ways: `3 points (10% of today's 30.0%)`; the first alone where the effect is set in the metric's unit."""
    over = "" if relative is None else f" ({relative_text(kind, baseline, relative, unit)})"
    return f"{change_text(kind, absolute, unit)}{over}"


def quoted(text: str) -> str:
    """The text in quotation marks; those that are in it already become single ones."""
    return f"“{text.replace('“', '‘').replace('”', '’')}”"


def _digits(value: float, digits: int) -> str:
    return f"{float(f'{value:.{digits}g}'):,.10g}"


def _unit(name: str, labels: Labels) -> str:
    return labels[name].unit if name in labels else ""


def _metric(name: str, labels: Labels) -> str:
    return _text(labels[name].words) if name in labels else _code(name)


def _rail_rule(rail: Guardrail, labels: Labels) -> str:
    margin = change_text(rail.metric_kind, rail.margin_absolute, _unit(rail.metric, labels))
    return f"{_quoted(rail.metric, labels)} must not {rail.worse} by {margin}"


def _quoted(name: str, labels: Labels) -> str:
    return quoted(labels[name].words if name in labels else name)


def _moves(direction: Direction) -> str:
    return "increases" if direction is Direction.INCREASE else "decreases"


def _sides(sides: int) -> str:
    return "two-sided" if sides == 2 else "one-sided"


def _text(text: str) -> str:
    """Plain text inside Markdown: one line, with nothing in it that Markdown or HTML would act on."""
    return re.sub(r"([\\`*\[\]<>|#~])", r"\\\1", " ".join(text.split()))


def _code(name: str) -> str:
    return f"`{' '.join(name.split()).replace('`', '').replace('|', '')}`"
