"""Reads a Parquet file as records: every column as text, nested ones as JSON; the line of a record is its row, from 1."""

import json

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from grupa_pipeline.ingest.column_mapping import ColumnMapping
from grupa_pipeline.ingest.columns import (
    RememberedMappings,
    ask_for_anonymous_id,
    ask_for_columns,
    find_mapping,
    missing_columns,
)
from grupa_pipeline.ingest.errors import RejectionReason, UnusableFileError
from grupa_pipeline.ingest.header import MAX_COLUMNS, SAMPLED_RECORDS, HeaderLayout, layout_of
from grupa_pipeline.ingest.source import Scan
from grupa_pipeline.sql import exactly


def read_parquet_layout(
    con: duckdb.DuckDBPyConnection, scan: Scan, given: ColumnMapping | None, remembered: RememberedMappings
) -> HeaderLayout:
    """The layout of a Parquet file, from its schema.

    Raises:
        ColumnQuestionError: A person must say which columns hold the fields.
        UnusableFileError: The file is damaged or has no columns for the fields.
    """
    try:
        names = pq.read_schema(scan.path).names
    except (pa.ArrowException, OSError) as error:
        raise damaged(scan, error) from error
    if len(names) > MAX_COLUMNS:
        problem = f"it has {len(names):,} columns, more than {MAX_COLUMNS:,}; keep the ones that matter."
        raise UnusableFileError(scan.name, problem)
    samples = first_values(con, scan, names)
    found = find_mapping(scan.name, names, given=given, remembered=remembered, samples=samples)
    if found is None:
        if given is not None:
            raise missing_columns(scan.name, given, names, None)
        raise ask_for_columns(scan.name, names, samples, None)
    if not found.is_said and (question := ask_for_anonymous_id(scan.name, names, found.mapping, samples, None)):
        raise question
    return layout_of(scan.name, names, found, "", None)


def parquet_records_sql(con: duckdb.DuckDBPyConnection, scan: Scan) -> str:
    """SQL for the relation of the records: line_number, raw (the row as JSON), problem, then c0, c1, ... as text.

    Raises:
        UnusableFileError: The file is damaged.
    """
    types = _types(con, scan)
    columns = ", ".join(f"x{position}" for position in range(len(types)))
    texts = [_text(f"x{position}", kind) for position, kind in enumerate(types)]
    strings = [f"x{position}" for position, kind in enumerate(types) if kind == "VARCHAR"]
    has_nul = " OR ".join(f"contains(coalesce({name}, ''), chr(0))" for name in strings) or "false"
    fields = ", ".join(f"coalesce({text}, '') AS c{position}" for position, text in enumerate(texts))
    return (
        f"(SELECT row_number + 1 AS line_number, CAST(to_json([{', '.join(texts)}]) AS VARCHAR) AS raw, "
        f"CASE WHEN {has_nul} THEN '{RejectionReason.NUL_BYTE}' END AS problem, {fields} "
        f"FROM read_parquet({exactly(scan.path)}, file_row_number = true) AS records({columns}, row_number))"
    )


def first_values(con: duckdb.DuckDBPyConnection, scan: Scan, names: list[str]) -> dict[str, list[str]]:
    """Values of each column in the first rows.

    Raises:
        UnusableFileError: The file is damaged.
    """
    columns = ", ".join(f"c{position}" for position in range(len(names)))
    relation = parquet_records_sql(con, scan)
    try:
        rows = con.execute(f"SELECT {columns} FROM {relation} LIMIT {SAMPLED_RECORDS}").fetchall()
    except duckdb.Error as error:
        raise damaged(scan, error) from error
    return {name: [row[position] for row in rows] for position, name in enumerate(names)}


def parquet_field(raw: str, position: int) -> str | None:
    """A field of a rejected record from its stored text; None where that was cut."""
    try:
        fields: list[str | None] = json.loads(raw)
    except ValueError:
        return None
    return fields[position]


def damaged(scan: Scan, error: Exception) -> UnusableFileError:
    """The error for a Parquet file that cannot be read."""
    reason = str(error).splitlines()[0][:200]
    return UnusableFileError(scan.name, f"its Parquet data cannot be read ({reason}); export or copy it again.")


def _types(con: duckdb.DuckDBPyConnection, scan: Scan) -> list[str]:
    try:
        described = con.execute(f"DESCRIBE SELECT * FROM read_parquet({exactly(scan.path)})").fetchall()
    except duckdb.Error as error:
        raise damaged(scan, error) from error
    return [str(kind) for _, kind, *_ in described]


def _text(column: str, kind: str) -> str:
    """SQL for a column as text; what is nested as JSON."""
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION")):
        return f"CASE WHEN {column} IS NOT NULL THEN CAST(to_json({column}) AS VARCHAR) END"
    return f"CAST({column} AS VARCHAR)"
