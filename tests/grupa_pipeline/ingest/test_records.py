"""The strict reader: line numbers, recovery after bad records, and agreement with DuckDB's reader."""

import contextlib
import tempfile
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from grupa_pipeline.ingest import file_staging
from grupa_pipeline.ingest.errors import REASONS, UnusableFileError
from grupa_pipeline.ingest.header import read_header
from grupa_pipeline.ingest.ingest import ingest_files
from grupa_pipeline.ingest.reading import ReaderMismatchError, read_fast, read_skipping_bad_rows, read_strict
from grupa_pipeline.ingest.records import read_records
from grupa_pipeline.ingest.row_validation import RowValidator
from grupa_pipeline.ingest.source import MAX_RECORD, scan, text_blocks
from grupa_pipeline.ingest.timestamps import Style
from tests.grupa_pipeline.ingest.conftest import HEADER, NOW, events_of, rejections


def read(tmp_path, content: bytes) -> list[tuple]:
    """(line, problem, fields) of each record."""
    (tmp_path / "log.csv").write_bytes(content)
    scanned = scan(tmp_path / "log.csv")
    batches = read_records(text_blocks(scanned.path), read_header(scanned), scanned.newline)
    rows = [tuple(row.values()) for batch in batches for row in batch.to_pylist()]
    return [(line, problem, list(fields)) for line, _, problem, *fields in rows]


def test_quotes_newlines_blanks_and_line_numbers(tmp_path):
    content = HEADER + 'u1,t,"say ""hi"",\nyou",m\n\n   \nu2, "t" ,a"b,m\nu3,t,a,m,\nu4,t,a,m,,,\n'
    assert read(tmp_path, content.encode()) == [
        (2, None, ["u1", "t", 'say "hi",\nyou', "m"]),
        (6, None, ["u2", "t", 'a"b', "m"]),
        (7, None, ["u3", "t", "a", "m"]),
        (8, None, ["u4", "t", "a", "m"]),
    ]


def test_empty_fields_after_the_last_column_are_ignored_by_both_readers(tmp_path):
    """The second file has a NUL byte, so that the strict reader reads it."""
    at = "2025-01-01T00:00:00"
    for number, other in enumerate(("", f"u3,{at},lo\0gin,{{}}\n")):
        path = tmp_path / f"log{number}.csv"
        path.write_text(HEADER + f"u1,{at},login,{{}}\nu2,{at},login,{{}},,,,\n" + other)
        file = ingest_files([path], tmp_path / f"out{number}", known=lambda day: [], known_sha256=set(), now=NOW)[0]
        assert (file.rows_accepted, file.rows_rejected) == (2, number)


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (b'u1,t,"open,m', "bad_quotes"),
        (b'u1,t,"a"b,m', "bad_quotes"),
        (b"u1,t,a", "wrong_column_count"),
        (b"u1,t,a,m,x", "wrong_column_count"),
        (b"u1,t,a\rb,m", "bad_line_break"),
        (b"u1,t,\xff,m", "bad_encoding"),
        (b"u1,t,\0,m", "nul_byte"),
        (b"u1,t,a," + b"x" * MAX_RECORD, "too_long_record"),
    ],
)
def test_reading_resumes_on_the_line_after_a_bad_record(tmp_path, bad, problem):
    assert problem in REASONS
    records = read(tmp_path, HEADER.encode() + b"u0,t,a,m\n" + bad + b"\nu2,t,a,m\n")
    assert records[0] == (2, None, ["u0", "t", "a", "m"])
    assert records[1][:2] == (3, problem)
    assert records[2] == (4, None, ["u2", "t", "a", "m"])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
def test_every_line_ending_is_read(tmp_path, end):
    content = end.join(["user_id,timestamp,action", "u1,t,a", "", 'u2,t,"b"', "u3,t,c"])
    records = read(tmp_path, content.encode())
    assert [(line, fields) for line, _, fields in records] == [
        (2, ["u1", "t", "a"]),
        (4, ["u2", "t", "b"]),
        (5, ["u3", "t", "c"]),
    ]


@pytest.mark.slow
def test_memory_is_bounded_by_the_record_limit_not_by_the_field(tmp_path):
    (tmp_path / "log.csv").write_bytes(HEADER.encode() + b"u1,t,a,")
    with (tmp_path / "log.csv").open("ab") as file:
        for _ in range(100):
            file.write(b"x" * (1 << 20))
        file.write(b"\nu2,t,a,m\n")
    scanned = scan(tmp_path / "log.csv")
    batches = list(read_records(text_blocks(scanned.path), read_header(scanned), scanned.newline))
    rows = [(line, problem) for batch in batches for line, problem in zip(*_lines_and_problems(batch), strict=True)]
    assert rows == [(2, "too_long_record"), (3, None)]
    assert sum(batch.nbytes for batch in batches) < 3 * MAX_RECORD


def _lines_and_problems(batch):
    return batch.column("line_number").to_pylist(), batch.column("problem").to_pylist()


_texts = st.text(st.sampled_from('ab1 ,;"\n\r\t\\{}[]:\0é😀\u2028'), max_size=6)
_stamps = st.sampled_from(["2025-01-01", "2025-01-01T10:00:00Z", "2025-01-02 10:00:00.5+02:00", "", "x", "2999-01-01"])


def _as_field(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


_fields = st.one_of(
    _texts, _texts.map(_as_field), st.sampled_from(["u1", "u2", "login", '"{""a"":1}"', ' "x" ', '""', " "])
)
_records = st.tuples(_fields, _stamps, _fields, _fields).map(",".join)
_lines = st.one_of(_records, st.just("u1,2025-01-01,login,"), st.just(""), _texts)
_files = st.tuples(st.lists(_lines, min_size=1, max_size=6), st.sampled_from(["\n", "\r\n"]), st.booleans()).map(
    lambda parts: HEADER.rstrip("\n") + parts[1] + parts[1].join(parts[0]) + (parts[1] if parts[2] else "")
)


def all_results(read, con, scanned, validator) -> tuple[int, list[tuple], list[dict]]:
    """The number of records that a reader reads, the events, and the rejected records."""
    events: list[tuple] = []

    def add(batch):
        events.extend(tuple(row.values()) for row in batch.to_pylist())

    reading = read(con, scanned, validator, add)
    return reading.rows, events, reading.rejected.to_pylist()


_SCRATCH = tempfile.TemporaryDirectory()
_PATH = Path(_SCRATCH.name) / "log.csv"


@pytest.fixture(scope="module")
def con():
    with file_staging.scratch_connection(Path(_SCRATCH.name), "200MB") as connection:
        yield connection
    _SCRATCH.cleanup()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_files)
@example(HEADER + 'u1,2025-01-01, "a" ,"b"\nu1,2025-01-01,a,b,\nu1,2025-01-01,a,b, \n')
@example(HEADER + 'u1,2025-01-01,a,b,""\n')
@example(HEADER + 'u1,2025-01-01,a,"b" \n')
@example(HEADER + "u1,2025-01-01,a,b\n ")
@example(HEADER + "\r\nu1,2025-01-01,a,b")
@example(HEADER + 'u1,2025-01-01,a,b\nu1,2025-01-01\n,2025-01-01,a,b\nu1,2025-01-01,a,b,c\nu1,x,"a",b\n')
@example(HEADER + 'u1,2025-01-01,a,b\nu1,2025-01-01,"a"x,b\nu1,2025-01-01,"a,b\nu1,2025-01-01,a",b\n')
@example(HEADER + "\n,2025-01-01,a,b\nu1,2025-01-01,a,b\nu1\n")
@pytest.mark.slow
def test_both_readers_return_the_same_records(con, content):
    _PATH.write_bytes(content.encode())
    scanned = scan(_PATH)
    validator = RowValidator(read_header(scanned), Style(), NOW)
    expected = all_results(read_strict, con, scanned, validator)
    for read in (read_fast, read_skipping_bad_rows):
        try:
            assert all_results(read, con, scanned, validator) == expected
        except ReaderMismatchError:
            continue


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(_files.map(str.encode), st.binary(max_size=200), st.binary(max_size=80).map(HEADER.encode().__add__)))
@pytest.mark.slow
def test_any_bytes_are_accounted_for_or_refused_in_one_sentence(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        path.write_bytes(content)
        try:
            [file] = ingest_files([path], Path(folder) / "out", known=lambda day: [], known_sha256=set(), now=NOW)
        except UnusableFileError as refusal:
            sentence = str(refusal)
            assert sentence.startswith("log.csv: ")
            assert "\n" not in sentence
            return
        assert file.rows_read == file.rows_accepted + file.rows_rejected + file.rows_duplicate
        assert len(events_of(file)) == file.rows_accepted > 0
        assert set(file.rejected["reason"].to_pylist()) <= set(REASONS)
        lines = [line for line, _ in rejections(file)]
        assert lines == sorted(set(lines))
        assert all(2 <= line <= content.count(b"\n") + content.count(b"\r") + 1 for line in lines)


@pytest.mark.slow
def test_readers_agree_on_quoted_newlines_across_duckdbs_buffers(tmp_path):
    rows = [f'u{number},2025-01-01T00:00:00Z,"a{number}\n""x"",\n","{{""n"": {number}}}"' for number in range(40_000)]
    (tmp_path / "log.csv").write_text(HEADER + "\n".join(rows))
    scanned = scan(tmp_path / "log.csv")
    validator = RowValidator(read_header(scanned), Style(), datetime(2026, 1, 1))
    with file_staging.scratch_connection(tmp_path, "500MB") as con:
        plain = all_results(read_fast, con, scanned, validator)
        assert plain == all_results(read_strict, con, scanned, validator)
    assert (plain[0], len(plain[1]), plain[2]) == (40_000, 40_000, [])


READABLE = [f'u{number},2025-01-01,"a {number}",{"x" * 90}' for number in range(40_000)]


@pytest.mark.parametrize(
    ("bad", "reader"),
    [
        ([], "read_fast"),
        ([",2025-01-01,a,", "u1,2025-01-32,a,", "user_id,timestamp,action,metadata"], "read_fast"),
        (["u1,2025-01-01,a", ",2025-01-01,a,", "u1,2025-01-01,a,b,c,d", "u1,2999-01-01,a,"], "read_skipping_bad_rows"),
        (['u1,2025-01-01,"a,', ",2025-01-01,a,"], "read_strict"),
        (["", ",2025-01-01,a,"], "read_strict"),
    ],
)
@pytest.mark.slow
def test_the_fastest_reader_that_can_read_the_file_is_used(tmp_path, bad, reader):
    rows = list(READABLE)
    for number, line in enumerate(bad):
        rows.insert(len(rows) - 10_000 * number - 5, line)  # late, after many records have been passed on
    (tmp_path / "log.csv").write_text(HEADER + "\n".join(rows))
    scanned = scan(tmp_path / "log.csv")
    validator = RowValidator(read_header(scanned), Style(), NOW)
    results = []
    with file_staging.scratch_connection(tmp_path, "500MB") as con:
        for read in (read_fast, read_skipping_bad_rows):
            with contextlib.suppress(ReaderMismatchError):
                results.append((read.__name__, all_results(read, con, scanned, validator)))
        expected = all_results(read_strict, con, scanned, validator)
    assert [name for name, _ in results][:1] == [reader] * (reader != "read_strict")
    assert all(result == expected for _, result in results)
    assert expected[0] == len(READABLE) + len([line for line in bad if line])
