"""The page Learnings: what came of every test that was decided, and what was learnt."""

from collections.abc import Mapping, Sequence

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dash_app.components import elements
from dash_app.components.addresses import address
from dash_app.components.planner.outcome import result_lines
from dash_app.data.snapshot import Feature, Snapshot, metric_label
from dash_app.plan_drafts import calibration_of
from dash_app.planning.calibration import Calibration
from dash_app.planning.decisions import finished, matching
from dash_app.planning.plan import Plan
from dash_app.services import Services


def build(services: Services, snapshot: Snapshot | None, selected: str | None) -> Component:
    """The page with the tests as they are now."""
    plans = services.roadmap.plans()
    known, hindsight = finished(plans), html.P(forecast_quality(calibration_of(services, plans)), className="quiet")
    if not known:
        return html.Div(
            elements.notice(
                "No test has been decided yet",
                "Open a plan on the roadmap and record its result, the decision and what was learnt: it is found here then.",
                html.P(dcc.Link("Go to the roadmap", href=address("/roadmap"))),
                hindsight,
            ),
            className="empty",
        )
    return html.Div(
        [
            html.H1("Learnings", className="shown-title"),
            hindsight,
            dmc.TextInput(
                id="learnings-filter",
                label="Find a test",
                placeholder="A word of its name, lesson, metric or owner",
                debounce=300,
                size="sm",
            ),
            html.Div(listed(known, services.catalog()), id="learnings-list"),
        ],
        className="learnings",
    )


def forecast_quality(found: Calibration) -> str:
    """How far the planner's forecasts were off, in a sentence or two."""
    if found.replayed is None and found.withheld:
        parts = [
            f"When users come cannot be foretold from this log, so no weeks are shown: at {found.withheld:,} starts in its past"
            " the forecasts from before had been off by more than double."
        ]
    elif found.replayed is None:
        parts = ["How good forecasts of durations are cannot be told yet: the log is too short to replay one."]
    else:
        parts = [
            f"Forecasts of how long a test takes, made again from the first weeks of this log {found.replays:,} times, were off by"
            f" {found.replayed:.1%} (median)."
        ]
        if found.covered is not None:
            parts.append(f"The weeks given as likely held in {found.covered:.0%} of them.")
        if found.withheld:
            parts.append(f"{found.withheld:,} more would not have been shown, as those before them had not held.")
    if found.days is not None and found.users is not None:
        tests = f"{found.tests} finished test{'' if found.tests == 1 else 's'}"
        parts.append(f"In {tests} the days were off by {found.days:.0%} and the users by {found.users:.0%} (median).")
    return " ".join(parts)


def found(services: Services, text: str) -> list[Component]:
    """The decided tests that hold every word of `text`."""
    return listed(matching(finished(services.roadmap.plans()), text), services.catalog())


def listed(plans: Sequence[Plan], catalog: Mapping[str, Feature]) -> list[Component]:
    """One article a test, the newest decision first."""
    return [_article(plan, catalog) for plan in plans] or [html.P("No test holds these words.", className="quiet")]


def _article(plan: Plan, catalog: Mapping[str, Feature]) -> Component:
    name = html.Button(plan.name, id={"type": "open-plan", "plan": plan.plan_id}, className="link", n_clicks=0)
    return html.Article(
        [
            html.H2(name, className="learning-name"),
            html.P(
                f"{metric_label(plan.primary_metric, catalog)} · {plan.cluster_id}{f' · {plan.owner}' if plan.owner else ''}",
                className="quiet",
            ),
            *result_lines(plan, catalog),
            html.P(plan.lesson) if plan.lesson else html.P("No lesson was written down.", className="quiet"),
        ],
        className="plan-card learning",
    )
