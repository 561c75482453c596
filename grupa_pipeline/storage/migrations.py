"""Which shape a DuckDB file has, and how an older one is brought forward, step by step, in the transaction of its writer.

What the shapes are is `schema.py`'s (the pipeline's file) and the app's `roadmap_schema.py`'s. Opens no files.
"""

from collections.abc import Callable
from dataclasses import dataclass

import duckdb

from grupa_pipeline.storage.warehouse import DamagedWarehouseError

Step = Callable[[duckdb.DuckDBPyConnection], None]


class NewerFileError(RuntimeError):
    """A later release of Grupa wrote the file; this one would spoil it, so it neither reads nor writes it."""


@dataclass(frozen=True)
class SchemaVersion:
    """The tables of one file as this release writes them.

    Attributes:
        file: The file's name.
        create: Makes all tables, as they are today, in an empty file.
        steps: The first leads from version 1 to 2, and so on. A released step is never edited.
    """

    file: str
    create: Step
    steps: tuple[Step, ...] = ()

    @property
    def version(self) -> int:
        """Version of this shape: files say which one they have."""
        return len(self.steps) + 1


def stored_version(con: duckdb.DuckDBPyConnection) -> int:
    """The version that the open file says it has; 0 when it is empty."""
    [(there,)] = con.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'schema_version'").fetchall()
    if not there:
        return 0
    [(version,)] = con.execute("SELECT coalesce(max(version), 0) FROM schema_version").fetchall()
    return int(version)


def is_current(con: duckdb.DuckDBPyConnection, shape: SchemaVersion) -> bool:
    """Whether the open file has today's shape.

    Raises:
        NewerFileError: A later release wrote it.
    """
    found = stored_version(con)
    if found > shape.version:
        raise NewerFileError(
            f"{shape.file} has schema version {found}, and this release of Grupa knows {shape.version}: upgrade Grupa, "
            "or bring back a version from before with `grupa restore`."
        )
    return found == shape.version


def migrate(con: duckdb.DuckDBPyConnection, shape: SchemaVersion) -> None:
    """Bring the open file to today's shape, in the caller's transaction; an empty one gets all tables.

    Raises:
        DamagedWarehouseError: It has tables but no schema version, so Grupa did not write it.
        NewerFileError: A later release wrote it.
    """
    if is_current(con, shape):
        return
    found = stored_version(con)
    if not found and con.execute("SHOW TABLES").fetchall():
        raise DamagedWarehouseError(
            f"{shape.file} holds tables but no schema version, so Grupa did not write it: move it away, or bring back an "
            "earlier version with `grupa restore`."
        )
    for step in shape.steps[found - 1 :] if found else (shape.create,):
        step(con)
    con.execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")
    con.execute("COMMENT ON TABLE schema_version IS 'SchemaVersion of this file: which release may read and write it.'")
    con.execute("DELETE FROM schema_version")
    con.execute("INSERT INTO schema_version VALUES (?)", [shape.version])
