import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from grupa.cli import main
from grupa_pipeline.storage import audit_log
from grupa_pipeline.storage.audit_log import (
    Actor,
    AuditAction,
    AuditOutcome,
    act_as,
    delete_old,
    query,
    record,
    recorded,
)

KIM = Actor("kim", "planner", "10.9.8.7", "app")


def test_an_entry_says_who_did_what_from_where_and_only_its_owner_reads_it(tmp_path):
    record(tmp_path, AuditAction.NAME, "C01", by=KIM)
    (file,) = (tmp_path / "audit").iterdir()
    entry = json.loads(file.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert abs(datetime.fromisoformat(entry.pop("acted_at")) - datetime.now(UTC).replace(tzinfo=None)) < timedelta(
        minutes=1
    )
    assert entry == {
        "user_name": "kim",
        "role": "planner",
        "action": "name",
        "subject": "C01",
        "outcome": "done",
        "address": "10.9.8.7",
        "through": "app",
    }


def test_nothing_is_lost_when_many_write(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda at: record(tmp_path, AuditAction.PLAN, f"plan-{at}", by=KIM), range(100)))
    assert query(tmp_path, "SELECT count(DISTINCT subject) FROM audit_log").fetchall() == [(100,)]


def test_without_a_request_the_account_of_the_machine_acts(tmp_path):
    act_as(KIM)
    record(tmp_path, AuditAction.RUN)
    act_as(None)
    record(tmp_path, AuditAction.RUN)
    found = query(tmp_path, "SELECT user_name, through FROM audit_log ORDER BY acted_at").fetchall()
    assert found[0] == ("kim", "app")
    assert found[1][1] == "command line"


def test_what_fails_is_recorded_as_failed(tmp_path):
    with pytest.raises(ValueError, match="no"), recorded(tmp_path, AuditAction.RUN, "logs=1"):
        raise ValueError("no")
    assert query(tmp_path, "SELECT outcome FROM audit_log").fetchall() == [(AuditOutcome.FAILED,)]


@pytest.mark.parametrize("of", ["<script>", "x" * 1000, "ann@example.com", "a\nb", "Ann Smith", ["Ann Smith", "<b>"]])
def test_what_is_no_id_is_left_out(tmp_path, of):
    record(tmp_path, AuditAction.PLAN, of, by=KIM)
    assert query(tmp_path, "SELECT subject FROM audit_log").fetchall() == [("",)]


def test_a_subject_is_named_once_it_is_known_and_may_be_several_ids(tmp_path):
    with recorded(tmp_path, AuditAction.EXPORT) as subject:
        subject.of = "C01"
    record(tmp_path, AuditAction.SERVE, ["users_file", "host names", "seed"])
    found = query(tmp_path, "SELECT action, subject FROM audit_log ORDER BY acted_at").fetchall()
    assert found == [("export", "C01"), ("serve", "users_file,seed")]


def test_old_days_are_deleted(tmp_path):
    record(tmp_path, AuditAction.RUN)
    for days in (9, 11):
        day = datetime.now(UTC).date() - timedelta(days=days)
        (tmp_path / "audit" / f"{day}.jsonl").write_text("")
    delete_old(tmp_path, 10)
    assert len(list((tmp_path / "audit").iterdir())) == 2


def test_an_empty_log_can_be_queried_and_no_folder_takes_the_place_of_a_warehouse(tmp_path, caplog):
    assert query(tmp_path, "SELECT * FROM audit_log").fetchall() == []
    record(tmp_path / "moved away", AuditAction.RUN)
    assert not (tmp_path / "moved away").exists()
    assert "could not be written" in caplog.text


def test_the_command_shows_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GRUPA_WAREHOUSE", str(tmp_path))
    record(tmp_path, AuditAction.NAME, "C01", by=KIM)
    record(tmp_path, AuditAction.EXPORT, "/export/roadmap.csv", by=Actor("lou"))
    assert main.main(["audit", "--user", "kim"]) == 0
    out = capsys.readouterr().out
    assert "kim  planner  name  C01  done" in out
    assert "lou" not in out
    assert main.main(["audit", "--json", "--action", "export", "--since", "2020-01-01"]) == 0
    assert json.loads(capsys.readouterr().out)["subject"] == "/export/roadmap.csv"
    assert main.main(["audit", "--sql", "SELECT count(*) AS n FROM audit_log"]) == 0
    assert capsys.readouterr().out == "2\n"
    assert main.main(["audit", "--sql", "SELECT nonsense"]) == 2


def test_columns_are_those_that_are_written(tmp_path):
    record(tmp_path, AuditAction.RUN)
    (file,) = (tmp_path / "audit").iterdir()
    assert list(json.loads(file.read_text())) == list(audit_log.COLUMNS)
    assert os.path.getsize(file) > 0
