"""Which numbers stand for which users and actions in the sums on the shelf: one Parquet file beside them, which only grows.

Each time it grows it gets another generation, and it names all that it went through. A sum says with which generation it was
made: one that the file does not name, as after a loss or a copy brought back from elsewhere, makes the sum worthless.
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

from grupa_pipeline.aggregates.engine import KEYS
from grupa_pipeline.sql import exactly, quoted
from grupa_pipeline.storage import warehouse

NAME = "keys.parquet"
KEEP_DAYS = 200
"""Days after which the numbers begin anew, so that the file does not grow with users who are long gone."""
_GENERATIONS = "grupa_editions"


@dataclass
class ParquetKeyDictionary:
    """The register of the sums in `folder`."""

    folder: Path

    @cached_property
    def generations(self) -> list[str]:
        """All generations up to the present one, the oldest first; none where there is no file that can be read."""
        generations: list[str] = json.loads(written_in(self._path, _GENERATIONS) or "[]")
        return generations if generations and _age(generations[0]) < KEEP_DAYS else []

    def recall(self, con: duckdb.DuckDBPyConnection, tables: Mapping[str, str]) -> None:
        """Fill the `tables`, one for each of `KEYS`, with the numbers of earlier runs."""
        if not self.generations:
            return
        try:
            for key, table in tables.items():
                rows = f"SELECT text, key FROM read_parquet({exactly(self._path)}) WHERE kind = {quoted(key)}"
                con.execute(f"INSERT INTO {table} {rows}")
            os.utime(self._path)
        except (duckdb.Error, OSError):  # a broken disk: what was numbered is summed up again
            self.generations = []
            for table in tables.values():
                con.execute(f"DELETE FROM {table}")

    def note(self, con: duckdb.DuckDBPyConnection, tables: Mapping[str, str]) -> None:
        """Keep what the `tables` hold, as a new generation."""
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


def written_in(path: Path, name: str) -> str | None:
    """What stands under `name` in the metadata of a Parquet file; None where that or the file is lost or damaged."""
    try:
        told = pq.read_metadata(path).metadata or {}
    except (OSError, pa.ArrowInvalid):
        return None
    return told[name.encode()].decode() if name.encode() in told else None


def _age(generation: str) -> float:
    """Days since an generation was made."""
    return (time.time() - int(generation.split("-", maxsplit=1)[0])) / 86_400
