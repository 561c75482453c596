"""The funnel of a cluster to the goal, its worst step marked, and its typical journeys. Pure functions on `GroupJourneys`."""

from collections.abc import Sequence

from dash import dcc, html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components.addresses import address
from dash_app.components.elements import aria, user_list
from dash_app.data.journeys import ClusterFunnel, FunnelStep, GroupJourneys, JourneyPath, StepUsers
from grupa_pipeline.event_catalog.action_meanings import GoalNote
from grupa_pipeline.vocabulary.enums import PathKind

_JOURNEYS, _LONGEST = 3, 10
"""Typical journeys that are shown, and the most steps of one."""


def where_lost(
    journeys: GroupJourneys, color: str, goal_note: GoalNote | None = None, opener: tuple[str, str] | None = None
) -> list[Component]:
    """The funnel to the commonest goal on the way to which users are lost, the other ones folded; or why there is none.

    Args:
        journeys: Those of the group.
        color: Of its bars.
        goal_note: Why the log has no goal, if so.
        opener: The group and where the funnel stands: each step then opens its users.
    """
    if not journeys.funnels:
        return [_no_funnel(goal_note)]
    first = next((each for each in journeys.funnels if each.loses_users), journeys.funnels[0])
    others = [each for each in journeys.funnels if each is not first]
    more = [
        html.Details(
            [html.Summary(f"To “{each.steps[-1].label}”"), *_told_funnel(each, color, opener)],
            className="more-funnels",
        )
        for each in others
    ]
    return [*_told_funnel(first, color, opener), *more]


def typical_journeys(journeys: GroupJourneys) -> list[Component]:
    """The journeys that stand for most users, as steps in a row; empty where none was measured."""
    found = journeys.of_kind(PathKind.TYPICAL)[:_JOURNEYS]
    return [_journey(each) for each in found]


def path_line(path: JourneyPath, longest: int = _LONGEST) -> Component:
    """The steps of a path in a row, cut where it is longer."""
    steps = [html.Li(step) for step in path.steps[:longest]]
    if len(path.steps) > longest:
        steps.append(html.Li("…", **aria(label="and so on")))
    return html.Ol(steps, className="path")


def step_users(found: StepUsers, step: FunnelStep, following: FunnelStep) -> Component:
    """Who got to a step and did not go on: how many, and some of them to look at."""
    told = (
        f"{formatting.users(found.went_on + found.stayed)} got to “{step.label}”: {formatting.count(found.went_on)} went on to"
        f" “{following.label}”, {formatting.count(found.stayed)} did not."
    )
    if found.went_on + found.stayed < step.users:
        told += " Those who did too little to be compared are left out."
    some = "Some" if len(found.user_ids) < found.stayed else "Those"
    users = [html.H4(f"{some} who did not"), *user_list(found.user_ids, "step")] if found.user_ids else []
    return html.Div([html.P(told), *users])


def _told_funnel(funnel: ClusterFunnel, color: str, opener: tuple[str, str] | None) -> list[Component]:
    return [_worst_step(funnel), _funnel_table(funnel, color, opener)]


def _worst_step(funnel: ClusterFunnel) -> Component:
    """The step at which the largest share is lost, in a sentence."""
    if funnel.worst is None:
        return html.P(f"All of them who start get to “{funnel.steps[-1].label}”.", className="quiet")
    step, following = funnel.steps[funnel.worst], funnel.steps[funnel.worst + 1]
    others = "" if step.rest_share is None else f", of the others {formatting.percent(step.rest_share)}"
    lasts = (
        ""
        if step.median_hours is None
        else f" It takes those who do {formatting.quantity(step.median_hours, 'hours')} as a rule."
    )
    return html.P(
        [
            html.Strong(f"From {step.label} to {following.label}: "),
            f"{formatting.percent(step.share)} go on{others}.{lasts}",
        ],
        className="worst-step",
    )


def _funnel_table(funnel: ClusterFunnel, color: str, opener: tuple[str, str] | None) -> Component:
    most = max(step.users for step in funnel.steps) or 1
    has_rest = any(step.rest_share is not None for step in funnel.steps)
    rows = [
        _funnel_row(
            step,
            _step_name(step, place, funnel, opener),
            is_worst=place == funnel.worst,
            length=step.users / most,
            color=color,
            has_rest=has_rest,
        )
        for place, step in enumerate(funnel.steps)
    ]
    heads = ("Step", "Users", "Go on", *(["Others"] if has_rest else []))
    return html.Table(
        [html.Thead(html.Tr([html.Th(head, scope="col") for head in heads])), html.Tbody(rows)],
        className="funnel",
        **aria(label=f"Steps to “{funnel.steps[-1].label}”"),
    )


def _step_name(step: FunnelStep, place: int, funnel: ClusterFunnel, opener: tuple[str, str] | None) -> str | Component:
    """The step's name, as a button that opens its users where they can be shown; the goal's leads nowhere."""
    name = formatting.capital(step.label)
    if opener is None or place == len(funnel.steps) - 1:
        return name
    group, at = opener
    return html.Button(
        name,
        id={"type": "show", "what": "step", "of": f"{group} {place} {funnel.goal}", "at": at},
        className="link step-name",
        n_clicks=0,
        title="See who did not go on",
    )


def _funnel_row(
    step: FunnelStep, name: str | Component, *, is_worst: bool, length: float, color: str, has_rest: bool
) -> Component:
    bar = html.Div(
        formatting.count(step.users),
        className="bar-line",
        style={"--length": f"{max(2, 62 * length):.0f}%", "--paint": color},
    )
    return html.Tr(
        [
            html.Th(name, scope="row"),
            html.Td(bar, className="funnel-bar"),
            html.Td(formatting.percent(step.share) if step.share is not None else "goal"),
            *([html.Td(formatting.percent(step.rest_share) if step.share is not None else "")] if has_rest else []),
        ],
        className="worst" if is_worst else None,
    )


def _no_funnel(goal_note: GoalNote | None) -> Component:
    why = f"{goal_note} " if goal_note else "No way to a goal was measured for these users. "
    return html.P([why, dcc.Link("Open Events", href=address("/events"), className="link")], className="quiet")


def _journey(path: JourneyPath) -> Component:
    return html.Div(
        [html.Span(f"Like {formatting.percent(path.share)} of them", className="quiet"), path_line(path)],
        className="journey",
    )


def last_steps(paths: Sequence[JourneyPath]) -> list[Component]:
    """What users did last, with their share, as a list."""
    return [
        html.Li([html.Span(formatting.percent(each.share), className="figure"), f" {' → '.join(each.steps)}"])
        for each in paths
    ]
