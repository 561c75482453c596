"""The panel when no cluster is open, the notices over a snapshot, and the map's legend. Pure functions on `Snapshot`."""

from collections.abc import Mapping
from typing import Any

from dash import html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components import elements
from dash_app.components.elements import aria
from dash_app.data.journeys import GoalRates
from dash_app.data.snapshot import ClusterChange, Feature, Snapshot
from dash_app.data.users import Points
from grupa_pipeline.vocabulary.enums import UNASSIGNED_GROUP

_KINDS = {
    "birth": "New",
    "return": "Back",
    "death": "Gone",
    "split": "Split",
    "merge": "Merged",
}


def overview(snapshot: Snapshot, first_visit: Component | None = None, segments: Component | None = None) -> Component:
    """The clusters, the unassigned users and why, the saved segments, and what changed since the snapshot before.

    `first_visit` is a notice above them, if any.
    """
    goal = snapshot.goal_rates
    assigned = [
        html.Li(
            [
                elements.mark(each.color_slot),
                _opener(each.cluster_id, each.name),
                html.Span(formatting.percent(each.share), className="figure"),
                *([html.Span(formatting.percent(each.goal_rate), className="figure goal")] if goal else []),
            ]
        )
        for each in snapshot.clusters
    ]
    heads = [
        html.Li(
            [html.Span("Share", className="figure"), *([html.Span("Goal", className="figure goal")] if goal else [])],
            className="list-heads",
        )
    ]
    return html.Div(
        [
            structure_notice(snapshot),
            first_visit,
            html.H2(_headline(snapshot)),
            html.P(
                "Each dot on the map is a user; users close together behave alike. Click a dot, a label or a name to see who"
                " they are, what hurts them and what to test."
                if snapshot.clusters
                else "There is no group to open, but the map still shows the users.",
            ),
            html.Ul([*heads, *assigned] if assigned else [], className="cluster-list", **aria(label="Clusters")),
            *([html.P(_goal_words(goal), className="quiet")] if goal and assigned else []),
            _unassigned(snapshot),
            html.Button(
                choice_title(snapshot),
                id={"type": "show", "what": "choice", "of": snapshot.day.isoformat(), "at": "overview"},
                className="link quiet-link",
                n_clicks=0,
            ),
            segments,
            _changes(snapshot),
            elements.report_link(snapshot.day, None, "Download the report on this snapshot as PDF"),
        ],
        className="overview",
    )


def _goal_words(goal: GoalRates) -> str:
    return f"Goal: the share who reach “{goal.label}”; {formatting.percent(goal.everyone)} of everyone."


def choice_title(snapshot: Snapshot) -> str:
    """Title of the dialog on how the clusters of this snapshot were chosen."""
    return "How these clusters were chosen" if snapshot.clusters else "How clusters were looked for"


def structure_notice(snapshot: Snapshot) -> Component | None:
    """The notice of a snapshot whose clusters cannot be relied on; None when they can."""
    if snapshot.status == "ok":
        return None
    titles = {
        "weak_structure": "Weak structure: read these groups as a description only",
        "too_few_users": "Too few users to look for groups",
    }
    return elements.notice(titles.get(snapshot.status, snapshot.status), snapshot.reason or "", kind="warning")


def legend(snapshot: Snapshot, points: Points, feature: Feature | None = None) -> Component:
    """What dots, colours and distances mean, and how many of the users are drawn; `feature` is what the colour shows."""
    drawn = (
        f"{formatting.count(len(points.user_id))} of {formatting.users(points.placed)} drawn, shading shows where all of them are"
        if points.density is not None
        else f"{formatting.users(points.placed)}, one dot each"
    )
    absent = snapshot.users - points.placed
    left_out = f"; {formatting.count(absent)} more did too little to be placed" if absent > 0 else ""
    meaning: list[Any] = (
        ["Colour and shape show the cluster, ", html.Span("grey", className="grey-word"), " is unassigned."]
        if feature is None
        else [f"Colour shows “{feature.label}”: blue is the least, orange the most."]
    )
    near = " Near dots behave alike; distances between far clusters mean little."
    return html.P([f"{drawn}{left_out}. ", *meaning, near], className="legend")


def _headline(snapshot: Snapshot) -> str:
    clusters = len(snapshot.clusters)
    if not clusters:
        return f"No clusters among {formatting.users(snapshot.users)}"
    return f"{clusters} cluster{'' if clusters == 1 else 's'} of users who behave alike"


def _opener(cluster_id: str, name: str) -> Component:
    return html.Button(name, id={"type": "open", "cluster": cluster_id, "at": "overview"}, className="link", n_clicks=0)


def _unassigned(snapshot: Snapshot) -> Component | None:
    if not snapshot.unassigned:
        return None
    reasons = [
        html.Li([html.Span(formatting.count(users), className="figure"), f" {formatting.REASONS.get(reason, reason)}"])
        for reason, users in snapshot.unassigned
    ]
    total = sum(users for _, users in snapshot.unassigned)
    heading: list[Any] = [
        elements.mark(None),
        _opener(
            UNASSIGNED_GROUP, f"{formatting.users(total)} unassigned ({formatting.percent(snapshot.unassigned_share)})"
        ),
    ]
    return html.Section([html.H3(heading), html.Ul(reasons, className="reasons")])


def _changes(snapshot: Snapshot) -> Component:
    if snapshot.previous is None:
        message = (
            "This is the first snapshot to compare from."
            if snapshot.is_first
            else "This snapshot was not compared with an earlier one."
        )
        return html.Section([html.H3("What changed"), html.P(message, className="quiet")])
    changes = [html.Li(change_line(each, snapshot.names)) for each in snapshot.changes]
    sizes = [
        html.Li([html.Span(each.name), " ", elements.trend(each, says_since=False)])
        for each in snapshot.clusters
        # A cluster that is new, or back, has nothing to be compared with.
        if len(each.trend) > 1 and each.trend[-2][0] == snapshot.previous
    ]
    return html.Section(
        [
            html.H3(f"Since {formatting.day(snapshot.previous)}"),
            html.Ul(changes or [html.Li("No cluster was born, split, merged or lost.")], className="changes"),
            html.Ul(sizes, className="changes"),
        ]
    )


def change_line(change: ClusterChange, names: Mapping[str, str]) -> str:
    """A change in words, such as `Split: Drafters into Shoppers (10 users)`."""
    source, target = (
        names.get(each, "a cluster of old") if each else None for each in (change.from_cluster_id, change.to_cluster_id)
    )
    kind = _KINDS.get(change.kind, formatting.capital(change.kind))
    if change.kind in ("birth", "return"):
        return f"{kind}: {target} ({formatting.users(change.users)})"
    if change.kind == "death":
        return f"{kind}: {source}"
    return f"{kind}: {source or 'unassigned'} into {target or 'unassigned'} ({formatting.users(change.users)})"
