"""Elements that many pages share: icons, cluster marks, badges, notices, toasts. Pure functions from values to components."""

from collections.abc import Iterable
from datetime import date
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components.addresses import address
from dash_app.data.snapshot import Cluster
from dash_app.figures.colors import look


def aria(**words: str) -> dict[str, Any]:
    """Attributes for assistive technology: `aria(label="Close")` gives `aria-label="Close"`."""
    return {f"aria-{name}": word for name, word in words.items()}


def user_list(user_ids: Iterable[str], at: str) -> list[Component]:
    """Users with a button each that opens their timeline; nothing for nobody. `at` tells the buttons of one place from others."""
    rows = [
        html.Li(
            [
                html.Code(user_id),
                html.Button(
                    "What they did",
                    id={"type": "show", "what": "timeline", "of": f"1 {user_id}", "at": at},
                    className="link",
                    n_clicks=0,
                ),
            ]
        )
        for user_id in user_ids
    ]
    return [html.Ul(rows, className="found-list")] if rows else []


def data_attributes(**words: str) -> dict[str, Any]:
    """Attributes for the browser's script: `data_attributes(plan="p1")` gives `data-plan="p1"`."""
    return {f"data-{name}": word for name, word in words.items()}


def icon(name: str) -> Component:
    """An icon from the style sheet, hidden from screen readers: the control's label names it."""
    return html.Span(className=f"pic pic-{name}", **aria(hidden="true"))


def mark(color_slot: int | None) -> Component:
    """The coloured mark of a cluster, as on the map."""
    own = look(color_slot)
    return html.Span(own.mark, className="mark", style={"color": own.color}, **aria(hidden="true"))


def icon_button(picture: str, label: str, button_id: Any, **props: Any) -> Component:
    """A button that shows only a picture; `label` is its name and its tooltip."""
    button = dmc.ActionIcon(
        icon(picture),
        id=button_id,
        variant="subtle",
        color="gray",
        size="lg",
        n_clicks=0,
        **aria(label=label),
        **props,
    )
    component: Component = dmc.Tooltip(button, label=label)
    return component


def notice(title: str, text: str, *children: Component, kind: str = "info") -> Component:
    """A box with a title and text; `kind` is info, warning or error."""
    body = [html.P(text), *children]
    return html.Div([html.H3(title), *body], className=f"notice notice-{kind}", role="status")


def stability_badge(stability: float | None) -> Component:
    """How well the cluster came back in subsamples, in a word and a number (thresholds of Hennig 2007)."""
    if stability is None:
        return badge("stability not measured", "")
    word, tone = (
        ("stable", "good") if stability >= 0.75 else ("fairly stable", "") if stability >= 0.6 else ("unstable", "bad")
    )
    component: Component = dmc.Tooltip(
        badge(f"{word} · {formatting.number(stability)}", tone),
        label="How much of the cluster came back when it was made again from samples of the users: 1 is all of it."
        " 0.75 and more is stable, below 0.6 is not.",
        multiline=True,
        w=280,
    )
    return component


def source_badge(source: str, model: str | None) -> Component:
    """Who wrote a text: which model, or the rules."""
    if source == "llm":
        return badge(f"written by {model or 'a model'}", "")
    return badge("written by rules, not by a model", "")


def badge(text: str, tone: str) -> Component:
    """A short fact in a box; `tone` is good, warn, bad or nothing."""
    return html.Span(text, className=f"badge {tone}".strip())


def share_line(cluster: Cluster) -> str:
    """`140 users, 42% of all`."""
    return f"{formatting.users(cluster.size)}, {formatting.percent(cluster.share)} of all"


def trend(cluster: Cluster, *, says_since: bool = True) -> Component | None:
    """The cluster's size in the last snapshots as bars, with the change in words; None when there is but one.

    `says_since` adds the day that the change counts from; unnecessary where a heading has it.
    """
    if len(cluster.trend) < 2:
        return None
    recent = cluster.trend
    most = max(size for _, size in recent) or 1
    bars = [html.Span(style={"height": f"{max(2, round(100 * size / most))}%"}) for _, size in recent]
    (before, then), (_, now) = recent[-2:]
    moved = now - then
    since = f" since {formatting.day(before)}" if says_since else ""
    words = f"{'+' if moved > 0 else '−'}{formatting.count(abs(moved))}{since}" if moved else "as before"
    return html.Span([html.Span(bars, className="trend", **aria(hidden="true")), words], className="trend-line")


def toast(message: str, undo: tuple[str, str] | None = None, reopen: str = "", *, stays: bool = False) -> Component:
    """A short message on what just happened, with buttons to undo it or to go on.

    `undo` names what to do (remove or restore) and the plan; `reopen` what the address calls the plan that was closed. A plan
    that can be removed again is new: a link leads to it. The browser lets the notice go after a while, but for one that
    `stays` because something did not work, or is lost with it.
    """
    back: list[Component] = []
    if undo:
        undo_id = {"type": "undo", "what": undo[0], "plan": undo[1]}
        if undo[0] == "remove":
            back.append(dcc.Link("Show it", href=address("/roadmap"), className="link"))
        back.append(html.Button("Undo", id=undo_id, className="link", n_clicks=0))
    if reopen:
        reopen_id = {"type": "open-plan", "plan": reopen}
        back.append(html.Button("Reopen", id=reopen_id, className="link reopen", n_clicks=0))
    close = html.Button(
        icon("close"), id={"type": "dismiss", "of": "toast"}, className="bare", n_clicks=0, **aria(label="Dismiss")
    )
    shown = [html.Span(message), *back, close]
    return html.Div(shown, className="toast stays" if stays or reopen else "toast")


def report_link(day: date, cluster_id: str | None, label: str) -> Component:
    """A link that downloads the report on a snapshot, or on one of its clusters."""
    cluster = f"&cluster={cluster_id}" if cluster_id else ""
    link: Component = dmc.Anchor(
        "Report as PDF",
        href=address(f"/export/report.pdf?snapshot={day.isoformat()}{cluster}"),
        className="button",
        refresh=True,
        target="_blank",
        **aria(label=label),
    )
    return link
