"""The form of the Data page that asks which columns of a log hold the fields of an event, over its first rows.

Pure functions from values to components; every text from a log is a text child or an option, never markup.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components import elements
from dash_app.components.html_tables import log_table
from dash_app.components.ingestion import button
from dash_app.data.uploads import FileReport, Upload, UploadAction
from grupa_pipeline.ingest.column_mapping import REQUIRED_FIELDS, EventField

FIELD_LABELS: Mapping[str, str] = {
    EventField.USER_ID: "Who",
    EventField.TIMESTAMP: "When",
    EventField.ACTION: "What they did",
}
"""The fields that a person must name, as the form calls them."""
_DESCRIPTIONS = {
    EventField.USER_ID: "the user's id",
    EventField.TIMESTAMP: "the time of the event",
    EventField.ACTION: "the name of the event",
}
_SHOWN_COLUMNS = 12
_FIRSTS = {"%d": "The day comes first", "%m": "The month comes first", "%y": "The year comes first"}


def column_question(upload: Upload, report: FileReport) -> list[Component]:
    """What is asked about an uploaded log: three columns, proposed where one is likely, over its first rows."""
    several = [
        f"{FIELD_LABELS[field].lower()} could be {' or '.join(choices)}"
        for field, choices in report.choices.items()
        if len(choices) > 1
    ]
    words = f"Look at the choice: {'; '.join(several)}." if several else "Look at the choice, and confirm it."
    title = "Which columns say who did what, and when?"
    selects = [_select(upload, report, field) for field in REQUIRED_FIELDS]
    if report.formats:
        selects.append(_format_select(upload, report))
    form = html.Div(selects, className="column-form")
    tools = [
        button("Check with these columns", UploadAction.COLUMNS, upload.token, primary=True),
        button("Discard", UploadAction.DISCARD, upload.token),
    ]
    return [
        elements.notice(title, words, kind="warning"),
        form,
        _first_rows(report),
        html.Div(tools, className="upload-tools"),
    ]


def _select(upload: Upload, report: FileReport, field: EventField) -> Component:
    likely = report.choices.get(field, [])
    options = [*likely, *(name for name in dict.fromkeys(report.columns) if name not in likely)]
    select: Component = dmc.Select(
        id={"type": "upload-column", "token": upload.token, "field": field.value},
        label=FIELD_LABELS[field],
        description=_DESCRIPTIONS[field],
        data=[{"value": name, "label": name.replace("|", ", else ")} for name in options if name],
        value=report.proposal.get(field) or next(iter(likely), None),
        placeholder="Choose a column",
        searchable=len(options) > 10,
        allowDeselect=False,
        size="sm",
    )
    return select


def format_label(report: FileReport, timestamp_format: str) -> str:
    """A proposed timestamp format for people: what comes first, and what it makes of the log's example."""
    first = _FIRSTS.get(timestamp_format[:2], "Read as")
    if report.example is not None:
        with suppress(ValueError):
            read = datetime.strptime(report.example, timestamp_format)
            return f"{first}: {report.example} is {formatting.day(read)}"
    return f"{first}: {timestamp_format}"


def _format_select(upload: Upload, report: FileReport) -> Component:
    """How the times are written: chosen where one format reads them, open where the day and the month may both come first."""
    select: Component = dmc.Select(
        id={"type": "upload-format", "token": upload.token},
        label="How times are written",
        description="days and months are never guessed",
        data=[{"value": each, "label": format_label(report, each)} for each in report.formats],
        value=report.formats[0] if len(report.formats) == 1 else None,
        placeholder="Choose what comes first",
        size="sm",
    )
    return select


def _first_rows(report: FileReport) -> Component:
    """The first rows, the proposed columns first: there may be more columns than a screen holds."""
    used = [part for column in report.proposal.values() for part in column.split("|")]
    order = sorted(range(len(report.columns)), key=lambda at: (report.columns[at] not in used, at))[:_SHOWN_COLUMNS]
    rows = [html.Tr([html.Td(row[at]) for at in order]) for row in report.first_rows]
    return log_table("First rows", tuple(report.columns[at] for at in order), rows)
