"""The parts of the page Events: what is recognised, every action with its role, the form about the product. Pure functions."""

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components import elements
from dash_app.components.addresses import address
from dash_app.components.elements import aria
from dash_app.data.event_catalog import Event
from grupa_pipeline.event_catalog.action_meanings import GoalNote
from grupa_pipeline.event_catalog.roles import Product
from grupa_pipeline.vocabulary.enums import DecidedBy, Role, RoleSource

MOST_SHOWN = 80
"""Actions on the page at once; the search field finds the others."""
_MOST_NAMED = 8
"""Actions of a role that the summary names."""
AS_NAMED = ""
"""Value of the choice that takes a person's role back."""
ROLE_WORDS: dict[Role, tuple[str, str]] = {
    Role.GOAL: ("Goal", "What you want users to reach. Clusters are compared by it."),
    Role.BAD_END: ("Bad end", "Users leave, cancel, are refused. Clusters are compared by it."),
    Role.ERROR: ("Error", "Something fails. A pain point where a cluster meets it more; never recommended."),
    Role.HELP: ("Help", "Users look for help. A pain point where a cluster needs it more; never recommended."),
    Role.PROPOSAL_CREATE: ("Proposal begun", "Steps of a proposal are followed from the first to its outcome."),
    Role.PROPOSAL_SUBMIT: ("Proposal sent", ""),
    Role.PROPOSAL_REVISE: ("Proposal changed", ""),
    Role.PROPOSAL_WITHDRAW: ("Proposal taken back", ""),
    Role.FEATURE: ("Feature use", "Use of a feature that the event's metadata names."),
    Role.STEP: ("Step", "Plain behaviour: what clusters are made of."),
    Role.NAVIGATION: ("Navigation", "Moving through the product; behaviour too."),
    Role.SYSTEM: ("System", "What software does by itself; never recommended."),
}
"""Name of each role and what it does, in the order of the page."""
_SOURCES = {
    RoleSource.PERSON: "set by a person",
    RoleSource.FILE: "from the roles file",
    RoleSource.DATA: "from users' histories",
}
_DECIDERS = {DecidedBy.USER: "Users decide it", DecidedBy.SYSTEM: "The company or its software decides it"}


def summary(events: Sequence[Event], goal_note: GoalNote | None, *, confirmed: bool) -> Component:
    """What is recognised, whether there is a goal, and the button that accepts all of it."""
    proposals = sum(each.proposed_role is not None for each in events)
    words = f"Accept all, with {proposals} proposal{'s' if proposals != 1 else ''}" if proposals else "Accept all"
    accept = dmc.Button(words, id={"type": "event-do", "what": "accept", "key": ""}, n_clicks=0, size="sm")
    state = elements.badge("accepted", "good") if confirmed and not proposals else accept
    title = html.H2(f"{formatting.count(len(events))} actions, and what they mean")
    note = [elements.notice(goal_note.short, goal_note.details, kind="warning")] if goal_note else []
    return html.Section(
        [
            html.Div([title, state], className="event-top"),
            *note,
            _recognised(events),
            html.P(
                "Read from the words of their names and from users' histories. Change what is wrong; it takes effect in the"
                " next run.",
                className="quiet",
            ),
        ],
        className="sheet page-sheet",
    )


def _recognised(events: Sequence[Event]) -> Component:
    found = [
        html.Li([html.Span(f"{ROLE_WORDS[role][0]}: ", className="strong"), ", ".join(names)])
        for role in (Role.GOAL, Role.BAD_END, Role.ERROR, Role.HELP)
        if (names := [each.label for each in events if each.role is role][:_MOST_NAMED])
    ]
    if not found:
        return html.P("No outcome, error or help is recognised.", className="quiet")
    return html.Ul(found, className="event-found")


def due_notice(pending: int, *, dagster_runs: bool, requested: bool) -> Component:
    """That the clusters were made with other roles or another product text, and the button that makes them again."""
    if requested:
        return elements.notice(
            "On its way", "The users are about to be segmented again; the Data page shows how far it is."
        )
    changed = (
        f"{pending} action{'s are' if pending != 1 else ' is'} read otherwise now"
        if pending
        else "What you wrote is new"
    )
    text = f"{changed} than when the clusters were made. Segment again, and the cards follow."
    if not dagster_runs:
        return elements.notice(
            "Segmenting again is due", f"{text} Runs are not active here: type grupa run in a terminal."
        )
    button = dmc.Button(
        "Segment again", id={"type": "event-do", "what": "run", "key": ""}, n_clicks=0, size="sm", className="event-run"
    )
    return elements.notice("Segmenting again is due", text, button)


def not_writable(message: str, lines: str) -> Component:
    """That the roles file may not be written, with the lines to add to it by hand."""
    return elements.notice(
        "The roles file cannot be written", message, html.Pre(lines, className="event-lines"), kind="warning"
    )


def event_list(events: Sequence[Event], query: str) -> Component:
    """The actions that the search finds, by role."""
    words = query.casefold().split()
    found = [each for each in events if all(word in f"{each.label} {each.action}".casefold() for word in words)]
    shown = sorted(found, key=lambda each: (list(ROLE_WORDS).index(each.role), -each.users))[:MOST_SHOWN]
    groups = [
        _group(title, explanation, own)
        for role, (title, explanation) in ROLE_WORDS.items()
        if (own := [each for each in shown if each.role is role])
    ]
    more = len(found) - len(shown)
    if not found:
        return html.P("No action has these words.", className="quiet")
    rest = [html.P(f"{formatting.count(more)} more: search for them above.", className="quiet")] if more else []
    return html.Div([*groups, *rest])


def _group(title: str, explanation: str, events: Sequence[Event]) -> Component:
    rows = html.Ul([_row(each) for each in events], className="event-rows")
    return html.Section([html.H2(title), html.P(explanation, className="quiet"), rows], className="sheet page-sheet")


def _row(event: Event) -> Component:
    return html.Li(
        [
            html.Div(
                [
                    dmc.TextInput(
                        id={"type": "event-label", "key": event.key},
                        value=event.label,
                        debounce=True,
                        variant="unstyled",
                        size="sm",
                        className="event-label",
                        **aria(label=f"What people read for “{event.action}”"),
                    ),
                    *([html.Code(event.action, className="event-action")] if event.action != event.label else []),
                    *([elements.badge("next run", "warn")] if event.is_pending else []),
                ],
                className="event-name",
            ),
            html.Div([_bars(event), html.Span(_counts(event), className="quiet")], className="event-counts"),
            dmc.Select(
                id={"type": "event-role", "key": event.key},
                data=_choices(event),
                value=event.role.value,
                allowDeselect=False,
                size="sm",
                comboboxProps={"withinPortal": True},
                className="event-role",
                **aria(label=f"Role of {event.label}"),
            ),
            html.Div(_why(event), className="event-why quiet"),
        ],
        className="event-row",
    )


def _choices(event: Event) -> list[Any]:
    roles = [{"value": role.value, "label": title} for role, (title, _) in ROLE_WORDS.items()]
    back = [{"value": AS_NAMED, "label": "As its name says"}] if event.source is RoleSource.PERSON else []
    return [*roles, *back]


def _counts(event: Event) -> str:
    return f"{formatting.users(event.users)}, {formatting.count(event.events)} times"


def _bars(event: Event) -> Component:
    most = max(event.bars, default=0) or 1
    bars = [
        html.Span(style={"height": f"{max(4, round(100 * number / most)) if number else 0}%"}) for number in event.bars
    ]
    return html.Span(bars, className="event-bars", title="Events over the window, first to last", **aria(hidden="true"))


def _why(event: Event) -> list[Component]:
    decides = html.Button(
        _DECIDERS[DecidedBy(event.decided_by)],
        id={"type": "event-do", "what": "decides", "key": event.key},
        n_clicks=0,
        className="link quiet-link",
        title="Click to change who decides it: what the company decides is never a next step for a user",
    )
    known = _SOURCES.get(event.source)
    said = f"{known}: {event.reason}" if known and event.source is RoleSource.DATA else known or event.reason
    parts: list[Component] = [html.Span(f"{formatting.capital(said)}. "), decides]
    if event.meaning:
        parts.insert(0, html.Span(f"{event.meaning} "))
    if event.proposed_role:
        who = "A model proposes" if event.proposed_by == RoleSource.MODEL else "Histories suggest"
        title = ROLE_WORDS[event.proposed_role][0]
        take = html.Button(
            f"Make it: {title}", id={"type": "event-do", "what": "take", "key": event.key}, n_clicks=0, className="link"
        )
        parts.append(
            html.Div([html.Span(f"{who} {title}: {event.proposal_reason}. "), take], className="event-proposal")
        )
    return parts


def product_form(product: Product) -> Component:
    """What the product is and what success means: every prompt reads it."""
    return html.Section(
        [
            html.H2("Your product"),
            html.P("A model that writes insights reads this; the rules do not need it.", className="quiet"),
            dmc.Textarea(
                id="product-description",
                label="What it is",
                placeholder="A marketplace where start-ups and product teams meet through proposals",
                value=product.description,
                autosize=True,
                minRows=2,
            ),
            dmc.TextInput(
                id="product-success",
                label="What success means",
                placeholder="A proposal becomes a deal",
                value=product.success,
            ),
            dmc.TextInput(
                id="product-language",
                label="Language of the names in the log",
                placeholder="English",
                value=product.language,
            ),
            dmc.Button("Save", id="product-save", n_clicks=0, size="sm", variant="default"),
        ],
        className="sheet page-sheet product-form",
    )


def first_visit(events: Sequence[Event]) -> Component | None:
    """The notice of a catalogue that nobody has accepted yet, which leads to the page Events."""
    if not events:
        return None
    goals = [f"“{each.label}”" for each in events if each.role is Role.GOAL][:3]
    read = (
        f"Grupa takes {', '.join(goals)} for what you want users to reach."
        if goals
        else "Grupa sees no goal among them."
    )
    link = dcc.Link("Look through the events", href=address("/events"), className="link")
    return elements.notice(
        "What do your events mean?", f"{read} A minute on the page Events makes every card better.", link
    )
