"""The planner's drawer: the numbers that decide, what to know of them, and the form. Pure functions on plans."""

from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components import elements
from dash_app.components.html_tables import table
from dash_app.components.planner.calculation import workings
from dash_app.components.planner.comparison import among_segments, comparison, nothing_fits
from dash_app.components.planner.form import form
from dash_app.components.planner.outcome import outcome
from dash_app.data.snapshot import Feature, metric_label, metric_unit
from dash_app.planning.baseline import Baseline
from dash_app.planning.brief import change_text, quoted, relative_text
from dash_app.planning.options import PlanOption
from dash_app.planning.plan import Plan, PlanError
from dash_app.planning.sizing import Sizing

OUTDATED = "The numbers are still those from before this change."
SAVED_NUMBERS = "These are the numbers it was saved with"


def planner(
    sizing: Sizing,
    baseline: Baseline | None,
    catalog: Mapping[str, Feature],
    *,
    notes: Sequence[str] = (),
    discussed: Component | None = None,
    since: Sequence[str] = (),
    unsized: str = "",
    options: Sequence[PlanOption] = (),
    segments: Sequence[tuple[str, str]] = (),
    fits: bool = True,
    nearest: PlanOption | None = None,
) -> Component:
    """The whole drawer for a sized plan.

    Args:
        sizing: The plan and what to know of it.
        baseline: Its baseline's interval; None when that can no longer be measured.
        catalog: What metrics are called.
        notes: What to check in how the plan was filled in.
        discussed: What was said of it and done to it; None before it is on the roadmap.
        since: What became of its cluster.
        unsized: Why it cannot be sized again, when what is shown are the numbers it was saved with.
        options: The tests it was compared with, itself first.
        segments: Ids and names of saved segments that it could be put to.
        fits: Whether it is decided by a goal or step rate and runs within eight weeks.
        nearest: Where it does not fit, the test on such a rate that shows the smallest effect.
    """
    plan = sizing.plan
    first = [] if fits else [nothing_fits(sizing, nearest, catalog)]
    if plan.caution:
        first.append(elements.notice("Mind this first", plan.caution, kind="warning"))
    kept = [elements.notice(SAVED_NUMBERS, unsized, kind="warning")] if unsized else []
    return html.Div(
        [
            *kept,
            *first,
            html.P(f"Planning only: nothing goes live. {_what_saving_does(plan)}", className="quiet"),
            _head(sizing, catalog),
            *(elements.notice("Please check", each, kind="warning") for each in (*notes, *since)),
            html.Div(advice(sizing, catalog), id="plan-advice"),
            comparison(options, plan, catalog),
            among_segments(plan, segments),
            html.Div(form(plan, catalog), id="plan-form", className="plan-form"),
            html.Div(workings(sizing, baseline, catalog), id="plan-workings"),
            outcome(plan, catalog),
            html.Div(discussed, id="plan-discussion"),
        ],
        className="planner",
    )


def title(plan: Plan) -> str:
    """What the drawer is called: a plan that is on the roadmap is no longer being made."""
    return "Test plan" if plan.revision else "Plan a test"


def numbers(sizing: Sizing, catalog: Mapping[str, Feature]) -> Component:
    """The numbers that decide, large."""
    plan = sizing.plan
    if sizing.refusals:
        return html.Div([_large("–", "no number holds: see below")], className="numbers")
    effect = change_text(plan.metric_kind, plan.effect, metric_unit(plan.primary_metric, catalog)).replace("-", "−")
    large = [  # a unit such as sessions/week may end a line at its slash, and not within a word
        _large(formatting.count(plan.n_per_arm or 0), "users in control" if _uneven(plan) else "users an arm"),
        _large(*_weeks(sizing)),
        _large(effect.replace("/", "/\u200b"), "smallest effect it would show"),
    ]
    return html.Div(large, className="numbers")


def _weeks(sizing: Sizing) -> tuple[str, str]:
    """The number of weeks and the words below it, with the weeks between which the test most likely ends."""
    if not sizing.is_foretold:
        return "?", "weeks: cannot be foretold"
    if sizing.plan.duration_days is None:
        return "never", "enough users"
    weeks = sizing.plan.duration_days // 7
    words = "week" if weeks == 1 else "weeks"
    if sizing.likely is None or sizing.likely == (weeks, weeks):
        return f"{weeks}", words
    first, last = sizing.likely
    return f"{weeks}", f"{words}; {first} {'or more' if last is None else f'to {last}'} likely"


def advice(sizing: Sizing, catalog: Mapping[str, Feature]) -> Component:
    """What to know of the numbers: whether they will do, what they hang on, and what to do instead."""
    plan = sizing.plan
    if sizing.refusals:
        reasons = [html.Li(each.text) for each in sizing.refusals]
        warnings = [html.Li(each.text) for each in sizing.warnings]
        return html.Div([html.P(_verdict(sizing)), html.Ul([*reasons, *warnings], className="doubts")])
    role = "primary metric" if sizing.binding == plan.primary_metric else "guardrail"
    facts = [f"most users are needed for the {role} {quoted(metric_label(sizing.binding, catalog))}"]
    if plan.mde_relative is not None:
        unit = metric_unit(plan.primary_metric, catalog)
        over = relative_text(plan.metric_kind, plan.baseline, plan.mde_relative, unit)
        facts.insert(0, f"the smallest effect is {over}")
    return html.Div(
        [
            html.P([_verdict(sizing), " ", html.Span(formatting.capital("; ".join(facts)), className="quiet")]),
            html.Ul([html.Li(warning.text) for warning in sizing.warnings], className="warnings")
            if sizing.warnings
            else None,
            _alternative(sizing),
        ]
    )


def _verdict(sizing: Sizing) -> Component:
    if sizing.refusals:
        return elements.badge("cannot be run like this", "bad")
    if not sizing.plan.feasible:
        return elements.badge("not feasible", "bad")
    return elements.badge("feasible within eight weeks", "good")


def problem(error: Exception, *, outdated: bool = True) -> Component:
    """The errors that prevent sizing or saving a plan; `outdated` numbers are dimmed meanwhile (`planner.css`)."""
    messages = [problem.message for problem in error.problems] if isinstance(error, PlanError) else [str(error)]
    content = [html.Ul([html.Li(message) for message in messages])]
    if not outdated:
        return html.Div(content, className="notice notice-error")
    return html.Div([*content, html.P(OUTDATED, className="quiet")], className="notice notice-error outdates")


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
    return elements.notice(
        "Somebody was faster", message, table(("", "When you opened it", "Now"), rows), again, kind="warning"
    )


def _head(sizing: Sizing, catalog: Mapping[str, Feature]) -> Component:
    """What stays in sight while the fields scroll: the numbers, what is wrong, and the way to keep the plan."""
    plan = sizing.plan
    words = "Save changes" if plan.revision else "Save to the roadmap"
    return html.Div(
        [
            html.Div(
                numbers(sizing, catalog), id="plan-numbers", role="status", **elements.aria(describedby="plan-problem")
            ),
            dmc.Button(words, id={"type": "save-plan", "plan": plan.plan_id}, size="md", n_clicks=0),
            html.Div(id="plan-problem", role="alert"),
        ],
        className="plan-head",
    )


def _what_saving_does(plan: Plan) -> str:
    return f"Revision {plan.revision} is on the roadmap." if plan.revision else "Saving puts the plan on the roadmap."


def _large(number: str, words: str) -> Component:
    return html.Div([html.Span(number, className="number"), html.Span(words, className="number-words")])


def _uneven(plan: Plan) -> bool:
    return len({arm.n for arm in plan.variants}) > 1


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
