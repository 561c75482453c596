"""Duplicates by event ids, within a log and across logs; and repeats in logs whose times cannot tell events apart."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from grupa_pipeline.ingest.ingest import IngestedFile, ingest_files
from grupa_pipeline.ingest.reading_options import ReadingOptions
from tests.grupa_pipeline.ingest.conftest import NOW, events_of

Ingest = Callable[..., IngestedFile]
HEADER = "user_id,timestamp,action,$insert_id,page\n"


def counts(file: IngestedFile) -> tuple[int, int]:
    return file.rows_accepted, file.rows_duplicate


def test_equal_id_user_and_action_is_a_duplicate_whatever_else_differs(ingest_text: Ingest) -> None:
    rows = [
        "u1,2025-01-01T10:00:00Z,open,a,x",
        "u1,2025-01-01T10:00:00Z,open,a,y",
        "u1,2025-01-03T10:00:05Z,open,a,x",
        "u2,2025-01-01T10:00:00Z,open,a,x",
        "u1,2025-01-01T10:00:00Z,close,a,x",
        "u1,2025-01-01T10:00:00Z,open,b,x",
        "u1,2025-01-01T10:00:00Z,open,,x",
        "u1,2025-01-01T10:00:00Z,open,,x",
    ]
    file = ingest_text(HEADER + "\n".join(rows))
    assert counts(file) == (5, 3)
    assert {(row["user_id"], row["action"], row.get("event_id")) for row in events_of(file)} == {
        ("u1", "open", "a"), ("u2", "open", "a"), ("u1", "close", "a"), ("u1", "open", "b"), ("u1", "open", None),
    }  # fmt: skip
    assert all(json.loads(row["metadata"]).keys() == {"page"} for row in events_of(file))


@pytest.mark.slow
@pytest.mark.parametrize("as_json", [False, True])
def test_an_overlapping_export_adds_only_new_ids(tmp_path: Path, as_json: bool) -> None:
    def write(name: str, rows: list[tuple[str, str, str]]) -> Path:
        path = tmp_path / name
        if as_json:
            lines = (
                json.dumps({"user_id": "u", "timestamp": at, "action": "a", "uuid": id_, "n": n}) for at, id_, n in rows
            )
            path.write_text("\n".join(lines))
        else:
            path.write_text(
                "user_id,timestamp,action,uuid,n\n" + "\n".join(f"u,{at},a,{id_},{n}" for at, id_, n in rows)
            )
        return path

    def ingest(path: Path, earlier: list[IngestedFile]) -> IngestedFile:
        stored = [file for each in earlier for file in each.event_files.values()]
        [file] = ingest_files(
            [path], tmp_path / "out", known=lambda day: stored, all_known=lambda: stored, known_sha256=set(), now=NOW
        )
        return file

    first = ingest(write("1", [("2025-01-01T10:00:00Z", "i1", "1"), ("2025-01-02T10:00:00Z", "i2", "1")]), [])
    later = write(
        "2",
        [("2025-01-05T10:00:00Z", "i2", "7"), ("2025-01-05T10:00:00Z", "i3", "1"), ("2025-01-01T10:00:00Z", "i9", "1")],
    )
    second = ingest(later, [first])
    assert (counts(first), counts(second)) == ((2, 0), (2, 1))
    assert {row["event_id"] for row in events_of(second)} == {"i3", "i9"}


def test_ids_of_events_of_an_earlier_release_are_in_their_metadata(tmp_path: Path) -> None:
    old = tmp_path / "old.parquet"
    duckdb.connect().sql(f"""COPY (SELECT 'u' AS user_id, TIMESTAMP '2025-01-01 10:00:00' AS timestamp, 'a' AS action,
                   '{{"$insert_id":"i1","page":"x"}}'::JSON AS metadata, 'sha' AS file_sha256) TO '{old}' (FORMAT parquet)""")
    log = tmp_path / "log.csv"
    log.write_text(
        HEADER + "u,2025-01-01T10:00:00Z,a,i1,x\nu,2025-01-01T10:00:01Z,a,i1,x\nu,2025-01-01T10:00:00Z,a,i2,x\n"
    )
    [file] = ingest_files(
        [log], tmp_path / "out", known=lambda day: [old], all_known=lambda: [old], known_sha256=set(), now=NOW
    )
    assert counts(file) == (1, 2)
    assert [row["event_id"] for row in events_of(file)] == ["i2"]


def test_a_column_that_is_no_id_of_events_stays_metadata_and_is_told(ingest_text: Ingest) -> None:
    rows = [f"u{n % 12},2025-01-{1 + n // 20:02}T10:{n % 60:02}:00Z,open,kind{n % 2}" for n in range(240)]
    content = "user_id,timestamp,action,event_id\n" + "\n".join(dict.fromkeys(rows))
    file = ingest_text(content)
    assert counts(file) == (len(set(rows)), 0)
    assert not any("event_id" in row for row in events_of(file))
    assert all(json.loads(row["metadata"])["event_id"].startswith("kind") for row in events_of(file))
    assert "event_id stands in many events of one user and action" in file.notes[0]
    given = ingest_text(content, columns="user_id=user_id,timestamp=timestamp,action=action,event_id=event_id")
    assert given.rows_accepted == 12


DAYS = "user_id,timestamp,action\n" + "u1,2024-01-01,click\n" * 4 + "u1,2024-01-01,view\n" + "u2,2024-01-02,click\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "options", "accepted", "said"),
    [
        (DAYS, {}, 6, "3 rows repeat an earlier one, and its times have no hours"),
        (DAYS, {"repeats": "drop"}, 3, None),
        (DAYS, {"repeats": "keep"}, 6, None),
        (DAYS.replace(",click", " 10:30,click"), {}, 6, "its times have no seconds"),
        (DAYS.replace("2024-01-01", "2024-01-01T10:00:00Z"), {}, 3, None),
        (DAYS.replace("2024-01-01", "2024-01-01T10:00:00Z"), {"repeats": "keep"}, 6, None),
        (DAYS.replace("2024-01-01", "1704103200").replace("2024-01-02", "1704103200"), {}, 3, None),
        (DAYS.replace("2024-01-0", "0").replace("1,c", "1/01/24,c").replace("1,v", "1/01/24,v").replace("2,c", "2/01/24,c"),
         {"timestamp_format": "%d/%m/%y"}, 6, "no hours"),
    ],
)  # fmt: skip
def test_repeats_are_kept_where_times_cannot_tell_events_apart(
    ingest_text: Ingest, content: str, options: dict, accepted: int, said: str | None
) -> None:
    file = ingest_text(content, **options)
    assert counts(file) == (accepted, 6 - accepted)
    assert (said is None and file.notes == ()) or (said is not None and said in file.notes[0])


def test_across_files_a_repeat_counts_as_often_as_in_the_file_with_most(ingest_text: Ingest) -> None:
    row = "u1,2024-01-01,click\n"
    header = "user_id,timestamp,action\n"
    first = ingest_text(header + 3 * row)
    second = ingest_text(header + 5 * row + "u2,2024-01-01,x\n", earlier=(first,))
    third = ingest_text(header + 4 * row + "u3,2024-01-01,x\n", earlier=(first, second))
    assert [counts(file) for file in (first, second, third)] == [(3, 0), (3, 3), (1, 4)]


def test_a_mapping_that_was_given_is_returned_with_the_columns(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("who,when,what\nu,2025-01-01T10:00:00Z,a\n")
    options = ReadingOptions.of({"columns": "user_id=who,timestamp=when,action=what"})
    [file] = ingest_files([path], tmp_path / "out", known=lambda day: [], known_sha256=set(), now=NOW, options=options)
    assert (file.columns, str(file.given_mapping)) == (
        ("who", "when", "what"),
        "user_id=who,timestamp=when,action=what",
    )
    assert pq.read_schema(file.event_files[date(2025, 1, 1)]).names[-1] == "event_id"
