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
from dash_app.data.snapshot import Cluster, Feature
from dash_app.data.users import Points
from dash_app.palette import DIMMED, UNASSIGNED_COLOR, look

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
    shown = [None if np.isnan(each) else round(float(each), 4) for each in values]
    figure.add_scattergl(
        x=points.x,
        y=points.y,
        mode="markers",
        customdata=[[user, own or ""] for user, own in zip(points.user_id, points.cluster_id, strict=True)],
        marker={
            "size": _marker_size(len(points.user_id)),
            "color": shown,
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
        text=["" if each is None else formats.quantity(each, feature.unit) for each in shown],
        hovertemplate="%{customdata[0]}<br>%{text}<extra></extra>",
        showlegend=False,
        meta="",
    )
    _add_labels(figure, points, clusters)
    return figure


def sizes_over_time(sizes: Sequence[tuple[date, str, int]], clusters: Mapping[str, Cluster]) -> go.Figure:
    """Users a cluster in each snapshot, one line a cluster with its mark; `sizes` are (day, cluster_id, users)."""
    figure = go.Figure(layout=_plain_layout())
    for cluster_id in sorted({each for _, each, _ in sizes}):
        cluster = clusters.get(cluster_id)
        own = look(cluster.color_slot if cluster else None)
        rows = [(day, users) for day, each, users in sizes if each == cluster_id]
        figure.add_scatter(
            x=[day for day, _ in rows],
            y=[users for _, users in rows],
            name=escape(cluster.name if cluster else cluster_id),
            mode="lines+markers",
            line={"color": own.color, "width": 2},
            marker={"symbol": own.symbol, "size": 8, "color": own.color},
            hovertemplate="%{y:,} users on %{x|%-d %b %Y}",
        )
    figure.update_yaxes(rangemode="tozero", title_text="users")
    figure.update_xaxes(tickformat="%-d %b %Y", nticks=8)
    return figure


def flows(moves: Sequence[tuple[str | None, str | None, int]], clusters: Mapping[str, Cluster]) -> go.Figure:
    """Sankey of who moved from where to where; `moves` are (from_cluster_id, to_cluster_id, users), None is unassigned."""
    sources = sorted({source for source, _, _ in moves}, key=lambda each: each or "~")
    targets = sorted({target for _, target, _ in moves}, key=lambda each: each or "~")
    nodes = [*sources, *targets]
    places = {("from", each): at for at, each in enumerate(sources)}
    places |= {("to", each): at + len(sources) for at, each in enumerate(targets)}

    def color(cluster_id: str | None) -> str:
        cluster = clusters.get(cluster_id or "")
        return look(cluster.color_slot).color if cluster else UNASSIGNED_COLOR

    def name(cluster_id: str | None) -> str:
        cluster = clusters.get(cluster_id or "")
        return escape(cluster.name if cluster else cluster_id or "Unassigned or absent")

    figure = go.Figure(layout=_plain_layout())
    figure.add_sankey(
        node={
            "label": [name(each) for each in nodes],
            "color": [color(each) for each in nodes],
            "pad": 18,
            "thickness": 14,
            "line": {"width": 0},
        },
        link={
            "source": [places["from", source] for source, _, _ in moves],
            "target": [places["to", target] for _, target, _ in moves],
            "value": [users for _, _, users in moves],
            "color": [f"{color(source)}55" for source, _, _ in moves],
            "hovertemplate": "%{source.label} to %{target.label}: %{value:,} users<extra></extra>",
        },
    )
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
    for cluster_id, x, y in points.centres:
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
        yaxis=bare | {"scaleanchor": "x"},
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
    )
