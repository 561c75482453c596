"""Logs on the Data page: the place to drop one, what would become of it, how far the pipeline is, what was taken in.

Pure functions from values to components; every text from a log or a file's name is a text child, never markup.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dash_app import formats
from dash_app.components import parts
from dash_app.components.parts import aria
from dash_app.data.files import LogFile
from dash_app.data.inbox import Refused
from dash_app.judging import Judgement
from dash_app.progress import STAGES, Progress, Waiting
from dash_app.upload_store import MOST_BYTES, Upload

_SHOWN_FILES = 200
_START_DAGSTER = "grupa serve"


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
        [html.H2(upload.name), html.Span(formats.size(upload.size), className="quiet")], className="upload-head"
    )
    if upload.is_judging:
        body: list[Component] = [
            html.P("Checking every row; nothing is kept yet.", role="status"),
            html.Progress(**aria(label=f"Checking {upload.name}")),
            html.Div(_button("Throw away", "discard", upload.token), className="upload-tools"),
        ]
    elif upload.judgement is None:
        again = [_button("Check again", "judge", upload.token), _button("Throw away", "discard", upload.token)]
        body = [
            parts.notice("The check was interrupted", "The log is still here.", kind="warning"),
            html.Div(again, className="upload-tools"),
        ]
    elif upload.judgement.problem:
        body = _refused(upload, upload.judgement)
    else:
        body = _acceptable(upload, upload.judgement, known)
    return html.Section([head, *body], className="sheet page-sheet upload", **aria(label=upload.name))


def pipeline(progress: Progress, waiting: Sequence[Waiting]) -> list[Component]:
    """How far the pipeline is, stage by stage, what waits, and whether anything will happen by itself."""
    shown: list[Component] = []
    if progress.stuck:
        text = (
            "Dagster is not running: what waits in the inbox stays there until it does."
            if waiting
            else "Dagster is not running: a log that is taken in now waits in the inbox until it does."
        )
        start = html.P(["Start it with ", html.Code(_START_DAGSTER), "; nothing is lost meanwhile."])
        shown.append(parts.notice("Dagster is not running", text, start, kind="warning"))
    if progress.state != "idle":
        shown.append(_stages(progress))
    if progress.state == "failed":
        retry = [_button("Try again", "retry", "inbox", primary=True)] if progress.can_retry else []
        shown.append(parts.notice("The run failed", progress.message, *retry, kind="error"))
    elif progress.message:
        shown.append(html.P(progress.message, role="status"))
    if progress.state == "done" and progress.stage == len(STAGES) - 1:
        shown.append(html.P(dcc.Link("See the clusters", href="/")))
    if waiting:
        names = [html.Li(html.Code(each.name)) for each in waiting[:20]]
        shown.append(html.Div([html.H3("Waiting in the inbox"), html.Ul(names, className="waiting-logs")]))
    return shown


def files_table(files: Sequence[LogFile]) -> Component:
    """The logs that were taken in, with their counts and their rejected rows to download."""
    if not files:
        return html.P("None yet.", className="quiet")
    heads = ("Log", "Taken in", "Rows", "Accepted", "Rejected", "Duplicates", "Events from", "to")
    table = wide_table("Logs taken in", heads, [_file_row(each) for each in files[:_SHOWN_FILES]])
    more = len(files) - _SHOWN_FILES
    return html.Div([table, html.P(f"And {formats.count(more)} older ones.", className="quiet")]) if more > 0 else table


def refused_table(refused: Sequence[Refused]) -> Component | None:
    """The logs that could not be used, with their reasons; None when there are none."""
    if not refused:
        return None
    rows = [
        html.Tr([html.Th(each.name, scope="row"), html.Td(formats.moment(each.at)), html.Td(each.why)])
        for each in refused
    ]
    told = html.P(
        ["They are kept in ", html.Code("inbox/refused/"), " of the warehouse; nothing of them was taken in."],
        className="quiet",
    )
    return html.Div([html.H2("Refused logs"), wide_table("Refused logs", ("Log", "When", "Why"), rows), told])


def wide_table(label: str, heads: Sequence[str], rows: Sequence[Component]) -> Component:
    """A table that scrolls sideways where it must, by keyboard too."""
    return html.Div(
        html.Table(
            [html.Thead(html.Tr([html.Th(each, scope="col") for each in heads])), html.Tbody(list(rows))],
            className="facts-table log-table",
        ),
        className="scroll-x",
        tabIndex="0",
        role="region",
        **aria(label=label),
    )


def _stages(progress: Progress) -> Component:
    finished = progress.state == "done"
    items = []
    for number, name in enumerate(STAGES):
        state = "done" if number < progress.stage or (finished and number == progress.stage) else "todo"
        if number == progress.stage and not finished:
            state = "failed" if progress.state == "failed" else "now"
        current: dict[str, Any] = aria(current="step") if state in ("now", "failed") else {}
        words = {"done": "done", "now": "in progress", "failed": "failed", "todo": "to come"}[state]
        items.append(
            html.Li([html.Span(name), html.Span(words, className="stage-state")], className=f"stage {state}", **current)
        )
    return html.Ol(items, className="stages")


def _acceptable(upload: Upload, found: Judgement, known: bool) -> list[Component]:
    again = (
        [parts.notice("This very log was taken in before", "Taking it in again changes nothing.", kind="warning")]
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
    tools = [_button("Take it in", "take", upload.token, primary=True), _button("Throw away", "discard", upload.token)]
    form = _format_form(upload, found) if found.asks_format else None
    return [
        *again,
        numbers,
        html.P(_span(found), className="quiet"),
        _reasons(found),
        html.Details([html.Summary("The first events"), _first_events(found)]),
        *([form] if form else []),
        html.Div(tools, className="upload-tools"),
    ]


def _refused(upload: Upload, found: Judgement) -> list[Component]:
    shown: list[Component] = [parts.notice("This log cannot be used as it is", found.problem or "", kind="error")]
    if found.asks_format:
        shown.append(_format_form(upload, found))
    return [*shown, html.Div(_button("Throw away", "discard", upload.token), className="upload-tools")]


def _format_form(upload: Upload, found: Judgement) -> Component:
    """How the timestamps are written: what they suggest, or a format of one's own."""
    if len(found.formats) == 2:
        words = [f"The {part} comes first: {form}" for part, form in zip(("day", "month"), found.formats, strict=True)]
    else:
        words = [f"Read them as {each}" for each in found.formats]
    choices = [_button(text, f"format-{number}", upload.token) for number, text in enumerate(words)]
    field = dmc.TextInput(
        id={"type": "upload-format", "token": upload.token},
        label="How the timestamps are written",
        description="%d day, %m month, %Y or %y year, %H:%M:%S time; as in %d.%m.%Y %H:%M",
        value=found.timestamp_format or (found.formats[0] if len(found.formats) == 1 else ""),
        size="sm",
    )
    check = _button("Check with this format", "judge", upload.token)
    return html.Div([html.Div(choices, className="upload-tools"), field, check], className="format-form")


def _reasons(found: Judgement) -> Component:
    if not found.rows_rejected:
        return html.P("No row is rejected.", className="quiet")
    lines = [html.Li(f"{formats.count(count)}: {sentence}") for sentence, count in found.reasons]
    rows = [
        html.Tr([html.Th(f"Line {formats.count(line)}", scope="row"), html.Td(why), html.Td(html.Code(raw))])
        for line, why, raw in found.rejected
    ]
    table = wide_table("First rejected rows", ("Where", "Why", "The row"), rows)
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
    return wide_table("First events", ("user_id", "timestamp (UTC)", "action", "metadata"), rows)


def _span(found: Judgement) -> str:
    if not found.first_event_at or not found.last_event_at:
        return ""
    first, last = (datetime.fromisoformat(each) for each in (found.first_event_at, found.last_event_at))
    read_as = f", read as {found.timestamp_format}" if found.timestamp_format else ""
    return f"Events from {formats.moment(first)} to {formats.moment(last)}{read_as}."


def _number(value: int, words: str) -> Component:
    return html.Div([html.Span(formats.count(value), className="number"), html.Span(words, className="number-words")])


def _file_row(file: LogFile) -> Component:
    rejected: Any = formats.count(file.rows_rejected)
    if file.rows_rejected:
        rejected = html.A(
            f"{rejected}, download",
            href=f"/export/rejected/{file.file_sha256}.csv",
            download="",
            **aria(label=f"Download the {rejected} rejected rows of {file.file_name}"),
        )
    days = [formats.day(each) if each else "–" for each in (file.first_event_at, file.last_event_at)]
    counts = [formats.count(each) for each in (file.rows_read, file.rows_accepted)]
    cells = [formats.moment(file.ingested_at), *counts, rejected, formats.count(file.rows_duplicate), *days]
    return html.Tr([html.Th(file.file_name, scope="row"), *(html.Td(each) for each in cells)])


def _button(words: str, what: str, token: str, *, primary: bool = False) -> Component:
    return html.Button(
        words,
        id={"type": "upload", "what": what, "token": token},
        className="button primary" if primary else "button",
        type="button",
        n_clicks=0,
    )
