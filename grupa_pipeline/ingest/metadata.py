"""What becomes of a record's other fields: one JSON text, and when two such texts say the same.

SQL expressions, and Python for what DuckDB's JSON reader is too lenient for.
"""

import json

import duckdb
import pyarrow as pa
from duckdb.func import PythonUDFType
from duckdb.sqltypes import BOOLEAN, VARCHAR

from grupa_pipeline.ingest.header import HeaderLayout
from grupa_pipeline.sql import quoted

_LENIENT = r"(?i)(^|[:,\[])\s*-?(nan|inf)|,\s*[\]}]"
"""Where DuckDB's JSON reader may accept what is not JSON: NaN, Infinity, a comma before a closing bracket."""


def register_functions(con: duckdb.DuckDBPyConnection) -> None:
    """Make `is_json(text)` and `canonical_json(text)` callable in SQL on `con`."""
    con.create_function("is_json", _is_json, [VARCHAR], BOOLEAN, type=PythonUDFType.ARROW)
    con.create_function("canonical_json", _canonical_json, [VARCHAR], VARCHAR, type=PythonUDFType.ARROW)


def canonical_json(text: str | None) -> str | None:
    """Equal for texts that say the same: keys in order, no spaces, escapes resolved, numbers as they were written."""
    return None if text is None else _parsed(text) or text


def normalized_texts(con: duckdb.DuckDBPyConnection, layout: HeaderLayout, texts: pa.Array) -> pa.Array:
    """What becomes of texts of the metadata column, one for each; empty when there is nothing. Merged ones stay."""
    if layout.extras:
        return texts
    with con.cursor() as own:
        own.register("texts", pa.table({"text": texts}))
        validated = own.sql(f"SELECT coalesce({_own_sql('text')}, '') AS validated FROM texts").to_arrow_table()
    return validated["validated"].combine_chunks()


def own_metadata_sql(layout: HeaderLayout) -> str:
    """The metadata column's text, for merging: JSON, or NULL when there is nothing."""
    if layout.metadata is None:
        return "CAST(NULL AS VARCHAR)"
    column = f"c{layout.metadata}"
    return f"trim({_own_sql(column)}, ' \t\r\n')"  # merging looks at its first and last character


def _own_sql(text: str) -> str:
    """`text` as it is when it is JSON, as a JSON string when not, NULL when there is nothing."""
    return (
        f"CASE WHEN json_valid({text}) AND (NOT regexp_matches({text}, '{_LENIENT}') OR is_json({text})) "
        f"THEN CASE WHEN strlen({text}) > 16 OR trim({text}, ' \t\r\n') <> 'null' THEN {text} END "
        f"WHEN trim({text}, ' \t\r\n') <> '' THEN CAST(to_json({text}) AS VARCHAR) END"
    )


def own_keys_sql(own: str) -> str:
    """The keys that the own metadata (an expression) takes, so that no extra column may: a list of text."""
    return f"CASE WHEN {own}[1] = '{{' THEN json_keys({own}) WHEN {own} IS NOT NULL THEN ['metadata'] ELSE [] END"


def merged_metadata_sql(layout: HeaderLayout, own: str, own_keys: str) -> str:
    """The metadata with the record's filled extra columns as keys; what is no object goes under `metadata`.

    Args:
        layout: Which columns are extra; some are.
        own: Expression of the own metadata, as `own_metadata_sql` gives it.
        own_keys: Expression of its keys, as `own_keys_sql` gives them.
    """
    members = [
        f"CASE WHEN c{column} <> '' AND NOT list_contains({own_keys}, {quoted(key)}) "
        f"THEN {quoted(json.dumps(key, ensure_ascii=False) + ':')} || CAST(to_json(c{column}) AS VARCHAR) END"
        for column, key in layout.extras.items()
    ]
    inner = f"CASE WHEN {own}[1] = '{{' THEN nullif(trim({own}[2:-2], ' \t\r\n'), '') ELSE '\"metadata\":' || {own} END"
    merged = f"concat_ws(',', {inner}, {', '.join(members)})"
    return f"CASE WHEN {own} IS NULL AND {merged} = '' THEN '' ELSE '{{' || {merged} || '}}' END"


def _is_json(texts: pa.Array) -> pa.Array:
    return pa.array([text is not None and _parsed(text) is not None for text in texts.to_pylist()], pa.bool_())


def _canonical_json(texts: pa.Array) -> pa.Array:
    return pa.array([canonical_json(text) for text in texts.to_pylist()], pa.string())


def _parsed(text: str) -> str | None:
    """The canonical text, or None when `text` is not JSON as RFC 8259 has it (or too deep to be anyone's metadata)."""
    try:
        value = json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_refuse)
        return json.dumps(value, sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError):
        return None


def _number(text: str) -> str:
    return "\0" + text  # no string of a JSON text holds a raw NUL, so a number never equals a string


def _refuse(text: str) -> str:
    raise ValueError(text)
