"""Timestamp styles that are parsed, to UTC, and those that are rejected."""

from datetime import datetime, timedelta

import duckdb
import pytest

from grupa_pipeline.ingest.errors import UnusableFileError
from grupa_pipeline.ingest.timestamp_inference import decide_style
from grupa_pipeline.ingest.timestamps import Style


def read(style: Style, text: str) -> datetime | None:
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        return con.execute(f"SELECT ts FROM {style.read_sql('(SELECT ? AS x)', 'x')}", [text]).fetchone()[0]


@pytest.mark.parametrize(
    "text",
    [
        "2025-01-02T08:04:05Z",
        "2025-01-02 08:04:05",
        "2025-01-02T10:04:05+02:00",
        "2025-01-02T10:04:05+0200",
        "2025-01-02 10:04:05 +02",
        " 2025-01-02t08:04:05z ",
        "20250102T080405Z",
        "2025-01-02 08:04:05,000",
        "2025-01-02 08:04:05.000000000Z",
        "2025-01-02 08:04:05 UTC",
    ],
)
def test_iso_8601_is_read(text):
    assert read(Style(), text) == datetime(2025, 1, 2, 8, 4, 5)


def test_iso_8601_without_minutes_is_read():
    assert read(Style(), "2025-01-02T08") == datetime(2025, 1, 2, 8)
    assert read(Style(), "20250102") == datetime(2025, 1, 2)


@pytest.mark.parametrize(
    "text", ["17/10/21", "2025-02-30", "infinity", "epoch", "0017-01-01", "1735689600", "now", "x"]
)
def test_other_texts_are_no_timestamp(text):
    assert read(Style(), text) is None


@pytest.mark.slow
@pytest.mark.parametrize("digits", ["1735689600", "1735689600000", "1735689600000000", "1735689600000000000"])
def test_the_unit_of_epoch_numbers_follows_from_their_magnitude(digits):
    style = decide_style("log.csv", dict.fromkeys((2, 3, 4), digits), None)
    assert read(style, digits) == datetime(2025, 1, 1)
    assert read(style, digits[:9]) is None or len(digits) == 10


@pytest.mark.slow
@pytest.mark.parametrize("unit", [10**3, 10**6, 10**9])
def test_epoch_numbers_are_read_to_the_microsecond(unit):
    second = 1_735_689_600
    for micros in (946_000, 123_000, 1_000, 999_000, 0):
        digits = str((second * 10**6 + micros) * unit // 10**6)
        style = decide_style("log.csv", {2: digits}, None)
        assert read(style, digits) == datetime(2025, 1, 1) + timedelta(microseconds=micros)


def test_a_format_is_used_and_validated():
    style = decide_style("log.csv", {2: "9/08/20, 12:40"}, "%d/%m/%y, %H:%M")
    assert read(style, "9/08/20, 12:40") == datetime(2020, 8, 9, 12, 40)
    assert read(style, "29/02/18, 12:40") is None
    with pytest.raises(UnusableFileError, match="no strptime format"):
        decide_style("log.csv", {2: "x"}, "%Q")


@pytest.mark.parametrize("text", ["epoch", " EPOCH ", "\tEpoch"])
def test_the_word_epoch_is_no_timestamp(text):
    assert read(Style(), text) is None
    assert read(Style(format="%Y-%m-%d"), text) is None


@pytest.mark.slow
@pytest.mark.parametrize("zone", ["+14:00", "-12:00", "+00:00", "+02", "Z"])
def test_a_zone_that_exists_is_read(zone):
    for style in (Style(), decide_style("log.csv", {2: f"2025-01-02T08:04:05{zone}"}, None)):
        assert read(style, f"2025-01-02T08:04:05{zone}") is not None
        assert read(style, f"2025-01-02 08:04:05.123456{zone}") is not None


@pytest.mark.slow
@pytest.mark.parametrize("zone", ["+25:00", "-15:00", "+14:30", "+99:99", "-1430", "+15", " +25:00"])
def test_a_zone_that_does_not_exist_is_rejected(zone):
    for style in (Style(), decide_style("log.csv", {2: "2025-01-02T08:04:05+02:00"}, None)):
        assert read(style, f"2025-01-02T08:04:05{zone}") is None
        assert read(style, f"2025-01-02 08:04{zone}") is None
        assert read(style, f"2025-01-02T08{zone}") is None
    assert read(Style(format="%Y-%m-%d %H:%M:%S %z"), f"2025-01-02 08:04:05 {zone.strip()}") is None


def test_digits_of_a_format_are_not_read_as_a_zone():
    assert read(Style(format="%H:%M:%S %m-%d-%Y %z"), "10:00:00 12-31-2025 +02") == datetime(2025, 12, 31, 8)
    assert read(Style(format="%Y %m-%d"), "2025 12-31") == datetime(2025, 12, 31)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "2024-03-01 10:00:00 AM",
        "2024-03-01\u202f10:00:00\u00a0a.m.\u200b",
        "2024/03/01 10:00",
        "2024.03.01 10:00:00",
        "2024-03-01T10:00:00Z[UTC]",
        "2024-03-01T11:00:00+01:00[Europe/Berlin]",
        "2024-03-01 11:00:00 Europe/Berlin",
        "2024-03-01 10:00:00.000000000 +0000 UTC m=+0.0001",
        "2024-03-01 11:00:00 +0100 CET",
        "Fri, 01 Mar 2024 11:00:00 +0100",
        "Fri, 1 Mar 2024 10:00:00 GMT",
        "Fri Mar  1 10:00:00 2024",
        "Fri Mar  1 10:00:00 UTC 2024",
        "Fri Mar 01 2024 11:00:00 GMT+0100 (Central European Standard Time)",
        "Friday, March 1, 2024 at 10:00 AM",
        "01/Mar/2024:10:00:00 +0000",
        "2024-03-01 11:00:00 UTC+1",
        "20240301 10:00:00",
    ],
)
def test_forms_that_can_mean_one_thing_are_read(text):
    assert read(Style(), text) == datetime(2024, 3, 1, 10)


@pytest.mark.parametrize("text", ["2025-02-30", "Sun, 30 Feb 2025 10:00:00 +0100", "2025-02-30 10:00:00 AM"])
def test_days_that_do_not_exist_are_no_timestamps(text):
    assert read(Style(), text) is None
    assert read(Style(format="%Y-%m-%d %H:%M %z"), "2025-02-30 10:00 +0100") is None


@pytest.mark.slow
@pytest.mark.parametrize("letters", ["EST", "EDT", "CST", "BST", "CET", "IST", "A"])
def test_letters_that_mean_several_zones_are_not_read(letters):
    assert read(Style(), f"2024-03-01 10:00:00 {letters}") is None
    assert read(Style(format="%Y-%m-%d %H:%M:%S %Z"), f"2024-03-01 10:00:00 {letters}") is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2024-07-01 10:00:00", datetime(2024, 7, 1, 9)),
        ("2024-01-01T10:00", datetime(2024, 1, 1, 10)),
        ("2024-07-01 10:00:00 AM BST", datetime(2024, 7, 1, 9)),
        ("2024-07-01T10:00:00Z", datetime(2024, 7, 1, 10)),
        ("2024-07-01T10:00:00+02:00", datetime(2024, 7, 1, 8)),
        ("2024-10-27 01:30:00", datetime(2024, 10, 27, 1, 30)),  # comes twice: the second one
        ("2024-10-27 01:30:00 BST", datetime(2024, 10, 27, 0, 30)),
        ("2024-10-27 01:30:00 GMT", datetime(2024, 10, 27, 1, 30)),
        ("2024-03-31 01:30:00", datetime(2024, 3, 31, 1, 30)),  # does not come: 02:30 in summer time
        ("2024-07-01 10:00:00 EST", None),
    ],
)
def test_times_without_a_zone_or_with_letters_are_read_in_the_zone_named(text, meant):
    assert read(Style(timezone="Europe/London"), text) == meant
