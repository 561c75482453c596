"""Plans on the roadmap page: rows of the table, cards of the board, the timeline's list. Pure functions on plans."""

from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components import elements
from dash_app.components.elements import aria
from dash_app.data.history import ClusterLabels
from dash_app.planning.overlap import Overlap
from dash_app.planning.plan import Plan
from grupa_pipeline.vocabulary.enums import PlanStatus

COLUMNS = {"idea": "Ideas", "draft": "Drafts", "ready": "Ready", "scheduled": "Scheduled", "archived": "Archived"}


def row(plan: Plan, cluster: str, metric: str, concurrent: int, overlaps: Sequence[Overlap]) -> dict[str, Any]:
    """A plan as a row of the table, its metric as people read it; `plan_id` and `revision` identify the version.

    `concurrent` counts the tests on the same users at the same time, `overlaps` are those of the same metric.
    """
    return {
        "plan_id": plan.plan_id,
        "revision": plan.revision,
        "name": plan.name,
        "status": plan.status,
        "cluster": cluster,
        "metric": metric,
        "users": plan.n_total,
        "weeks": None if plan.duration_days is None else plan.duration_days // 7,
        "feasible": bool(plan.feasible),
        "start_date": plan.start_date.isoformat() if plan.start_date else None,
        "owner": plan.owner,
        "rice": None if plan.rice_score is None else round(plan.rice_score, 1),
        "concurrent": concurrent,
        "overlaps": len(overlaps),
    }


def cluster_look(plan: Plan, clusters: ClusterLabels) -> tuple[str, int | None]:
    """Name and colour slot of a plan's cluster; a cluster without a snapshot is marked as gone."""
    return clusters.get(plan.cluster_id, (f"{plan.cluster_id} (gone)", None))


def board(plans: Sequence[Plan], clusters: ClusterLabels, overlaps: Mapping[str, Sequence[Overlap]]) -> Component:
    """A column for each status; plans are moved by dragging or with the buttons and the list of each card."""
    return html.Div(
        [
            _column(status, [each for each in plans if each.status == status], clusters, overlaps)
            for status in PlanStatus
        ],
        className="board",
    )


def overlap_notice(overlaps: Sequence[Overlap], names: Mapping[str, str]) -> Component | None:
    """The pairs of plans that meet; None when none do."""
    if not overlaps:
        return None
    lines = [
        html.Li([html.Strong(f"{names[each.plan_id]} and {names[each.other_id]}: "), each.text]) for each in overlaps
    ]
    return elements.notice(
        f"{len(overlaps)} overlap{'s' if len(overlaps) > 1 else ''} to look at",
        "They are allowed; mind that results may mix.",
        html.Ul(lines),
        kind="warning",
    )


def _column(
    status: str,
    plans: Sequence[Plan],
    clusters: ClusterLabels,
    overlaps: Mapping[str, Sequence[Overlap]],
) -> Component:
    cards = [
        _card(each, cluster_look(each, clusters), overlaps.get(each.plan_id, ()), at, len(plans))
        for at, each in enumerate(plans)
    ]
    heading = html.H3([COLUMNS[status], html.Span(f" {len(plans)}", className="quiet")])
    return html.Section(
        [heading, html.Div(cards or html.P("None", className="quiet"), className="board-cards")],
        className="board-column" if cards else "board-column without-plans",
        **elements.data_attributes(status=status),
        **aria(label=COLUMNS[status]),
    )


def _card(plan: Plan, cluster: tuple[str, int | None], overlaps: Sequence[Overlap], at: int, of: int) -> Component:
    name, slot = cluster
    weeks = "no end foretold" if plan.duration_days is None else _weeks(plan.duration_days // 7)
    start = f"from {formatting.day(plan.start_date)}" if plan.start_date else "no first day"
    warn = [html.P(each.text, className="card-warning") for each in overlaps]
    return html.Article(
        [
            html.Button(
                plan.name, id={"type": "open-plan", "plan": plan.plan_id}, className="link plan-name", n_clicks=0
            ),
            html.Div([elements.mark(slot), name], className="quiet"),
            html.Div(f"{formatting.count(plan.n_total or 0)} users · {weeks} · {start}", className="plan-facts"),
            html.Div(
                [f"RICE {formatting.number(plan.rice_score)}", f" · {plan.owner}" if plan.owner else ""],
                className="quiet",
            ),
            *([elements.badge(f"finished: {plan.decision}", "good")] if plan.decision else []),
            *([] if plan.feasible or plan.decision else [elements.badge("not feasible", "bad")]),
            *warn,
            html.Div([*_movers(plan, at, of)], className="plan-tools"),
        ],
        className="plan-card",
        draggable="true",
        **elements.data_attributes(plan=plan.plan_id),
    )


def _weeks(number: int) -> str:
    return f"{formatting.count(number)} week{'' if number == 1 else 's'}"


def _movers(plan: Plan, at: int, of: int) -> list[Component]:
    steps = (("up", "↑", "Move up", at == 0), ("down", "↓", "Move down", at == of - 1))
    buttons: list[Component] = [
        html.Button(
            sign,
            id={"type": "step", "plan": plan.plan_id, "way": way},
            disabled=off,
            className="step",
            n_clicks=0,
            **aria(label=f"{label}: {plan.name}"),
        )
        for way, sign, label, off in steps
    ]
    move = dmc.Select(
        id={"type": "move", "plan": plan.plan_id},
        data=[{"value": each, "label": words} for each, words in COLUMNS.items()],
        value=plan.status,
        allowDeselect=False,
        size="xs",
        **aria(label=f"Status of {plan.name}"),
    )
    return [move, *buttons]
