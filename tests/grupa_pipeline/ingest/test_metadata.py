"""Metadata and extra columns are combined into JSON."""

import json

import pytest

from tests.grupa_pipeline.ingest.conftest import HEADER, events_of


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("null", None),
        ('"{""a"":null}"', {"a": None}),
        ("hello", "hello"),
        ("[1]", [1]),
        ("NaN", "NaN"),
        ('"{""a"":1,}"', '{"a":1,}'),
        ('"{""a"":""1,]""}"', {"a": "1,]"}),
    ],
)
def test_metadata_is_json_or_becomes_a_json_string(ingest_text, text, expected):
    [event] = events_of(ingest_text(HEADER + f"u1,2025-01-01,a,{text}\n"))
    assert (event["metadata"] and json.loads(event["metadata"])) == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {"plan": "x", "a b": 'q"'}),
        ('" {""plan"":""own""} "', {"plan": "own", "a b": 'q"'}),
        ("{}", {"plan": "x", "a b": 'q"'}),
        ("word", {"metadata": "word", "plan": "x", "a b": 'q"'}),
        ("[1]", {"metadata": [1], "plan": "x", "a b": 'q"'}),
    ],
)
def test_extra_columns_become_keys_unless_the_object_has_them(ingest_text, text, expected):
    file = ingest_text(f'plan,user_id,timestamp,action,metadata,a b,empty\nx,u1,2025-01-01,a,{text},"q""",\n')
    assert json.loads(events_of(file)[0]["metadata"]) == expected
