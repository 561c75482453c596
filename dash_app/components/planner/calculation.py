"""How the planner's numbers came about: formula, baseline, what shorter tests would show, rule and brief. Pure."""

from collections.abc import Mapping, Sequence

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components.html_tables import table
from dash_app.data.snapshot import Feature, metric_label, metric_unit
from dash_app.planning.baseline import SAME_DAYS, Baseline
from dash_app.planning.brief import Label, baseline_users_note, change_text, past_sentences, value_text
from dash_app.planning.design import Method
from dash_app.planning.plan import Plan
from dash_app.planning.sizing import Detectable, Sizing

_NEEDS: Mapping[str, str] = {
    Method.TWO_PROPORTIONS: "n = (z₁₋α/₂ √(2 p̄(1−p̄)) + z₁₋β √(p₁(1−p₁) + p₂(1−p₂)))² / (p₁−p₂)², equal arms"
    " (R's power.prop.test)",
    Method.TWO_MEANS: "n solves power = P(|t(ν, δ)| > t₁₋α/₂), δ = effect / sd · √(n/2), ν = 2n−2 (R's power.t.test)",
    Method.DELTA_METHOD: "n = 2 (z₁₋α/₂ + z₁₋β)² sd² / effect², sd of (x − R·y)/ȳ (Deng, Knoblich & Lu 2018)",
}


def workings(sizing: Sizing, baseline: Baseline | None, catalog: Mapping[str, Feature]) -> list[Component | None]:
    """Where the numbers come from: formula, baseline, guardrails, what shorter tests would show, and the brief."""
    plan = sizing.plan
    return [
        html.Details([html.Summary("Formula"), *_formula(plan)]),
        html.Details([html.Summary("Where the baseline comes from"), *_baseline(plan, baseline, catalog)]),
        _past(plan, catalog),
        _detectable(sizing.detectable, plan, metric_unit(plan.primary_metric, catalog)),
        html.Details([html.Summary("Decision rule"), html.P(plan.decision_rule)]),
        html.Details(
            [
                html.Summary("Test brief (Markdown)"),
                dmc.CopyButton(
                    value=plan.brief, children="Copy the brief", copiedChildren="Copied", variant="default", size="sm"
                ),
                html.Pre(plan.brief, tabIndex="0"),
            ]
        ),
    ]


def _past(plan: Plan, catalog: Mapping[str, Feature]) -> Component | None:
    """The test replayed on these users' own past; None where it was not."""
    words = {name: Label(each.label, each.unit) for name, each in catalog.items()}
    lines = past_sentences(plan, words)
    if not lines:
        return None
    return html.Details([html.Summary("What their own past says"), *(html.P(line) for line in lines)])


def _formula(plan: Plan) -> list[Component]:
    arms = ", ".join(f"{arm.name} {formatting.count(arm.n or 0)}" for arm in plan.variants)
    many = (
        f" With {len(plan.variants) - 1} treatments alpha is shared out (Bonferroni)." if len(plan.variants) > 2 else ""
    )
    sides = "one-sided" if plan.sides == 1 else "two-sided"
    return [
        html.P(
            [
                html.Strong(formatting.capital(plan.method)),
                f", {sides}, alpha {plan.alpha:g}, power {plan.power:g}.{many}",
            ]
        ),
        html.P(html.Code(_NEEDS.get(plan.method, plan.method))),
        html.P(
            f"Guardrails: {Method.NON_INFERIORITY}. The largest number that any metric needs is taken. Arms: {arms}."
        ),
        html.P(
            f"{formatting.users(plan.n_total or 0)} in all; duration from the log's own curve of different users who come,"
            f" plus {plan.exposure_days} days of exposure, in whole weeks.",
        ),
    ]


def _baseline(plan: Plan, baseline: Baseline | None, catalog: Mapping[str, Feature]) -> list[Component]:
    unit = metric_unit(plan.primary_metric, catalog)
    value = value_text(plan.metric_kind, plan.baseline, unit)
    interval = ""
    if baseline is not None and baseline.n == plan.baseline_n:
        low, high = (value_text(plan.metric_kind, each, unit) for each in (baseline.low, baseline.high))
        interval = f" (95% interval {low} to {high})"
    days = f"{formatting.day(plan.baseline_from)} to {formatting.day(plan.baseline_last_day)}"
    picked = (
        "Users were picked by the cluster's rule on the days before, so that days which made the cluster do not flatter it."
        if plan.baseline_unseen
        else SAME_DAYS
    )
    note = baseline_users_note(plan)
    return [
        html.P(f"{metric_label(plan.primary_metric, catalog)}: {value}{interval}."),
        html.P(
            f"Measured on {formatting.users(plan.baseline_n)} from {days},"
            f" each in the {plan.exposure_days} days from being first eligible."
        ),
        html.P([picked, f" {note}" if note else None]),
    ]


def _detectable(found: Sequence[Detectable], plan: Plan, unit: str) -> Component | None:
    if not found:
        return None
    rows = [
        html.Tr(
            [
                html.Th(f"{each.weeks} weeks", scope="row"),
                html.Td(formatting.count(each.users)),
                html.Td("nothing" if each.absolute is None else change_text(plan.metric_kind, each.absolute, unit)),
                html.Td("–" if each.relative is None else formatting.percent(each.relative)),
            ]
        )
        for each in found
    ]
    shown = table(("", "Users", "Smallest effect", "Over the baseline"), rows)
    return html.Details([html.Summary("What 2, 4 and 8 weeks would show"), shown], open=not plan.feasible)
