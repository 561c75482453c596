"""Event files do not depend on the order of the log or on whether it fits into memory."""

import random
from datetime import date, datetime

import duckdb
import pyarrow.parquet as pq
import pytest

from grupa_pipeline.ingest import day_partitioner, event_files
from tests.grupa_pipeline.ingest.conftest import HEADER, events_of

TEXTS = ['"{""a"":1,""b"":2}"', '"{""b"": 2, ""a"": 1}"', '"{""a"":1,""b"":3}"', "", "null", "é", "[1]"]


def log(rows: int, seed: int) -> list[str]:
    """Unsorted lines, mostly of two days, in which users, times and metadata repeat."""
    chance = random.Random(seed)
    days = ["2025-01-01", "2025-01-02", *(f"2024-{month:02}-11" for month in range(1, 13))]
    lines = []
    for _ in range(rows):
        time = (
            f"{chance.choice(days[: chance.choice((1, 2, 14))])}T{chance.randrange(3):02}:00:{chance.randrange(5):02}Z"
        )
        lines.append(f"u{chance.randrange(20)},{time},a{chance.randrange(2)},{chance.choice(TEXTS)}")
    return lines


def distinct_events(lines: list[str]) -> int:
    """The number of distinct events; texts 0 and 1 are equal metadata, and so are 3 and 4."""
    events = [(*line.split(",", 3)[:3], min(TEXTS.index(line.split(",", 3)[3]), 99)) for line in lines]
    return len({(*event, {1: 0, 4: 3}.get(text, text)) for *event, text in events})


@pytest.mark.slow
def test_a_log_larger_than_memory_gives_the_same_events(ingest_text, monkeypatch):
    lines = log(4_000, seed=1)
    whole = ingest_text(HEADER + "\n".join(lines))
    monkeypatch.setattr(day_partitioner, "CHUNK_BYTES", 10_000)
    monkeypatch.setattr(event_files, "PART_BYTES", 5_000)
    monkeypatch.setattr(event_files, "BATCH_ROWS", 64)
    monkeypatch.setattr("grupa_pipeline.ingest.reading.BATCH_ROWS", 256)
    cut = ingest_text(HEADER + "\n".join(lines))
    assert events_of(cut) == events_of(whole)
    assert (cut.rows_accepted, cut.rows_duplicate) == (distinct_events(lines), 4_000 - distinct_events(lines))
    assert (cut.first_event_at, cut.last_event_at) == (whole.first_event_at, whole.last_event_at)
    assert pq.ParquetFile(cut.event_files[date(2025, 1, 1)]).num_row_groups > 3
    more = ingest_text(HEADER + "\n".join([*lines[2_000:], "u1,2025-01-01T00:00:00Z,new,"]), earlier=(cut,))
    assert [event["action"] for event in events_of(more)] == ["new"]


@pytest.mark.slow
def test_events_do_not_depend_on_the_order_of_the_log(ingest_text):
    lines = log(2_000, seed=2)
    events = events_of(ingest_text(HEADER + "\n".join(lines)))
    keys = [(e["timestamp"].date(), e["user_id"], e["timestamp"], e["action"], e["metadata"] or "") for e in events]
    assert keys == sorted(keys)
    assert events == events_of(ingest_text(HEADER + "\n".join(sorted(lines))))
    assert events == events_of(ingest_text(HEADER + "\n".join(reversed(lines))))


def test_days_may_be_centuries_apart_and_texts_in_any_script(ingest_text):
    file = ingest_text(HEADER + "ж,1001-02-03,ß,\n😀,2025-01-01T23:59:59.999999Z,a,\nz,1969-12-31T23:59:59.5Z,a,\n")
    assert sorted(file.event_files) == [date(1001, 2, 3), date(1969, 12, 31), date(2025, 1, 1)]
    assert [event["timestamp"] for event in events_of(file)] == [
        datetime(1001, 2, 3),
        datetime(1969, 12, 31, 23, 59, 59, 500_000),
        datetime(2025, 1, 1, 23, 59, 59, 999_999),
    ]


def test_event_files_in_the_former_sort_order_are_still_read(ingest_text, tmp_path):
    file = ingest_text(HEADER + "u1,2025-01-01,a,x\nu2,2025-01-01,b,\n")
    [path] = file.event_files.values()
    former = pq.read_table(path).sort_by([("action", "descending")])
    pq.write_table(former, path, compression="snappy")
    more = ingest_text(HEADER + 'u2,2025-01-01,b,null\nu1,2025-01-01,a,"""x"""\nu3,2025-01-01,c,{}\n', earlier=(file,))
    assert [(event["user_id"], event["metadata"]) for event in events_of(more)] == [("u3", "{}")]
    both = [str(path), str(more.event_files[date(2025, 1, 1)])]
    assert duckdb.connect().execute(
        "SELECT typeof(any_value(metadata)), count(*) FROM read_parquet(?)", [both]
    ).fetchall() == [("JSON", 3)]
