"""The tests that a recommendation could be put to, and what to do where none can run. Pure functions."""

from collections.abc import Mapping, Sequence

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components import elements
from dash_app.components.addresses import address
from dash_app.components.html_tables import table
from dash_app.data.snapshot import Feature, metric_label
from dash_app.planning.brief import quoted
from dash_app.planning.draft import LARGEST_DEFAULT
from dash_app.planning.options import PlanOption
from dash_app.planning.plan import Plan
from dash_app.planning.sizing import Sizing
from grupa_pipeline.vocabulary.plan_parts import Audience, AudienceKind

INTERVIEWED = 12
"""Typical users in the list for interviews: not everyone answers."""
_AUDIENCES = {
    AudienceKind.CLUSTER: "the cluster",
    AudienceKind.SIBLINGS: "it and those with the same pain",
    AudienceKind.EVERYONE: "all users",
    AudienceKind.SEGMENT: "a segment",
}


def comparison(options: Sequence[PlanOption], plan: Plan, catalog: Mapping[str, Feature]) -> Component | None:
    """A small table of the tests compared, the proposed one first."""
    if len(options) < 2:
        return None
    rows = [_row(option, plan, catalog, chosen=not at) for at, option in enumerate(options)]
    heads = ("Decided by", "Among", "Users in 8 weeks", "Smallest effect", "Weeks", "")
    return html.Details(
        [html.Summary("Other tests of this recommendation"), html.Div(table(heads, rows), className="options")],
        open=True,
    )


def among_segments(plan: Plan, segments: Sequence[tuple[str, str]]) -> Component | None:
    """Puts the test to the users of a saved segment (id and name) instead; None where there is none."""
    own = plan.taking_part
    buttons = [
        html.Button(
            name,
            id=_option_id(plan, plan.primary_metric, Audience(AudienceKind.SEGMENT, (key,))),
            className="chip",
            n_clicks=0,
            disabled=own == Audience(AudienceKind.SEGMENT, (key,)),
        )
        for key, name in segments
    ]
    if not buttons:
        return None
    return html.P(["Test it on a segment: ", html.Span(buttons, className="chips")], className="quiet")


def _option_id(plan: Plan, metric: str, audience: Audience) -> dict[str, str | int]:
    return {
        "type": "option",
        "plan": plan.plan_id,
        "metric": metric,
        "audience": audience.kind.value,
        "clusters": " ".join(audience.clusters),
        "exposure": plan.exposure_days,
        "direction": plan.direction.value,
    }


def nothing_fits(sizing: Sizing, nearest: PlanOption | None, catalog: Mapping[str, Feature]) -> Component:
    """Says first that no goal or step can be tested, what can be, and what else can be done."""
    plan = sizing.plan
    runs = bool(plan.feasible)
    title = "No test of eight weeks can show a plausible effect here"
    draft = "Do one of these instead; the draft below is the nearest to a test."
    if runs:
        title = "No goal and no step can be tested in eight weeks here"
        decided_by = quoted(metric_label(plan.primary_metric, catalog))
        draft = (
            f"The draft below is decided by {decided_by} instead: that one can be tested, but if it moves it is not"
            " shown that more users reach the goal. Or do one of these:"
        )
    why = _why_nothing_fits(sizing, nearest, catalog)
    return elements.notice(title, f"{why} {draft}", html.Ul(_instead(plan)), kind="warning")


def _why_nothing_fits(sizing: Sizing, nearest: PlanOption | None, catalog: Mapping[str, Feature]) -> str:
    if not sizing.is_foretold:
        return "When these users come cannot be foretold from this log, so nobody knows when a test would end."
    if nearest is None or nearest.users is None or not nearest.smallest or nearest.smallest <= LARGEST_DEFAULT:
        return "Neither these users nor all of them are enough for a sound test on any goal or step."
    each = nearest.candidate
    needed = (
        nearest.users * (nearest.smallest / LARGEST_DEFAULT) ** 2
    )  # users needed fall with the square of the effect
    return (
        f"The nearest is {quoted(metric_label(each.metric, catalog))} among {audience_text(each.audience)}: {nearest.users:,}"
        f" users come in eight weeks, and about {float(f'{needed:.2g}'):,.0f} would have to, to show even an effect of"
        f" {LARGEST_DEFAULT:.0%}."
    )


def _instead(plan: Plan) -> list[Component]:
    """What one can do without a test."""
    typical = address(
        f"/export/users.csv?snapshot={plan.snapshot_date.isoformat()}&cluster={plan.cluster_id}&typical={INTERVIEWED}"
    )
    return [
        html.Li(
            [
                html.A("Talk to typical users", href=typical, download=""),
                f": the file lists the {INTERVIEWED} who stand for this cluster best; five to eight show why it happens.",
            ]
        ),
        html.Li(
            "Roll it out and compare before with after. It is cheap, but season, other releases and the way these users"
            " were picked change the numbers too: take it as a hint, never as proof."
        ),
        html.Li(
            [
                "Plan it for a bigger audience: ",
                dcc.Link("open the clusters", href=address("/")),
                " and choose a recommendation that more users share, or let more days of the log come in.",
            ]
        ),
    ]


def audience_text(audience: Audience) -> str:
    """Whose users take part, in a few words."""
    return _AUDIENCES[audience.kind]


def _row(option: PlanOption, plan: Plan, catalog: Mapping[str, Feature], *, chosen: bool) -> Component:
    each = option.candidate
    use = dmc.Button(
        "Use this",
        id={
            "type": "option",
            "plan": plan.plan_id,
            "metric": each.metric,
            "audience": each.audience.kind.value,
            "clusters": " ".join(each.audience.clusters),
            "exposure": each.exposure_days,
            "direction": each.direction.value,
        },
        variant="default",
        size="xs",
        n_clicks=0,
        **elements.aria(label=f"Use {metric_label(each.metric, catalog)} among {audience_text(each.audience)}"),
    )
    weeks = f"{option.weeks}" if option.runs and option.weeks else "–"
    name = formatting.capital(metric_label(each.metric, catalog))
    return html.Tr(
        [
            html.Th([name, html.Div(option.reason, className="quiet") if option.reason else None], scope="row"),
            html.Td(f"{audience_text(each.audience)}, {each.exposure_days} days each"),
            html.Td("–" if option.users is None else formatting.count(option.users)),
            html.Td("none" if option.smallest is None else formatting.percent(option.smallest)),
            html.Td(weeks),
            html.Td("proposed" if chosen else use),
        ],
        className="option-chosen" if chosen else "",
    )
