"""Logs in the pipeline, on the Data page: progress, ingested logs, refused logs.

Pure functions from values to components; every text from a log or a file's name is a text child, never markup.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components import elements
from dash_app.components.addresses import address
from dash_app.components.elements import aria
from dash_app.components.html_tables import log_table
from dash_app.data.files import LogFile
from dash_app.data.inbox_files import Refused
from dash_app.monitoring.progress import STAGE_NAMES, PendingLog, Progress
from grupa_pipeline.vocabulary.enums import PipelineStage, PipelineState

_START_DAGSTER = "grupa serve"


def pipeline(progress: Progress, waiting: Sequence[PendingLog]) -> list[Component]:
    """How far the pipeline is, stage by stage, what waits, and whether anything will happen by itself."""
    shown: list[Component] = []
    if progress.stuck:
        text = (
            "What waits in the inbox stays there until it does."
            if waiting
            else "A log that is ingested now waits in the inbox until it does."
        )
        start = html.P(["Start it with ", html.Code(_START_DAGSTER), "; nothing is lost meanwhile."])
        shown.append(elements.notice("Dagster is not running", text, start, kind="warning"))
    if progress.state is not PipelineState.IDLE:
        shown.append(_stages(progress))
    if progress.state is PipelineState.FAILED:
        retry = [button("Try again", "retry", "inbox", primary=True)] if progress.can_retry else []
        shown.append(elements.notice("The run failed", progress.message, *retry, kind="error"))
    elif progress.state is PipelineState.DONE and progress.day:
        text = f"The snapshot of {formatting.day(date.fromisoformat(progress.day))} is published. "
        link = dcc.Link("See its clusters", href=address(f"/?snapshot={progress.day}"))
        shown.append(html.P([text, link], role="status"))
    elif progress.message:
        shown.append(html.P(progress.message, role="status"))
    if waiting:
        names = [html.Li(html.Code(each.name)) for each in waiting[:20]]
        shown.append(html.Div([html.H3("In the inbox"), html.Ul(names, className="waiting-logs")]))
    return shown


def files_table(files: Sequence[LogFile], total: int) -> Component:
    """The newest of `total` ingested logs, with their counts and their rejected rows to download."""
    if not files:
        return html.P("None yet.", className="quiet")
    heads = ("Log", "Ingested", "Rows", "Accepted", "Rejected", "Duplicates", "Events from", "to")
    table = log_table("Logs taken in", heads, [_file_row(file) for file in files])
    if total <= len(files):
        return table
    download = html.A("download the list", href=address("/export/logs.csv"), download="")
    return html.Div([table, html.P([f"And {formatting.count(total - len(files))} older ones: ", download, "."])])


def refused_table(refused: Sequence[Refused]) -> Component | None:
    """The logs that could not be used, with their reasons; None when there are none."""
    if not refused:
        return None
    rows = [
        html.Tr([html.Th(each.name, scope="row"), html.Td(formatting.moment(each.at)), html.Td(each.why)])
        for each in refused
    ]
    note = html.P(
        ["They are kept in ", html.Code("inbox/refused/"), " of the warehouse; nothing of them was taken in."],
        className="quiet",
    )
    return html.Div([html.H2("Refused logs"), log_table("Refused logs", ("Log", "When", "Why"), rows), note])


def button(words: str, what: str, token: str, *, primary: bool = False) -> Component:
    """A button whose press the page's callbacks carry out: `what` is done to the upload `token`."""
    return html.Button(
        words,
        id={"type": "upload", "what": what, "token": token},
        className="button primary" if primary else "button",
        type="button",
        n_clicks=0,
    )


def _stages(progress: Progress) -> Component:
    finished, at = progress.state is PipelineState.DONE, list(PipelineStage).index(progress.stage)
    items = []
    for number, stage in enumerate(PipelineStage):
        state = "done" if number < at or (finished and number == at) else "todo"
        if number == at and not finished:
            state = "failed" if progress.state is PipelineState.FAILED else "now"
        current: dict[str, Any] = aria(current="step") if state in ("now", "failed") else {}
        words = {"done": "done", "now": "in progress", "failed": "failed", "todo": "to come"}[state]
        items.append(
            html.Li(
                [html.Span(STAGE_NAMES[stage]), html.Span(words, className="stage-state")],
                className=f"stage {state}",
                **current,
            )
        )
    return html.Ol(items, className="stages")


def _file_row(file: LogFile) -> Component:
    rejected: Any = formatting.count(file.rows_rejected)
    if file.rows_rejected:
        rejected = html.A(
            f"{rejected}, download",
            href=address(f"/export/rejected/{file.file_sha256}.csv"),
            download="",
            **aria(label=f"Download the {rejected} rejected rows of {file.file_name}"),
        )
    days = [formatting.day(each) if each else "–" for each in (file.first_event_at, file.last_event_at)]
    counts = [formatting.count(each) for each in (file.rows_read, file.rows_accepted)]
    cells = [formatting.moment(file.ingested_at), *counts, rejected, formatting.count(file.rows_duplicate), *days]
    return html.Tr([html.Th(file.file_name, scope="row"), *(html.Td(each) for each in cells)])
