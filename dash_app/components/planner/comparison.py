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
from dash_app.planning.options import PlanOption
from dash_app.planning.plan import Plan
from grupa_pipeline.vocabulary.plan_parts import Audience, AudienceKind

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


def nothing_fits(plan: Plan) -> Component:
    """Says first that no test can run, and what else can be done."""
    users = address(f"/export/users.csv?snapshot={plan.snapshot_date.isoformat()}&cluster={plan.cluster_id}")
    return elements.notice(
        "No test of eight weeks can show a plausible effect here",
        "Neither these users nor all of them are enough to show an effect of a quarter on any goal or step. Do one of these"
        " instead; the draft below is the nearest to a test.",
        html.Ul(
            [
                html.Li(
                    [
                        html.A("Talk to some of them", href=users, download=""),
                        ": the file lists this cluster's users; five to eight typical ones show why it happens.",
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
        ),
        kind="warning",
    )


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
            html.Td(formatting.count(option.users)),
            html.Td("none" if option.smallest is None else formatting.percent(option.smallest)),
            html.Td(weeks),
            html.Td("proposed" if chosen else use),
        ],
        className="option-chosen" if chosen else "",
    )
