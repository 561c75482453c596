"""JSON that is not one object a line: lists of objects, and objects with line breaks inside."""

import json
from collections.abc import Callable

import pytest

from grupa_pipeline.ingest.errors import UnusableFileError
from grupa_pipeline.ingest.ingest import IngestedFile
from grupa_pipeline.ingest.json_documents import is_document, one_object_a_line
from tests.grupa_pipeline.ingest.conftest import events_of, rejections

RECORDS = [
    {
        "user_id": f"u{number}",
        "timestamp": f"2025-01-0{number + 1}T10:00:00Z",
        "action": 'a{"}\\',
        "note": {"deep": [1, {"x": "]}"}]},
    }
    for number in range(5)
]
LINES = [json.dumps(record) for record in RECORDS]
DOCUMENTS = {
    "a list in one line": json.dumps(RECORDS),
    "a list over many lines": json.dumps(RECORDS, indent=2),
    "a list with an object a line": "[" + ",\n".join(LINES) + "]\n",
    "objects over many lines": "\n".join(json.dumps(record, indent=2) for record in RECORDS),
    "lines that end in commas": ",\n".join(LINES),
    "Windows line ends": json.dumps(RECORDS, indent=2).replace("\n", "\r\n"),
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_a_json_document_is_read_as_json_lines_are(ingest_text: Callable[..., IngestedFile], document: str) -> None:
    expected = events_of(ingest_text("\n".join(LINES), name="log.jsonl"))
    file = ingest_text(document, name="log.json")
    assert (file.rows_read, file.rows_accepted) == (5, 5)
    assert [event | {"metadata": None} for event in events_of(file)] == [
        event | {"metadata": None} for event in expected
    ]
    assert [json.loads(event["metadata"]) for event in events_of(file)] == [
        {"note": record["note"]} for record in RECORDS
    ]


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_objects_are_found_wherever_the_text_is_cut(document: str, size: int) -> None:
    text = document.encode()
    rewritten = b"".join(one_object_a_line((text[at : at + size] for at in range(0, len(text), size)), 10_000))
    assert [json.loads(line) for line in rewritten.splitlines() if line.strip()] == RECORDS


def test_what_cannot_be_read_is_rejected_with_the_line_in_which_it_starts(
    ingest_text: Callable[..., IngestedFile],
) -> None:
    good = json.dumps(RECORDS[0], indent=1)
    document = f'[\n{good},\n{{"user_id": oops}},\nstray words,\n{json.dumps(RECORDS[1], indent=1)},\n{{"user_id": "cut'
    file = ingest_text(document, name="log.json")
    assert (file.rows_read, file.rows_accepted) == (5, 2)
    lines = document.split("\n")
    starts = [
        next(number for number, line in enumerate(lines, 1) if word in line) for word in ("oops", "stray", '"cut')
    ]
    assert [number for number, _ in rejections(file)] == starts


def test_a_log_of_json_lines_is_no_document() -> None:
    assert not is_document("\n".join(LINES).encode())
    assert not is_document(b'["user_id", "timestamp", "action"]\n')
    assert not is_document(b"user_id,timestamp,action\n")


def test_a_record_that_is_too_long_is_one_record(ingest_text: Callable[..., IngestedFile]) -> None:
    document = json.dumps([RECORDS[0], {"user_id": "x" * (3 << 20)}, RECORDS[1]])
    file = ingest_text(document, name="log.json")
    assert (file.rows_read, file.rows_accepted, [reason for _, reason in rejections(file)]) == (
        3,
        2,
        ["too_long_record"],
    )


def test_objects_are_not_proposed_as_ids(ingest_text: Callable[..., IngestedFile]) -> None:
    lines = "\n".join(
        json.dumps({"user": {"id": 1}, "timestamp": "2025-01-01T10:00:00Z", "event": "a"}) for _ in range(3)
    )
    with pytest.raises(UnusableFileError, match="say which one holds the user_id: --columns user_id=COLUMN"):
        ingest_text(lines, name="log.jsonl")
