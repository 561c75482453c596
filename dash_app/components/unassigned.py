"""The users in no cluster, as a card like the others and open in the panel. Pure functions on `Snapshot`."""

from dash import html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components import elements, funnel, open_cluster
from dash_app.components.elements import aria
from dash_app.data.journeys import GroupJourneys, JourneyPath
from dash_app.data.snapshot import Snapshot
from grupa_pipeline.palette import UNASSIGNED
from grupa_pipeline.vocabulary.enums import UNASSIGNED_GROUP, PathKind

_LAST_SHOWN = 5
NAME = "In no cluster"


def count_unassigned(snapshot: Snapshot) -> int:
    """How many users are in no cluster."""
    return sum(users for _, users in snapshot.unassigned)


def card(snapshot: Snapshot, selected: bool) -> Component:
    """Their card in the list below the map: a button that opens them."""
    total = count_unassigned(snapshot)
    goal = snapshot.goal_rates
    rate = goal.by_group.get(UNASSIGNED_GROUP) if goal else None
    reached = (
        f"{formatting.percent(rate)} reach “{goal.label}” ({formatting.percent(goal.everyone)} of everyone)"
        if goal and rate is not None
        else None
    )
    return html.Button(
        [
            html.Span([elements.mark(None), html.Span(NAME, className="card-name")], className="card-head"),
            html.Span(_share(total, snapshot), className="card-size"),
            *([html.Span(reached, className="card-size")] if reached else []),
            html.Ul([html.Li(f"{formatting.count(users)} {_reason(reason)}") for reason, users in snapshot.unassigned]),
        ],
        id={"type": "open", "cluster": UNASSIGNED_GROUP, "at": "card"},
        className="card",
        n_clicks=0,
        style={"borderTopColor": UNASSIGNED},
        **aria(pressed="true" if selected else "false", controls="panel"),
    )


def open_card(snapshot: Snapshot, placed: int, export: str) -> Component:
    """Who they are, what they did last, how they ended and where they are on the map.

    Args:
        snapshot: The snapshot.
        placed: How many of them are on the map.
        export: The address of these users as CSV.
    """
    own = snapshot.journeys.get(UNASSIGNED_GROUP, GroupJourneys())
    last = [each for each in own.of_kind(PathKind.LAST_BEFORE_END) if len(each.steps) == 1]
    ends = [each for each in own.of_kind(PathKind.LAST_BEFORE_END) if len(each.steps) > 1]
    return html.Article(
        [
            _head(),
            html.P(
                "They are like no group, or did too little to tell: nobody is put into a cluster by force.",
                className="summary",
            ),
            _stats(snapshot),
            open_cluster.section("Why", [html.Ul(_reasons(snapshot), className="reasons")]),
            open_cluster.section("What they did last", _last(last)),
            open_cluster.section("How they ended", _last(ends)),
            open_cluster.section(
                "Where they get lost",
                funnel.where_lost(own, UNASSIGNED, snapshot.goal_note, (UNASSIGNED_GROUP, "card")),
            ),
            open_cluster.section("Typical journeys", funnel.typical_journeys(own)),
            open_cluster.section("Where they are on the map", [html.P(_on_the_map(snapshot, placed))]),
            html.Footer(
                html.A(
                    "Users as CSV",
                    href=export,
                    target="_blank",
                    className="button",
                    **aria(label="Download the users in no cluster as CSV"),
                ),
                className="tools",
            ),
        ],
        className="open-card",
        **aria(label="Users in no cluster"),
    )


def _head() -> Component:
    close = elements.icon_button("close", "Close", {"type": "open", "cluster": "", "at": "close"})
    return html.Header(html.Div([elements.mark(None), html.H2(NAME, tabIndex="-1"), close], className="open-head"))


def _stats(snapshot: Snapshot) -> Component:
    total = count_unassigned(snapshot)
    size = [
        html.Span(formatting.users(total), className="number"),
        html.Span(f"{formatting.percent(snapshot.unassigned_share)} of all", className="number-words"),
    ]
    goal = snapshot.goal_rates
    rate = goal.by_group.get(UNASSIGNED_GROUP) if goal else None
    return html.Div([html.Div(size), open_cluster.goal_stat(rate, snapshot)], className="stats")


def _reasons(snapshot: Snapshot) -> list[Component]:
    return [
        html.Li([html.Span(formatting.count(users), className="figure"), f" {_reason(reason)}"])
        for reason, users in snapshot.unassigned
    ]


def _last(paths: list[JourneyPath]) -> list[Component]:
    return [html.Ul(funnel.last_steps(paths[:_LAST_SHOWN]), className="reasons")] if paths else []


def _on_the_map(snapshot: Snapshot, placed: int) -> str:
    absent = count_unassigned(snapshot) - placed
    rest = f"; {formatting.count(absent)} did too little to be placed" if absent > 0 else ""
    return f"{formatting.users(placed)} are the grey dots (○), each near the users who are most like them{rest}."


def _share(total: int, snapshot: Snapshot) -> str:
    return f"{formatting.users(total)}, {formatting.percent(snapshot.unassigned_share)} of all"


def _reason(reason: str) -> str:
    return formatting.REASONS.get(reason, formatting.words_of(reason))
