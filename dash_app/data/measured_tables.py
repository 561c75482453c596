"""What was measured of everyone, kept in files of the warehouse, so that the next process need not measure it again.

A file's name is the hash of all that its numbers depend on: what is published, the roles and the code; so none is ever out of
date. They lie beside the sums over days (`aggregate_cache.py`), may be deleted at any time, and `grupa forget` deletes them.
"""

import hashlib
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from dash_app.data import baselines, enrolments
from dash_app.data.database import Database
from grupa_pipeline.event_catalog.action_meanings import EventCatalog
from grupa_pipeline.storage import aggregate_cache
from grupa_pipeline.tables import PUBLISHED_FILES

log = logging.getLogger(__name__)

_KEPT: Mapping[Callable[..., Any], Callable[..., Any]] = {
    baselines.load_before: lambda table: table,
    baselines.load_exposed: baselines.Exposed,
    enrolments.load_eligible_days: enrolments.EligibleDays,
}
"""The loads whose results are kept, and what makes them of their tables again."""


@dataclass(frozen=True)
class MeasuredTables:
    """Asks a database, and keeps what takes seconds to measure. Equal for one database, so that it may be part of what is kept."""

    database: Database

    def __call__(self, load: Callable[..., Any], *args: Any) -> Any:
        """`Database.query`; the result of one of `_KEPT` is read from its file where it was measured before."""
        if load in _KEPT:
            return self.database.derive(_measure, self.database, load, *args)
        return self.database.query(load, *args)


def _measure(database: Database, load: Callable[..., Any], *args: Any) -> Any:
    with database.connect() as con:
        published = _published(con)
        path = _path(database.path.parent, published, load, args)
        tables = _read(path)
        if tables is not None:
            return _KEPT[load](*tables)
        result = load(con, *args)
    _write(path, [result] if isinstance(result, pa.Table) else list(result))
    with database.connect() as con:
        if _published(con) != published:  # somebody may have been erased meanwhile
            path.unlink(missing_ok=True)
    return result


def _path(folder: Path, published: str, load: Callable[..., Any], args: Sequence[Any]) -> Path:
    inputs = (load.__name__, [_text_of(each) for each in args], _code_sha256())
    digest = hashlib.sha256(repr(inputs).encode()).hexdigest()
    return aggregate_cache.cache_folder(folder) / f"{published[:16]}-{digest[:16]}.arrow"


def _published(con: duckdb.DuckDBPyConnection) -> str:
    """Hash of all rows that are published."""
    rows = con.execute(f"SELECT table_name, day, content_key FROM {PUBLISHED_FILES.name} ORDER BY ALL").fetchall()
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def _text_of(argument: Any) -> str:
    if isinstance(argument, EventCatalog):
        return repr((argument.assignment_sha256(), sorted(argument.meanings.items())))
    return repr(argument)


def _read(path: Path) -> list[pa.Table] | None:
    """The tables of a file; None where there is none, or it cannot be read."""
    tables: list[pa.Table] = []
    try:
        with pa.memory_map(str(path)) as source:
            while source.tell() < source.size():
                tables.append(pa.ipc.open_stream(source).read_all())
        os.utime(path)  # those not read for long are deleted
    except FileNotFoundError:
        return None
    except (OSError, pa.ArrowInvalid) as error:
        log.info("measured again, as it cannot be read: %s", error)
        return None
    return tables or None


def _write(path: Path, tables: Sequence[pa.Table]) -> None:
    """Write the tables one behind the other, and delete those of what was published before."""
    draft = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        draft.touch(mode=0o600)
        with pa.OSFile(str(draft), "wb") as sink:
            for table in tables:
                with pa.ipc.new_stream(sink, table.schema) as writer:
                    writer.write_table(table)
        os.replace(draft, path)
    except OSError as error:
        log.info("what was measured is not kept: %s", error)
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        return
    published, _ = path.name.split("-")
    for other in path.parent.glob("*.arrow"):
        if not other.name.startswith((published, ".")):
            other.unlink(missing_ok=True)


@cache
def _code_sha256() -> str:
    own = (baselines.__file__, enrolments.__file__)
    return hashlib.sha256(b"".join(Path(each).read_bytes() for each in own)).hexdigest() + aggregate_cache.code_sha256()
