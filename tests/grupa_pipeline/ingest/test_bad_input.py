"""Ingests a corpus of broken logs and real logs: every row is accounted for, or one sentence refuses the file."""

import json
from pathlib import Path

import pytest

from grupa_pipeline.ingest.errors import UnusableFileError
from tests import REAL_LOGS
from tests.grupa_pipeline.ingest.conftest import events_of, rejections

CORPUS = sorted((Path(__file__).parent / "bad_input").glob("*/log.csv"))
LOGS = REAL_LOGS
needs_logs = pytest.mark.skipif(not LOGS.is_dir(), reason=f"no real logs in {LOGS}; set GRUPA_REAL_LOGS")


@pytest.mark.slow
@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.parent.name)
def test_a_broken_log_is_ingested_or_refused_as_expected(path, ingest_text):
    expected = json.loads((path.parent / "expected.json").read_text())
    timestamp_format = expected.get("timestamp_format")
    if "refused" in expected:
        with pytest.raises(UnusableFileError) as refusal:
            ingest_text(path.read_bytes(), timestamp_format=timestamp_format)
        assert expected["refused"] in str(refusal.value)
        assert "\n" not in str(refusal.value)
        return
    file = ingest_text(path.read_bytes(), timestamp_format=timestamp_format)
    assert rejections(file) == [tuple(row) for row in expected["rejected"]]
    assert (file.rows_accepted, file.rows_duplicate) == (expected["accepted"], expected["duplicate"])
    assert len(events_of(file)) == expected["accepted"]


@pytest.mark.slow
@needs_logs
@pytest.mark.parametrize("path", sorted((LOGS / "dirty").glob("*.csv")), ids=lambda path: path.stem)
def test_real_broken_files_are_refused_in_one_sentence(path, ingest_text):
    with pytest.raises(UnusableFileError) as refusal:
        ingest_text(path.read_bytes())
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 1000


@needs_logs
@pytest.mark.slow
def test_a_real_log_needs_a_timestamp_format_and_accounts_for_every_row(ingest_text):
    content = (LOGS / "moodle_edify_raw.csv.gz").read_bytes()
    with pytest.raises(UnusableFileError, match="--timestamp-format '%d/%m/%y, %H:%M'"):
        ingest_text(content, name="log.csv.gz")
    file = ingest_text(content, name="log.csv.gz", timestamp_format="%d/%m/%y, %H:%M")
    assert file.rows_read == 64_422
    reasons = [reason for _, reason in rejections(file)]
    assert (reasons.count("missing_user_id"), reasons.count("bad_timestamp"), len(reasons)) == (7_866, 3, 7_869)
    assert file.rows_duplicate == 0  # times without seconds: repeats are events
    file = ingest_text(content, name="log.csv.gz", timestamp_format="%d/%m/%y, %H:%M", repeats="drop")
    assert file.rows_duplicate == 7_492  # of the 8,324 repeated rows, 832 have no user


@needs_logs
@pytest.mark.parametrize(("name", "rows", "duplicate"), [("bpi2012_loans", 262_200, 0), ("gharchive_2h", 15_129, 1)])
@pytest.mark.slow
def test_every_row_of_real_clean_logs_is_accepted(name, rows, duplicate, ingest_text):
    file = ingest_text((LOGS / f"{name}.csv.gz").read_bytes(), name=f"{name}.csv.gz")
    assert (file.rows_read, file.rows_rejected, file.rows_duplicate) == (rows, 0, duplicate)


@pytest.mark.parametrize("title", ["Report: events\nGenerated: 2025-03-01\n\n", "Events export,,\n,,\n\n"])
def test_lines_above_the_header_are_told_with_the_line_of_the_header(ingest_text, title):
    log = "user_id,timestamp,action\nu1,2025-01-01T10:00:00Z,a\n"
    with pytest.raises(UnusableFileError, match="line 4 looks like one; delete the lines above"):
        ingest_text(title + log)
    assert ingest_text(log).rows_accepted == 1


def test_values_in_single_quotes_are_told(ingest_text):
    with pytest.raises(UnusableFileError, match="they stand in single quotes: export the file with double quotes"):
        ingest_text("user_id,timestamp,action\n'u1','2025-01-01T10:00:00Z','a'\n")
