"""Queries on ingested logs: their counts, and their rejected rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from grupa_pipeline.ingest.errors import REASONS


@dataclass(frozen=True)
class LogFile:
    """One row of ingested_files; times are naive UTC."""

    file_sha256: str
    file_name: str
    ingested_at: datetime
    rows_read: int
    rows_accepted: int
    rows_rejected: int
    rows_duplicate: int
    first_event_at: datetime | None
    last_event_at: datetime | None


_FILES = f"SELECT {', '.join(LogFile.__dataclass_fields__)} FROM ingested_files ORDER BY ingested_at DESC, file_name"


def load_files(con: duckdb.DuckDBPyConnection, most: int) -> tuple[LogFile, ...]:
    """The newest `most` ingested logs, the newest first."""
    rows = con.execute(f"{_FILES} LIMIT ?", [most]).fetchall()
    return tuple(LogFile(*row) for row in rows)


def load_hashes(con: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """SHA-256 of every ingested log."""
    return frozenset(row[0] for row in con.execute("SELECT file_sha256 FROM ingested_files").fetchall())


def load_all(con: duckdb.DuckDBPyConnection) -> tuple[tuple[Any, ...], ...]:
    """The heading of a list of ingested logs, and all of them, the newest first."""
    return (tuple(LogFile.__dataclass_fields__), *con.execute(_FILES).fetchall())


def export_rejected(con: duckdb.DuckDBPyConnection, file_sha256: str) -> Iterator[tuple[Any, ...]]:
    """A log's rejected rows in line order, the heading first: line_number, reason, explanation, raw."""
    cursor = con.execute(
        "SELECT line_number, reason, raw FROM rejected_rows WHERE file_sha256 = ? ORDER BY line_number", [file_sha256]
    )
    yield "line_number", "reason", "explanation", "raw"
    while rows := cursor.fetchmany(5_000):
        for line_number, reason, raw in rows:
            yield line_number, reason, REASONS.get(reason, ""), raw
