"""Dictionary of the integer keys that stand for users and actions in cached aggregates: one Parquet file, which only grows.

Each time it grows it becomes a new generation, and it lists all its generations. An aggregate names the generation it was
computed with; when the file does not list that one, as after a loss or a restored copy, the aggregate is not used.
"""

import json
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from grupa_pipeline.aggregates.key_columns import KEYS
from grupa_pipeline.sql import exactly, quoted
from grupa_pipeline.storage import warehouse

NAME = "keys.parquet"
KEEP_DAYS = 200
"""Days after which keys are reassigned, so that the file does not keep growing with former users."""
_GENERATIONS = "grupa_generations"


@dataclass
class ParquetKeyDictionary:
    """The key dictionary of the aggregates in `folder`."""

    folder: Path

    @cached_property
    def generations(self) -> list[str]:
        """All generations up to the present one, the oldest first; none where there is no file that can be read."""
        generations: list[str] = json.loads(read_parquet_metadata(self._path, _GENERATIONS) or "[]")
        return generations if generations and _age(generations[0]) < KEEP_DAYS else []

    def recall(self, con: duckdb.DuckDBPyConnection, tables: Mapping[str, str]) -> None:
        """Fill the `tables`, one for each of `KEYS`, with the keys of earlier runs."""
        if not self.generations:
            return
        try:
            for key, table in tables.items():
                rows = f"SELECT text, key FROM read_parquet({exactly(self._path)}) WHERE kind = {quoted(key)}"
                con.execute(f"INSERT INTO {table} {rows}")
            os.utime(self._path)
        except (duckdb.Error, OSError):  # a damaged file: the aggregates are computed again
            self.generations = []
            for table in tables.values():
                con.execute(f"DELETE FROM {table}")

    def note(self, con: duckdb.DuckDBPyConnection, tables: Mapping[str, str]) -> None:
        """Save the keys in `tables` as a new generation."""
        generations = [*self.generations, f"{int(time.time())}-{uuid.uuid4().hex}"]
        kinds = (
            f"SELECT {quoted(key)} AS kind, {KEYS[key]} AS text, {key} AS key FROM {table}"
            for key, table in tables.items()
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f".{NAME}")
        con.execute(
            f"""COPY ({" UNION ALL ".join(kinds)}) TO {quoted(str(draft))}
                (FORMAT parquet, COMPRESSION lz4, KV_METADATA {{{_GENERATIONS}: {quoted(json.dumps(generations))}}})"""
        )
        warehouse.sync(draft)
        os.replace(draft, self._path)
        self.generations = generations

    @property
    def _path(self) -> Path:
        return self.folder / NAME


def read_parquet_metadata(path: Path, key: str) -> str | None:
    """Value of `key` in the metadata of a Parquet file; None where that or the file is missing or damaged."""
    try:
        metadata = pq.read_metadata(path).metadata or {}
    except (OSError, pa.ArrowInvalid):
        return None
    return metadata[key.encode()].decode() if key.encode() in metadata else None


def _age(generation: str) -> float:
    """Days since a generation was written."""
    return (time.time() - int(generation.split("-", maxsplit=1)[0])) / 86_400
