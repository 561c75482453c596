"""Uploads on the Data page: the drop zone, and the report on each uploaded log.

Pure functions from values to components; every text from a log or a file's name is a text child, never markup.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components import elements
from dash_app.components.column_form import column_question, format_label
from dash_app.components.elements import aria
from dash_app.components.html_tables import log_table
from dash_app.components.ingestion import button
from dash_app.data.uploads import MAX_UPLOAD_BYTES, FileReport, Upload, UploadAction

_SHOWN_ZONES = 3


def drop_zone() -> Component:
    """Where logs are dropped or chosen; `upload.js` sends them."""
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
            "CSV, TSV, JSON lines or Parquet, also compressed or in a ZIP archive, as your analytics tool exports it: it needs a"
            f" column of who, one of when and one of what. Up to {MAX_UPLOAD_BYTES >> 30} GB.",
            className="quiet",
        ),
        html.Button("Choose files", id="upload-choose", className="button", type="button"),
        html.P("You see what would be accepted and rejected before anything is ingested.", className="quiet"),
    ]
    return html.Div(
        [
            html.Div(words, id="drop", className="drop"),
            progress,
            html.P(id="upload-problem", className="problem", role="alert"),
        ]
    )


def upload_cards(uploads: Sequence[Upload], known: Collection[str]) -> list[Component]:
    """A card for each log that waits for a decision; `known` are the SHA-256 hashes of the logs ingested so far."""
    return [upload_card(each, bool(each.report and each.report.file_sha256 in known)) for each in uploads]


def upload_card(upload: Upload, known: bool) -> Component:
    """One uploaded log: being checked, refused or acceptable, and what can be done with it."""
    head = html.Div(
        [
            html.H2(upload.name),
            html.Span(f"{formatting.size(upload.size)}, stored here for a day until you decide", className="quiet"),
        ],
        className="upload-head",
    )
    if upload.is_checking:
        body: list[Component] = [
            html.P(
                "Waiting for the checks of other logs to end."
                if upload.waits
                else "Checking every row; nothing is stored yet.",
                role="status",
            ),
            html.Progress(**aria(label=f"Checking {upload.name}")),
            html.Div(button("Discard", UploadAction.DISCARD, upload.token), className="upload-tools"),
        ]
    elif upload.report is None:
        again = [
            button("Check again", UploadAction.CHECK, upload.token),
            button("Discard", UploadAction.DISCARD, upload.token),
        ]
        body = [
            elements.notice("The check was interrupted", "The log is still here.", kind="warning"),
            html.Div(again, className="upload-tools"),
        ]
    elif upload.report.columns:
        body = column_question(upload, upload.report)
    elif upload.report.problem:
        body = _refused(upload, upload.report)
    else:
        body = _acceptable(upload, upload.report, known)
    return html.Section([head, *body], className="sheet page-sheet upload", **aria(label=upload.name))


def _acceptable(upload: Upload, report: FileReport, known: bool) -> list[Component]:
    again = (
        [elements.notice("This log has been ingested before", "Ingesting it again changes nothing.", kind="warning")]
        if known
        else []
    )
    numbers = html.Div(
        [
            _number(report.rows_accepted, "rows will be accepted"),
            _number(report.rows_rejected, "will be rejected"),
            _number(report.rows_duplicate, "are duplicates within it"),
        ],
        className="numbers",
    )
    tools = [
        button("Ingest", UploadAction.INGEST, upload.token, primary=True),
        button("Discard", UploadAction.DISCARD, upload.token),
    ]
    form = [html.Summary("Timestamps written in another way?"), _format_form(upload, report)]
    return [
        *again,
        numbers,
        html.P(_span(report), className="quiet"),
        *(html.P(note, className="quiet") for note in report.notes),
        _reasons(report),
        html.Details([html.Summary("The first events"), _first_events(report)]),
        *([html.Details(form)] if report.needs_format else []),
        html.Div(tools, className="upload-tools"),
    ]


def _refused(upload: Upload, report: FileReport) -> list[Component]:
    shown: list[Component] = [elements.notice("This log cannot be used as it is", report.problem or "", kind="error")]
    zones = [
        button(f"These are times of {zone}", f"zone-{number}", upload.token)
        for number, zone in enumerate(report.timezones[:_SHOWN_ZONES])
    ]
    encodings = [
        button(f"Read it as {encoding}", f"encoding-{number}", upload.token)
        for number, encoding in enumerate(report.encodings)
    ]
    if encodings:
        shown.append(html.Div(encodings, className="upload-tools"))
    if zones:
        shown.append(html.Div(zones, className="upload-tools"))
    if report.needs_format:
        shown.append(_format_form(upload, report))
    tools = [button("Ingest the other rows", UploadAction.ACCEPT, upload.token)] if report.can_accept else []
    tools.append(button("Discard", UploadAction.DISCARD, upload.token))
    return [*shown, html.Div(tools, className="upload-tools")]


def _format_form(upload: Upload, report: FileReport) -> Component:
    """The timestamp format: those that the timestamps suggest, and a field for any other."""
    choices = [
        button(format_label(report, each), f"format-{number}", upload.token)
        for number, each in enumerate(report.formats if len(report.formats) == 2 else ())
    ]
    field = dmc.TextInput(
        id={"type": "upload-format", "token": upload.token},
        label="How the timestamps are written",
        description="%d day, %m month, %Y or %y year, %H:%M:%S time; as in %d.%m.%Y %H:%M",
        value=report.timestamp_format or (report.formats[0] if len(report.formats) == 1 else ""),
        size="sm",
    )
    check = button("Check with this format", UploadAction.CHECK, upload.token)
    return html.Div([html.Div(choices, className="upload-tools"), field, check], className="format-form")


def _reasons(report: FileReport) -> Component:
    if not report.rows_rejected:
        return html.P("No row is rejected.", className="quiet")
    lines = [html.Li(f"{formatting.count(count)}: {sentence}") for sentence, count in report.reasons]
    rows = [
        html.Tr(
            [
                html.Th(f"Line {formatting.count(line)}", scope="row", className="whole"),
                html.Td(why),
                html.Td(html.Code(raw)),
            ]
        )
        for line, why, raw in report.rejected
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


def _first_events(report: FileReport) -> Component:
    rows = [html.Tr([html.Td(value) for value in event]) for event in report.accepted]
    return log_table("First events", ("user_id", "timestamp (UTC)", "action", "metadata"), rows)


def _span(report: FileReport) -> str:
    if not report.first_event_at or not report.last_event_at:
        return ""
    first, last = (datetime.fromisoformat(each) for each in (report.first_event_at, report.last_event_at))
    read_as = f", read as {report.timestamp_format}" if report.timestamp_format else ""
    return f"Events from {formatting.moment(first)} to {formatting.moment(last)}{read_as}."


def _number(value: int, words: str) -> Component:
    return html.Div(
        [html.Span(formatting.count(value), className="number"), html.Span(words, className="number-words")]
    )
