"""The map, and what all figures share: pure functions from data to plotly figures. No queries, no components, no callbacks.

Figures carry no text or paper colours of their own: the style sheet gives them, so one figure serves both themes. Names that
people or models wrote are escaped, because plotly reads some HTML in text.
"""

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dash_app import formatting
from dash_app.data.snapshot import Cluster, Feature
from dash_app.data.users import Points
from dash_app.figures.colors import DIMMED, SCALE, look
from grupa_pipeline.palette import UNASSIGNED
from grupa_pipeline.vocabulary.enums import UNASSIGNED_GROUP

CLEAR = "rgba(0,0,0,0)"
LONGEST_LABEL, _NARROW = 28, 16
_UNSELECTED = {"marker": {"color": UNASSIGNED, "opacity": DIMMED}}
"""Users outside a selection stay visible."""
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
    ids = np.array([each or "" for each in points.cluster_id], dtype=object)
    for cluster_id in ("", *(each.cluster_id for each in clusters)):
        places = np.flatnonzero(ids == cluster_id)
        own = [float(f"{value:.4g}") for value in values[places]]
        figure.add_scattergl(
            x=points.x[places],
            y=points.y[places],
            mode="markers",
            customdata=[points.user_id[place] for place in places],
            # A list: the browser puts it back when a cluster is closed, and could not a transported array.
            marker={"size": _marker_size(len(points.user_id)), "color": own, "opacity": 0.8, "coloraxis": "coloraxis"},
            text=[formatting.quantity(None if np.isnan(each) else each, feature.unit) for each in own],
            unselected=_UNSELECTED,
            hovertemplate="%{customdata}<br>%{text}<extra></extra>",
            showlegend=False,
            meta=cluster_id,
        )
    figure.update_layout(coloraxis=_color_axis(values, feature))
    _add_labels(figure, points, clusters)
    return figure


def _color_axis(values: NDArray[np.float64], feature: Feature) -> dict[str, Any]:
    """The scale of a feature, shares in percent."""
    known = values[~np.isnan(values)]
    low, high = (float(each) for each in np.percentile(known, (2, 98))) if len(known) else (0.0, 1.0)
    is_share = feature.unit == "share"
    return {
        "colorscale": list(SCALE),
        "cmin": low,
        "cmax": high if high > low else low + 1,
        "colorbar": {
            "title": {"text": "" if is_share else escape(feature.unit)},
            "tickformat": ".0%" if is_share and high - low > 0.05 else ".1%" if is_share else "",
            "thickness": 12,
            "outlinewidth": 0,
            "x": 1,
            "len": 0.6,
        },
    }


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
        zsmooth="fast",
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
    is_dimmed = bool(selected) and selected != (cluster_id or UNASSIGNED_GROUP)
    figure.add_scattergl(
        x=points.x[places],
        y=points.y[places],
        mode="markers",
        name=escape(cluster.name) if cluster else "Unassigned",
        # Lists: plotly's transport of arrays would lose them on a click.
        customdata=[points.user_id[place] for place in places],
        marker={
            "color": UNASSIGNED if is_dimmed else own.color,
            "symbol": own.symbol,
            "size": _marker_size(len(points.user_id)) - (0 if cluster else 1),
            "opacity": DIMMED if is_dimmed else (0.8 if cluster else 0.45),
        },
        unselected=_UNSELECTED,
        hovertemplate="%{customdata}<br>%{fullData.name}<extra></extra>",
        meta=cluster_id,
        showlegend=False,
    )


def _add_labels(figure: go.Figure, points: Points, clusters: Sequence[Cluster]) -> None:
    by_id = {cluster.cluster_id: cluster for cluster in clusters}
    wide, narrow = (short_names([each.name for each in clusters], longest) for longest in (LONGEST_LABEL, _NARROW))
    # What the browser needs to give clusters their colours back, and to cut labels where the screen is narrow.
    figure.layout.meta = {
        "colors": {"": UNASSIGNED} | {each.cluster_id: look(each.color_slot).color for each in clusters},
        "labels": {
            each.cluster_id: [_label(each, text) for text in (wide[each.name], narrow[each.name], each.name)]
            for each in clusters
        },
        "dimmed": {"color": UNASSIGNED, "opacity": DIMMED},
    }
    for cluster_id, x, y in points.labels:
        cluster = by_id.get(cluster_id)
        if cluster is None:
            continue
        own = look(cluster.color_slot)
        figure.add_annotation(
            x=x,
            y=y,
            name=cluster_id,
            text=_label(cluster, wide[cluster.name]),
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


def _label(cluster: Cluster, text: str) -> str:
    own = look(cluster.color_slot)
    return f'<span style="color:{own.color}">{own.mark}</span> {escape(text)}'


def short_names(names: Sequence[str], longest: int = LONGEST_LABEL) -> dict[str, str]:
    """Each name, cut at its end where it is longer than a label may be; in its middle, or not at all, where names would then be
    equal."""
    cut = {name: short(name, longest) for name in names}
    half = (longest - 1) // 2
    inside = {
        name: f"{name[:half].rstrip()}…{name[-half:].lstrip()}" if len(name) > longest else name for name in names
    }
    for other in (inside, {name: name for name in names}):
        times = Counter(cut[name] for name in set(names))
        cut = {name: other[name] if times[text] > 1 else text for name, text in cut.items()}
    return cut


def short(name: str, longest: int = LONGEST_LABEL) -> str:
    """The name, cut where it is longer than a label may be."""
    return name if len(name) <= longest else name[: longest - 1].rstrip() + "…"


def _marker_size(shown: int) -> int:
    return 7 if shown <= 3_000 else 5 if shown <= 12_000 else 4


def _map_layout() -> go.Layout:
    layout = plain_layout()
    bare = {"visible": False, "showgrid": False, "zeroline": False, "showticklabels": False}
    layout.update(
        margin={"l": 8, "r": 8, "t": 40, "b": 8},  # the tools stand above the labels
        xaxis=bare,
        yaxis=bare,
        dragmode="pan",
        hovermode="closest",
        uirevision="map",
    )
    return layout


def plain_layout() -> go.Layout:
    """What all figures share: no colours of their own, a legend below."""
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
