"""Logs on their way in: from named files or from the inbox into the warehouse, and what became of each.

A file in the inbox is moved to `inbox/done/` when it has been taken in, and to `inbox/refused/` with a note beside it when it
cannot be used. `.NAME.timestamp-format` beside a file says how its timestamps are written. Reading a log is ingest's
business, publishing it publication's.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from grupa_pipeline.ingest.errors import UnusableFileError
from grupa_pipeline.ingest.ingest import IngestedFile, ingest_files
from grupa_pipeline.storage.publication import Publication

_SETTLED_SECONDS = 2.0
"""A file in the inbox that changed more recently than this may still be on its way; one from the future came from another clock."""


@dataclass(frozen=True)
class IngestResult:
    """What one taking-in did: the files that were used, and those that could not be, each with its reason."""

    files: list[IngestedFile]
    refused: dict[str, str]


def pending_logs(inbox: Path, now: float | None = None) -> list[Path]:
    """Files in the inbox that are complete, oldest first; names that start with a dot or end in .part are still arriving."""
    now = time.time() if now is None else now
    if not inbox.is_dir():
        return []
    found = [
        path
        for path in inbox.iterdir()
        if path.is_file() and is_complete_log(path.name) and abs(now - path.stat().st_mtime) >= _SETTLED_SECONDS
    ]
    return sorted(found, key=lambda path: (path.stat().st_mtime, path.name))


def is_complete_log(name: str) -> bool:
    """Whether a file of this name in the inbox is a log, and a complete one."""
    return name.lower().endswith((".csv", ".csv.gz")) and not name.startswith(".")


def timestamp_format_file(path: Path) -> Path:
    """Where the timestamp format (strptime) of the log at `path` stands, if it needs one of its own."""
    return path.with_name(f".{path.name}.timestamp-format")


def ingest_logs(
    publication: Publication, files: Sequence[Path], timestamp_format: str | None, now: datetime
) -> list[IngestedFile]:
    """Take in `files`, all of them or none.

    Raises:
        UnusableFileError: One of them cannot be used at all; nothing has changed.
    """
    publication.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=publication.folder, prefix=".ingest-") as out:
        known = publication.query("SELECT file_sha256 FROM ingested_files").to_pydict().get("file_sha256", [])
        taken = ingest_files(
            files,
            Path(out),
            known=lambda day: publication.event_files(day, day.fromordinal(day.toordinal() + 1)),
            known_sha256=set(known),
            now=now,
            timestamp_format=timestamp_format,
        )
        publication.publish_events(taken)
    return taken


def ingest_inbox(publication: Publication, inbox: Path, timestamp_format: str | None, now: datetime) -> IngestResult:
    """Take in what waits in the inbox, file by file: one that cannot be used is put aside and does not stop the others."""
    taken = IngestResult([], {})
    for path in pending_logs(inbox):
        try:
            taken.files.extend(ingest_logs(publication, [path], _own_format(path) or timestamp_format, now))
            _put_aside(path, inbox / "done")
        except UnusableFileError as error:
            taken.refused[path.name] = str(error)
            aside = _put_aside(path, inbox / "refused")
            aside.with_name(aside.name + ".why.txt").write_text(f"{error}\n", encoding="utf-8")
        timestamp_format_file(path).unlink(missing_ok=True)
    return taken


def report(publication: Publication, table: str, taken: IngestResult) -> dict[str, Any]:
    """Metadata of a materialisation of `table`: its rows, and what was read this time."""
    rows = publication.query(f"SELECT count(*) AS rows FROM {table}").to_pydict().get("rows", [0])
    counts = ("file_name", "file_sha256", "rows_read", "rows_accepted", "rows_rejected", "rows_duplicate")
    return {
        "dagster/row_count": rows[0],
        "dagster/table_name": table,
        "files": [{name: getattr(file, name) for name in counts} for file in taken.files],
        "refused": dict(taken.refused),
    }


def _own_format(path: Path) -> str | None:
    own = timestamp_format_file(path)
    return (own.read_text(encoding="utf-8").strip() or None) if own.exists() else None


def _put_aside(path: Path, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    target = folder / path.name
    if target.exists():
        target = folder / f"{datetime.now():%Y%m%d-%H%M%S}-{os.urandom(2).hex()}-{path.name}"
    shutil.move(path, target)
    return target
