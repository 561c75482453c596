"""What came of a plan: its result, the decision and the lesson, and the form that records them. Pure functions on plans."""

from collections.abc import Mapping, Sequence

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components import elements
from dash_app.data.snapshot import Feature, metric_unit
from dash_app.planning.brief import result_sentence, tracking_sentence
from dash_app.planning.estimates import has_mismatch
from dash_app.planning.plan import Plan
from grupa_pipeline.vocabulary.plan_parts import Decision, TrackingVerdict

DECISIONS = {"": "not decided yet", Decision.SHIP: "ship", Decision.STOP: "stop", Decision.ITERATE: "iterate"}
_PLACEHOLDER = "arm,users,conversions\ncontrol,1000,120\ntreatment,1010,150"


def outcome(plan: Plan, catalog: Mapping[str, Feature]) -> Component | None:
    """What came of a plan on the roadmap, and the form to record it; None before it is there."""
    if not plan.revision:
        return None
    return html.Details(
        [html.Summary("What came of it"), *result_lines(plan, catalog), *_form(plan)],
        open=plan.result is not None or plan.decision is not None,
        className="outcome",
    )


def result_lines(plan: Plan, catalog: Mapping[str, Feature]) -> list[Component]:
    """The estimate with its interval, the split, and the decision; empty where nothing is known yet."""
    lines: list[Component] = []
    if plan.result is not None:
        lines.append(html.P(result_sentence(plan, metric_unit(plan.primary_metric, catalog))))
        if has_mismatch(plan.result):
            lines.append(
                elements.notice(
                    "The users were not split as planned",
                    f"So uneven a split has a chance of {plan.result.srm_p_value:.2g}: the assignment is broken, and the result"
                    " is not to be read. Find the cause and run the test again.",
                    kind="warning",
                )
            )
    if plan.decision is not None:
        when = f" on {formatting.day(plan.decided_at)}" if plan.decided_at else ""
        lines.append(html.P([elements.badge(plan.decision.value, "good"), f" Decided{when}."]))
    if plan.tracking is not None:
        kind = {TrackingVerdict.HOLDS: "good", TrackingVerdict.FADED: "bad"}.get(plan.tracking.verdict, "warn")
        words = tracking_sentence(plan, metric_unit(plan.primary_metric, catalog))
        lines.append(html.P([elements.badge(plan.tracking.verdict.value, kind), f" {words}"]))
    return lines


def _form(plan: Plan) -> Sequence[Component]:
    return [
        dmc.Textarea(
            id=_id("result"),
            label="Result",
            description="Paste what GrowthBook, PostHog or Statsig reports (JSON), or one line an arm: users and conversions of a"
            " share, users, mean and sd of anything else. Empty leaves it as it is.",
            placeholder=_PLACEHOLDER,
            autosize=True,
            minRows=3,
            maxRows=10,
        ),
        dmc.Select(
            id=_id("decision"),
            label="Decision",
            data=[{"value": stored, "label": words} for stored, words in DECISIONS.items()],
            value=plan.decision.value if plan.decision else "",
            allowDeselect=False,
        ),
        dmc.Textarea(id=_id("lesson"), label="What was learnt", value=plan.lesson or "", autosize=True, minRows=2),
        html.Div(id="outcome-problem", role="alert"),
        dmc.Button("Record", id={"type": "record", "plan": plan.plan_id}, variant="default", n_clicks=0),
    ]


def _id(name: str) -> dict[str, str]:
    return {"type": "outcome-field", "name": name}
