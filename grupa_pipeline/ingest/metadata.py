"""Combines a record's metadata and extra columns into one JSON text, and compares such texts by canonical form.

SQL expressions, with Python functions where DuckDB's JSON reader is too lenient.
"""

import json
from typing import Any

import duckdb
import pyarrow as pa
from duckdb.func import PythonUDFType
from duckdb.sqltypes import BOOLEAN, VARCHAR

from grupa_pipeline.ingest.header import HeaderLayout
from grupa_pipeline.sql import quoted

_LENIENT = r"(?i)(^|[:,\[])\s*-?(nan|inf)|,\s*[\]}]"
"""Matches text that DuckDB's JSON reader may accept though it is not JSON: NaN, Infinity, trailing commas."""


def register_functions(con: duckdb.DuckDBPyConnection) -> None:
    """Make `is_json(text)` and `canonical_json(text)` callable in SQL on `con`."""
    con.create_function("is_json", _is_json, [VARCHAR], BOOLEAN, type=PythonUDFType.ARROW)
    con.create_function("canonical_json", _canonical_json, [VARCHAR], VARCHAR, type=PythonUDFType.ARROW)


def canonical_json(text: str | None) -> str | None:
    """Canonical form: keys sorted, no spaces, escapes resolved, numbers as written; other text is unchanged.

    A text that is itself an object or a list counts as that, and the members of an object under `properties` as the object's
    own: earlier releases stored both as text.
    """
    return None if text is None else _parsed(text) or text


def normalized_texts(con: duckdb.DuckDBPyConnection, layout: HeaderLayout, texts: pa.Array) -> pa.Array:
    """JSON of texts of the metadata column, in order; empty for no metadata. Unchanged if columns were merged."""
    if layout.extras:
        return texts
    with con.cursor() as cursor:
        cursor.register("texts", pa.table({"text": texts}))
        validated = cursor.sql(f"SELECT coalesce({_own_sql('text')}, '') AS validated FROM texts").to_arrow_table()
    return validated["validated"].combine_chunks()


def own_metadata_sql(layout: HeaderLayout) -> str:
    """SQL for the metadata column as JSON, to be merged; NULL when it is empty."""
    if layout.metadata is None:
        return "CAST(NULL AS VARCHAR)"
    column = f"c{layout.metadata}"
    return f"trim({_own_sql(column)}, ' \t\r\n')"  # merging reads its first and last character


def _own_sql(text: str) -> str:
    """SQL for `text` itself if it is JSON, else a JSON string of it; NULL if it is empty."""
    return (
        f"CASE WHEN json_valid({text}) AND (NOT regexp_matches({text}, '{_LENIENT}') OR is_json({text})) "
        f"THEN CASE WHEN strlen({text}) > 16 OR trim({text}, ' \t\r\n') <> 'null' THEN {text} END "
        f"WHEN trim({text}, ' \t\r\n') <> '' THEN CAST(to_json({text}) AS VARCHAR) END"
    )


def own_keys_sql(own: str) -> str:
    """SQL for the keys that the metadata column (`own`, an expression) uses; extra columns must not reuse them."""
    return f"CASE WHEN {own}[1] = '{{' THEN json_keys({own}) WHEN {own} IS NOT NULL THEN ['metadata'] ELSE [] END"


def merged_metadata_sql(layout: HeaderLayout, own: str, own_keys: str) -> str:
    """SQL for the metadata with non-empty extra columns as keys; a value that is no object gets the key `metadata`.

    Args:
        layout: Layout with at least one extra column.
        own: Expression of the metadata column, from `own_metadata_sql`.
        own_keys: Expression of its keys, from `own_keys_sql`.
    """
    members = [
        f"CASE WHEN c{column} <> '' AND NOT list_contains({own_keys}, {quoted(key)}) "
        f"THEN {quoted(json.dumps(key, ensure_ascii=False) + ':')} || {_value_sql(f'c{column}')} END"
        for column, key in layout.extras.items()
    ]
    inner = f"CASE WHEN {own}[1] = '{{' THEN nullif(trim({own}[2:-2], ' \t\r\n'), '') ELSE '\"metadata\":' || {own} END"
    merged = f"concat_ws(',', {inner}, {', '.join(members)})"
    return f"CASE WHEN {own} IS NULL AND {merged} = '' THEN '' ELSE '{{' || {merged} || '}}' END"


def _value_sql(text: str) -> str:
    """SQL for an extra column's value: an object or a list is JSON, any other value text."""
    nested = f"{text}[1] IN ('{{', '[') AND json_valid({text}) AND is_json({text})"
    return f"CASE WHEN {nested} THEN {text} ELSE CAST(to_json({text}) AS VARCHAR) END"


def _is_json(texts: pa.Array) -> pa.Array:
    return pa.array([text is not None and _parsed(text) is not None for text in texts.to_pylist()], pa.bool_())


def _canonical_json(texts: pa.Array) -> pa.Array:
    return pa.array([canonical_json(text) for text in texts.to_pylist()], pa.string())


def _parsed(text: str) -> str | None:
    """The canonical text; None when `text` is not JSON by RFC 8259 or is nested too deeply to parse."""
    try:
        return json.dumps(_unfolded(_loads(text)), sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError):
        return None


def _loads(text: str) -> Any:
    return json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_refuse)


def _unfolded(value: Any) -> Any:
    """`value` with its members that are texts of objects or lists as these, and those of `properties` as its own."""
    if not isinstance(value, dict):
        return value
    members = {name: _nested(member) for name, member in value.items()}
    properties = members.get("properties")
    if isinstance(properties, dict):
        del members["properties"]
        members = properties | members
    return members


def _nested(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return _loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _number(text: str) -> str:
    return "\0" + text  # JSON strings cannot contain a raw NUL, so numbers never equal strings


def _refuse(text: str) -> str:
    raise ValueError(text)
