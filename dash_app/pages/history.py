"""The History page: sizes over the snapshots, and who moved where between two of them."""

from collections.abc import Sequence
from datetime import date

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components import empty
from dash_app.components.elements import aria
from dash_app.components.html_tables import table
from dash_app.components.overview import change_line
from dash_app.data import history
from dash_app.data.history import ClusterLabels, ClusterSize
from dash_app.data.snapshot import ClusterChange, Snapshot
from dash_app.figures import timelines
from dash_app.services import Services

NARROW_LABEL = 12
"""Maximum length of a name beside a node on narrow screens."""
SHOWN_TURNS = 50
Turns = tuple[int, Sequence[tuple[date, ClusterChange]]]
"""How many changes of clusters there were, and the newest of them with their days."""
Move = tuple[str | None, str | None, int]


def build(services: Services, snapshot: Snapshot | None, selected: str | None) -> Component:
    """The page up to the newest snapshot."""
    if snapshot is None:
        return empty.no_warehouse()
    days = sorted(services.days())
    clusters = services.cluster_labels()
    sizes = services.database.query(history.load_sizes)
    turns = services.database.query(history.load_turns, SHOWN_TURNS)
    pair = (days[-2], days[-1]) if len(days) > 1 else None
    flow = moves(services.database.query(history.load_moves, *pair), clusters, *pair) if pair else None
    return page(days, sizes, turns, clusters, flow)


def page(
    days: Sequence[date],
    sizes: Sequence[ClusterSize],
    turns: Turns,
    clusters: ClusterLabels,
    flow: Component | None,
) -> Component:
    """The page; `flow` is the picture of the last two snapshots, None when there is only one."""
    if flow is None:
        return html.Div(
            [
                html.H1("History", className="shown-title"),
                html.P(
                    "There is one snapshot so far. From the second on, sizes over time and who moved where are shown here."
                ),
                _sizes_table(sizes, clusters),
            ],
            className="sheet page-sheet",
        )
    return html.Div(
        [
            html.H1("History", className="shown-title"),
            html.Section(
                [
                    html.H2("Sizes over time"),
                    _which_days(days, sizes),
                    _sizes_graph(sizes, clusters),
                    html.Details([html.Summary("As a table"), _sizes_table(sizes, clusters)]),
                ],
                className="sheet page-sheet",
            ),
            html.Section(
                [html.H2("Who moved where"), _pickers(days), html.Div(flow, id="flow")], className="sheet page-sheet"
            ),
            html.Section(
                [html.H2("Births, returns, splits, merges and ends"), _turns(turns, clusters)],
                className="sheet page-sheet",
            ),
        ]
    )


def moves(found: Sequence[Move], clusters: ClusterLabels, day: date, later: date) -> Component:
    """The Sankey between two days and the same as a table."""
    if not found:
        return html.P(
            f"Nothing is held of who moved between {formatting.day(day)} and {formatting.day(later)}.",
            className="quiet",
        )

    def name(cluster_id: str | None) -> str:
        return clusters.get(cluster_id, (cluster_id, None))[0] if cluster_id else "Unassigned or absent"

    rows = [
        html.Tr([html.Td(name(source)), html.Td(name(target)), html.Td(formatting.count(users))])
        for source, target, users in found
    ]
    graphs = [
        dcc.Graph(
            figure=timelines.flows(found, clusters, longest),
            config={"displayModeBar": False, "responsive": True},
            style={"height": "460px"},
            className=screens,
        )
        for longest, screens in ((None, "on-wide-screens"), (NARROW_LABEL, "on-narrow-screens"))
    ]
    label = f"Users by cluster on {formatting.day(day)} and {formatting.day(later)}; the table below holds the same"
    return html.Div(
        [
            html.Div(graphs, role="img", **aria(label=label)),
            html.Details(
                [html.Summary("As a table"), table((formatting.day(day), formatting.day(later), "Users"), rows)]
            ),
        ]
    )


def _sizes_graph(sizes: Sequence[ClusterSize], clusters: ClusterLabels) -> Component:
    graph = dcc.Graph(
        figure=timelines.sizes_over_time(sizes, clusters),
        config={"displayModeBar": False, "responsive": True},
        className="sizes-graph",
    )
    return html.Div(
        graph,
        role="img",
        # On narrow screens the legend takes a line for each, and the style sheet makes the graph so much higher.
        style={"--clusters": str(len({each.cluster_id for each in sizes}))},
        **aria(label="Users in each cluster by snapshot; the table below holds the same"),
    )


def _sizes_table(sizes: Sequence[ClusterSize], clusters: ClusterLabels) -> Component:
    days = sorted({each.day for each in sizes})[-8:]
    by = {(each.cluster_id, each.day): each.users for each in sizes}
    rows = [
        html.Tr(
            [
                html.Th(clusters.get(cluster_id, (cluster_id, None))[0], scope="row"),
                *(html.Td(formatting.count(by[cluster_id, day]) if (cluster_id, day) in by else "–") for day in days),
            ]
        )
        for cluster_id in sorted({each.cluster_id for each in sizes})
    ]
    return table(("Cluster", *(formatting.day(each) for each in days)), rows)


def _pickers(days: Sequence[date]) -> Component:
    choices = [{"value": each.isoformat(), "label": formatting.day(each)} for each in reversed(days)]
    pickers = [
        dmc.Select(
            id=f"flow-{label.lower()}",
            label=label,
            data=choices,
            value=day.isoformat(),
            allowDeselect=False,
            size="sm",
            comboboxProps={"keepMounted": False},  # a year of days is drawn when it is opened
        )
        for label, day in (("From", days[-2]), ("To", days[-1]))
    ]
    return html.Div(pickers, className="map-bar")


def _which_days(days: Sequence[date], sizes: Sequence[ClusterSize]) -> Component | None:
    """Which of many snapshots are drawn; None where all are."""
    drawn = len({size.day for size in sizes})
    if len(days) <= drawn:
        return None
    words = f"The newest {history.NEWEST} of {formatting.count(len(days))} snapshots, and {drawn - history.NEWEST} of those before."
    return html.P(words, className="quiet")


def _turns(turns: Turns, clusters: ClusterLabels) -> Component:
    total, newest = turns
    names = {cluster_id: name for cluster_id, (name, _) in clusters.items()}
    lines = [html.Li([html.Strong(formatting.day(day)), f": {change_line(change, names)}"]) for day, change in newest]
    if not lines:
        return html.P("None so far.", className="quiet")
    older = total - len(lines)
    more = html.P(f"And {formatting.count(older)} before.", className="quiet") if older else None
    return html.Div([html.Ul(lines, className="changes"), more])
