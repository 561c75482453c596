"""Quotes inside quoted fields: doubled, or after a backslash where that is the file's habit."""

import json

import pytest

from grupa_pipeline.ingest.quoting import BACKSLASH, DOUBLED, escape_of
from tests.grupa_pipeline.ingest.conftest import HEADER, events_of, rejections

TEXT = r'{"plan":"pro","path":"C:\\dir","say":"a \"b\""}'


def row(number: int, field: str) -> str:
    return f'"u{number}","2025-01-01 10:00:{number:02}","view","{field}"\n'


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


@pytest.mark.slow
@pytest.mark.parametrize("write", [escaped, lambda text: text.replace('"', '""')], ids=["backslash", "doubled"])
@pytest.mark.parametrize(
    "damage", ["", "u9,2025-01-01\n", '"u9","2025-01-01","vi\new",""\n'], ids=["sound", "short", "line break"]
)
def test_quotes_are_read_as_the_log_writes_them(write, damage, ingest_text):
    file = ingest_text(HEADER + row(1, write(TEXT)) + row(2, "") + damage + row(3, write('{"a":"x"}')))
    metadata = [event["metadata"] for event in events_of(file) if event["user_id"] != "u9"]
    assert [value and json.loads(value) for value in metadata] == [json.loads(TEXT), None, {"a": "x"}]
    assert len(rejections(file)) == (damage == "u9,2025-01-01\n")


def test_a_backslash_at_the_end_of_a_field_is_no_habit():
    lines = ['"u1","C:\\dir\\"', '"u2","C:\\"']
    assert escape_of(lines, ",", 2) == DOUBLED
    assert escape_of([*lines, *['"u3","{\\"a\\":1}"'] * 3], ",", 2) == BACKSLASH
