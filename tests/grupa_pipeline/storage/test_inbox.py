"""The inbox: timestamp formats of single logs, and where files are moved."""

import os
from datetime import datetime
from pathlib import Path

import pytest

from grupa_pipeline.ingest.reading_options import ReadingOptions, options_file
from grupa_pipeline.storage.inbox import ingest_inbox, pending_logs
from grupa_pipeline.storage.publication import Publication

NOW = datetime(2026, 1, 1)
DAY_FIRST = 'user_id,timestamp,action\nu1,"9/08/20, 12:40",login\n'


def put(inbox: Path, name: str, text: str) -> Path:
    inbox.mkdir(parents=True, exist_ok=True)
    path = inbox / name
    path.write_text(text)
    os.utime(path, (0, 0))
    return path


@pytest.mark.parametrize("own", ["%d/%m/%y, %H:%M", "%m/%d/%y, %H:%M"])
def test_the_options_of_a_log_are_used_and_move_with_it(tmp_path: Path, own: str) -> None:
    publication, inbox = Publication(tmp_path), tmp_path / "inbox"
    log = put(inbox, "log.csv", DAY_FIRST)
    options_file(log).write_text(ReadingOptions(timestamp_format=own).as_toml())
    result = ingest_inbox(publication, inbox, None, NOW)
    assert [file.first_event_at for file in result.files] == [datetime.strptime("9/08/20, 12:40", own)]
    assert sorted(file.name for file in (inbox / "done").iterdir()) == ["log.csv", "log.csv.columns.toml"]
    assert [file.name for file in inbox.iterdir()] == ["done"]


def test_the_timestamp_format_of_a_log_does_not_apply_to_others(tmp_path: Path) -> None:
    publication, inbox = Publication(tmp_path), tmp_path / "inbox"
    options_file(put(inbox, "a.csv", DAY_FIRST)).write_text('timestamp_format = "%d/%m/%y, %H:%M"')
    put(inbox, "b.csv", "user_id,timestamp,action\nu2,2025-03-01T10:00:00Z,login\n")
    put(inbox, "c.csv", DAY_FIRST)
    result = ingest_inbox(publication, inbox, None, NOW)
    assert [file.file_name for file in result.files] == ["a.csv", "b.csv"]
    assert list(result.refused) == ["c.csv"]


def test_a_format_that_does_not_fit_refuses_the_log_with_its_reason(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    options_file(put(inbox, "log.csv", DAY_FIRST)).write_text('timestamp_format = "%Y"')
    ingest_inbox(Publication(tmp_path), inbox, None, NOW)
    assert "log.csv" in (inbox / "refused" / "log.csv.why.txt").read_text()
    assert sorted(file.name for file in inbox.iterdir()) == ["refused"]


def test_a_log_that_just_changed_is_not_pending_yet_and_one_from_a_clock_ahead_is(tmp_path: Path) -> None:
    log = put(tmp_path, "log.csv", DAY_FIRST)
    for changed, pending in ((1000.0 + 86_400, True), (1000.0, False), (999.0, False), (990.0, True)):
        os.utime(log, (changed, changed))
        assert pending_logs(tmp_path, now=1000.0) == ([log] if pending else [])
