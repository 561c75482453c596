"""What people said of a plan and did to it, its approval, and the field to say more. Pure functions on plans."""

from collections.abc import Collection, Sequence

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.planning.plan import Plan
from dash_app.planning.plan_events import PlanEvent
from grupa_pipeline.vocabulary.enums import PlanStatus

_SHOWN = 8
"""Newest entries shown; the earlier ones unfold."""


def discussion(plan: Plan, events: Sequence[PlanEvent], authors: Collection[str], *, needs_approval: bool) -> Component:
    """The section of a plan on the roadmap; None of it before it is there.

    Args:
        plan: The plan as it is stored.
        events: Its activity, newest first.
        authors: Whose last edits they are: they cannot approve it.
        needs_approval: Whether a plan must be approved before it is scheduled.
    """
    said = sum(bool(event.comment) for event in events)
    count = f"{said} comment{'' if said == 1 else 's'}, " if said else ""
    steps = len(events) - said
    return html.Details(
        [
            html.Summary(f"Comments and activity ({count}{steps} change{'' if steps == 1 else 's'})"),
            *_approval(plan, authors, needs_approval=needs_approval),
            *_field(plan),
            html.Ul([_entry(event) for event in events[:_SHOWN]], className="activity"),
            *_earlier(events[_SHOWN:]),
        ],
        open=bool(said) or (needs_approval and plan.approved_by is None),
        className="discussion",
    )


def _approval(plan: Plan, authors: Collection[str], *, needs_approval: bool) -> list[Component]:
    if plan.approved_by:
        when = f", {formatting.moment(plan.approved_at)}" if plan.approved_at else ""
        return [html.P(f"Approved by {plan.approved_by}{when}. An edit of the test's design takes that back.")]
    if not needs_approval or plan.status in (PlanStatus.SCHEDULED, PlanStatus.ARCHIVED):
        return []
    names = formatting.listed(sorted(authors))
    button = dmc.Button(
        "Approve", id={"type": "approve", "plan": plan.plan_id}, variant="default", size="xs", n_clicks=0
    )
    words = f"Not approved yet. Before it is scheduled, somebody other than {names} has to approve it. "
    return [html.P([words, button])]


def _field(plan: Plan) -> list[Component]:
    return [
        dmc.Textarea(
            id="plan-comment",
            label="Comment",
            autosize=True,
            minRows=2,
            maxRows=10,
            value="",
        ),
        html.Div(id="comment-problem", role="alert"),
        dmc.Button("Comment", id={"type": "comment", "plan": plan.plan_id}, variant="default", size="xs", n_clicks=0),
    ]


def _earlier(events: Sequence[PlanEvent]) -> list[Component]:
    if not events:
        return []
    entries = html.Ul([_entry(event) for event in events], className="activity")
    return [html.Details([html.Summary(f"Earlier ({len(events)})"), entries])]


def _entry(event: PlanEvent) -> Component:
    when = html.Span(f" · {formatting.moment(event.at)}", className="quiet")
    if event.comment:
        return html.Li([html.Strong(event.who), when, html.P(event.comment, className="said")])
    return html.Li([f"{event.who} {event.what}", when], className="quiet")
