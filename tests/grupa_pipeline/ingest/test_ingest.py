"""`ingest_files`: accepted, rejected and duplicate records, refused files, and no leftover files."""

import gzip
import hashlib
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from grupa_pipeline import tables
from grupa_pipeline.ingest.errors import UnusableFileError
from grupa_pipeline.ingest.ingest import IngestedFile, ingest_files
from tests.grupa_pipeline.ingest.conftest import HEADER, NOW, events_of, rejections

GOOD = (
    HEADER + 'u2,2025-01-02T00:00:00Z,search,"{""k"":1}"\nu1,2025-01-01T10:00:00Z,login,\nu1,2025-01-01 09:00,login,\n'
)


def test_events_are_stored_by_day_sorted_with_the_columns_of_the_table(ingest_text):
    file = ingest_text(GOOD)
    assert [str(day) for day in sorted(file.event_files)] == ["2025-01-01", "2025-01-02"]
    assert events_of(file) == [
        {"user_id": "u1", "timestamp": datetime(2025, 1, 1, 9), "action": "login", "metadata": None},
        {"user_id": "u1", "timestamp": datetime(2025, 1, 1, 10), "action": "login", "metadata": None},
        {"user_id": "u2", "timestamp": datetime(2025, 1, 2), "action": "search", "metadata": '{"k":1}'},
    ]
    assert (file.first_event_at, file.last_event_at) == (datetime(2025, 1, 1, 9), datetime(2025, 1, 2))
    assert (file.rows_read, file.rows_accepted) == (3, 3)
    path = str(next(iter(file.event_files.values())))
    types = duckdb.connect().sql(f"DESCRIBE SELECT * FROM read_parquet('{path}')").fetchall()
    assert [(name, kind) for name, kind, *_ in types] == [(c.name, c.type) for c in tables.EVENTS.columns]
    assert file.rejected.schema.names == list(tables.REJECTED_ROWS.column_names)
    assert file.file_sha256 == hashlib.sha256(GOOD.encode()).hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["log[1].csv", "log?.csv", "log*.csv", "l'og.csv"])
def test_a_file_name_is_not_a_glob_pattern(tmp_path, name):
    """Browsers name a second download `log[1].csv` or `log (1).csv`; other files in the folder are other logs."""
    folder = tmp_path / "it's [all] here"
    folder.mkdir()
    (folder / "log1.csv").write_text(HEADER + "other,2025-01-01,a,\n")
    (folder / name).write_text(HEADER + "u1,2025-01-01,a,\nu2,2025-01-01,a,\n")
    ingested: list[IngestedFile] = []
    for file in ("log1.csv", name):
        stored = [path for earlier in ingested for path in earlier.event_files.values()]
        options = {"known": lambda day, stored=stored: stored, "known_sha256": set(), "now": NOW}
        ingested += ingest_files([folder / file], folder / "out", **options)
    assert [event["user_id"] for event in events_of(ingested[1])] == ["u1", "u2"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["log.csv.gz", "log.csv"])
def test_gzip_is_detected_by_its_bytes_and_hashed_compressed(ingest_text, name):
    content = gzip.compress(GOOD[:60].encode()) + gzip.compress(GOOD[60:].encode())
    file = ingest_text(content, name=name)
    assert events_of(file) == events_of(ingest_text(GOOD))
    assert file.file_sha256 == hashlib.sha256(content).hexdigest()


def test_event_files_of_equal_logs_are_equal(ingest_text):
    first, second = ingest_text(GOOD), ingest_text(GOOD)
    for day, path in first.event_files.items():
        assert path.read_bytes() == second.event_files[day].read_bytes()
        assert path.name != second.event_files[day].name


def test_duplicates_within_a_file_count_once_in_any_notation(ingest_text):
    rows = [
        'u1,2025-01-01T10:00:00Z,login,"{""a"":1,""b"":""é""}"',
        'u1,2025-01-01T12:00:00+02:00,login,"{ ""b"": ""\\u00e9"", ""a"": 1 }"',
        'u1,2025-01-01 10:00:00,login,"{""a"":1,""b"":""e""}"',
        'u1,2025-01-01 10:00:00,login,"{""a"":""1"",""b"":""é""}"',
        "u1,2025-01-01 10:00:00,login,",
        "u1,2025-01-01 10:00:00,login,  ",
        "u1,2025-01-01 10:00:00,log,in",
    ]
    file = ingest_text(HEADER + "\n".join(rows))
    assert (file.rows_read, file.rows_accepted, file.rows_duplicate) == (7, 5, 2)


@pytest.mark.slow
def test_duplicates_across_files_count_once(ingest_text):
    first = ingest_text(GOOD)
    more = 'u1,2025-01-01T10:00:00Z,login,x\nu3,2025-01-02,login,\nu2,2025-01-02T00:00:00Z,search,"{""k"": 1}"\n'
    second = ingest_text(GOOD + more, earlier=(first,))
    assert (second.rows_read, second.rows_accepted, second.rows_duplicate) == (6, 2, 4)
    assert {(row["user_id"], row["metadata"]) for row in events_of(second)} == {("u1", '"x"'), ("u3", None)}
    third = ingest_text("user_id,action,timestamp\nu3,login,2025-01-02\n", earlier=(first, second))
    assert (third.rows_accepted, third.rows_duplicate, third.event_files) == (0, 1, {})
    assert third.first_event_at is None


@pytest.mark.slow
def test_same_file_again_changes_nothing_but_is_counted(ingest_text):
    content = GOOD + ",2025-01-01,login,\n"
    first = ingest_text(content)
    again = ingest_text(content, earlier=(first,))
    assert again.already_ingested
    assert (again.rows_read, again.rows_accepted, again.rows_rejected, again.rows_duplicate) == (4, 0, 1, 3)
    assert again.event_files == {}


@pytest.mark.slow
def test_files_of_one_call_are_deduplicated_against_each_other(tmp_path):
    paths = [tmp_path / name for name in ("a.csv", "b.csv", "c.csv")]
    paths[0].write_text(GOOD)
    paths[1].write_text(GOOD + "u9,2025-01-01,login,\n")
    paths[2].write_text(GOOD)
    files = ingest_files(paths, tmp_path / "out", known=lambda day: [], known_sha256=set(), now=NOW)
    assert [(file.rows_accepted, file.rows_duplicate, file.already_ingested) for file in files] == [
        (3, 0, False),
        (1, 3, False),
        (0, 3, True),
    ]
    written = {path for file in files for path in file.event_files.values()}
    assert set((tmp_path / "out").iterdir()) == written


def test_nothing_is_written_if_one_file_is_unusable(tmp_path):
    (tmp_path / "a.csv").write_text(GOOD)
    (tmp_path / "b.csv").write_text("user_id,timestamp\n")
    with pytest.raises(UnusableFileError) as refusal:
        ingest_files(
            [tmp_path / "a.csv", tmp_path / "b.csv"],
            tmp_path / "out",
            known=lambda day: [],
            known_sha256=set(),
            now=NOW,
        )
    assert refusal.value.file == "b.csv"
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.slow
def test_sorted_by_user_then_time_across_many_batches(ingest_text):
    rows = [
        f"u{number * 7919 % 1000},2025-01-01T{number % 24:02}:{number % 60:02}:00,a{number},"
        for number in range(150_000)
    ]
    file = ingest_text(HEADER + "\n".join(rows))
    [path] = file.event_files.values()
    keys = [(row["user_id"], row["timestamp"]) for row in pq.ParquetFile(path).read().to_pylist()]
    assert len(keys) == 150_000
    assert keys == sorted(keys)


@pytest.mark.slow
def test_a_late_rejected_record_has_the_right_line(ingest_text):
    rows = [f'u{number},2025-01-01,"a\n{number}",' for number in range(9_000)]
    file = ingest_text(HEADER + "\n".join(rows) + "\n,2025-01-01,x,\n")
    assert rejections(file) == [(18_002, "missing_user_id")]
    assert file.rows_accepted == 9_000


def test_rejected_text_is_stored_up_to_4_kib(ingest_text):
    file = ingest_text(HEADER + "u1,2025-01-01,a,\n" + f",2025-01-01,a,{'é' * 5000}\n")
    [raw] = file.rejected["raw"].to_pylist()
    assert raw.startswith(",2025-01-01,a,éé")
    assert 4094 <= len(raw.encode()) <= 4096


def test_missing_files_and_folders_are_refused(tmp_path):
    for path, words in [(tmp_path / "no.csv", "no such file"), (Path(tmp_path), "folder")]:
        with pytest.raises(UnusableFileError, match=words) as refusal:
            ingest_files([path], tmp_path / "out", known=lambda day: [], known_sha256=set(), now=NOW)
        assert refusal.value.file == path.name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "timestamp_format", "line"),
    [
        (HEADER, None, 1),
        ("\n\n" + HEADER, None, 3),
        (HEADER + "u1,2025-01-01,a,\nu1,13/02/25,a,\nu1,14/02/25,a,\n", None, 3),
        (HEADER + "u1,,a,\nu1,2025-01-01,a,\nu2,2025-01-01,a,\n", "%d/%m/%y", 3),
    ],
)
def test_a_refusal_has_the_first_line_with_the_problem(ingest_text, content, timestamp_format, line):
    with pytest.raises(UnusableFileError) as refusal:
        ingest_text(content, timestamp_format=timestamp_format)
    assert refusal.value.line == line
