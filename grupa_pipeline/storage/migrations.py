"""Schema versions of DuckDB files, and the migration of an older file, step by step, in the transaction of its writer.

The schemas themselves are in `schema.py` (the pipeline's file) and in the app's `roadmap/schema.py`. Opens no files.
"""

from collections.abc import Callable
from dataclasses import dataclass

import duckdb

from grupa_pipeline.storage.warehouse import DamagedWarehouseError

Step = Callable[[duckdb.DuckDBPyConnection], None]


class NewerFileError(RuntimeError):
    """A later release of Grupa wrote the file; this one would damage it, so it neither reads nor writes it."""


@dataclass(frozen=True)
class SchemaVersion:
    """The schema of one file as this release writes it.

    Attributes:
        file: The file's name.
        create: Creates all tables, as they are today, in an empty file.
        steps: The first migrates from version 1 to 2, and so on. A released step is never edited.
    """

    file: str
    create: Step
    steps: tuple[Step, ...] = ()

    @property
    def version(self) -> int:
        """The number that files of this schema hold."""
        return len(self.steps) + 1


def stored_version(con: duckdb.DuckDBPyConnection) -> int:
    """The schema version that the open file holds; 0 when it is empty."""
    [(tables,)] = con.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'schema_version'").fetchall()
    if not tables:
        return 0
    [(version,)] = con.execute("SELECT coalesce(max(version), 0) FROM schema_version").fetchall()
    return int(version)


def is_current(con: duckdb.DuckDBPyConnection, current: SchemaVersion) -> bool:
    """Whether the open file has the schema version `current`.

    Raises:
        NewerFileError: A later release wrote it.
    """
    stored = stored_version(con)
    if stored > current.version:
        raise NewerFileError(
            f"{current.file} has schema version {stored}, and this release of Grupa knows {current.version}: upgrade "
            "Grupa, or bring back a version from before with `grupa restore`."
        )
    return stored == current.version


def migrate(con: duckdb.DuckDBPyConnection, current: SchemaVersion) -> None:
    """Migrate the open file to `current`, in the caller's transaction; an empty one gets all tables.

    Raises:
        DamagedWarehouseError: It has tables but no schema version, so Grupa did not write it.
        NewerFileError: A later release wrote it.
    """
    if is_current(con, current):
        return
    stored = stored_version(con)
    if not stored and con.execute("SHOW TABLES").fetchall():
        raise DamagedWarehouseError(
            f"{current.file} holds tables but no schema version, so Grupa did not write it: move it away, or bring back an "
            "earlier version with `grupa restore`."
        )
    for step in current.steps[stored - 1 :] if stored else (current.create,):
        step(con)
    con.execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")
    con.execute("COMMENT ON TABLE schema_version IS 'Schema of this file: which release may read and write it.'")
    con.execute("DELETE FROM schema_version")
    con.execute("INSERT INTO schema_version VALUES (?)", [current.version])
