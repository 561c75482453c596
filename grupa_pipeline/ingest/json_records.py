"""Reads JSON lines as records: one object a line, its members by the mapping of the log, all others in the metadata.

The members of an object under `properties` count as the line's own, one level deep; what is nested further stays JSON. Values
that are no object or list become text as they are written, as the columns of a CSV file are text.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from grupa_pipeline.ingest.column_mapping import ColumnMapping
from grupa_pipeline.ingest.columns import (
    RememberedMappings,
    ask_for_anonymous_id,
    ask_for_columns,
    find_mapping,
    missing_columns,
)
from grupa_pipeline.ingest.errors import RejectionReason, UnusableFileError
from grupa_pipeline.ingest.header import SAMPLED_RECORDS, HeaderLayout
from grupa_pipeline.ingest.records import schema, split_lines
from grupa_pipeline.ingest.source import MAX_RECORD, Scan

NESTED = "properties"
"""The member whose own members count as the line's."""
_BATCH = 4_096
_USER, _TIME, _ACTION, _METADATA, _EVENT_ID = range(5)
_BLANKS = re.compile(r"[ \t\r\n]*")
_WRAPPED = re.compile(rb'\{\s*(?:"[^"\\]*"\s*:\s*[^][{}]*,\s*)*?("[^"\\\']*")\s*:\s*\[\s*\{')
"""The start of an object down to the first list of objects in it."""
_CONTROL = re.compile(r"\\u00[01][0-9a-f]")


def _refuse(text: str) -> None:
    raise ValueError(text)


_decoder: Any = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse)  # its scanners have no types
_scan_value, _scan_string = _decoder.scan_once, _decoder.parse_string


@dataclass(frozen=True)
class _Member:
    """A value as text (None for null) and as it stands in the line; `is_nested` for an object or a list."""

    text: str | None
    raw: str
    is_nested: bool


_Members = dict[str, _Member]


def read_json_layout(scan: Scan, given: ColumnMapping | None, remembered: RememberedMappings) -> HeaderLayout:
    """The layout of JSON lines, from the members of the first lines.

    Raises:
        ColumnQuestionError: A person must say which members hold the fields.
        UnusableFileError: A given column is in none of the first lines.
    """
    samples = _samples(scan)
    names = list(samples)
    found = find_mapping(scan.name, names, given=given, remembered=remembered, samples=samples)
    if found is None:
        if given is not None:
            raise missing_columns(scan.name, given, names, None)
        _refuse_wrapped(scan)
        raise ask_for_columns(scan.name, names, samples, None)
    if not found.is_said and (question := ask_for_anonymous_id(scan.name, names, found.mapping, samples, None)):
        raise question
    event_id = None if found.mapping.event_id is None else _EVENT_ID
    return HeaderLayout(
        "", 5, (_USER,), _TIME, (_ACTION,), _METADATA, event_id, {}, 0, tuple(names), found, is_json=True
    )


def read_json_records(blocks: Iterable[bytes], layout: HeaderLayout, newline: bytes) -> Iterator[pa.RecordBatch]:
    """Read JSON lines; blank lines are skipped.

    Yields:
        Batches of `records.schema(layout)`: the columns are user id, timestamp, action, metadata as JSON, and event id.
    """
    rows: list[tuple[object, ...]] = []
    for number, line in enumerate(split_lines(blocks, newline), start=1):
        text = line.rstrip(b"\r\n")
        if not text.strip():
            continue
        rows.append((number, *_record(text, layout.found.mapping)))
        if len(rows) == _BATCH:
            yield _batch(rows, layout)
            rows = []
    if rows:
        yield _batch(rows, layout)


def _batch(rows: Sequence[tuple[object, ...]], layout: HeaderLayout) -> pa.RecordBatch:
    fields = schema(layout)
    columns = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), fields, strict=True)]
    return pa.record_batch(columns, fields)


def _record(line: bytes, mapping: ColumnMapping) -> tuple[str | None, ...]:
    """Raw text, problem, and the five columns of one line."""
    raw = line.decode(errors="replace")
    try:
        if len(line) > MAX_RECORD:
            raise _BadLineError(RejectionReason.TOO_LONG_RECORD)
        columns = _columns(_parse(line), mapping)
        if any(text is not None and "\0" in text for text in columns):
            raise _BadLineError(RejectionReason.NUL_BYTE)
        "".join(text or "" for text in columns).encode()
    except _BadLineError as bad:
        return raw, str(bad), *(None,) * 5
    except UnicodeEncodeError:  # an escaped half of a surrogate pair
        return raw, RejectionReason.BAD_ENCODING, *(None,) * 5
    return raw, None, *columns


class _BadLineError(Exception):
    """A line that is no record; the argument is its `RejectionReason`."""


def _parse(line: bytes) -> _Members:
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise _BadLineError(RejectionReason.BAD_ENCODING) from error
    try:
        members, end = _members(text, 0)
        if _after_blanks(text, end) != len(text):
            raise ValueError(text[end:])
        return members
    except (ValueError, StopIteration, IndexError, RecursionError) as error:
        reason = RejectionReason.NUL_BYTE if "\0" in text else RejectionReason.BAD_JSON
        raise _BadLineError(reason) from error


def _members(text: str, at: int) -> tuple[_Members, int]:
    """The members of the object at position `at`, and the position after it; of two with one name the last counts."""
    at = _after_blanks(text, at)
    if text[at] != "{":
        raise ValueError(text)
    at = _after_blanks(text, at + 1)
    members: _Members = {}
    if text[at] == "}":
        return members, at + 1
    while True:
        if text[at] != '"':
            raise ValueError(text)
        name, at = _scan_string(text, at + 1, True)
        at = _after_blanks(text, at)
        if text[at] != ":":
            raise ValueError(text)
        start = _after_blanks(text, at + 1)
        value, at = _scan_value(text, start)
        members[name] = _member(value, text[start:at])
        at = _after_blanks(text, at)
        if text[at] == "}":
            return members, at + 1
        if text[at] != ",":
            raise ValueError(text)
        at = _after_blanks(text, at + 1)


def _member(value: object, raw: str) -> _Member:
    if isinstance(value, dict | list):
        return _Member(raw, raw, is_nested=True)
    if isinstance(value, str) or value is None:  # numbers are parsed to their text
        return _Member(value, raw, is_nested=False)
    return _Member(raw, raw, is_nested=False)  # true and false


def _after_blanks(text: str, at: int) -> int:
    match = _BLANKS.match(text, at)
    return match.end() if match else at


def _nested(members: _Members) -> _Members:
    """The members of the nested object that are not hidden by the line's own; empty where there is none."""
    nested = members.get(NESTED)
    if nested is None or not nested.raw.startswith("{"):
        return {}
    inner, _ = _members(nested.raw, 0)
    return {name: member for name, member in inner.items() if name not in members}


def _columns(members: _Members, mapping: ColumnMapping) -> tuple[str | None, ...]:
    inner = _nested(members)
    by_word = {_word(name): member for name, member in (*reversed(inner.items()), *reversed(members.items()))}

    def text(column: str | None) -> str:
        member = by_word.get(_word(column)) if column is not None else None
        return (member.text or "") if member else ""

    user_id = next(filter(str.strip, map(text, mapping.user_ids)), "")
    action = next(filter(str.strip, map(text, mapping.actions)), "")
    named = (mapping.user_ids[0], mapping.timestamp, mapping.actions[0], mapping.event_id)
    metadata = _metadata(members, mapping, {_word(name) for name in named if name is not None})
    return user_id, text(mapping.timestamp), action, metadata, text(mapping.event_id)


def _metadata(members: _Members, mapping: ColumnMapping, used: set[str]) -> str:
    """The metadata as JSON: the object of the metadata's member, and all other members that are not used and not empty."""
    own_word = _word(mapping.metadata or NESTED)
    own_name = next((name for name in members if _word(name) == own_word), None)
    own = members.get(own_name) if own_name is not None else None
    others = {
        name: _json(member)
        for name, member in members.items()
        if name != own_name and _word(name) not in used and member.text
    }
    text = "" if own is None or own.text is None else own.text.strip(" \t\r\n")
    if text in ("", "null"):
        return _object(others) if others else ""
    inner = _object_members(text)
    if inner is None:
        value = text if own and own.is_nested else _as_json(text)
        return (
            _object({"metadata": value} | {name: raw for name, raw in others.items() if name != "metadata"})
            if others
            else text
        )
    taken = used - set(map(_word, members)) if own_word == NESTED else set()
    others = {name: raw for name, raw in others.items() if name not in inner}
    if taken.isdisjoint(map(_word, inner)):
        return (
            "{" + ",".join(filter(None, (text[1:-1].strip(" \t\r\n"), _object(others)[1:-1]))) + "}" if others else text
        )
    kept = {name: member.raw for name, member in inner.items() if _word(name) not in taken} | others
    return _object(kept) if kept else ""


def _object_members(text: str) -> _Members | None:
    try:
        members, end = _members(text, 0)
    except (ValueError, StopIteration, IndexError, RecursionError):
        return None
    return members if end == len(text) else None


def _word(name: str) -> str:
    return name.strip().lower()


def _json(member: _Member) -> str:
    return member.raw if member.is_nested else _string(member.text or "")


def _as_json(text: str) -> str:
    try:
        json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return _string(text)
    return text


def _object(members: dict[str, str]) -> str:
    return "{" + ",".join(f"{_string(name)}:{value}" for name, value in members.items()) + "}"


def _string(text: str) -> str:
    """A JSON string as DuckDB writes it."""
    written = json.dumps(text, ensure_ascii=False)
    return _CONTROL.sub(lambda match: match[0][:4] + match[0][4:].upper(), written) if "\\u00" in written else written


def _samples(scan: Scan) -> dict[str, list[str]]:
    """Values of each member in the first lines, in the order of their first appearance."""
    head = scan.head[: scan.head.rfind(scan.newline) + 1] or scan.head
    lines = [line.strip() for line in head.split(scan.newline)[: 5 * SAMPLED_RECORDS] if line.strip()]
    records: list[_Members] = []
    for line in lines[:SAMPLED_RECORDS]:
        try:
            members = _parse(line)
        except _BadLineError:
            continue
        records.append(members | _nested(members))
    names = dict.fromkeys(name for record in records for name in record)
    if not names:
        raise UnusableFileError(scan.name, "none of its first lines is a JSON object with members; export it again.", 1)
    return {name: [_sample(record.get(name)) for record in records] for name in names}


def _refuse_wrapped(scan: Scan) -> None:
    """Refuse a file that is one object with the records in a list inside it.

    Raises:
        UnusableFileError: It is, with the command that takes the list out.
    """
    head = scan.head.strip()
    found = _WRAPPED.match(head)
    if found is None or scan.newline in head:
        return
    name = json.loads(found[1])
    path = f".{name}[]" if name.isascii() and name.isidentifier() else f'.["{name}"][]'
    problem = (
        f"it is one JSON object with its records in a list under {name!r}; take them out: jq -c '{path}' {scan.name}"
    )
    raise UnusableFileError(scan.name, problem, 1)


def _sample(member: _Member | None) -> str:
    return (member.text or "") if member else ""
