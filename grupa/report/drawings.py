"""The map and a funnel as SVG, drawn here: a page that holds everything has no scripts, and Chromium draws nothing for it."""

from collections.abc import Sequence
from html import escape

from dash_app.data.journeys import ClusterFunnel
from dash_app.data.snapshot import Cluster
from dash_app.data.users import Points
from dash_app.figures.colors import look
from grupa.report import values
from grupa_pipeline.palette import UNASSIGNED

WIDTH, HEIGHT = 720, 400
_MARGIN, _LONGEST = 24, 34
_Box = tuple[float, float, float]
"""Left, right and top of a label."""


def map_svg(points: Points, clusters: Sequence[Cluster], selected: str | None = None) -> str:
    """The users by cluster, with its name at each; those of others are grey where one is `selected`."""
    if not points.user_id:
        return ""
    by_id = {each.cluster_id: each for each in clusters}
    x0, x1, y0, y1 = (float(each) for each in (points.x.min(), points.x.max(), points.y.min(), points.y.max()))

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - x0) / ((x1 - x0) or 1) * (WIDTH - 2 * _MARGIN) + _MARGIN
        return across, HEIGHT - _MARGIN - (y - y0) / ((y1 - y0) or 1) * (HEIGHT - 2 * _MARGIN)

    groups: dict[str | None, list[str]] = {}
    for cluster_id, x, y in zip(points.cluster_id, points.x, points.y, strict=True):
        across, down = place(float(x), float(y))
        groups.setdefault(cluster_id, []).append(f"M{across:.1f} {down:.1f}h0")
    parts = []
    for cluster_id in sorted(groups, key=lambda each: (each == selected, each is not None, each or "")):
        cluster = by_id.get(cluster_id or "")
        is_grey = cluster is None or (selected is not None and cluster_id != selected)
        color = UNASSIGNED if is_grey or cluster is None else look(cluster.color_slot).color
        opacity = 0.25 if is_grey else 0.75
        parts.append(
            f'<path d="{"".join(groups[cluster_id])}" stroke="{color}" stroke-opacity="{opacity}" stroke-width="4"'
            ' stroke-linecap="round" fill="none"/>'
        )
    taken: list[_Box] = []
    for cluster_id, x, y in sorted(points.labels, key=lambda each: -each[2]):
        if cluster_id in by_id and selected in (None, cluster_id):
            parts.append(_label(by_id[cluster_id], *place(x, y), taken))
    return (
        f'<svg class="map" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Map of the users, coloured by cluster">'
        f"{''.join(parts)}</svg>"
    )


def _label(cluster: Cluster, across: float, down: float, taken: list[_Box]) -> str:
    """A name in a box above the point, lower where another label is; the box is added to `taken`."""
    name = cluster.name if len(cluster.name) <= _LONGEST else cluster.name[: _LONGEST - 1].rstrip() + "…"
    width = 6.1 * len(name) + 14
    left = min(max(across - width / 2, 2), WIDTH - width - 2)
    top = min(max(down - 24, 2), HEIGHT - 22)
    while any(abs(top - other) < 22 and left < right and start < left + width for start, right, other in taken):
        top += 4
    taken.append((left, left + width, top))
    color = look(cluster.color_slot).color
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="19" rx="4" fill="#fff" fill-opacity=".92"'
        f' stroke="{color}"/><text x="{left + width / 2:.1f}" y="{top + 13.5:.1f}" text-anchor="middle" font-size="11"'
        f' fill="#16181d">{escape(name)}</text>'
    )


def funnel_html(funnel: ClusterFunnel, color: str, *, of_cluster: bool) -> str:
    """The steps to a goal as bars, with the share that goes on, of a cluster beside the others', and the worst step marked."""
    most = max((step.users for step in funnel.steps), default=1) or 1
    worst = funnel.worst if funnel.loses_users else None
    rows = []
    for position, step in enumerate(funnel.steps):
        bar = f'<span class="bar" style="width:{100 * step.users / most:.1f}%;background:{color}"></span>'
        went_on, others = (
            (values.share(step.share), values.share(step.rest_share)) if step.share is not None else ("", "")
        )
        is_worst = position == worst
        rows.append(
            f'<tr{" class=worst" if is_worst else ""}><th scope="row">{values.text(step.label)}</th>'
            f'<td class="bars">{bar}</td><td>{values.count(step.users)}</td><td>{went_on}</td>'
            + (f"<td>{others}</td>" if of_cluster else "")
            + f"<td>{'<b>most are lost here</b>' if is_worst else ''}</td></tr>"
        )
    heads = ["Step", "", "Users", "go on", *(["others"] if of_cluster else []), ""]
    head = "".join(f'<th scope="col">{each}</th>' for each in heads)
    caption = f"<caption>Towards {values.text(funnel.steps[-1].label)}</caption>" if funnel.steps else ""
    return f'<table class="funnel">{caption}<thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
