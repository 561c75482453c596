"""Figures: pure functions from data to plotly figures. No queries, no components, no callbacks.

Figures carry no text or paper colours of their own: the style sheet gives them, so one figure serves both themes. Names that
people or models wrote are escaped, because plotly reads some HTML in text.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from html import escape

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dash_app import formats
from dash_app.data.history import Size
from dash_app.data.snapshot import Cluster, Feature
from dash_app.data.users import Points
from dash_app.palette import DIMMED, look
from dash_app.planning.plan import Plan
from grupa_pipeline.palette import UNASSIGNED

CLEAR = "rgba(0,0,0,0)"
_DENSITY = [[0, CLEAR], [0.02, "rgba(138,143,152,0.10)"], [1, "rgba(138,143,152,0.55)"]]


def cluster_map(points: Points, clusters: Sequence[Cluster], selected: str | None = None) -> go.Figure:
    """The users by cluster, one trace a cluster (its id in `meta`), unassigned first so that it lies below."""
    figure = go.Figure(layout=_map_layout())
    _add_density(figure, points)
    ids = np.array([each or "" for each in points.cluster_id], dtype=object)
    _add_users(figure, points, ids == "", None, selected)
    for cluster in clusters:
        _add_users(figure, points, ids == cluster.cluster_id, cluster, selected)
    _add_labels(figure, points, clusters)
    return figure


def feature_map(
    points: Points, clusters: Sequence[Cluster], values: NDArray[np.float64], feature: Feature
) -> go.Figure:
    """The users coloured by a feature, cut at its 2nd and 98th percentile so that a few extremes do not hide the rest."""
    figure = go.Figure(layout=_map_layout())
    known = values[~np.isnan(values)]
    low, high = (float(each) for each in np.percentile(known, (2, 98))) if len(known) else (0.0, 1.0)
    figure.add_scattergl(
        x=points.x,
        y=points.y,
        mode="markers",
        customdata=[[user, own or ""] for user, own in zip(points.user_id, points.cluster_id, strict=True)],
        marker={
            "size": _marker_size(len(points.user_id)),
            "color": values.astype(np.float32),
            "colorscale": "Cividis",
            "cmin": low,
            "cmax": high if high > low else low + 1,
            "colorbar": {
                "title": {"text": escape(feature.unit)},
                "thickness": 12,
                "outlinewidth": 0,
                "x": 1,
                "len": 0.6,
            },
        },
        text=[formats.quantity(None if np.isnan(each) else float(each), feature.unit) for each in values],
        hovertemplate="%{customdata[0]}<br>%{text}<extra></extra>",
        showlegend=False,
        meta="",
    )
    _add_labels(figure, points, clusters)
    return figure


def sizes_over_time(sizes: Sequence[Size], clusters: Mapping[str, tuple[str, int | None]]) -> go.Figure:
    """Users a cluster in each snapshot, one line a cluster with its mark; `clusters` give name and colour slot by id."""
    figure = go.Figure(layout=_plain_layout())
    for cluster_id in sorted({each.cluster_id for each in sizes}):
        name, slot = clusters.get(cluster_id, (cluster_id, None))
        own = look(slot)
        rows = [each for each in sizes if each.cluster_id == cluster_id]
        figure.add_scatter(
            x=[each.day for each in rows],
            y=[each.users for each in rows],
            name=escape(name),
            mode="lines+markers",
            line={"color": own.color, "width": 2},
            marker={"symbol": own.symbol, "size": 8, "color": own.color},
            hovertemplate="%{y:,} users on %{x|%-d %b %Y}",
        )
    figure.update_yaxes(rangemode="tozero", title_text="users")
    days = sorted({each.day for each in sizes})
    figure.update_xaxes(tickformat="%-d %b %Y", **({"tickvals": days} if len(days) <= 10 else {"nticks": 8}))
    return figure


def flows(
    moves: Sequence[tuple[str | None, str | None, int]], clusters: Mapping[str, tuple[str, int | None]]
) -> go.Figure:
    """Sankey of who moved from where to where; `moves` are (from_cluster_id, to_cluster_id, users), None is unassigned."""
    ends = [
        (side, each) for side in (0, 1) for each in sorted({move[side] for move in moves}, key=lambda id_: id_ or "~")
    ]
    place = {end: at for at, end in enumerate(ends)}
    looks = [clusters.get(str(each), (str(each or "Unassigned or absent"), None)) for _, each in ends]
    colors = [look(slot).color for _, slot in looks]
    figure = go.Figure(layout=_plain_layout())
    figure.add_sankey(
        node={
            "label": [escape(name) for name, _ in looks],
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
            "hovertemplate": "%{source.label} to %{target.label}: %{value:,} users<extra></extra>",
        },
    )
    return figure


def timeline(plans: Sequence[Plan], slots: Mapping[str, int | None]) -> go.Figure:
    """Dated plans as bars from their first to their last day, the earliest on top, in their cluster's colour."""
    figure = go.Figure(layout=_plain_layout())
    ordered = sorted(plans, key=lambda plan: (plan.start_date or date.max, plan.name), reverse=True)
    spans = [((plan.end_date or date.max) - (plan.start_date or date.max)).days + 1 for plan in ordered]
    figure.add_bar(
        orientation="h",
        base=[plan.start_date.isoformat() for plan in ordered if plan.start_date],
        x=[span * 86_400_000 for span in spans],
        y=[plan.plan_id for plan in ordered],
        text=[escape(_short(plan.name)) for plan in ordered],
        textposition="auto",
        insidetextanchor="start",
        marker={"color": [look(slots.get(plan.cluster_id)).color for plan in ordered], "opacity": 0.55},
        customdata=[[escape(plan.name), str(plan.start_date), str(plan.end_date), plan.status] for plan in ordered],
        hovertemplate="%{customdata[0]}<br>%{customdata[1]} to %{customdata[2]}, %{customdata[3]}<extra></extra>",
    )
    figure.update_xaxes(type="date", tickformat="%-d %b", side="top")
    figure.update_yaxes(visible=False)
    figure.update_layout(margin={"l": 8, "r": 8, "t": 40, "b": 8}, bargap=0.25)
    return figure


def _add_density(figure: go.Figure, points: Points) -> None:
    """How many users lie where, all of them, under the sample."""
    if points.density is None:
        return
    x, y, users = points.density
    figure.add_heatmap(
        x=x.astype(np.float32),
        y=y.astype(np.float32),
        z=np.sqrt(users).astype(np.float32),
        colorscale=_DENSITY,
        zsmooth="best",
        showscale=False,
        hoverinfo="skip",
        meta="density",
    )


def _add_users(
    figure: go.Figure, points: Points, chosen: NDArray[np.bool_], cluster: Cluster | None, selected: str | None
) -> None:
    own = look(cluster.color_slot if cluster else None)
    places = np.flatnonzero(chosen)
    cluster_id = cluster.cluster_id if cluster else ""
    figure.add_scattergl(
        x=points.x[places],
        y=points.y[places],
        mode="markers",
        name=escape(cluster.name) if cluster else "Unassigned",
        # Lists: plotly's transport of arrays would lose them on a click.
        customdata=[points.user_id[place] for place in places],
        marker={
            "color": own.color,
            "symbol": own.symbol,
            "size": _marker_size(len(points.user_id)) - (0 if cluster else 1),
            "opacity": DIMMED if selected and selected != cluster_id else (0.8 if cluster else 0.45),
        },
        hovertemplate="%{customdata}<extra>%{fullData.name}</extra>",
        meta=cluster_id,
        showlegend=False,
    )


def _add_labels(figure: go.Figure, points: Points, clusters: Sequence[Cluster]) -> None:
    by_id = {cluster.cluster_id: cluster for cluster in clusters}
    for cluster_id, x, y in points.labels:
        cluster = by_id.get(cluster_id)
        if cluster is None:
            continue
        own = look(cluster.color_slot)
        figure.add_annotation(
            x=x,
            y=y,
            name=cluster_id,
            text=f'<span style="color:{own.color}">{own.mark}</span> {escape(_short(cluster.name))}',
            showarrow=False,
            captureevents=True,
            yanchor="bottom",
            yshift=6,
            bgcolor="rgba(255,255,255,0.9)",
            bordercolor=own.color,
            borderwidth=1,
            borderpad=3,
            font={"size": 12},
        )


def _short(name: str) -> str:
    return name if len(name) <= 28 else name[:27].rstrip() + "…"


def _marker_size(shown: int) -> int:
    return 7 if shown <= 3_000 else 5 if shown <= 12_000 else 4


def _map_layout() -> go.Layout:
    layout = _plain_layout()
    bare = {"visible": False, "showgrid": False, "zeroline": False, "showticklabels": False}
    layout.update(
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        xaxis=bare,
        yaxis=bare,
        dragmode="pan",
        hovermode="closest",
        uirevision="map",
    )
    return layout


def _plain_layout() -> go.Layout:
    return go.Layout(
        template="none",
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        font={"family": "inherit", "size": 13},
        margin={"l": 56, "r": 16, "t": 16, "b": 40},
        legend={"orientation": "h", "y": -0.15},
        hoverlabel={"namelength": -1},
        autosize=True,
        modebar={"bgcolor": CLEAR, "color": UNASSIGNED, "activecolor": UNASSIGNED},
    )
