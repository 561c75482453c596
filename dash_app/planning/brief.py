"""Writes a plan out for people: the decision rule, and the test brief in Markdown. Pure text, no sizing."""

import re

from dash_app.planning.plan import Guardrail, Plan
from dash_app.planning.sample_size import NON_INFERIORITY

NOTHING_LIVE = "A plan only: nothing goes live from here."


def decision_rule(plan: Plan) -> str:
    """What will be decided on which result, agreed before the test."""
    level = f"{plan.design.alpha_each:.4f}".rstrip("0")
    each = "the treatment" if len(plan.variants) == 2 else "an arm"
    shared = (
        "" if len(plan.variants) == 2 else f" (alpha {plan.alpha:g} shared among {plan.design.comparisons} comparisons)"
    )
    rails = "; ".join(_rail_rule(rail) for rail in plan.guardrails)
    when = f"Decide once, on day {plan.duration_days}" if plan.duration_days else "Decide once, at the planned end"
    confidence = f"{1 - plan.design.alpha_each:.2%}".replace(".00%", "%")
    return (
        f"Ship {each} if {plan.primary_metric} {_moves(plan.direction)} against control with p < {level}, "
        f"{_sides(plan.sides)}{shared}, and its one-sided {confidence} bounds keep every guardrail within its margin: "
        f"{rails}. Otherwise keep the control. {when}, not before."
    )


def write_brief(plan: Plan) -> str:
    """The test brief in Markdown, ready to copy. Text from people, logs and models is escaped."""
    sections = [
        f"# {_text(plan.name)}",
        f"*{NOTHING_LIVE}*",
        _facts(plan),
        f"## Hypothesis\n\n{_text(plan.hypothesis)}",
        f"## Who takes part\n\n{_population(plan)}",
        f"## Variants\n\n{_variants(plan)}",
        f"## Primary metric\n\n{_primary(plan)}",
        f"## Guardrails\n\n{_guardrails(plan)}",
        f"## Decision rule\n\n{_text(plan.decision_rule)}",
        f"## Where it comes from\n\n{_origin(plan)}",
    ]
    return "\n\n".join(sections) + "\n"


def _facts(plan: Plan) -> str:
    weeks = f"{plan.duration_days // 7} weeks" if plan.duration_days else "never fills"
    limit = "" if plan.feasible else " (longer than eight weeks: not feasible as it stands)"
    rows = [
        (
            "Users an arm",
            f"{plan.n_per_arm:,} in the control, {plan.n_total:,} in all" if plan.n_per_arm else "not sized",
        ),
        ("Duration", f"{weeks}{limit}"),
        ("Dates", f"{plan.start_date or 'not set'} to {plan.end_date or 'not set'}"),
        ("Owner", _text(plan.owner) or "nobody yet"),
        ("RICE", f"{plan.rice_score:,.1f}" if plan.rice_score is not None else "not scored"),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def _population(plan: Plan) -> str:
    share = f"{plan.traffic_share:.0%} of the eligible users of cluster {_text(plan.cluster_id)}"
    return f"{share}: {_text(plan.population) or 'no rule given'}."


def _variants(plan: Plan) -> str:
    total = sum(arm.weight for arm in plan.variants)
    lines = ["| arm | share | users | what is different |", "|---|---|---|---|"]
    for arm in plan.variants:
        users = f"{arm.n:,}" if arm.n is not None else ""
        lines.append(f"| {_text(arm.name)} | {arm.weight / total:.1%} | {users} | {_text(arm.description)} |")
    return "\n".join(lines)


def _primary(plan: Plan) -> str:
    seen = (
        "unseen when the users were picked"
        if plan.baseline_unseen
        else "the same days that picked them, so it may flatter"
    )
    relative = f", {plan.mde_relative:.1%} of the baseline" if plan.mde_relative is not None else ""
    return (
        f"{_code(plan.primary_metric)} ({plan.metric_kind}) should {plan.direction}. Baseline "
        f"{value_text(plan.metric_kind, plan.baseline)} among {plan.baseline_n:,} users, "
        f"{plan.baseline_from:%Y-%m-%d} to {plan.baseline_to:%Y-%m-%d} ({seen}), "
        f"within {plan.exposure_days} days from first being eligible. Smallest "
        f"effect worth finding: {change_text(plan.metric_kind, plan.mde_absolute)}{relative}. "
        f"Alpha {plan.alpha:g}, power "
        f"{plan.power:g}, {_sides(plan.sides)}. Method: {plan.method}."
    )


def _guardrails(plan: Plan) -> str:
    lines = ["| metric | baseline | must not | users in all |", "|---|---|---|---|"]
    for rail in plan.guardrails:
        margin = change_text(rail.metric_kind, rail.margin_absolute)
        total = f"{rail.n_total:,}" if rail.n_total is not None else ""
        baseline = value_text(rail.metric_kind, rail.baseline)
        lines.append(f"| {_code(rail.metric)} | {baseline} | {rail.worse} by {margin} or more | {total} |")
    return "\n".join([*lines, "", f"Each by a {NON_INFERIORITY}."])


def _origin(plan: Plan) -> str:
    evidence = ", ".join(_code(evidence_id) for evidence_id in plan.evidence_ids) or "none kept"
    return (
        f"Snapshot {plan.snapshot_date}, cluster {_text(plan.cluster_id)}, recommendation "
        f"{_code(plan.recommendation_id)}; evidence: {evidence}."
    )


def value_text(kind: str, value: float) -> str:
    """A metric's value for people: shares in percent."""
    return f"{value:.2%}" if kind == "proportion" else f"{value:.4g}"


def change_text(kind: str, change: float) -> str:
    """The size of a change for people: of shares in percentage points."""
    return f"{100 * change:.3g} points" if kind == "proportion" else f"{change:.3g}"


def _rail_rule(rail: Guardrail) -> str:
    return f"{rail.metric} must not {rail.worse} by {change_text(rail.metric_kind, rail.margin_absolute)}"


def _moves(direction: str) -> str:
    return "increases" if direction == "increase" else "decreases"


def _sides(sides: int) -> str:
    return "two-sided" if sides == 2 else "one-sided"


def _text(text: str) -> str:
    """Plain text inside Markdown: one line, with nothing in it that Markdown or HTML would act on."""
    return re.sub(r"([\\`*\[\]<>|#~])", r"\\\1", " ".join(text.split()))


def _code(name: str) -> str:
    return f"`{' '.join(name.split()).replace('`', '').replace('|', '')}`"
