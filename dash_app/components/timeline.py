"""What one user did: sessions as rows, actions in order, runs and gaps folded, metadata on demand. Pure functions."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from dash import html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components import elements, html_tables
from dash_app.components.elements import aria
from dash_app.data.snapshot import Cluster, Snapshot
from dash_app.data.timeline import MOST_EVENTS, SessionRow, Timeline, UserEvent
from grupa_pipeline.vocabulary.enums import Role

_TONES: Mapping[str, str] = {Role.GOAL: "good", Role.BAD_END: "bad", Role.ERROR: "bad"}
_GAP_HOURS = 24
"""A gap between two sessions from which on it is told."""
_LONGEST_VALUE = 200


def timeline(
    found: Timeline,
    snapshot: Snapshot,
    cluster: Cluster | None,
    roles: Mapping[str, str],
    another: tuple[str, int] | None = None,
) -> Component:
    """A page of a user's sessions.

    Args:
        found: The page.
        snapshot: The snapshot whose window it shows.
        cluster: The user's cluster; None for none.
        roles: Roles by action, which colour goals, bad ends and errors.
        another: Where the user stands for a cluster, its id and the user's number: a button shows the next one.
    """
    return html.Div(
        [
            html.P([elements.mark(cluster.color_slot if cluster else None), _facts(found, cluster)]),
            _buttons(found, another),
            html.Ol(_rows(found, snapshot, roles), className="sessions"),
            _pager(found),
        ],
        className="timeline",
    )


def no_events(user_id: str) -> Component:
    """That the user did nothing in the window."""
    return html.P(f"{user_id} did nothing in the days of this snapshot.", className="quiet")


def event_details(events: Sequence[UserEvent], snapshot: Snapshot) -> Component:
    """The events of a session with what the log says besides."""
    names = list(dict.fromkeys(name for event in events for name in event.metadata))
    rows = [
        html.Tr(
            [
                html.Th(f"{event.at:%H:%M:%S}", scope="row"),
                html.Td(snapshot.labels.label(event.action)),
                *(html.Td(_value(event.metadata.get(name))) for name in names),
            ]
        )
        for event in events
    ]
    heads = ("Time", "Action", *(formatting.capital(formatting.words_of(name)) for name in names))
    cut = [html.P(f"The first {MOST_EVENTS} events of these.", className="quiet")] if len(events) == MOST_EVENTS else []
    return html.Div([html_tables.table(heads, rows, label="Events of this session"), *cut])


def _facts(found: Timeline, cluster: Cluster | None) -> str:
    place = f"In {cluster.name}" if cluster else "In no cluster"
    return (
        f"{place}. {_number_of(found.events, 'event')} in {_number_of(found.sessions, 'session')},"
        f" {formatting.day(found.first_at)} to {formatting.day(found.last_at)}. The newest session comes first."
    )


def _buttons(found: Timeline, another: tuple[str, int] | None) -> Component:
    why = html.Button(
        "Why is this user here?",
        id={"type": "show", "what": "user", "of": found.user_id, "at": "timeline"},
        className="link",
        n_clicks=0,
    )
    following = (
        [
            html.Button(
                "Another typical user",
                id={"type": "show", "what": "typical", "of": f"{another[0]} {another[1] + 1}", "at": "timeline"},
                className="link",
                n_clicks=0,
            )
        ]
        if another
        else []
    )
    return html.Div([why, *following], className="timeline-tools")


def _rows(found: Timeline, snapshot: Snapshot, roles: Mapping[str, str]) -> list[Component]:
    """Sessions, and the long gaps between them."""
    rows: list[Component] = []
    for row, older in pairwise([*found.rows, None]):
        if row is None:
            break
        rows.append(_session(row, found.user_id, snapshot, roles))
        ended = older.last_at if older else found.before
        hours = (row.first_at - ended).total_seconds() / 3600 if ended else 0.0
        if hours >= _GAP_HOURS:
            rows.append(html.Li(f"{formatting.quantity(hours, 'hours')} before", className="gap"))
    return rows


def _session(row: SessionRow, user_id: str, snapshot: Snapshot, roles: Mapping[str, str]) -> Component:
    steps = [
        html.Li(
            [
                snapshot.labels.label(action),
                *([html.Span(f"×{formatting.count(times)}", className="times")] if times > 1 else []),
            ],
            className=_TONES.get(roles.get(action, "")),
        )
        for action, times in row.runs
    ]
    key = f"{row.first_at.isoformat()} {row.last_at.isoformat()} {user_id}"
    details = html.Button("Details", id={"type": "session-details", "of": key}, className="link", n_clicks=0)
    part = f", part {row.part + 1}" if row.part else ""
    lasts = (row.last_at - row.first_at).total_seconds() / 3600
    told = formatting.quantity(lasts, "hours") if lasts else "an instant"
    heading = [
        html.Strong(f"{formatting.day(row.first_at)}, {row.first_at:%H:%M}{part}"),
        html.Span(f" {_number_of(row.events, 'event')} in {told}", className="quiet"),
        details,
    ]
    return html.Li(
        [
            html.Div(heading, className="session-head"),
            html.Ol(steps, className="path"),
            html.Div(id={"type": "session-events", "of": key}),
        ],
        className="session",
    )


def _pager(found: Timeline) -> Component | None:
    if found.pages < 2:
        return None

    def step(words: str, page: int) -> Component:
        return html.Button(
            words,
            id={"type": "show", "what": "timeline", "of": f"{page} {found.user_id}", "at": words},
            className="button",
            n_clicks=0,
            disabled=not 1 <= page <= found.pages,
        )

    where = html.Span(f"Page {formatting.count(found.page)} of {formatting.count(found.pages)}", className="quiet")
    return html.Nav(
        [step("Newer", found.page - 1), where, step("Older", found.page + 1), step("Oldest", found.pages)],
        className="pager",
        **aria(label="Pages of sessions"),
    )


def _number_of(number: int, noun: str) -> str:
    return f"{formatting.count(number)} {noun}{'' if number == 1 else 's'}"


def _value(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
