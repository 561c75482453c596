"""DuckDB's side of `tables.py`: create the tables with their comments, and point views at Parquet files.

Also the schema version of a file and the forward migrations to it. Nothing here decides what is in a table.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import duckdb

from grupa_pipeline.tables import PUBLISHED_FILES, Table

SCHEMA_VERSION = 1


class NewerSchemaError(RuntimeError):
    """The file was written by a later grupa than this one."""


def ensure_tables(con: duckdb.DuckDBPyConnection, tables: Sequence[Table]) -> None:
    """Create what is missing of `tables` in the file behind `con`, and bring an older file up to this schema version.

    Raises:
        NewerSchemaError: A later version of grupa wrote the file.
    """
    con.execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")
    [(found,)] = con.execute("SELECT max(version) FROM schema_version").fetchall()
    if found is not None and found > SCHEMA_VERSION:
        raise NewerSchemaError(
            f"The file has schema version {found}, this grupa knows {SCHEMA_VERSION}; install a newer one."
        )
    for table in tables:
        if table.storage == "rows":
            _ensure_table(con, table)
        elif not _columns_of(con, table.name):
            show_files(con, table, [])
    if found != SCHEMA_VERSION:
        con.execute("DELETE FROM schema_version")
        con.execute("INSERT INTO schema_version VALUES (?)", [SCHEMA_VERSION])


def show_files(con: duckdb.DuckDBPyConnection, table: Table, files: Sequence[Path]) -> None:
    """Make the view `table` show the rows of the Parquet `files` (absolute paths, which is all that a view can hold)."""
    typed = ", ".join(f'"{column.name}"::{column.type} AS "{column.name}"' for column in table.columns)
    if files:
        names = ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)
        listed = ", ".join(f'"{column.name}"' for column in table.columns)
        others = f", * EXCLUDE ({listed})" if table.open_ended else ""
        query = f"SELECT {typed}{others} FROM read_parquet([{names}], union_by_name = {str(table.open_ended).lower()})"
    else:
        empty = ", ".join(f'NULL::{column.type} AS "{column.name}"' for column in table.columns)
        query = f"SELECT {empty} WHERE false"
    con.execute(f"CREATE OR REPLACE VIEW {table.name} AS {query}")
    _comment(con, table, "VIEW")


def show_published_files(con: duckdb.DuckDBPyConnection, folder: Path, tables: Sequence[Table]) -> None:
    """Point the views of `tables` at the files named in `published_files`, under the warehouse `folder`."""
    for table in tables:
        if table.storage == "parquet":
            rows = con.execute(
                f"SELECT path FROM {PUBLISHED_FILES.name} WHERE table_name = ? AND path IS NOT NULL ORDER BY day, path",
                [table.name],
            ).fetchall()
            show_files(con, table, [folder / path for (path,) in rows])


def shown_folder(con: duckdb.DuckDBPyConnection, tables: Sequence[Table]) -> Path | None:
    """The warehouse whose files the views show; None where they show none. Not the file's own after a move or a copy."""
    views = [table.name for table in tables if table.storage == "parquet"]
    for (text,) in con.execute("SELECT sql FROM duckdb_views() WHERE list_contains(?, view_name)", [views]).fetchall():
        found = re.search(r"'((?:[^']|'')*)/data/", text)
        if found:
            return Path(found[1].replace("''", "'"))
    return None


def _ensure_table(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    present = _columns_of(con, table.name)
    if not present:
        columns = ", ".join(f'"{column.name}" {column.type}' for column in table.columns)
        con.execute(f"CREATE TABLE {table.name} ({columns})")
    for column in table.columns:
        if present and column.name not in present:
            con.execute(f'ALTER TABLE {table.name} ADD COLUMN "{column.name}" {column.type}')
    if set(table.column_names) - present:
        _comment(con, table, "TABLE")


def _comment(con: duckdb.DuckDBPyConnection, table: Table, kind: str) -> None:
    con.execute(f"COMMENT ON {kind} {table.name} IS {_quoted(table.comment)}")
    for column in table.columns:
        con.execute(f'COMMENT ON COLUMN {table.name}."{column.name}" IS {_quoted(column.comment)}')


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _columns_of(con: duckdb.DuckDBPyConnection, name: str) -> set[str]:
    rows = con.execute("SELECT column_name FROM information_schema.columns WHERE table_name = ?", [name]).fetchall()
    return {column for (column,) in rows}
