"""The released schemas as DDL written by DuckDB, and files of them to migrate."""

from pathlib import Path

import duckdb

from grupa_pipeline.storage.migrations import SchemaVersion, migrate

HOME = Path(__file__).parent


def ddl_of_version(current: SchemaVersion) -> str:
    """The DDL of an empty file of the schema `current`, without comments: they may change."""
    with duckdb.connect() as con:
        migrate(con, current)
        return ddl_of(con)


def ddl_of(con: duckdb.DuckDBPyConnection) -> str:
    """The DDL of all tables and views in the open file."""
    rows = con.execute(
        """SELECT sql FROM (SELECT table_name AS name, sql FROM duckdb_tables()
           UNION ALL SELECT view_name, sql FROM duckdb_views() WHERE NOT internal) ORDER BY name"""
    ).fetchall()
    return "".join(f"{sql.strip()}\n" for (sql,) in rows)


def make_file(path: Path, name: str, version: int = 1) -> None:
    """Create a published file of a released schema, as that release would have; empty except for its version."""
    stem = path.stem
    own = path.parent / "versions" / f"{stem}-00000001.duckdb"
    own.parent.mkdir(parents=True, exist_ok=True)
    shown = path.parent / "published"
    shown.mkdir(exist_ok=True)
    with duckdb.connect(str(own)) as con:
        con.execute((HOME / f"{name}-{version}.sql").read_text(encoding="utf-8"))
        con.execute("INSERT INTO schema_version VALUES (?)", [version])
    (shown / own.name).write_bytes(own.read_bytes())
    path.symlink_to(Path("published") / own.name)
