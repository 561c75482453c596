"""Callbacks of the Data page: refresh it from the disk and from Dagster, and carry out actions on uploads."""

import hashlib
import logging
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from dash import ALL, Dash, Input, Output, State, ctx, no_update
from dash.development.base_component import Component

from dash_app.callbacks.navigation import as_day
from dash_app.components import elements, ingestion, shell, uploads
from dash_app.components.column_form import FIELD_LABELS
from dash_app.data import files
from dash_app.data.files import LogFile
from dash_app.data.inbox_files import load_refused, load_waiting
from dash_app.data.uploads import FileReport, UploadAction
from dash_app.monitoring.dagster_runs import DagsterRuns
from dash_app.monitoring.progress import pipeline_progress
from dash_app.services import Services
from dash_app.uploads.upload_store import RefusedUploadError, UploadStore
from grupa_pipeline.ingest.column_mapping import REQUIRED_FIELDS, ColumnMapping, ColumnMappingError
from grupa_pipeline.storage.inbox_arrivals import mark_complete, why_incomplete
from grupa_pipeline.storage.warehouse import NoWarehouseError
from grupa_pipeline.vocabulary.enums import PipelineState

log = logging.getLogger(__name__)

_SHOWN_REFUSED = 20
_SHOWN_FILES = 20
_PATIENCE_SECONDS = 0.3
_BUSY_MS, _QUIET_MS = 1_500, 5_000


def register(app: Dash, services: Services) -> None:
    """Register the callbacks of the Data page."""
    store = UploadStore(services.settings.warehouse, services.settings.inbox)
    runs = DagsterRuns(services.settings.dagster_home)
    app.callback(
        Output("uploads", "children"),
        Output("pipeline", "children"),
        Output("files", "children"),
        Output("header-facts", "children", allow_duplicate=True),
        Output("data-seen", "data"),
        Output("data-tick", "interval"),
        Input("data-tick", "n_intervals"),
        Input("data-act", "data"),
        State("data-seen", "data"),
        State("url", "search"),
        prevent_initial_call="initial_duplicate",
    )(partial(refresh, services, store, runs))
    app.callback(
        Output("data-act", "data"),
        Output("toast", "children", allow_duplicate=True),
        Input({"type": "upload", "what": ALL, "token": ALL}, "n_clicks"),
        State({"type": "upload-format", "token": ALL}, "value"),
        State({"type": "upload-format", "token": ALL}, "id"),
        State({"type": "upload-column", "token": ALL, "field": ALL}, "value"),
        State({"type": "upload-column", "token": ALL, "field": ALL}, "id"),
        prevent_initial_call=True,
    )(partial(act, store))


def refresh(
    services: Services,
    store: UploadStore,
    runs: DagsterRuns,
    ticks: int | None,
    acted: Any,
    seen: dict[str, str] | None,
    search: str | None,
) -> tuple[Any, ...]:
    """The sections of the page that have changed; the others, and what is typed in them, stay untouched."""
    arrived, waiting = store.uploads(), load_waiting(services.settings.inbox)
    status = runs.now(_PATIENCE_SECONDS)
    progress = pipeline_progress(waiting, status) if status else None
    hashes, newest = _files(services)
    shown: dict[str, Any] = {
        "uploads": uploads.upload_cards(arrived, hashes),
        # Where Dagster is not yet asked, the page goes without; the next tick, soon, asks again.
        "pipeline": ingestion.pipeline(progress, waiting) if progress else no_update,
        "files": [
            ingestion.files_table(newest, len(hashes)),
            ingestion.refused_table(load_refused(services.settings.inbox, _SHOWN_REFUSED)),
        ],
    }
    now = {
        name: hashlib.sha256(repr(part).encode()).hexdigest() for name, part in shown.items() if part is not no_update
    }
    now["version"] = services.database.version() or ""
    before = seen or {}
    changed = [part if now.get(name) != before.get(name) else no_update for name, part in shown.items()]
    header = _header(services, search) if before and now["version"] != before["version"] else no_update
    works = progress is None or progress.state in (PipelineState.WAITING, PipelineState.RUNNING)
    busy = works or any(upload.is_checking for upload in arrived)
    return *changed, header, now if now != before else no_update, _BUSY_MS if busy else _QUIET_MS


def act(
    store: UploadStore,
    clicks: list[int],
    values: list[str | None],
    ids: list[dict[str, str]],
    columns: list[str | None],
    column_ids: list[dict[str, str]],
) -> tuple[Any, Any]:
    """Carry out the action of the pressed button; a refusal is shown in a toast."""
    if not ctx.triggered_id or not any(clicks):
        return no_update, no_update
    what, token = ctx.triggered_id["what"], ctx.triggered_id["token"]
    typed = {each["token"]: value for each, value in zip(ids, values, strict=True)}
    try:
        message = None
        if what == UploadAction.COLUMNS:
            chosen = {
                each["field"]: name for each, name in zip(column_ids, columns, strict=True) if each["token"] == token
            }
            check_columns(store, token, chosen, typed.get(token))
        else:
            message = carry_out(store, what, token, typed.get(token))
        notice = elements.toast(message) if message else no_update
    except RefusedUploadError as refusal:
        notice = elements.toast(str(refusal), stays=True)
    return {"at": datetime.now(UTC).timestamp()}, notice


def carry_out(store: UploadStore, what: str, token: str, typed: str | None) -> str | None:
    """Carry out an `UploadAction`, or check with the Nth suggested format (`format-N`); returns a message, if any.

    Raises:
        RefusedUploadError: It cannot be done; the message says why.
    """
    if what == UploadAction.INGEST:
        return f"{store.move_to_inbox(token)} waits in the inbox."
    if what == UploadAction.DISCARD:
        store.discard(token)
        return "Discarded; nothing of it was ingested."
    if what == UploadAction.RETRY:
        for waiting in load_waiting(store.inbox):
            if not why_incomplete(store.inbox / waiting.name, time.time()):
                mark_complete(store.inbox / waiting.name)  # to the inbox's sensor it is then a log put there anew
        return "The run starts again."
    if what == UploadAction.ACCEPT:
        store.start_check(token, accept_rejects=True)
        return None
    kind, _, number = what.partition("-")
    if number.isdecimal():
        store.start_check(token, **_proposed(store, token, kind, int(number)))
    else:
        store.start_check(token, timestamp_format=(typed or "").strip() or None)
    return None


def _proposed(store: UploadStore, token: str, kind: str, number: int) -> dict[str, str]:
    """The field of `ReadingOptions`, and its value, that the report on an upload proposes.

    Raises:
        RefusedUploadError: The report proposes none any more.
    """
    found = {each.token: each for each in store.uploads()}.get(token)
    report = found.report if found and found.report else FileReport()
    name, values = {
        "format": ("timestamp_format", report.formats),
        "zone": ("timezone", report.timezones),
        "encoding": ("encoding", report.encodings),
    }[kind]
    if number >= len(values):
        raise RefusedUploadError("This log has been checked anew meanwhile; look again.", 409)
    return {name: values[number]}


def check_columns(
    store: UploadStore, token: str, chosen: Mapping[str, str | None], timestamp_format: str | None = None
) -> None:
    """Check an upload again with the columns that were chosen, by field, and the format of their times where that was asked.

    Raises:
        RefusedUploadError: A field that must have a column has none.
    """
    columns = {field: column for field, column in chosen.items() if column}
    try:
        mapping = ColumnMapping.of(columns)
    except ColumnMappingError as error:
        lacking = [FIELD_LABELS[field].lower() for field in REQUIRED_FIELDS if field not in columns]
        raise RefusedUploadError(
            f"Choose the column of {' and of '.join(lacking)}." if lacking else str(error)
        ) from error
    store.start_check(token, columns=mapping, **({"timestamp_format": timestamp_format} if timestamp_format else {}))


def _files(services: Services) -> tuple[frozenset[str], tuple[LogFile, ...]]:
    """The hashes of all ingested logs, and the newest logs."""
    try:
        return services.database.query(files.load_hashes), services.database.query(files.load_files, _SHOWN_FILES)
    except NoWarehouseError:
        return frozenset(), ()


def _header(services: Services, search: str | None) -> list[Component]:
    """The header's facts after something was published: the picker lists the new snapshot."""
    wanted = parse_qs((search or "").lstrip("?"))
    day: date | None = as_day(wanted.get("snapshot", [None])[0])
    return shell.header_facts(services.snapshot(day), services.days(), datetime.now(UTC).replace(tzinfo=None))
