"""DuckDB's side of `tables.py`: create the tables with their comments, and point views at Parquet files.

Also the shape of the pipeline's file and the steps to it from older ones. Nothing here decides what is in a table.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import duckdb

from grupa_pipeline.sql import exactly, from_pattern, quoted
from grupa_pipeline.storage.feature_catalog_migration import FAMILY, SUBJECT
from grupa_pipeline.storage.migrations import SchemaVersion, migrate
from grupa_pipeline.storage.rule_migration import fill_rule_conditions
from grupa_pipeline.tables import CLUSTERS, FEATURE_CATALOG, PIPELINE_TABLES, PUBLISHED_FILES, Table


def ensure_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Create the pipeline's tables in the file behind `con` when it is empty, and bring an older file to today's shape.

    Raises:
        NewerFileError: A later version of grupa wrote the file.
    """
    migrate(con, CURRENT)


def show_files(con: duckdb.DuckDBPyConnection, table: Table, files: Sequence[Path]) -> None:
    """Make the view `table` show the rows of the Parquet `files` (absolute paths, which is all that a view can hold)."""
    typed = ", ".join(f'"{column.name}"::{column.type} AS "{column.name}"' for column in table.columns)
    if files:
        names = ", ".join(map(exactly, files))
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
            return from_pattern(found[1].replace("''", "'"))
    return None


def rebuild(con: duckdb.DuckDBPyConnection, table: Table, **filled: str) -> None:
    """For a step to a later shape: make `table` as it is today and keep its rows, each column under its name.

    A column that was not there is NULL, or what `filled` says, an SQL expression over the columns before. Views show no files
    until they are shown again.
    """
    if table.storage == "parquet":
        show_files(con, table, [])
        return
    before = f"{table.name}_before"
    present = _columns_of(con, table.name)
    con.execute(f"ALTER TABLE {table.name} RENAME TO {before}")
    _create_table(con, table)
    kept = [f'"{name}"' for name in table.column_names if name in present and name not in filled]
    made = [f'{expression} AS "{name}"' for name, expression in filled.items()]
    con.execute(f"INSERT INTO {table.name} BY NAME SELECT {', '.join(kept + made)} FROM {before}")
    con.execute(f"DROP TABLE {before}")


def _create(con: duckdb.DuckDBPyConnection) -> None:
    for table in PIPELINE_TABLES:
        if table.storage == "rows":
            _create_table(con, table)
        else:
            show_files(con, table, [])


def _create_table(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    columns = ", ".join(f'"{column.name}" {column.type}' for column in table.columns)
    con.execute(f"CREATE TABLE {table.name} ({columns})")
    _comment(con, table, "TABLE")


def _comment(con: duckdb.DuckDBPyConnection, table: Table, kind: str) -> None:
    con.execute(f"COMMENT ON {kind} {table.name} IS {quoted(table.comment)}")
    for column in table.columns:
        con.execute(f'COMMENT ON COLUMN {table.name}."{column.name}" IS {quoted(column.comment)}')


def _columns_of(con: duckdb.DuckDBPyConnection, name: str) -> set[str]:
    rows = con.execute("SELECT column_name FROM information_schema.columns WHERE table_name = ?", [name]).fetchall()
    return {column for (column,) in rows}


def _to_version_2(con: duckdb.DuckDBPyConnection) -> None:
    """Features have a family and a subject, and the rules of clusters are conditions."""
    rebuild(con, FEATURE_CATALOG, family=FAMILY, subject=SUBJECT)
    rebuild(con, CLUSTERS)
    fill_rule_conditions(con)


CURRENT = SchemaVersion("grupa.duckdb", _create, (_to_version_2,))
"""Today's shape. Who changes tables.py adds a step here, most often a `rebuild` of what changed, and freezes the new shape:
`python -m tests.grupa_pipeline.storage.released` writes it, and a test compares."""
