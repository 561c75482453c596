"""What a column of timestamps is taken for, and that the advice of a refusal reads those very timestamps."""

from datetime import datetime

import pytest

from grupa_pipeline.ingest.errors import TimestampProblem, UnusableFileError
from grupa_pipeline.ingest.timestamp_formats import fits
from grupa_pipeline.ingest.timestamp_inference import decide_style
from grupa_pipeline.ingest.timestamps import NumberFormat, Style
from tests.grupa_pipeline.ingest.test_timestamps import read


def decide(*texts: str, timestamp_format: str | None = None, timezone: str | None = None) -> Style:
    return decide_style("log.csv", dict(enumerate(texts, 2)), timestamp_format, timezone)


def refused(*texts: str, timestamp_format: str | None = None, timezone: str | None = None) -> TimestampProblem:
    with pytest.raises(UnusableFileError) as refusal:
        decide(*texts, timestamp_format=timestamp_format, timezone=timezone)
    assert refusal.value.timestamps is not None
    assert "\n" not in str(refusal.value)
    return refusal.value.timestamps


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2024030110", datetime(2024, 3, 1, 10)),
        ("202403011000", datetime(2024, 3, 1, 10)),
        ("20240301100000", datetime(2024, 3, 1, 10)),
        ("20240301100000000", datetime(2024, 3, 1, 10)),
        ("1709287200", datetime(2024, 3, 1, 10)),
        ("1709287200000", datetime(2024, 3, 1, 10)),
        ("1.709287200E+09", datetime(2024, 3, 1, 10)),
        ("1,709287200E+09", datetime(2024, 3, 1, 10)),
        ("20240301", datetime(2024, 3, 1)),
    ],
)
def test_numbers_are_read_as_the_dates_that_the_column_shows(text, meant):
    assert read(decide(text, text), text) == meant


@pytest.mark.slow
def test_a_date_without_separators_among_epochs_is_not_read_as_1976():
    style = decide("1709287200000", "1709287201000", "1709287202000", "202403011000")
    assert read(style, "202403011000") is None
    assert read(style, "1709287200000") == datetime(2024, 3, 1, 10)


@pytest.mark.slow
@pytest.mark.parametrize(
    "texts",
    [
        ("3/1/2024, 10:00:00\u202fAM", "3/21/2024, 10:00:00\u202fPM"),
        ("01/03/2024 10:00", "13/03/2024 10:00"),
        ("01/03/2024 10:00", "02/03/2024 10:00"),
        ("01-MAR-24 10.00.00.000000 AM", "13-MAR-24 10.00.00.000000 PM"),
        ("Fri 01/03/2024 22:00", "Fri 15/03/2024 22:00"),
        ("15.03.2024 10:00 Uhr", "16.03.2024 10:00 Uhr"),
        ("15/03/2024 10h30", "16/03/2024 10h30"),
        ("01/03/24 9:05 a.m.", "13/03/24 9:05 p.m."),
        ("10:00:00 01.13.2024", "10:00:00 01.14.2024"),
        ("15/03/2024 10:00:00 +01:00", "16/03/2024 10:00:00 +01:00"),
        ("15/03/2024 10:00:00 UTC", "16/03/2024 10:00:00 UTC"),
        ("24-03-15 10:00:00", "24-03-16 10:00:00"),
        ("45352.4166667", "45353.5"),
        ("45352", "45353"),
        ("638448840000000000", "638448850000000000"),
        ("133537608000000000", "133537609000000000"),
        ("15032024103000", "16032024103000"),
        ("1.70929E+12", "1.70931E+12"),
        ("15/03/2024 10:00:00.123456789", "16/03/2024 10:00:00.123456789"),
    ],
)
def test_every_proposed_format_reads_the_timestamps_that_were_refused(texts):
    problem = refused(*texts)
    assert problem.formats
    for name in problem.formats:
        assert f"'{name}'" in problem.advice
        assert all(fits(decide(*texts, timestamp_format=name), texts))


@pytest.mark.slow
def test_timestamps_that_no_format_reads_are_told_what_to_become():
    problem = refused("yesterday 5 at 7", "Mar  1 10:00:00")
    assert not problem.formats
    assert "2024-03-01 10:00:00" in problem.advice


@pytest.mark.slow
def test_a_chosen_format_that_fits_few_rows_says_which_fits_all():
    texts = [f"{day:02}/03/2024 10:00" for day in range(1, 29)]
    problem = refused(*texts, timestamp_format="%m/%d/%Y %H:%M")
    assert problem.formats == ("%d/%m/%Y %H:%M",)
    assert "43%" in problem.sentence
    assert decide(*texts, timestamp_format="%d/%m/%Y %H:%M").format == "%d/%m/%Y %H:%M"


@pytest.mark.slow
def test_a_chosen_format_keeps_a_file_with_a_few_damaged_rows():
    texts = ["29/02/18, 09:00", *(f"{day:02}/03/18, 09:00" for day in range(1, 29))]
    assert decide(*texts, timestamp_format="%d/%m/%y, %H:%M").format == "%d/%m/%y, %H:%M"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("texts", "zone"),
    [
        (("2024-01-10 10:00:00 EST", "2024-07-10 10:00:00 EDT"), "America/New_York"),
        (("2024-01-10 10:00:00 CST",), "America/Chicago"),
        (("2024-07-10 10:00:00 BST",), "Europe/London"),
        (("Fri Mar  1 10:00:00 IST 2024",), "Asia/Kolkata"),
    ],
)
def test_letters_of_a_zone_are_refused_by_name_and_read_with_the_zone_that_is_proposed(texts, zone):
    problem = refused(*texts)
    assert problem.timezones[0] == zone
    assert f"--timezone {zone}" in problem.advice
    assert all(fits(decide(*texts, timezone=zone), texts))


@pytest.mark.slow
def test_letters_after_a_date_that_also_needs_a_format_get_both():
    texts = ("15/03/2024 10:00:00 EST", "15/07/2024 10:00:00 EDT")
    problem = refused(*texts)
    assert f"--timezone America/New_York --timestamp-format '{problem.formats[0]}'" in problem.advice
    assert all(fits(decide(*texts, timestamp_format=problem.formats[0], timezone="America/New_York"), texts))


@pytest.mark.slow
def test_letters_of_another_zone_than_the_named_one_are_refused():
    problem = refused("2024-01-10 10:00:00 EST", timezone="Europe/London")
    assert "America/New_York" in problem.advice
    assert "no single zone" in refused("2024-01-10 10:00:00 EST", "2024-01-10 10:00:00 PST").advice


@pytest.mark.parametrize(("zone", "proposed"), [("Londn", "Europe/London"), ("EST", "America/New_York")])
def test_a_zone_that_is_none_is_refused_with_one_that_is(zone, proposed):
    assert proposed in refused("2024-01-10", timezone=zone).sentence


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "text", "meant"),
    [
        (NumberFormat.EXCEL, "45352.4166667", datetime(2024, 3, 1, 10)),
        (NumberFormat.EXCEL, "45352,4166667", datetime(2024, 3, 1, 10)),
        (NumberFormat.TICKS, "638448840000000000", datetime(2024, 3, 1, 10)),
        (NumberFormat.FILETIME, "133537608000000000", datetime(2024, 3, 1, 10)),
    ],
)
def test_counted_numbers_are_read_by_the_name_of_their_format(name, text, meant):
    assert read(decide(text, timestamp_format=name), text) == meant
