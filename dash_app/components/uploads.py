"""A log that is being uploaded, on the Data page: the place to drop it, and what would become of it.

Pure functions from values to components; every text from a log or a file's name is a text child, never markup.
"""

import re
from collections.abc import Collection, Sequence
from datetime import datetime

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components import elements
from dash_app.components.elements import aria
from dash_app.components.logs import button
from dash_app.components.tables import log_table
from dash_app.uploads.file_validation import Judgement
from dash_app.uploads.store import MOST_BYTES, Upload


def drop_zone() -> Component:
    """Where logs are dropped or chosen; upload.js does the sending."""
    progress = html.Div(
        [
            html.Span(id="upload-words"),
            html.Progress(id="upload-bar", max="100", value="0", **aria(label="Upload")),
            html.Button("Stop", id="upload-stop", className="button", type="button"),
        ],
        id="upload-progress",
        className="upload-progress",
        hidden=True,
    )
    words = [
        html.P("Drop a log here", className="drop-title"),
        html.P(
            f"CSV or CSV.GZ with the columns user_id, timestamp and action; metadata is optional. Up to {MOST_BYTES >> 30} GB.",
            className="quiet",
        ),
        html.Button("Choose files", id="upload-choose", className="button", type="button"),
        html.P("You see what would be accepted and rejected before anything is taken in.", className="quiet"),
    ]
    return html.Div(
        [
            html.Div(words, id="drop", className="drop"),
            progress,
            html.P(id="upload-problem", className="problem", role="alert"),
        ]
    )


def upload_cards(uploads: Sequence[Upload], known: Collection[str]) -> list[Component]:
    """A card for each log that waits for a word; `known` are the fingerprints of those taken in before."""
    return [upload_card(each, bool(each.judgement and each.judgement.file_sha256 in known)) for each in uploads]


def upload_card(upload: Upload, known: bool) -> Component:
    """One uploaded log: being judged, refused, or what would become of it, and what can be done."""
    head = html.Div(
        [
            html.H2(upload.name),
            html.Span(f"{formatting.size(upload.size)}, kept here for a day until you decide", className="quiet"),
        ],
        className="upload-head",
    )
    if upload.is_judging:
        body: list[Component] = [
            html.P("Checking every row; nothing is kept yet.", role="status"),
            html.Progress(**aria(label=f"Checking {upload.name}")),
            html.Div(button("Throw away", "discard", upload.token), className="upload-tools"),
        ]
    elif upload.judgement is None:
        again = [button("Check again", "judge", upload.token), button("Throw away", "discard", upload.token)]
        body = [
            elements.notice("The check was interrupted", "The log is still here.", kind="warning"),
            html.Div(again, className="upload-tools"),
        ]
    elif upload.judgement.problem:
        body = _refused(upload, upload.judgement)
    else:
        body = _acceptable(upload, upload.judgement, known)
    return html.Section([head, *body], className="sheet page-sheet upload", **aria(label=upload.name))


def _acceptable(upload: Upload, found: Judgement, known: bool) -> list[Component]:
    again = (
        [elements.notice("This very log was taken in before", "Taking it in again changes nothing.", kind="warning")]
        if known
        else []
    )
    numbers = html.Div(
        [
            _number(found.rows_accepted, "rows will be accepted"),
            _number(found.rows_rejected, "will be rejected"),
            _number(found.rows_duplicate, "are duplicates within it"),
        ],
        className="numbers",
    )
    tools = [button("Take it in", "take", upload.token, primary=True), button("Throw away", "discard", upload.token)]
    form = [html.Summary("Timestamps written in another way?"), _format_form(upload, found)]
    return [
        *again,
        numbers,
        html.P(_span(found), className="quiet"),
        _reasons(found),
        html.Details([html.Summary("The first events"), _first_events(found)]),
        *([html.Details(form)] if found.asks_format else []),
        html.Div(tools, className="upload-tools"),
    ]


def _refused(upload: Upload, found: Judgement) -> list[Component]:
    shown: list[Component] = [elements.notice("This log cannot be used as it is", found.problem or "", kind="error")]
    if found.asks_format:
        shown.append(_format_form(upload, found))
    return [*shown, html.Div(button("Throw away", "discard", upload.token), className="upload-tools")]


def _format_form(upload: Upload, found: Judgement) -> Component:
    """How the timestamps are written: what they suggest, or a format of one's own."""
    sides = zip(("day", "month"), found.formats, strict=False) if len(found.formats) == 2 else ()
    choices = [
        button(f"The {side} comes first: {_read_as(found, form)}", f"format-{number}", upload.token)
        for number, (side, form) in enumerate(sides)
    ]
    field = dmc.TextInput(
        id={"type": "upload-format", "token": upload.token},
        label="How the timestamps are written",
        description="%d day, %m month, %Y or %y year, %H:%M:%S time; as in %d.%m.%Y %H:%M",
        value=found.timestamp_format or (found.formats[0] if len(found.formats) == 1 else ""),
        size="sm",
    )
    check = button("Check with this format", "judge", upload.token)
    return html.Div([html.Div(choices, className="upload-tools"), field, check], className="format-form")


def _read_as(found: Judgement, form: str) -> str:
    """What the format makes of the log's own timestamp that the problem cites; the format itself where that is none."""
    for cited in re.findall(r"such as '([^']*)'", found.problem or ""):
        try:
            return f"{cited} is {formatting.day(datetime.strptime(cited, form))}"
        except ValueError:
            continue
    return form


def _reasons(found: Judgement) -> Component:
    if not found.rows_rejected:
        return html.P("No row is rejected.", className="quiet")
    lines = [html.Li(f"{formatting.count(count)}: {sentence}") for sentence, count in found.reasons]
    rows = [
        html.Tr(
            [
                html.Th(f"Line {formatting.count(line)}", scope="row", className="whole"),
                html.Td(why),
                html.Td(html.Code(raw)),
            ]
        )
        for line, why, raw in found.rejected
    ]
    table = log_table("First rejected rows", ("Where", "Why", "The row"), rows)
    return html.Div(
        [
            html.H3("Why rows are rejected"),
            html.Ul(lines),
            html.Details([html.Summary("The first rejected rows"), table]),
        ],
        className="reasons-box",
    )


def _first_events(found: Judgement) -> Component:
    rows = [html.Tr([html.Td(value) for value in event]) for event in found.accepted]
    return log_table("First events", ("user_id", "timestamp (UTC)", "action", "metadata"), rows)


def _span(found: Judgement) -> str:
    if not found.first_event_at or not found.last_event_at:
        return ""
    first, last = (datetime.fromisoformat(each) for each in (found.first_event_at, found.last_event_at))
    read_as = f", read as {found.timestamp_format}" if found.timestamp_format else ""
    return f"Events from {formatting.moment(first)} to {formatting.moment(last)}{read_as}."


def _number(value: int, words: str) -> Component:
    return html.Div(
        [html.Span(formatting.count(value), className="number"), html.Span(words, className="number-words")]
    )
