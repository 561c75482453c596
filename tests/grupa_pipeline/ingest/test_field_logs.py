"""Logs as people meet them (`GRUPA_REAL_LOGS/field`): each is read right, or refused with advice that the test follows."""

import tomllib
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from grupa_pipeline.event_catalog.roles_file import parse_roles
from tests import REAL_LOGS
from tests.grupa_pipeline.ingest.conftest import events_of
from tests.grupa_pipeline.ingest.following_advice import follow

FOLDER = REAL_LOGS / "field"
needs_logs = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no logs in {FOLDER}; set GRUPA_REAL_LOGS")


class Right(NamedTuple):
    """What is right for a log: its users and events, the first and last event, and the options that a refusal proposes."""

    users: int
    events: int
    first: str
    last: str
    options: dict[str, str] = {}  # noqa: RUF012 - read only


PLANTED = Right(240, 6_003, "2024-01-09 09:28:59", "2024-03-20 22:41:07")
RIGHT: dict[str, Right] = {
    "01_ga_dateHourMinute.csv": Right(3, 3, "2024-03-01 10:00:00", "2024-12-31 23:59:00"),
    "03b_zone_est_edt.csv": Right(
        6, 10, "2024-01-10 15:00:00", "2024-07-15 14:00:00", {"timezone": "America/New_York"}
    ),
    "04a_posthog.csv": Right(1, 1, "2024-05-22 17:09:29.22", "2024-05-22 17:09:29.22"),
    "04b_amplitude.csv": Right(1, 1, "2024-05-22 17:09:29.22", "2024-05-22 17:09:29.22"),
    "04c_mixpanel.csv": Right(1, 1, "2024-05-22 17:09:29", "2024-05-22 17:09:29"),
    "04d_mixpanel.jsonl": Right(1, 2, "2024-05-22 17:09:29", "2024-05-22 17:09:30"),
    "04e_ga4_bigquery.csv": Right(1, 1, "2024-05-22 17:09:29.22", "2024-05-22 17:09:29.22"),
    "04g_ga4_exploration.csv": Right(1, 1, "2024-05-01 00:00:00", "2024-05-01 00:00:00"),
    "05_backslash_json.csv": Right(9, 9, "2024-01-01 10:00:00", "2024-01-01 10:00:08"),
    "07b_date_only.csv": Right(1, 6, "2024-01-01 00:00:00", "2024-01-02 00:00:00"),
    "08_user_id_empty_anonymous.csv": Right(
        9,
        9,
        "2024-01-01 10:00:00",
        "2024-01-01 10:00:09",
        {"columns": "user_id=user_id|domain_userid,timestamp=timestamp,action=action"},
    ),
    "09a_nnbsp_ampm.csv": Right(
        2, 2, "2024-03-01 10:00:00", "2024-03-21 22:00:00", {"timestamp_format": "%m/%d/%Y, %I:%M:%S %p"}
    ),
    "09b_scientific.csv": Right(2, 2, "2024-03-01 10:00:00", "2024-03-01 10:00:01"),
    "09c_iso_ampm.csv": Right(2, 2, "2024-03-01 10:00:00", "2024-03-01 22:00:00"),
    "09d_java_zdt.csv": Right(2, 2, "2024-03-01 09:00:00", "2024-03-01 10:00:00"),
    "09e_excel_serial.csv": Right(2, 2, "2024-03-01 10:00:00", "2024-03-02 12:00:00", {"timestamp_format": "excel"}),
    "09f_wrong_order_chosen.csv": Right(
        280, 280, "2024-03-01 10:00:00", "2024-03-28 10:00:00", {"timestamp_format": "%d/%m/%Y %H:%M"}
    ),
    "10_id_trailing_blank.csv": Right(1, 4, "2024-01-01 10:00:00", "2024-01-01 10:00:03"),
    "11_comma_space_epoch.csv": Right(2, 2, "2024-03-01 10:00:00", "2024-03-01 10:00:01"),
    "12_jsonl_named_csv.csv": Right(1, 1, "2024-05-22 10:00:00", "2024-05-22 10:00:00"),
    "13_posthog_event_names.csv": Right(9, 40, "2024-01-09 09:28:59", "2024-01-10 01:23:03"),
    "c_one_outlier.csv.gz": Right(240, 6_004, "2024-01-09 09:28:59", "2025-09-01 12:00:00"),
    "i2_urls_realistic.csv.gz": Right(240, 7_180, "2024-01-08 08:09:04", "2024-03-14 20:51:53"),
    "m_backslash.csv.gz": PLANTED,
    "u_posthog_names.csv.gz": PLANTED,
}
AFTER_ALL = datetime(2026, 1, 1)
"""Later than any event of the folder."""
LOGS_AFTER_ALL = {"frictionless_issue-305"}
"""Files of `dirty` that have somebody, a time and something done in every row, once it is said in which columns."""
ELSEWHERE = {"12b_no_header.csv", "README.md"}
SAID = {"09f_wrong_order_chosen.csv": {"timestamp_format": "%m/%d/%Y %H:%M"}}
"""What a person says wrongly at first."""


def content_of(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


@pytest.mark.slow
@needs_logs
@pytest.mark.parametrize("name", RIGHT)
def test_a_log_reads_right_once_its_advice_is_followed(name: str, ingest_text) -> None:
    right, said = RIGHT[name], SAID.get(name, {})
    advice = follow(partial(ingest_text, now=AFTER_ALL), content_of(name), name, **said)
    assert advice.file is not None, advice.refusals
    assert len(advice.refusals) == bool(right.options), advice.refusals
    assert {key: value for key, value in advice.options.items() if (key, value) not in said.items()} == right.options
    events = events_of(advice.file)
    assert (len({event["user_id"] for event in events}), len(events)) == (right.users, right.events)
    assert (min(event["timestamp"] for event in events), max(event["timestamp"] for event in events)) == (
        datetime.fromisoformat(right.first),
        datetime.fromisoformat(right.last),
    )
    assert advice.file.rows_rejected == 0


@needs_logs
def test_every_log_of_the_folder_is_tested() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {*RIGHT, *ELSEWHERE}


@needs_logs
def test_a_log_without_a_header_reads_right_with_the_line_that_the_refusal_proposes(ingest_text) -> None:
    content = content_of("12b_no_header.csv")
    [refusal] = follow(ingest_text, content, "log.csv").refusals
    header = refusal.rpartition("such as ")[2]
    file = ingest_text(f"{header}\n".encode() + content)
    assert (file.rows_read, file.rows_accepted) == (2, 2)


@pytest.mark.slow
@needs_logs
def test_the_notes_say_what_the_readme_asks_for(ingest_text) -> None:
    notes = {
        name: " ".join(ingest_text(content_of(name), name=name, now=AFTER_ALL).notes)
        for name in ("07b_date_only.csv", "c_one_outlier.csv.gz", "i2_urls_realistic.csv.gz")
    }
    assert "4 rows repeat an earlier one" in notes["07b_date_only.csv"]
    day = date.fromisoformat(notes["c_one_outlier.csv.gz"].rpartition("--as-of ")[2].strip(" ."))
    assert day == date(2024, 3, 20)  # the last day but for the one event
    table = "[fold]\n" + notes["i2_urls_realistic.csv.gz"].rpartition("[fold] ")[2]
    patterns = tomllib.loads(table)["fold"]["patterns"]
    assert "/product/*" in patterns
    assert parse_roles(table, "roles.toml").fold == tuple(patterns)


@pytest.mark.slow
@needs_logs
@pytest.mark.parametrize("path", sorted((REAL_LOGS / "dirty").glob("*.csv")), ids=lambda path: path.stem)
def test_advice_on_a_file_that_is_no_log_ends_in_a_refusal_without_options(path: Path, ingest_text) -> None:
    """What the options can do is done at once: the last sentence says what to change in the file itself, or which column."""
    advice = follow(ingest_text, path.read_bytes(), path.name)
    if path.stem in LOGS_AFTER_ALL:
        assert advice.file is not None
        return
    assert advice.file is None
    assert len(advice.refusals) <= 2, advice.refusals
    assert len(set(advice.refusals)) == len(advice.refusals)
    assert all("\n" not in refusal and len(refusal) < 1_000 for refusal in advice.refusals)
