"""The shapes that were released, as DDL that DuckDB itself told, and files of them to be brought forward."""

from pathlib import Path

import duckdb

from grupa_pipeline.storage.migrations import SchemaVersion, migrate

HOME = Path(__file__).parent


def text_of(shape: SchemaVersion) -> str:
    """What makes an empty file of today's shape, comments left out: words may change."""
    with duckdb.connect() as con:
        migrate(con, shape)
        return told_by(con)


def told_by(con: duckdb.DuckDBPyConnection) -> str:
    """The DDL of all that is in the open file."""
    rows = con.execute(
        """SELECT sql FROM (SELECT table_name AS name, sql FROM duckdb_tables()
           UNION ALL SELECT view_name, sql FROM duckdb_views() WHERE NOT internal) ORDER BY name"""
    ).fetchall()
    return "".join(f"{sql.strip()}\n" for (sql,) in rows)


def make_file(path: Path, name: str, version: int = 1) -> None:
    """A published file of a released shape, as an earlier release would have left it; empty but for its version."""
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
