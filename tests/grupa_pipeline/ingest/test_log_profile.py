"""What people are told about a log."""

import duckdb
import numpy as np
import pyarrow as pa

from grupa_pipeline.ingest.log_profile import profile_notes
from grupa_pipeline.ingest.text_counts import TextCounts
from tests.grupa_pipeline.ingest.conftest import HEADER


def row(user: str, day: str, action: str = "view") -> str:
    return f"{user},{day},{action},\n"


USUAL = "".join(
    row(f"u{number % 40}", f"2025-01-{1 + number % 20:02} 10:{number // 60:02}:{number % 60:02}")
    for number in range(400)
)


def notes(ingest_text, rows: str) -> list[str]:
    return [note.removeprefix("log.csv: ") for note in ingest_text(HEADER + rows).notes]


def test_a_usual_log_has_no_notes(ingest_text):
    assert notes(ingest_text, USUAL) == []


def test_one_event_long_after_all_others_is_told_with_the_day_that_fits(ingest_text):
    [note] = notes(ingest_text, USUAL + row("u1", "2025-05-30"))
    assert "1 event is of 2025-05-30, 130 days after all others" in note
    assert note.endswith("--as-of 2025-01-20.")


def test_few_events_long_before_all_others_are_told(ingest_text):
    [note] = notes(ingest_text, row("u1", "2001-01-01") + row("u2", "2001-01-02") + USUAL)
    assert "2 events are of 2001-01-01 to 2001-01-02" in note


def test_an_id_with_most_of_the_events_is_told(ingest_text):
    bot = "".join(
        row("crawler", f"2025-01-{1 + number % 20:02} 11:{number // 60:02}:{number % 60:02}") for number in range(800)
    )
    [note] = notes(ingest_text, USUAL + bot)
    assert "'crawler' has 800 of the 1,200 events (67%)" in note


def test_words_for_no_id_and_ids_that_differ_by_case_are_told(ingest_text):
    missing, cases = notes(
        ingest_text, USUAL + row("null", "2025-01-02") + row("U7", "2025-01-02") + row("(not set)", "2025-01-03")
    )
    assert "'null'" in missing
    assert "'(not set)'" in missing
    assert "1 user id is written in several cases, such as 'U7' and 'u7'" in cases


def test_actions_with_ids_in_their_names_are_told_with_the_patterns_that_fold_them(ingest_text):
    pages = "".join(
        row(f"u{number % 40}", f"2025-01-02 12:{number // 60:02}:{number % 60:02}", f"/product/{number}")
        for number in range(200)
    )
    orders = "".join(
        row(f"u{number % 40}", f"2025-01-03 12:{number // 60:02}:{number % 60:02}", f"order_{number}_paid")
        for number in range(150)
    )
    [note] = notes(ingest_text, USUAL[:3000] + pages + orders)
    assert '[fold] patterns = ["/product/*", "order_*_paid"]' in note


def test_counts_of_many_chunks_add_up():
    counts = TextCounts()
    for _ in range(3):
        counts.add(np.array([0, 1, 1, 2]), pa.array(["a", "b", "a"]))
    assert sorted(counts.table().to_pylist(), key=lambda each: each["text"]) == [
        {"text": "a", "n": 6},
        {"text": "b", "n": 6},
    ]
    with duckdb.connect() as con:
        assert profile_notes(con, "log.csv", {}, counts.table(), counts.table()) == ()
