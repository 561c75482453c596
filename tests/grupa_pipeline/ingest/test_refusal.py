"""A log of which too much would be lost is refused as a whole, unless a person accepts that."""

import pytest

from grupa_pipeline.ingest.errors import UnusableFileError
from tests.grupa_pipeline.ingest.conftest import HEADER, rejections


def log(good: int, bad: list[str]) -> str:
    rows = [f"u{number},2025-01-01 10:00:{number % 60:02},click,\n" for number in range(good)]
    return HEADER + "".join(rows) + "".join(f"{row}\n" for row in bad)


BAD = [f",2025-01-01 11:00:{number:02},click," for number in range(10)]


def test_a_log_of_which_too_much_would_be_lost_is_refused_with_lines_and_what_to_do(ingest_text):
    with pytest.raises(UnusableFileError) as refusal:
        ingest_text(log(20, BAD))
    message = str(refusal.value)
    assert "10 of its 30 records (33%)" in message
    assert "missing_user_id" in message
    assert all(f"line {line}: ',2025-01-01 11:00" in message for line in (22, 23, 24))
    assert "--accept-rejects" in message
    assert refusal.value.rejects
    assert refusal.value.line == 22
    file = ingest_text(log(20, BAD), accept_rejects=True)
    assert (file.rows_accepted, len(rejections(file))) == (20, 10)


@pytest.mark.parametrize(
    ("good", "bad"), [(20, BAD[:9]), (40, BAD), (12, [*BAD[:9], "u1,x,click,", "u1,x,,", "u1,,click,"])]
)
def test_a_log_with_fewer_rejected_records_is_ingested(good, bad, ingest_text):
    assert len(rejections(ingest_text(log(good, bad)))) == len(bad)


def test_accepting_rejects_does_not_accept_a_log_without_any_usable_record(ingest_text):
    with pytest.raises(UnusableFileError, match="none of its 10 records"):
        ingest_text(log(0, BAD), accept_rejects=True)


@pytest.mark.slow
def test_late_times_in_another_zone_are_refused_with_the_zone_that_reads_all(ingest_text):
    content = HEADER + "".join(f"u1,2025-01-01 10:00:00,a{number},\n" for number in range(9_000))
    content += "".join(f"u1,2025-01-02 10:00:00 EST,a{number},\n" for number in range(3_000))
    with pytest.raises(UnusableFileError, match="--timezone America/New_York") as refusal:
        ingest_text(content)
    assert refusal.value.line == 9_002
    assert ingest_text(content, timezone="America/New_York").rows_accepted == 12_000


def test_blanks_around_ids_and_actions_are_trimmed(ingest_text):
    rows = [
        "alice,2025-01-01 10:00:00,view,",
        "alice\u00a0,2025-01-01 10:00:00,\u200bview,",
        '" alice ",2025-01-01 10:00:00,view ,',
        "Alice,2025-01-01 10:00:00,view,",
    ]
    file = ingest_text(log(0, rows))
    assert (file.rows_accepted, file.rows_duplicate) == (2, 2)
