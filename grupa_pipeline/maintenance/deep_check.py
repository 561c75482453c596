"""The deep check: reads every published file and compares its content with what was published."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from grupa_pipeline.storage import staging, warehouse
from grupa_pipeline.storage.file_integrity import PublishedFile, describe_damage, find_damage, forget_checks
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.tables import EVENTS


def damage_of_files(folder: Path, files: Sequence[PublishedFile]) -> list[str]:
    """What is wrong with published `files` of the warehouse `folder`: a sentence each, with what brings the file back.

    Every file is read anew, also one that this process has read before.
    """
    forget_checks()
    unknown = {file: fault for file in files if file.sha256 is None and (fault := _why_unconfirmed(file))}
    return [describe_damage(folder, file, fault) for file, fault in (unknown | find_damage(files)).items()]


def damage_of_database(database: Path) -> list[str]:
    """What is wrong with the tables in Grupa's own copy of `database`, all of whose rows are read: DuckDB verifies its blocks."""
    try:
        with warehouse.read(database) as con:
            tables = con.execute("SELECT table_name FROM duckdb_tables()").fetchall()
            for (table,) in tables:
                con.execute(f"SELECT bit_xor(hash(rows)) FROM {table} AS rows").fetchall()
    except (duckdb.Error, warehouse.DamagedWarehouseError) as error:
        problem = str(error).splitlines()[0]
        return [
            f"{warehouse.version(database)} is damaged ({problem}); `grupa restore` brings back an earlier version."
        ]
    return []


def damage(folder: Path) -> Iterator[str]:
    """All that `damage_of_database` and `damage_of_files` find in the warehouse `folder`."""
    for name in (warehouse.PIPELINE_FILE, warehouse.ROADMAP_FILE):
        if warehouse.version(folder / name):
            yield from damage_of_database(folder / name)
    yield from damage_of_files(folder, Publication(folder).published_files())


def _why_unconfirmed(file: PublishedFile) -> str | None:
    """What is wrong with a file whose hash is not known: its rows are not those published; None when they are."""
    try:
        rows = pq.read_table(file.path)
    except FileNotFoundError:
        return None  # told already
    except (OSError, pa.ArrowException) as error:
        return f"it does not open ({str(error).splitlines()[0]})"
    same = file.table != EVENTS.name and staging.content_key(rows) == file.content_key
    return None if same else "its content is not confirmed: an earlier release published it without a hash"
