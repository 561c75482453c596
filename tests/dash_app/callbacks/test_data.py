import json
import os
from dataclasses import replace
from datetime import datetime

import pytest
from dash import no_update

from dash_app.callbacks import data
from dash_app.components.uploads import upload_card
from dash_app.data.database import Database
from dash_app.data.uploads import FileReport, Upload, UploadAction
from dash_app.monitoring.dagster_runs import DagsterRuns
from dash_app.uploads.upload_store import RefusedUploadError, UploadStore
from grupa_pipeline.ingest.column_mapping import ColumnMapping
from grupa_pipeline.storage import warehouse
from tests.dash_app.callbacks.triggers import triggered_by
from tests.dash_app.trees import ids, of_class

LOG = b"user_id,timestamp,action\nu1,2025-03-01T10:00:00Z,login\n"


@pytest.fixture
def store(services):
    return UploadStore(services.settings.warehouse, services.settings.inbox)


@pytest.fixture
def runs(services):
    return DagsterRuns(services.settings.dagster_home)


@pytest.fixture
def token(store):
    """A log that has arrived and was not checked."""
    token = store.announce("log.csv", len(LOG))
    store.receive(token, [LOG])
    return token


def press(store, what, token, formats=(), **columns):
    with triggered_by({"type": "upload", "what": what, "token": token}):
        fields = [{"token": token, "field": field} for field in columns]
        return data.act(store, [1], list(formats), [{"token": token}] * len(formats), list(columns.values()), fields)


def test_the_first_tick_fills_every_section(services, store, runs):
    uploads, pipeline, files, header, seen, interval = data.refresh(services, store, runs, 0, None, None, "")
    assert uploads == []
    assert pipeline is not None
    assert of_class(files, "log-table")
    assert header is no_update
    assert seen["version"] == services.database.version()
    assert interval == data._QUIET_MS


def test_the_page_does_not_wait_for_the_import_of_dagster(services, store, runs, monkeypatch):
    monkeypatch.setattr(runs, "now", lambda patience: None)
    uploads, pipeline, files, _, seen, interval = data.refresh(services, store, runs, 0, None, None, "")
    assert uploads == [] and of_class(files, "log-table")
    assert (pipeline, interval) == (no_update, data._BUSY_MS)
    monkeypatch.undo()
    assert data.refresh(services, store, runs, 1, None, seen, "")[1] is not no_update


def test_later_ticks_replace_only_what_changed(services, store, runs):
    *_, seen, _ = data.refresh(services, store, runs, 0, None, None, "")
    assert data.refresh(services, store, runs, 1, None, seen, "")[:5] == (no_update,) * 5
    store.receive(store.announce("log.csv", len(LOG)), [LOG])
    uploads, *others, changed, _ = data.refresh(services, store, runs, 2, None, seen, "")
    assert len(of_class(uploads, "upload")) == 1
    assert others == [no_update] * 3
    assert changed != seen


def test_a_new_version_of_the_warehouse_replaces_the_header(services, store, runs):
    *_, seen, _ = data.refresh(services, store, runs, 0, None, None, "")
    header = data.refresh(services, store, runs, 1, None, seen | {"version": "older"}, "?snapshot=2026-03-08")[3]
    assert header[0].value == "2026-03-08"


def test_a_page_that_is_built_presses_no_button(store, token):
    with triggered_by({"type": "upload", "what": UploadAction.DISCARD, "token": token}):
        assert data.act(store, [0], [], [], [], []) == (no_update, no_update)
    assert len(store.uploads()) == 1


def test_an_upload_is_discarded(store, token):
    acted, notice = press(store, UploadAction.DISCARD, token)
    assert acted["at"] > 0
    assert of_class(notice, "toast")
    assert store.uploads() == []


def test_a_refused_action_stays_on_the_screen_until_it_is_dismissed(store, token):
    _, notice = press(store, UploadAction.INGEST, token)
    assert of_class(notice, "stays")
    assert len(store.uploads()) == 1


def test_a_log_is_checked_with_the_format_that_was_typed(store, token, monkeypatch):
    checks = []
    monkeypatch.setattr(UploadStore, "start_check", lambda self, token, **said: checks.append((token, said)))
    assert press(store, UploadAction.CHECK, token, [" %d.%m.%Y "])[1] is no_update
    assert press(store, UploadAction.CHECK, token, [""])[1] is no_update
    assert checks == [(token, {"timestamp_format": "%d.%m.%Y"}), (token, {"timestamp_format": None})]


def test_a_log_is_checked_with_the_columns_that_were_chosen(store, token, monkeypatch):
    checks = []
    monkeypatch.setattr(UploadStore, "start_check", lambda self, token, **said: checks.append((token, said)))
    assert press(store, UploadAction.COLUMNS, token, user_id="a|b", timestamp="t", action="e")[1] is no_update
    assert checks == [(token, {"columns": ColumnMapping(("a", "b"), "t", ("e",))})]
    _, notice = press(store, UploadAction.COLUMNS, token, user_id="a", timestamp="t", action=None)
    assert of_class(notice, "stays") and "Choose the column of what they did." in str(notice)
    assert len(checks) == 1


def test_the_format_of_the_times_is_said_with_the_columns(store, token, monkeypatch):
    checks = []
    monkeypatch.setattr(UploadStore, "start_check", lambda self, token, **said: checks.append(said))
    press(store, UploadAction.COLUMNS, token, ["%d.%m.%Y"], user_id="a", timestamp="t", action="e")
    assert checks == [{"columns": ColumnMapping(("a",), "t", ("e",)), "timestamp_format": "%d.%m.%Y"}]


@pytest.mark.parametrize("kind", ["format", "zone", "encoding"])
def test_a_suggestion_that_is_gone_is_refused(store, token, kind):
    with pytest.raises(RefusedUploadError) as refusal:
        data.carry_out(store, f"{kind}-0", token, None)
    assert refusal.value.status == 409


def test_an_encoding_is_chosen_at_one_click(store, token, monkeypatch):
    checks = []
    monkeypatch.setattr(UploadStore, "start_check", lambda self, token, **said: checks.append(said))
    [arrived] = store.uploads()
    report = FileReport(problem="not UTF-8", encodings=["cp1250", "cp1256"])
    monkeypatch.setattr(UploadStore, "uploads", lambda self: [replace(arrived, report=report)])
    data.carry_out(store, "encoding-1", token, None)
    assert checks == [{"encoding": "cp1256"}]


def test_retrying_gives_the_waiting_logs_a_new_time(store):
    store.inbox.mkdir(parents=True)
    log = store.inbox / "log.csv"
    log.write_bytes(LOG)
    os.utime(log, (1, 1))
    assert data.carry_out(store, UploadAction.RETRY, "inbox", None)
    assert log.stat().st_mtime > 1


def test_before_the_first_log_the_sections_are_empty(services, store, runs, tmp_path):
    new = replace(services, database=Database(tmp_path / "nothing" / warehouse.PIPELINE_FILE))
    _, _, files, *_ = data.refresh(new, store, runs, 0, None, None, "")
    assert of_class(files, "log-table") == []
    assert ids(files) == []


def test_a_person_accepts_rejected_rows_or_a_zone_with_one_click(store, token, monkeypatch):
    said = []
    monkeypatch.setattr(UploadStore, "start_check", lambda self, token, **options: said.append(options))
    report = FileReport(problem="refused", can_accept=True, timezones=["America/New_York"])
    monkeypatch.setattr(
        UploadStore, "uploads", lambda self: [Upload(token, "log.csv", 1, datetime(2025, 1, 1), False, report)]
    )
    data.carry_out(store, UploadAction.ACCEPT, token, None)
    data.carry_out(store, "zone-0", token, None)
    assert said == [{"accept_rejects": True}, {"timezone": "America/New_York"}]
    with pytest.raises(RefusedUploadError):
        data.carry_out(store, "zone-1", token, None)
    shown = json.dumps(
        upload_card(store.uploads()[0], known=False).to_plotly_json(), default=lambda part: part.to_plotly_json()
    )
    assert "Ingest the other rows" in shown
    assert "These are times of America/New_York" in shown
