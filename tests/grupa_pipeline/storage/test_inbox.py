"""The inbox: which files are complete, timestamp formats of single logs, and where files are moved."""

import gzip
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from grupa_pipeline.ingest.ingest import IngestedFile, ingest_files
from grupa_pipeline.ingest.reading_options import ReadingOptions, options_file
from grupa_pipeline.storage import inbox_arrivals
from grupa_pipeline.storage.inbox import ingest_inbox, interrupted_copies, look_into
from grupa_pipeline.storage.inbox_arrivals import QUIET_SECONDS
from grupa_pipeline.storage.parquet_files import file_key
from grupa_pipeline.storage.publication import Publication

NOW = datetime(2026, 1, 1)
DAY_FIRST = 'user_id,timestamp,action\nu1,"9/08/20, 12:40",login\n'


def put(inbox: Path, name: str, text: str) -> Path:
    inbox.mkdir(parents=True, exist_ok=True)
    path = inbox / name
    path.write_text(text)
    os.utime(path, (0, 0))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("own", ["%d/%m/%y, %H:%M", "%m/%d/%y, %H:%M"])
def test_the_options_of_a_log_are_used_and_move_with_it(tmp_path: Path, own: str) -> None:
    publication, inbox = Publication(tmp_path), tmp_path / "inbox"
    log = put(inbox, "log.csv", DAY_FIRST)
    options_file(log).write_text(ReadingOptions(timestamp_format=own).as_toml())
    result = ingest_inbox(publication, inbox, None, NOW)
    assert [file.first_event_at for file in result.files] == [datetime.strptime("9/08/20, 12:40", own)]
    assert sorted(file.name for file in (inbox / "done").glob("[!.]*")) == ["log.csv", "log.csv.columns.toml"]
    assert [file.name for file in inbox.iterdir()] == ["done"]


@pytest.mark.slow
def test_the_timestamp_format_of_a_log_does_not_apply_to_others(tmp_path: Path) -> None:
    publication, inbox = Publication(tmp_path), tmp_path / "inbox"
    options_file(put(inbox, "a.csv", DAY_FIRST)).write_text('timestamp_format = "%d/%m/%y, %H:%M"')
    put(inbox, "b.csv", "user_id,timestamp,action\nu2,2025-03-01T10:00:00Z,login\n")
    put(inbox, "c.csv", DAY_FIRST)
    result = ingest_inbox(publication, inbox, None, NOW)
    assert [file.file_name for file in result.files] == ["a.csv", "b.csv"]
    assert list(result.refused) == ["c.csv"]


@pytest.mark.slow
def test_a_format_that_does_not_fit_refuses_the_log_with_its_reason(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    options_file(put(inbox, "log.csv", DAY_FIRST)).write_text('timestamp_format = "%Y"')
    ingest_inbox(Publication(tmp_path), inbox, None, NOW)
    assert "log.csv" in (inbox / "refused" / "log.csv.why.txt").read_text()
    assert sorted(file.name for file in inbox.iterdir()) == ["refused"]


ROWS = [f"u{number},2025-03-01T10:00:00Z,login\n" for number in range(10)]
HEADER = "user_id,timestamp,action\n"


def events(publication: Publication) -> int:
    """Events in the warehouse."""
    return publication.query("SELECT count(*) AS events FROM events").to_pylist()[0]["events"]


def test_a_log_that_was_written_in_place_waits_until_nobody_wrote_it_for_long(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text(DAY_FIRST)
    written = log.stat().st_mtime
    for later, complete in ((0.0, False), (-30.0, False), (60.0, False), (QUIET_SECONDS + 1, True), (-86_400.0, True)):
        arrivals = look_into(tmp_path, now=written + later)
        assert (arrivals.logs == [log], "log.csv" in arrivals.waiting) == (complete, not complete)


@pytest.mark.parametrize("finish", ["rename", "link", "time"])
def test_a_log_that_got_its_name_or_time_after_its_last_write_is_complete(tmp_path: Path, finish: str) -> None:
    source, log = tmp_path / "log.csv.part", tmp_path / "log.csv"
    source.write_text(DAY_FIRST)
    assert list(look_into(tmp_path).waiting) == ["log.csv.part"]
    time.sleep(0.02)  # the clock of the disk has ticked
    if finish == "link":
        os.link(source, log)
        source.unlink()
    else:
        source.rename(log)
    if finish == "time":
        os.utime(log, (1, 1))
    assert look_into(tmp_path).logs == [log]


@pytest.mark.parametrize("leases", [True, False])
def test_a_log_that_a_program_has_open_for_writing_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leases: bool
) -> None:
    if not leases:
        monkeypatch.setattr(inbox_arrivals.fcntl, "F_SETLEASE", -1)
    log = put(tmp_path, "log.csv", DAY_FIRST)
    assert look_into(tmp_path).logs == [log]
    with log.open("a"):
        assert look_into(tmp_path).waiting == {"log.csv": "a program has it open for writing"}
    with log.open():
        assert look_into(tmp_path).logs == [log]


@pytest.mark.slow
def test_nothing_of_a_log_that_is_written_while_it_is_read_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publication, inbox = Publication(tmp_path / "house"), tmp_path / "inbox"
    log = put(inbox, "log.csv", HEADER + "".join(ROWS[:5]))

    def read(paths: list[Path], *args: Any, **kwargs: Any) -> list[IngestedFile]:
        ingested = ingest_files(paths, *args, **kwargs)
        with log.open("a") as file:
            file.writelines(ROWS[5:])
        return ingested

    with monkeypatch.context() as patch:
        patch.setattr("grupa_pipeline.storage.inbox.ingest_files", read)
        result = ingest_inbox(publication, inbox, None, NOW)
    assert not result.files and list(result.waiting) == ["log.csv"] and log.exists()
    assert publication.query("SELECT 1").num_rows == 0
    os.utime(log, (1, 1))
    assert [file.rows_accepted for file in ingest_inbox(publication, inbox, None, NOW).files] == [10]
    [stored] = publication.query("SELECT file_sha256 FROM ingested_files").to_pylist()
    assert stored["file_sha256"] == file_key(inbox / "done" / "log.csv")


@pytest.mark.slow
def test_a_log_that_replaces_the_one_just_read_stays_to_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publication, inbox = Publication(tmp_path / "house"), tmp_path / "inbox"
    put(inbox, "log.csv", HEADER + "".join(ROWS[:5]))
    publish = Publication.publish_events

    def replace_meanwhile(self: Publication, files: list[IngestedFile], **options: Any) -> None:
        publish(self, files, **options)
        put(inbox, "new", HEADER + "".join(ROWS[5:])).rename(inbox / "log.csv")

    with monkeypatch.context() as patch:
        patch.setattr(Publication, "publish_events", replace_meanwhile)
        ingest_inbox(publication, inbox, None, NOW)
    os.utime(inbox / "log.csv", (1, 1))
    ingest_inbox(publication, inbox, None, NOW)
    assert events(publication) == 10


@pytest.mark.slow
@pytest.mark.parametrize("compressed", [False, True])
def test_what_a_copy_adds_after_its_file_was_taken_is_ingested_too(tmp_path: Path, compressed: bool) -> None:
    publication, inbox = Publication(tmp_path / "house"), tmp_path / "inbox"
    content = (HEADER + "".join(ROWS)).encode()
    content = gzip.compress(content) if compressed else content
    log = put(inbox, "log.csv", "")
    log.write_bytes(content[: len(content) // 2])
    os.utime(log, (1, 1))  # as if the copy stood still for very long
    first = ingest_inbox(publication, inbox, None, NOW)
    assert bool(first.refused) == compressed and not log.exists()
    [taken] = interrupted_copies(inbox) or [next((inbox / ("refused" if compressed else "done")).glob("log.csv"))]
    assert interrupted_copies(inbox) == []
    with taken.open("ab") as file:
        file.write(content[len(content) // 2 :])
    assert interrupted_copies(inbox) == [taken]
    assert list(ingest_inbox(publication, inbox, None, NOW).waiting) == [log.name]
    os.utime(log, (2, 2))
    assert ingest_inbox(publication, inbox, None, NOW).files
    assert events(publication) == 10 and interrupted_copies(inbox) == []
    assert [path.name for path in (inbox / "refused").glob("*")] in ([], [".taken.json"])


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("log.xlsx", ".csv"),
        ("notes", ".csv"),
        ("folder.csv", "folder"),
        ("pipe.csv", "no file"),
        ("log.csv.tmp", "day"),
    ],
)
def test_what_is_no_log_is_quarantined_with_a_sentence(tmp_path: Path, name: str, word: str) -> None:
    path = tmp_path / name
    if name == "folder.csv":
        path.mkdir()
        (path / "log.csv").write_text(DAY_FIRST)
    elif name == "pipe.csv":
        os.mkfifo(path)
    else:
        path.write_text("x")
    for each in (path, *path.rglob("*")):
        os.utime(each, (1, 1))
    os.symlink(tmp_path / "nothing", tmp_path / "gone.csv")
    result = ingest_inbox(Publication(tmp_path / "house"), tmp_path, None, NOW)
    assert word in result.refused[name] and result.refused[name].startswith(name)
    assert word in (tmp_path / "refused" / f"{name}.why.txt").read_text() and (tmp_path / "refused" / name).exists()
    assert "not there" in result.refused["gone.csv"]
