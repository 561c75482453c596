"""A segment open in the panel, in the order of a person's questions, and what can be done with it. Pure functions."""

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components import elements, funnel, html_tables, open_cluster
from dash_app.components.addresses import address
from dash_app.components.elements import aria
from dash_app.components.segment_form import rule_text
from dash_app.data.journeys import GroupJourneys
from dash_app.data.segment_facts import Difference, SegmentFacts
from dash_app.data.snapshot import Snapshot, metric_label, metric_unit
from grupa_pipeline.exports.saved_segments import SavedSegment
from grupa_pipeline.vocabulary.segment_rules import SegmentRule

_COLOR = "var(--accent)"
_SHOWN = 6


def waiting(asked: dict[str, Any] | None = None) -> Component:
    """What the panel shows until a segment has been counted; that it is on the page asks for it."""
    return html.Div(
        [
            dcc.Store(id="segment-asked", data=asked),
            dcc.Store(
                id={"type": "segment-of", "at": "panel"}, data=asked
            ),  # what is saved: gone with the panel's content
            html.Div(
                [
                    dmc.Skeleton(height=24, width="60%"),
                    dmc.Skeleton(height=60, mt="md"),
                    dmc.Skeleton(height=180, mt="md"),
                ],
                id="segment-body",
                **aria(busy="true"),
            ),
        ]
    )


def new_segment(form: Component, problem: str | None = None) -> Component:
    """The form alone, with what was wrong with it."""
    return html.Article(
        [
            _head("Select users"),
            html.P(
                "Say what they did, or when they came; all of it must hold. Or draw around dots on the map.",
                className="summary",
            ),
            elements.notice("Nobody was selected", problem, kind="warning") if problem else None,
            form,
        ],
        className="open-card",
        **aria(label="Select users"),
    )


def open_segment(
    facts: SegmentFacts,
    rule: SegmentRule,
    snapshot: Snapshot,
    form: Component | None,
    saved: SavedSegment | None = None,
    others: Sequence[SavedSegment] = (),
) -> Component:
    """A segment: who they are, where they get lost, what sets them apart.

    Args:
        facts: Who they are.
        rule: What selects them.
        snapshot: The snapshot.
        form: Changes the conditions; None where users are listed.
        saved: The saved segment, if it is one.
        others: Saved segments that it can be compared with.
    """
    name = saved.name if saved else "Selected users"
    told = differences_told(facts.differences, rule, snapshot)
    few = facts.users - facts.measured
    return html.Article(
        [
            dcc.Store(id="segment-drawn", data={cluster: list(own) for cluster, own in facts.drawn.items()}),
            _head(name),
            html.P(f"{formatting.capital(rule_text(rule, snapshot))}.", className="summary"),
            stats(facts, snapshot),
            html.P(
                f"{formatting.users(few)} of them did too little to be compared; what follows leaves them out.",
                className="quiet",
            )
            if few
            else None,
            open_cluster.section("Of these clusters", _mix(facts, snapshot)),
            open_cluster.section("Where they get lost", _lost(facts, snapshot)) if facts.measured else None,
            open_cluster.section("What sets them apart", told, "Nothing but what the filter itself asks for."),
            open_cluster.section("Some of them", elements.user_list(facts.sample, "segment")),
            html.Details([html.Summary("Change the filter"), form]) if form else None,
            _keep(saved, facts),
            _tools(saved, snapshot, facts, others),
        ],
        className="open-card",
        **aria(label=f"Segment {name}"),
    )


def stats(facts: SegmentFacts, snapshot: Snapshot) -> Component:
    """Size and goal rate in large type, as of a cluster."""
    size = [
        html.Span(formatting.users(facts.users), className="number"),
        html.Span(f"{formatting.percent(facts.users / max(snapshot.users, 1))} of all", className="number-words"),
    ]
    return html.Div([html.Div(size), open_cluster.goal_stat(facts.goal_rate, snapshot)], className="stats")


def side(name: str, facts: SegmentFacts, rule: SegmentRule, snapshot: Snapshot) -> Component:
    """One side of a comparison."""
    return html.Div(
        [
            html.H4(name),
            stats(facts, snapshot),
            html.P(f"{formatting.capital(rule_text(rule, snapshot))}."),
            html.H5("Where they get lost"),
            *_lost(facts, snapshot),
        ]
    )


def differences_told(differences: Sequence[Difference], rule: SegmentRule, snapshot: Snapshot) -> list[Component]:
    """The differences that matter first; those that the rule itself asks for say nothing and are left out."""
    told = [each for each in differences if not _is_asked(each.feature, rule, snapshot)]
    if not told:
        return []
    rows = [
        html.Tr(
            [
                html.Th(metric_label(each.feature, snapshot.catalog), scope="row"),
                html.Td(formatting.quantity(each.left, metric_unit(each.feature, snapshot.catalog))),
                html.Td(formatting.quantity(each.right, metric_unit(each.feature, snapshot.catalog))),
            ]
        )
        for each in told[:_SHOWN]
    ]
    table = html_tables.table(("Average", "These", "Others"), rows)
    asked = html.P("What the filter itself asks for is left out.", className="quiet")
    return [table, asked] if len(told) < len(differences) else [table]


def saved_list(saved: Sequence[SavedSegment]) -> Component | None:
    """The saved segments; None where there are none."""
    if not saved:
        return None
    rows = [html.Li(_do("open", each.segment_id, each.name, "link")) for each in saved]
    return html.Section([html.H3("Segments"), html.Ul(rows, className="changes")])


def selector() -> Component:
    """Opens the form."""
    return _do("new", "map", "Select users", "button")


def _is_asked(feature: str, rule: SegmentRule, snapshot: Snapshot) -> bool:
    known = snapshot.catalog.get(feature)
    about = [*(known.source_action or "").splitlines(), *(known.subject or "").splitlines()] if known else []
    return bool(rule.actions.intersection(about))


def _head(name: str) -> Component:
    close = elements.icon_button(
        "close", "Close this selection", {"type": "open", "cluster": "", "at": "close-segment"}
    )
    return html.Header(html.Div([html.H2(name, tabIndex="-1"), close], className="open-head"))


def _mix(facts: SegmentFacts, snapshot: Snapshot) -> list[Component]:
    rows = []
    for cluster_id, users in facts.clusters:
        cluster = snapshot.cluster(cluster_id)
        share = html.Span(formatting.percent(users / facts.users), className="figure")
        name = (
            html.Button(
                cluster.name,
                id={"type": "open", "cluster": cluster.cluster_id, "at": "segment"},
                className="link",
                n_clicks=0,
            )
            if cluster
            else "In no cluster"
        )
        rows.append(html.Li([elements.mark(cluster.color_slot if cluster else None), name, share]))
    return [html.Ul(rows, className="cluster-list")] if rows else []


def _lost(facts: SegmentFacts, snapshot: Snapshot) -> list[Component]:
    if facts.funnels:
        return funnel.where_lost(GroupJourneys(facts.funnels), _COLOR, snapshot.goal_note)
    return [html.P("No way to a goal was measured for each user.", className="quiet")]


def _keep(saved: SavedSegment | None, facts: SegmentFacts) -> Component | None:
    """Saves the segment: what has a name can be shared, exported, compared and tested on."""
    if not facts.users and saved is None:
        return None
    return html.Div(
        [
            dmc.TextInput(
                id={"type": "segment-name", "of": "panel"},
                label="Name",
                description=None if saved else "A saved segment can be shared, compared, exported and tested on.",
                value=saved.name if saved else "",
                placeholder="Paid but never came back",
                size="sm",
            ),
            dmc.Button(
                "Save" if saved else "Save the segment",
                id={"type": "save-segment", "what": "save"},
                size="sm",
                n_clicks=0,
            ),
            dmc.Button(
                "Delete",
                id={"type": "save-segment", "what": "delete"},
                variant="default",
                size="sm",
                n_clicks=0,
            )
            if saved
            else None,
        ],
        className="tools",
        id="keep-segment",
    )


def _tools(
    saved: SavedSegment | None, snapshot: Snapshot, facts: SegmentFacts, others: Sequence[SavedSegment]
) -> Component | None:
    if saved is None:
        return None
    sides = [(each.cluster_id, each.name) for each in snapshot.clusters]
    sides += [(each.segment_id, each.name) for each in others if each.segment_id != saved.segment_id]
    compare = dmc.Select(
        id={"type": "compare", "cluster": saved.segment_id},
        label="Compare with",
        placeholder="a cluster or segment",
        data=[{"value": key, "label": name} for key, name in sides],
        size="sm",
        comboboxProps={"withinPortal": True},
    )
    users = dmc.Anchor(
        "Users as CSV",
        href=address(f"/export/users.csv?snapshot={snapshot.day.isoformat()}&segment={saved.segment_id}"),
        className="button",
        refresh=True,
        target="_blank",
        **aria(label=f"Download the users of {saved.name} as CSV"),
    )
    copy = html.Span(["Copy link ", dcc.Clipboard(id="segment-link", content="", className="bare")], className="button")
    return html.Footer([compare, users if facts.users else None, copy], className="tools")


def _do(what: str, of: str, label: str, style: str) -> Component:
    return html.Button(label, id={"type": "segment-do", "what": what, "of": of}, className=style, n_clicks=0)
