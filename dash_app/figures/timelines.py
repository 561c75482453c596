"""Figures along time: sizes of clusters, who moved where, plans by date. Pure functions."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from html import escape
from textwrap import wrap

import plotly.graph_objects as go

from dash_app import formatting
from dash_app.data.history import ClusterLabels, ClusterSize
from dash_app.figures.cluster_map import plain_layout, short
from dash_app.figures.colors import look
from dash_app.planning.plan import Plan
from grupa_pipeline.palette import UNASSIGNED

_BAR, _LINE, _GAP = 18, 17, 11
"""Pixels of the timeline: a bar, a line of a name over it, and what is free between rows."""


def sizes_over_time(sizes: Sequence[ClusterSize], clusters: ClusterLabels) -> go.Figure:
    """Users a cluster in each snapshot, one line a cluster with its mark; `clusters` give name and colour slot by id."""
    figure = go.Figure(layout=plain_layout())
    days = sorted({each.day for each in sizes})
    users = {(each.cluster_id, each.day): each.users for each in sizes}
    for cluster_id in sorted({each.cluster_id for each in sizes}):
        name, slot = clusters.get(cluster_id, (cluster_id, None))
        own = look(slot)
        figure.add_scatter(
            x=days,
            y=[users.get((cluster_id, each)) for each in days],  # None where it was not there: a gap, not a line across
            name=escape(name),
            mode="lines+markers",
            line={"color": own.color, "width": 2},
            marker={"symbol": own.symbol, "size": 8, "color": own.color},
            hovertemplate="%{fullData.name}<br>%{y:,} users on %{x|%-d %b %Y}<extra></extra>",
        )
    figure.update_yaxes(rangemode="tozero", title_text="users", tickformat=",")
    figure.update_xaxes(tickformat="%-d %b<br>%Y", **({"tickvals": days} if len(days) <= 10 else {"nticks": 8}))
    return figure


def flows(
    moves: Sequence[tuple[str | None, str | None, int]],
    clusters: ClusterLabels,
    longest: int | None = None,
) -> go.Figure:
    """Sankey of who moved from where to where.

    Args:
        moves: (from_cluster_id, to_cluster_id, users); None is unassigned.
        clusters: Name and colour slot by id.
        longest: Characters of the longest label, for narrow screens, where the two sides would run into each other;
            None leaves names whole. Whole names are always shown at the pointer.
    """
    ends = [
        (side, each) for side in (0, 1) for each in sorted({move[side] for move in moves}, key=lambda id_: id_ or "~")
    ]
    place = {end: at for at, end in enumerate(ends)}
    looks = [clusters.get(str(each), (str(each or "Unassigned or absent"), None)) for _, each in ends]
    colors = [look(slot).color for _, slot in looks]
    figure = go.Figure(layout=plain_layout())
    figure.add_sankey(
        node={
            "label": [escape(name if longest is None else short(name, longest)) for name, _ in looks],
            "customdata": [escape(name) for name, _ in looks],
            "hovertemplate": "%{customdata}: %{value:,} users<extra></extra>",
            "color": colors,
            "pad": 18,
            "thickness": 14,
            "line": {"width": 0},
        },
        link={
            "source": [place[0, source] for source, _, _ in moves],
            "target": [place[1, target] for _, target, _ in moves],
            "value": [users for _, _, users in moves],
            "color": [f"{colors[place[0, source]]}55" for source, _, _ in moves],
            "hovertemplate": "%{source.customdata} to %{target.customdata}: %{value:,} users<extra></extra>",
        },
    )
    figure.update_layout(margin={"l": 8, "r": 8})
    return figure


def timeline(plans: Sequence[Plan], slots: Mapping[str, int | None], today: date, longest: int = 60) -> go.Figure:
    """Dated plans as bars from their first to their last day, the earliest on top, in their cluster's colour.

    Args:
        plans: The plans; all have a first and a last day.
        slots: Colour slot of each cluster.
        today: Where the dotted line stands.
        longest: Characters of a line of a plan's name; a longer name has up to three lines. `height` of the layout follows.
    """
    figure = go.Figure(layout=plain_layout())
    ordered = sorted(plans, key=lambda plan: (plan.start_date or date.max, plan.name), reverse=True)
    names = [wrap(plan.name, longest, max_lines=3, placeholder="…") for plan in ordered]
    name_height = _LINE * max(len(lines) for lines in names)
    row = _BAR + name_height + _GAP
    spans = [((plan.end_date or date.max) - (plan.start_date or date.max)).days + 1 for plan in ordered]
    figure.add_bar(
        orientation="h",
        base=[plan.start_date.isoformat() for plan in ordered if plan.start_date],
        x=[span * 86_400_000 for span in spans],
        y=list(range(len(ordered))),
        width=_BAR / row,
        marker={"color": [look(slots.get(plan.cluster_id)).color for plan in ordered], "opacity": 0.55},
        customdata=[[escape(plan.name), _days(plan), plan.status] for plan in ordered],
        hovertemplate="%{customdata[0]}<br>%{customdata[1]}, %{customdata[2]}<extra></extra>",
    )
    _add_plan_names(figure, ordered, names, today, over=_BAR / 2 / row)
    _add_today(figure, today)
    figure.update_xaxes(
        type="date",
        side="top",
        tickformatstops=[
            {"dtickrange": [None, "M1"], "value": "%-d %b"},
            {"dtickrange": ["M1", None], "value": "%b %Y"},
        ],
    )
    below, above = _BAR / 2 + _LINE, _BAR / 2 + name_height + _GAP
    figure.update_yaxes(visible=False, range=[-below / row, len(ordered) - 1 + above / row])
    margin = {"l": 8, "r": 8, "t": 40, "b": 8}
    height = row * (len(ordered) - 1) + below + above + margin["t"] + margin["b"]
    figure.update_layout(margin=margin, height=height, showlegend=False)
    return figure


def _days(plan: Plan) -> str:
    return " to ".join(formatting.day(each) for each in (plan.start_date, plan.end_date) if each)


def _add_plan_names(
    figure: go.Figure, plans: Sequence[Plan], names: Sequence[Sequence[str]], today: date, over: float
) -> None:
    """Each plan's name over its bar, aligned to the end with more space beside it, so that none is cut off."""
    spans = [(plan.start_date, plan.end_date) for plan in plans if plan.start_date and plan.end_date]
    first, last = min(today, *(start for start, _ in spans)), max(today, *(end for _, end in spans))
    on_left = [start - first <= last - end for start, end in spans]
    figure.add_scatter(
        x=[start if left else end + timedelta(days=1) for (start, end), left in zip(spans, on_left, strict=True)],
        y=[at + over for at in range(len(plans))],
        mode="text",
        text=["<br>".join(map(escape, lines)) for lines in names],
        textposition=["top right" if left else "top left" for left in on_left],
        cliponaxis=False,
        hoverinfo="skip",
    )


def _add_today(figure: go.Figure, today: date) -> None:
    """A dotted line, named at its foot."""
    figure.add_vline(x=today.isoformat(), line={"color": UNASSIGNED, "dash": "dot", "width": 2}, layer="below")
    figure.add_annotation(
        x=today.isoformat(), y=0, yref="paper", yanchor="bottom", xanchor="left", text="Today", showarrow=False
    )
