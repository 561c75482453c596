"""What a GraphQL document asks for: its levels and fields, however they are spread over fragments."""

import json

import pytest

from grupa.cli.graphql_roles import MAX_FIELDS, MAX_LEVELS, is_too_large


def body(query: str) -> bytes:
    return json.dumps({"query": query}).encode()


def nested(levels: int) -> str:
    return "{ a " * levels + "}" * levels


DOUBLING = "".join(f"fragment f{n} on T {{ x {{ ...f{n + 1} }} y {{ ...f{n + 1} }} }} " for n in range(20))
DEEP = "".join(f"fragment f{n} on T {{ x {{ ...f{n + 1} }} }} " for n in range(60))


@pytest.mark.parametrize(
    ("query", "is_large"),
    [
        (nested(MAX_LEVELS), False),
        (nested(MAX_LEVELS + 1), True),
        (nested(150), True),
        ("{ " + "a " * MAX_FIELDS + "}", False),
        ("{ " + "a " * (MAX_FIELDS + 1) + "}", True),
        (f"{{ ...f0 }} {DOUBLING} fragment f20 on T {{ z }}", True),
        (f"{{ ...f0 }} {DEEP} fragment f60 on T {{ z }}", True),
        ("{ ...f } fragment f on T { a { ...f } }", False),
        ("query q { a { ... on T { b } ...g } } fragment g on T { c }", False),
        ("{ a", False),
    ],
    ids=range(10),
)
def test_a_document_is_bounded_in_levels_and_fields(query: str, is_large: bool) -> None:
    assert is_too_large(body(query)) == is_large


@pytest.mark.parametrize("content", [b"", b"[]", b"7", b"{}", b'{"query": 7}', b"\xff"])
def test_what_is_no_document_is_left_to_the_server(content: bytes) -> None:
    assert not is_too_large(content)
