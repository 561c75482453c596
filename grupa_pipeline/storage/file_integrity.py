"""Checks that published Parquet files hold the bytes that were published.

DuckDB verifies no checksum of a Parquet file, so a changed byte is most often read as another value. Therefore the SHA-256 of each
file is stored with it, and compared before the file is first read in a process, and again when it has changed.
"""

import logging
import re
import shlex
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from grupa_pipeline.storage import staging, warehouse
from grupa_pipeline.storage.parquet_files import file_key
from grupa_pipeline.tables import EVENTS, INGESTED_FILES, PIPELINE_TABLES, PUBLISHED_FILES
from grupa_pipeline.vocabulary.enums import TableStorage

logger = logging.getLogger("grupa")

LOG = INGESTED_FILES.name
"""Key in the inputs of a file of events: the SHA-256 of the log that they come from."""
_NAMED_FAULTS = 3
_THREADS = 4
_READ_TABLES = re.compile(
    r"\b(?:FROM|JOIN)\s+(?:main\.)?\"?("
    + "|".join(table.name for table in PIPELINE_TABLES if table.storage is TableStorage.PARQUET)
    + r")\b",
    re.IGNORECASE,
)
_sound: set[tuple[object, ...]] = set()
_lock = threading.Lock()


class DamagedFileError(warehouse.DamagedWarehouseError):
    """Published Parquet files do not hold what was published; the message says what brings them back."""


@dataclass(frozen=True)
class PublishedFile:
    """A Parquet file that a published version names.

    Attributes:
        path: Where it is.
        table: Whose rows it holds.
        day: The snapshot's day, or the day of the events.
        content_key: Key of its rows.
        rows: Number of its rows.
        sha256: SHA-256 of its bytes; None where an earlier release published it and it could not be confirmed since.
        log_sha256: SHA-256 of the log whose events it holds, where that is known.
    """

    path: Path
    table: str
    day: date
    content_key: str
    rows: int
    sha256: str | None
    log_sha256: str | None = None


def published_files(con: duckdb.DuckDBPyConnection, folder: Path) -> list[PublishedFile]:
    """The Parquet files that the open version names, under the warehouse `folder`, by table and day."""
    rows = con.sql(f"SELECT * FROM {PUBLISHED_FILES.name} WHERE path IS NOT NULL ORDER BY table_name, day, path")
    return [published_file(row, folder) for row in rows.to_arrow_table().to_pylist()]


def published_file(row: Mapping[str, Any], folder: Path) -> PublishedFile:
    """The file that a row of `published_files` names; schema versions before 4 have no hash."""
    inputs = staging.read_inputs(row["inputs"])
    return PublishedFile(
        folder / row["path"],
        row["table_name"],
        row["day"],
        row["content_key"],
        row["rows"],
        row.get("bytes_sha256"),
        inputs.get(LOG) if row["table_name"] == EVENTS.name else None,
    )


def why_damaged(file: PublishedFile) -> str | None:
    """What is wrong with a file, a phrase; None when its bytes are those published, or their hash is not known."""
    try:
        status = file.path.stat()
        state = (str(file.path), status.st_size, status.st_mtime_ns, status.st_ino, file.sha256)
        if file.sha256 is None or state in _sound:
            return None
        if file_key(file.path) != file.sha256:
            return "its bytes are not those that were published"
    except FileNotFoundError:
        return "it is missing"
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    with _lock:
        _sound.add(state)
    return None


def forget_checks() -> None:
    """Check every file again at its next reading."""
    with _lock:
        _sound.clear()


def find_damage(files: Iterable[PublishedFile]) -> dict[PublishedFile, str]:
    """Those of `files` that are damaged, and what is wrong with each."""
    listed = list(files)
    with ThreadPoolExecutor(_THREADS) as threads:
        faults = threads.map(why_damaged, listed)
        return {file: fault for file, fault in zip(listed, faults, strict=True) if fault}


def require_sound(files: Iterable[PublishedFile], folder: Path) -> None:
    """Check `files` of the warehouse `folder` before they are read.

    Raises:
        DamagedFileError: Some are damaged; the message names the first, their days, and what brings them back.
    """
    damaged = find_damage(files)
    if not damaged:
        return
    named = [describe_damage(folder, file, fault) for file, fault in list(damaged.items())[:_NAMED_FAULTS]]
    others = len(damaged) - len(named)
    if others:
        named.append(f"{others} more files are damaged; `grupa status --deep` names them all.")
    raise DamagedFileError(" ".join(named))


def describe_damage(folder: Path, file: PublishedFile, fault: str) -> str:
    """A sentence: the file, the day that it concerns, what is wrong, and the command that brings it back."""
    return f"{file.path} ({file.table} of {file.day}) is damaged: {fault}; {_remedy(folder, file)}."


def logs_of(con: duckdb.DuckDBPyConnection, file: PublishedFile) -> list[tuple[str, str]]:
    """Name and SHA-256 of the log that a file of events comes from; of all that have events that day, where it is not known."""
    condition = "file_sha256 = ?" if file.log_sha256 else "?::DATE BETWEEN first_event_at::DATE AND last_event_at::DATE"
    return con.execute(
        f"SELECT file_name, file_sha256 FROM {INGESTED_FILES.name} WHERE {condition} ORDER BY ingested_at",
        [file.log_sha256 or file.day],
    ).fetchall()


def find_original(folder: Path, file_name: str, file_sha256: str) -> Path | None:
    """The log itself in the inbox of the warehouse `folder`; None where it is not there any more."""
    files = [path for path in (folder / "inbox").rglob("*") if path.is_file() and path.name.endswith(file_name)]
    return next((path for path in sorted(files) if file_key(path) == file_sha256), None)


def fill_hashes(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Store the hashes of files that an earlier release published, and the logs of their events.

    A hash vouches for a file, so it is stored only where the file's rows are those published: where they give its content key.
    """
    for file in published_files(con, folder):
        sha256 = file.sha256 or _confirmed_sha256(file)
        log = file.log_sha256
        if sha256 and not log and file.table == EVENTS.name:
            log = pq.ParquetFile(file.path).read_row_group(0, ["file_sha256"])[0][0].as_py()
            inputs = f'{{"{LOG}": "{log}"}}'
            con.execute(f"UPDATE {PUBLISHED_FILES.name} SET inputs = ? WHERE path = ?", [inputs, _name(file, folder)])
        if sha256 and not file.sha256:
            update = f"UPDATE {PUBLISHED_FILES.name} SET bytes_sha256 = ? WHERE path = ?"
            con.execute(update, [sha256, _name(file, folder)])


class VerifiedConnection:
    """A connection to a published version that checks the Parquet files of the tables which a statement reads.

    Of tables of snapshots, the files of the days among the statement's parameters are checked, or of all days where there are
    none; of events, all are. Everything else is that of the connection.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self._con = con
        self._folder = folder
        self._files: Sequence[PublishedFile] | None = None

    @classmethod
    def of(cls, con: duckdb.DuckDBPyConnection, folder: Path) -> duckdb.DuckDBPyConnection:
        """The checked connection, for functions that take a connection."""
        return cast(duckdb.DuckDBPyConnection, cls(con, folder))

    def execute(self, query: str, parameters: object = None) -> duckdb.DuckDBPyConnection:
        """Execute a statement on sound files.

        Raises:
            DamagedFileError: It would read damaged ones.
        """
        self._verify(query, parameters)
        return self._con.execute(query) if parameters is None else self._con.execute(query, parameters)

    def sql(self, query: str, *, alias: str = "", params: object = None) -> duckdb.DuckDBPyRelation:
        """A relation over sound files.

        Raises:
            DamagedFileError: It would read damaged ones.
        """
        self._verify(query, params)
        return self._con.sql(query, alias=alias, params=params)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._con, name)

    def _verify(self, query: str, parameters: object) -> None:
        tables = {name.lower() for name in _READ_TABLES.findall(query)}
        if not tables:
            return
        if self._files is None:
            self._files = published_files(self._con, self._folder)
        days = _days(parameters)
        read = [file for file in self._files if file.table in tables]
        require_sound(
            [file for file in read if not days or file.table == EVENTS.name or file.day in days], self._folder
        )


def _days(parameters: object) -> Collection[date]:
    values = parameters.values() if isinstance(parameters, Mapping) else parameters
    listed = values if isinstance(values, Iterable) and not isinstance(values, str) else ()
    return {value for value in listed if isinstance(value, date) and not isinstance(value, datetime)}


def _name(file: PublishedFile, folder: Path) -> str:
    return str(file.path.relative_to(folder))


def _confirmed_sha256(file: PublishedFile) -> str | None:
    """SHA-256 of a file whose rows give its content key; None where they do not, or it cannot be read."""
    try:
        sha256 = file_key(file.path)
        if file.table == EVENTS.name:
            return sha256 if sha256 == file.content_key else None
        return sha256 if staging.content_key(pq.read_table(file.path)) == file.content_key else None
    except (OSError, pa.ArrowException) as error:
        logger.warning("%s could not be read (%s).", file.path, error)
        return None


def _remedy(folder: Path, file: PublishedFile) -> str:
    """What brings a damaged file back: its log ingested again, or its snapshot made again."""
    if file.table != EVENTS.name:
        return f"`grupa run --as-of {file.day}` makes it again"
    with warehouse.read(folder / warehouse.PIPELINE_FILE) as con:
        logs = logs_of(con, file)
    found = [find_original(folder, name, sha256) for name, sha256 in logs]
    if logs and all(found):
        return f"`grupa run {' '.join(shlex.quote(str(path)) for path in found)}` brings it back"
    names = ", ".join(f"{name} (SHA-256 {sha256[:12]})" for name, sha256 in logs) or "the log"
    return f"ingest {names} again, all at once, to bring it back: `grupa run LOG`"
