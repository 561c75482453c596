"""The planner's drawer: the numbers that decide, the form, and how the numbers came about. Pure functions on plans."""

from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import formats
from dash_app.components import parts
from dash_app.components.planner_form import form
from dash_app.components.users import table
from dash_app.data.snapshot import Feature
from dash_app.planning.baseline import SAME_DAYS, Baseline
from dash_app.planning.brief import change_text, value_text
from dash_app.planning.plan import Plan, PlanError
from dash_app.planning.sample_size import NON_INFERIORITY
from dash_app.planning.sizing import Detectable, Sizing

_NEEDS = {
    "pooled two-proportion z-test": "n = (z₁₋α/₂ √(2 p̄(1−p̄)) + z₁₋β √(p₁(1−p₁) + p₂(1−p₂)))² / (p₁−p₂)², equal arms"
    " (R's power.prop.test)",
    "two-sample t-test": "n solves power = P(|t(ν, δ)| > t₁₋α/₂), δ = effect / sd · √(n/2), ν = 2n−2 (R's power.t.test)",
    "two-sample z-test, delta method": "n = 2 (z₁₋α/₂ + z₁₋β)² sd² / effect², sd of (x − R·y)/ȳ (Deng, Knoblich & Lu 2018)",
}


def planner(
    sizing: Sizing,
    baseline: Baseline | None,
    catalog: Mapping[str, Feature],
    *,
    notes: Sequence[str] = (),
    history: Sequence[Plan] = (),
    since: Sequence[str] = (),
) -> Component:
    """The whole drawer for a sized plan; `history` are its saved revisions, `since` what became of its cluster."""
    plan = sizing.plan
    return html.Div(
        [
            html.P("Planning only: nothing goes live. Saving puts the plan on the roadmap.", className="quiet"),
            *(parts.notice("Please check", each, kind="warning") for each in (*notes, *since)),
            html.Div(numbers(sizing, catalog), id="plan-numbers", role="status"),
            html.Div(id="plan-problem", role="alert"),
            html.Div(
                dmc.Button(
                    "Save to the roadmap", id={"type": "save-plan", "plan": plan.plan_id}, size="md", n_clicks=0
                ),
                className="save-bar",
            ),
            form(plan, catalog),
            html.Div(workings(sizing, baseline, catalog), id="plan-workings"),
            _history(history),
        ],
        className="planner",
    )


def numbers(sizing: Sizing, catalog: Mapping[str, Feature]) -> Component:
    """The numbers that decide, large, with what to know of them."""
    plan = sizing.plan
    weeks = "never" if plan.duration_days is None else f"{plan.duration_days // 7}"
    large = [
        _large(formats.count(plan.n_per_arm or 0), "users in control" if _uneven(plan) else "users an arm"),
        _large(weeks, "enough users" if plan.duration_days is None else "week" if weeks == "1" else "weeks"),
        _large(change_text(plan.metric_kind, plan.effect).replace("-", "−"), "smallest effect it would show"),
    ]
    verdict = (
        parts.badge("feasible within eight weeks", "good") if plan.feasible else parts.badge("not feasible", "bad")
    )
    return html.Div(
        [
            html.Div(large, className="numbers"),
            html.P([verdict, " ", html.Span(_words(sizing.binding, catalog) + " needs most users", className="quiet")]),
            html.Ul([html.Li(each) for each in sizing.warnings], className="warnings") if sizing.warnings else None,
            _alternative(sizing),
        ]
    )


def problem(error: Exception) -> Component:
    """What keeps a plan from being sized or saved."""
    found = [each.message for each in error.problems] if isinstance(error, PlanError) else [str(error)]
    return html.Div([html.Ul([html.Li(each) for each in found])], className="notice notice-error")


def workings(sizing: Sizing, baseline: Baseline | None, catalog: Mapping[str, Feature]) -> list[Component]:
    """Where the numbers come from: formula, baseline, guardrails, what shorter tests would show, and the brief."""
    plan = sizing.plan
    return [
        html.Details([html.Summary("Formula"), *_formula(plan)]),
        html.Details([html.Summary("Where the baseline comes from"), *_baseline(plan, baseline, catalog)]),
        html.Details([html.Summary("What 2, 4 and 8 weeks would show"), _detectable(sizing.detectable, plan)]),
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


def stale(message: str, changed: Sequence[Any], plan_id: str) -> Component:
    """A refused save: what somebody else changed meanwhile."""
    rows = [
        html.Tr(
            [html.Th(each.field.replace("_", " "), scope="row"), html.Td(str(each.before)), html.Td(str(each.after))]
        )
        for each in changed
    ]
    again = dmc.Button(
        "Open the newer plan", id={"type": "reload-plan", "plan": plan_id}, variant="default", n_clicks=0
    )
    return parts.notice(
        "Somebody was faster", message, table(("", "When you opened it", "Now"), rows), again, kind="warning"
    )


def _large(number: str, words: str) -> Component:
    return html.Div([html.Span(number, className="number"), html.Span(words, className="number-words")])


def _uneven(plan: Plan) -> bool:
    return len({arm.n for arm in plan.variants}) > 1


def _words(metric: str, catalog: Mapping[str, Feature]) -> str:
    return formats.capital(catalog[metric].description) if metric in catalog else metric


def _alternative(sizing: Sizing) -> Component | None:
    if sizing.alternative is None:
        return None
    take = dmc.Button(
        "Use this", id={"type": "alternative", "plan": sizing.plan.plan_id}, variant="default", size="xs", n_clicks=0
    )
    content = [
        html.Strong("Instead: "),
        html.Span(sizing.alternative.text),
        *([take] if sizing.alternative.plan else []),
    ]
    return html.Div(content, className="alternative")


def _formula(plan: Plan) -> list[Component]:
    arms = ", ".join(f"{arm.name} {formats.count(arm.n or 0)}" for arm in plan.variants)
    many = (
        f" With {len(plan.variants) - 1} treatments alpha is shared out (Bonferroni)." if len(plan.variants) > 2 else ""
    )
    sides = "one-sided" if plan.sides == 1 else "two-sided"
    return [
        html.P(
            [html.Strong(formats.capital(plan.method)), f", {sides}, alpha {plan.alpha:g}, power {plan.power:g}.{many}"]
        ),
        html.P(html.Code(_NEEDS.get(plan.method, plan.method))),
        html.P(f"Guardrails: {NON_INFERIORITY}. The largest number that any metric needs is taken. Arms: {arms}."),
        html.P(
            f"{formats.users(plan.n_total or 0)} in all; duration from the log's own curve of different users who come,"
            f" plus {plan.exposure_days} days of exposure, in whole weeks.",
        ),
    ]


def _baseline(plan: Plan, baseline: Baseline | None, catalog: Mapping[str, Feature]) -> list[Component]:
    value = value_text(plan.metric_kind, plan.baseline)
    interval = ""
    if baseline is not None and baseline.n == plan.baseline_n:
        low, high = (value_text(plan.metric_kind, each) for each in (baseline.low, baseline.high))
        interval = f" (95% interval {low} to {high})"
    days = f"{formats.day(plan.baseline_from)} to {formats.day(plan.baseline_to)}"
    picked = (
        "Users were picked by the cluster's rule on the days before, so that days which made the cluster do not flatter it."
        if plan.baseline_unseen
        else SAME_DAYS
    )
    return [
        html.P(f"{_words(plan.primary_metric, catalog)}: {value}{interval}."),
        html.P(
            f"Measured on {formats.users(plan.baseline_n)} from {days},"
            f" each in the {plan.exposure_days} days from being first eligible."
        ),
        html.P(picked),
    ]


def _detectable(found: Sequence[Detectable], plan: Plan) -> Component:
    rows = [
        html.Tr(
            [
                html.Th(f"{each.weeks} weeks", scope="row"),
                html.Td(formats.count(each.users)),
                html.Td("nothing" if each.absolute is None else change_text(plan.metric_kind, each.absolute)),
                html.Td("–" if each.relative is None else formats.percent(each.relative)),
            ]
        )
        for each in found
    ]
    return table(("", "Users", "Smallest effect", "Over the baseline"), rows)


def _history(history: Sequence[Plan]) -> Component | None:
    if not history:
        return None
    lines = [
        html.Li(
            f"Revision {each.revision}: {each.updated_by or 'somebody'}, {formats.moment(each.updated_at)}"
            if each.updated_at
            else f"Revision {each.revision}"
        )
        for each in history
    ]
    return html.Details([html.Summary(f"Revisions ({len(history)})"), html.Ul(lines)])
