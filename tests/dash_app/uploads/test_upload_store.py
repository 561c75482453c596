"""Uploads over HTTP: what is taken, what is refused and with which words, and that nothing is left of what broke."""

import errno
import fcntl
import io
import json
import os
import signal
import time
from datetime import datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from dash_app.app import create_app
from dash_app.callbacks.data import carry_out
from dash_app.components.column_form import format_label
from dash_app.data.uploads import FileReport, Upload
from dash_app.uploads import upload_store
from dash_app.uploads.file_validation import check_log
from dash_app.uploads.upload_store import RefusedUploadError, UploadStore, safe_name
from grupa_pipeline.auth.request_guard import MAX_BODY_BYTES
from grupa_pipeline.ingest.reading_options import options_beside, options_file
from grupa_pipeline.settings import Settings

LOG = b"user_id,timestamp,action\nu1,2025-03-01T10:00:00Z,login\n,2025-03-01T11:00:00Z,login\n"
DAY_FIRST = b'user_id,timestamp,action\nu1,"9/08/20, 12:40",login\nu2,"10/08/20, 12:41",login\n'


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(warehouse=tmp_path / "warehouse")


@pytest.fixture
def client(settings: Settings) -> FlaskClient:
    settings.warehouse.mkdir()
    return create_app(settings).server.test_client()


@pytest.fixture
def store(settings: Settings) -> UploadStore:
    return UploadStore(settings.warehouse, settings.inbox)


def announce(client: FlaskClient, name: str, size: int) -> str:
    return client.post("/uploads", json={"name": name, "size": size}).get_json()["token"]


def upload(client: FlaskClient, name: str, body: bytes) -> str:
    token = announce(client, name, len(body))
    assert client.put(f"/uploads/{token}", data=body).get_json()["name"] == name
    return token


def checked(store: UploadStore, token: str) -> Upload:
    """The upload when the process that checks it has ended."""
    with (store.folder / token / ".checking").open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
    [found] = [each for each in store.uploads() if each.token == token]
    return found


@pytest.mark.slow
def test_a_log_is_checked_and_goes_into_the_inbox_when_a_person_says_so(
    client: FlaskClient, store: UploadStore
) -> None:
    token = upload(client, "log.csv", LOG)
    found = checked(store, token)
    assert found.report is not None and found.report.problem is None
    assert (found.report.rows_accepted, found.report.rows_rejected) == (1, 1)
    assert found.report.rejected == [[3, "The user_id is empty.", ",2025-03-01T11:00:00Z,login"]]
    assert not store.inbox.exists()
    assert store.move_to_inbox(token) == "log.csv"
    assert (store.inbox / "log.csv").read_bytes() == LOG
    assert store.uploads() == [] and not (store.folder / token).exists()


def test_a_larger_body_than_any_other_route_takes_is_written_block_by_block(
    client: FlaskClient, store: UploadStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UploadStore, "start_check", lambda self, token, **said: None)
    body = LOG + b"u2,2025-03-01T10:00:00Z,login\n" * 100_000
    assert len(body) > MAX_BODY_BYTES
    token = upload(client, "log.csv", body)
    assert (store.folder / token / "log.csv").read_bytes() == body
    assert client.post("/_dash-update-component", data=body, content_type="application/json").status_code == 413


@pytest.mark.slow
def test_a_timestamp_format_goes_with_its_log(client: FlaskClient, store: UploadStore) -> None:
    token = upload(client, "log.csv", DAY_FIRST)
    refused = checked(store, token).report
    assert refused is not None and refused.needs_format and refused.formats == ["%d/%m/%y, %H:%M", "%m/%d/%y, %H:%M"]
    assert refused.problem is not None and "--timestamp-format" not in refused.problem
    with pytest.raises(RefusedUploadError, match="checked"):
        store.move_to_inbox(token)
    carry_out(store, "format-0", token, None)
    accepted = checked(store, token).report
    assert accepted is not None and accepted.first_event_at == "2020-08-09T12:40:00"
    store.move_to_inbox(token)
    assert options_beside(store.inbox / "log.csv").timestamp_format == "%d/%m/%y, %H:%M"


def test_the_report_asks_for_columns_that_are_not_known_and_tells_those_that_are(tmp_path: Path) -> None:
    now = datetime(2025, 6, 1)
    log = tmp_path / "log.csv"
    log.write_text("uid,who,at,event\nu1,ann,2025-03-01T10:00:00Z,<b>open</b>\n")
    asked = check_log(log, now)
    assert asked.columns == ["uid", "who", "at", "event"]
    assert asked.first_rows == [["u1", "ann", "2025-03-01T10:00:00Z", "<b>open</b>"]]
    assert (asked.proposal["user_id"], asked.choices["user_id"], asked.choices["timestamp"]) == (
        "uid",
        ["uid", "who"],
        ["at"],
    )
    options_file(log).write_text('columns = "user_id=uid,timestamp=at,action=event"\n')
    assert (check_log(log, now).problem, check_log(log, now).rows_accepted) == (None, 1)
    log.write_text("event,timestamp,distinct_id\nopen,2025-03-01T10:00:00Z,u1\n")
    options_file(log).unlink()
    assert check_log(log, now).notes[0].startswith("log.csv has the columns of PostHog")


@pytest.mark.slow
def test_a_log_never_replaces_one_that_waits(client: FlaskClient, store: UploadStore) -> None:
    names = []
    for body in (LOG, LOG + b"u3,2025-03-01T10:00:00Z,login\n"):
        token = upload(client, "log.csv", body)
        checked(store, token)
        names.append(store.move_to_inbox(token))
    assert names == ["log.csv", "log-2.csv"]
    assert (store.inbox / "log.csv").read_bytes() == LOG


@pytest.mark.slow
def test_a_check_that_died_is_distinguished_from_one_that_runs(client: FlaskClient, store: UploadStore) -> None:
    token = upload(client, "log.csv", LOG)
    checked(store, token)
    (store.folder / token / ".report.json").unlink()
    [found] = store.uploads()
    assert (found.is_checking, found.report) == (False, None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size", "status", "word"),
    [
        ("log.xlsx", 10, 415, ".csv"),
        ("log.csv.exe", 10, 415, ".csv"),
        ("../log.csv", 10, 400, "slash"),
        ("..\\log.csv", 10, 400, "slash"),
        ("a\0.csv", 10, 400, "control"),
        ("log.csv", 0, 400, "empty"),
        ("log.csv", -5, 400, "empty"),
        ("log.csv", upload_store.MAX_UPLOAD_BYTES + 1, 413, "larger"),
    ],
)
def test_what_will_not_do_is_refused_before_a_byte_is_sent(
    client: FlaskClient, store: UploadStore, name: str, size: int, status: int, word: str
) -> None:
    answer = client.post("/uploads", json={"name": name, "size": size})
    assert answer.status_code == status and word in answer.get_json()["error"]
    assert not store.folder.exists() or list(store.folder.glob("[!.]*")) == []


@pytest.mark.slow
@pytest.mark.parametrize("told", ["no json", json.dumps([1]), json.dumps({"name": "a.csv"}), json.dumps({"size": 1})])
def test_an_announcement_that_is_none_is_refused(client: FlaskClient, told: str) -> None:
    assert client.post("/uploads", data=told, content_type="application/json").status_code == 400


def test_a_full_disk_is_said(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = upload_store.shutil.disk_usage("/")
    monkeypatch.setattr(upload_store.shutil, "disk_usage", lambda path: usage._replace(free=1_000_000))
    answer = client.post("/uploads", json={"name": "log.csv", "size": 900_000})
    assert answer.status_code == 507 and "no room" in answer.get_json()["error"]


@pytest.mark.parametrize("body", [LOG[:-1], LOG + b"x"])
def test_fewer_or_more_bytes_than_announced_leave_nothing(client: FlaskClient, store: UploadStore, body: bytes) -> None:
    token = announce(client, "log.csv", len(LOG))
    assert client.put(f"/uploads/{token}", data=body).status_code == 400
    assert list(store.folder.glob("[!.]*")) == []


def test_a_connection_that_breaks_leaves_nothing(client: FlaskClient, store: UploadStore) -> None:
    token = announce(client, "log.csv", len(LOG))
    broken = client.put(f"/uploads/{token}", input_stream=io.BytesIO(LOG[:20]), content_length=len(LOG))
    assert broken.status_code == 400
    assert list(store.folder.glob("[!.]*")) == []


@pytest.mark.slow
@pytest.mark.parametrize("token", ["0" * 32, "..", "x", "%2e%2e%2finbox", "A" * 32])
def test_bytes_that_nobody_announced_are_refused(client: FlaskClient, token: str) -> None:
    assert client.put(f"/uploads/{token}", data=LOG).status_code in (404, 405)


@pytest.mark.slow
def test_a_token_serves_once(client: FlaskClient, store: UploadStore) -> None:
    token = upload(client, "log.csv", LOG)
    checked(store, token)
    assert client.put(f"/uploads/{token}", data=b"u" * len(LOG)).status_code == 409
    assert (store.folder / token / "log.csv").read_bytes() == LOG


@pytest.mark.slow
@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}]
)
def test_another_site_can_neither_announce_nor_send(
    client: FlaskClient, store: UploadStore, headers: dict[str, str]
) -> None:
    assert client.post("/uploads", json={"name": "a.csv", "size": 5}, headers=headers).status_code in (403, 421)
    token = announce(client, "log.csv", len(LOG))
    assert client.put(f"/uploads/{token}", data=LOG, headers=headers).status_code in (403, 421)
    assert store.uploads() == []


@pytest.mark.slow
def test_what_nobody_decided_on_for_a_day_goes(client: FlaskClient, store: UploadStore) -> None:
    token = upload(client, "log.csv", LOG)
    checked(store, token)
    day_ago = time.time() - 25 * 3600
    for path in (*(store.folder / token).iterdir(), store.folder / token):
        os.utime(path, (day_ago, day_ago))
    fresh = announce(client, "other.csv", 5)
    assert [each.name for each in store.folder.glob("[!.]*")] == [fresh]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("log.csv", "log.csv"),
        ("Mein Log (März).CSV.GZ", "Mein Log (März).csv.gz"),
        (".hidden.csv", "hidden.csv"),
        ("<img src=x onerror=alert(1)>.csv", "_img src_x onerror_alert(1)_.csv"),
        ("журнал.csv", "журнал.csv"),
        (".csv", "log.csv"),
        ("=cmd|' /C calc'!A0.csv", "_cmd_' _C calc'_A0.csv"),
    ],
)
def test_names_are_kept_as_far_as_they_are_safe(given: str, kept: str) -> None:
    if "/" in given:
        with pytest.raises(RefusedUploadError):
            safe_name(given)
        return
    assert safe_name(given) == kept


def test_a_long_name_still_fits_with_what_the_inbox_adds() -> None:
    assert len(safe_name("ж" * 300 + ".csv").encode()) < 180


def test_a_suggested_format_is_explained_with_the_example() -> None:
    report = FileReport(problem="a problem", example="01/02/12, 10:00")
    assert format_label(report, "%d/%m/%y, %H:%M") == "The day comes first: 01/02/12, 10:00 is 1 Feb 2012"
    assert format_label(report, "%d/%m") == "The day comes first: %d/%m"
    assert format_label(FileReport(), "%d/%m") == "The day comes first: %d/%m"


def test_space_is_kept_for_what_was_announced(
    client: FlaskClient, store: UploadStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = upload_store._SPARE_BYTES + 1_000_000
    usage = upload_store.shutil.disk_usage("/")
    monkeypatch.setattr(upload_store.shutil, "disk_usage", lambda path: usage._replace(free=free))
    token = announce(client, "a.csv", 700_000)
    answer = client.post("/uploads", json={"name": "b.csv", "size": 700_000})
    assert answer.status_code == 507 and "what others are sending" in answer.get_json()["error"]
    note = store.folder / token / ".announced"
    os.utime(note, (time.time() - 1000, time.time() - 1000))  # it never began
    assert client.post("/uploads", json={"name": "b.csv", "size": 700_000}).status_code == 200


def test_a_disk_that_becomes_full_in_the_middle_is_told_and_nothing_is_left(
    client: FlaskClient, store: UploadStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    token = announce(client, "log.csv", len(LOG))
    monkeypatch.setattr(upload_store, "_write", full)
    answer = client.put(f"/uploads/{token}", data=LOG)
    assert answer.status_code == 507 and "became full; nothing of it was stored" in answer.get_json()["error"]
    assert [each for each in store.folder.iterdir() if each.is_dir()] == []


@pytest.mark.slow
def test_a_check_that_a_limit_ended_leaves_a_report(client: FlaskClient, store: UploadStore) -> None:
    token = upload(client, "log.csv", LOG)
    checked(store, token)
    place = store.folder / token
    (place / ".report.json").unlink()
    (place / "scratch").mkdir()

    class Ended:
        def wait(self) -> int:
            return -signal.SIGXCPU

    upload_store._wait_for_check(Ended(), place)
    [found] = store.uploads()
    assert found.report is not None and (found.report.problem or "").startswith(
        "log.csv: Checking it took more than 3 minutes"
    )
    assert not (place / "scratch").exists()


def test_a_log_of_which_much_would_be_lost_is_ingested_when_a_person_accepts_that(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    rows = "".join(f"{'' if number < 12 else 'u1'},2025-01-01 10:00:{number},a\n" for number in range(40))
    log.write_text(f"user_id,timestamp,action\n{rows}")
    now = datetime(2025, 6, 1)
    report = check_log(log, now)
    assert report.can_accept
    assert "12 of its 40 records (30%)" in (report.problem or "")
    assert "--accept-rejects" not in (report.problem or "")
    options_file(log).write_text("accept_rejects = true\n")
    assert (check_log(log, now).problem, check_log(log, now).rows_rejected) == (None, 12)


def test_letters_of_a_zone_are_answered_with_the_zone(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("user_id,timestamp,action\nu1,2025-01-01 10:00 EST,a\n")
    report = check_log(log, datetime(2025, 6, 1))
    assert report.timezones == ["America/New_York"]
    options_file(log).write_text(f'timezone = "{report.timezones[0]}"\n')
    assert check_log(log, datetime(2025, 6, 1)).first_event_at == "2025-01-01T15:00:00"
