"""The DuckDB side of `tables.py`: creates the tables with their comments, and views of Parquet files.

Also the schema version of the pipeline's file, with the migration steps from older ones. Writes no rows.
"""

import logging
import re
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from grupa_pipeline.sql import exactly, from_pattern, quoted
from grupa_pipeline.storage.feature_catalog_migration import FAMILY, SUBJECT
from grupa_pipeline.storage.file_integrity import PublishedFile, describe_damage, find_damage, published_files
from grupa_pipeline.storage.migrations import SchemaVersion, migrate
from grupa_pipeline.storage.rule_migration import fill_rule_conditions
from grupa_pipeline.tables import (
    ACTION_OUTCOMES,
    CLUSTER_EVIDENCE,
    CLUSTER_IDENTITIES,
    CLUSTER_INSIGHTS,
    CLUSTER_TRENDS,
    CLUSTERS,
    COLUMN_MAPPINGS,
    EVENT_CATALOG,
    EVENTS,
    FEATURE_CATALOG,
    JOURNEY_PATHS,
    JOURNEY_STEPS,
    PIPELINE_TABLES,
    PUBLISHED_FILES,
    USER_CLUSTERS,
    Table,
)
from grupa_pipeline.vocabulary.enums import TableStorage

logger = logging.getLogger("grupa")

_EXTENDED = (EVENTS, USER_CLUSTERS)
"""Tables in Parquet files that got columns since the first release: files of earlier releases lack them."""


def ensure_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Create the pipeline's tables in the file behind `con` when it is empty, and migrate an older file.

    Raises:
        NewerFileError: A later release of Grupa wrote the file.
    """
    migrate(con, CURRENT)


def show_files(con: duckdb.DuckDBPyConnection, table: Table, files: Sequence[Path]) -> None:
    """Create the view `table` over the rows of the Parquet `files` (absolute paths: a view can hold no others)."""
    con.execute(f"CREATE OR REPLACE VIEW {table.name} AS {_select(table, files)}")
    _comment(con, table, "VIEW")


def _select(table: Table, files: Sequence[Path]) -> str:
    """The query of the view `table` over `files`."""
    if files:
        absent = _absent_columns(table, files)
        typed = ", ".join(
            f'{"NULL" if column.name in absent else _identifier(column.name)}::{column.type} AS "{column.name}"'
            for column in table.columns
        )
        names = ", ".join(map(exactly, files))
        listed = ", ".join(f'"{column.name}"' for column in table.columns)
        others = f", * EXCLUDE ({listed})" if table.open_ended else ""
        by_name = str(
            table.open_ended or table in _EXTENDED
        ).lower()  # files of earlier releases lack the newer columns
        return f"SELECT {typed}{others} FROM read_parquet([{names}], union_by_name = {by_name})"
    empty = ", ".join(f'NULL::{column.type} AS "{column.name}"' for column in table.columns)
    return f"SELECT {empty} WHERE false"


def _absent_columns(table: Table, files: Sequence[Path]) -> set[str]:
    """Columns of `table` that none of the files has, which earlier releases wrote; the newest file is looked into first."""
    absent = set(table.column_names) if table in _EXTENDED else set()
    for file in reversed(files):
        if not absent:
            break
        absent -= set(pq.read_schema(file).names)
    return absent


def _identifier(name: str) -> str:
    return f'"{name}"'


def show_published_files(con: duckdb.DuckDBPyConnection, folder: Path, tables: Sequence[Table]) -> None:
    """Create the views of `tables` over the files that `published_files` names, under the warehouse `folder`.

    A damaged file that DuckDB cannot open is left out, so that others can be published, and it can be made again; what reads the
    table here is refused all the same, since `published_files` names the file.
    """
    files = published_files(con, folder)
    for table in tables:
        if table.storage is TableStorage.PARQUET:
            own = [file for file in files if file.table == table.name]
            damaged = {} if _open(con, table, own) else find_damage(own)
            for file, fault in damaged.items():
                logger.warning("Left out: %s", describe_damage(folder, file, fault))
            show_files(con, table, [file.path for file in own if file not in damaged])


def _open(con: duckdb.DuckDBPyConnection, table: Table, files: Sequence[PublishedFile]) -> bool:
    """Whether DuckDB opens the files; tried beside the transaction of `con`, which an error would end."""
    if not files:
        return True
    with con.cursor() as cursor:
        try:
            cursor.execute(f"DESCRIBE {_select(table, [file.path for file in files])}")
        except (duckdb.Error, OSError, pa.ArrowException):
            return False
    return True


def shown_folder(con: duckdb.DuckDBPyConnection, tables: Sequence[Table]) -> Path | None:
    """The warehouse whose files the views read, which after a move or copy is the former one; None where they read none."""
    views = [table.name for table in tables if table.storage is TableStorage.PARQUET]
    for (text,) in con.execute("SELECT sql FROM duckdb_views() WHERE list_contains(?, view_name)", [views]).fetchall():
        match = re.search(r"'((?:[^']|'')*)/data/", text)
        if match:
            return from_pattern(match[1].replace("''", "'"))
    return None


def rebuild(con: duckdb.DuckDBPyConnection, table: Table, **filled: str) -> None:
    """For a migration step: create `table` as it is today and keep its rows, each column under its name.

    Args:
        con: The open file.
        table: The table to rebuild. A view is created without files, until `show_published_files`.
        filled: SQL expressions over the former columns, by the column to fill; other new columns are NULL.
    """
    if table.storage is TableStorage.PARQUET:
        show_files(con, table, [])
        return
    before = f"{table.name}_before"
    present = _columns_of(con, table.name)
    con.execute(f"ALTER TABLE {table.name} RENAME TO {before}")
    _create_table(con, table)
    copied = [f'"{name}"' for name in table.column_names if name in present and name not in filled]
    computed = [f'{expression} AS "{name}"' for name, expression in filled.items()]
    con.execute(f"INSERT INTO {table.name} BY NAME SELECT {', '.join(copied + computed)} FROM {before}")
    con.execute(f"DROP TABLE {before}")


def _create(con: duckdb.DuckDBPyConnection) -> None:
    for table in PIPELINE_TABLES:
        if table.storage is TableStorage.ROWS:
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


def _to_version_3(con: duckdb.DuckDBPyConnection) -> None:
    """Events have a place among those of their user and time."""
    rebuild(con, EVENTS)


def _to_version_4(con: duckdb.DuckDBPyConnection) -> None:
    """The hashes of Parquet files, which `file_integrity.fill_hashes` fills: a step has no folder to read them from."""
    rebuild(con, PUBLISHED_FILES)


def _to_version_5(con: duckdb.DuckDBPyConnection) -> None:
    """There is an event catalogue; the next snapshot fills it."""
    _create_table(con, EVENT_CATALOG)


def _to_version_6(con: duckdb.DuckDBPyConnection) -> None:
    """Events have ids, and the columns of logs that people named are remembered."""
    rebuild(con, EVENTS)
    _create_table(con, COLUMN_MAPPINGS)


def _to_version_7(con: duckdb.DuckDBPyConnection) -> None:
    """There are journeys, which the next snapshot fills; evidence says whether it replicated, and insights where they happen."""
    for table in (JOURNEY_STEPS, JOURNEY_PATHS, ACTION_OUTCOMES, CLUSTER_TRENDS):
        _create_table(con, table)
    for table in (FEATURE_CATALOG, CLUSTER_EVIDENCE, CLUSTER_INSIGHTS):
        rebuild(con, table)


def _to_version_8(con: duckdb.DuckDBPyConnection) -> None:
    """Users have a membership, and clusters a replication, views and a nature; older snapshots have none of these."""
    for table in (USER_CLUSTERS, CLUSTER_IDENTITIES, CLUSTERS):
        rebuild(con, table)


def _to_version_9(con: duckdb.DuckDBPyConnection) -> None:
    """Clusters have a goal rate; older snapshots have none."""
    rebuild(con, CLUSTERS)


CURRENT = SchemaVersion(
    "grupa.duckdb",
    _create,
    (
        _to_version_2,
        _to_version_3,
        _to_version_4,
        _to_version_5,
        _to_version_6,
        _to_version_7,
        _to_version_8,
        _to_version_9,
    ),
)
"""Today's schema. A change of tables.py needs a step here, most often a `rebuild` of the changed table, and the new schema
frozen by `python -m tests.grupa_pipeline.storage.released`, with which a test compares."""
