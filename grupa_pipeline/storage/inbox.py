"""Ingests logs into the warehouse, from named files or from the inbox.

A file in the inbox is moved to `inbox/done/` when it has been ingested, and quarantined in `inbox/refused/`, with a note
beside it, when it cannot be used. `NAME.columns.toml` beside a file says how it is read, and moves with it. Reading a log is
done by `ingest`, publishing by `publication.py`.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from grupa_pipeline.ingest.errors import UnusableFileError
from grupa_pipeline.ingest.ingest import IngestedFile, ingest_files
from grupa_pipeline.ingest.reading_options import DEFAULT_OPTIONS, ReadingOptions, options_beside, options_file
from grupa_pipeline.storage.publication import Publication

_SETTLED_SECONDS = 2.0
"""A file in the inbox that changed more recently may be incomplete; a time in the future comes from another clock."""


@dataclass(frozen=True)
class IngestResult:
    """The files that were ingested, and those that were refused: file name to reason."""

    files: list[IngestedFile]
    refused: dict[str, str]


def pending_logs(inbox: Path, now: float | None = None) -> list[Path]:
    """Complete logs in the inbox, oldest first.

    Names that start with a dot or end in .part are of files still being written.

    Args:
        inbox: The folder; it need not exist.
        now: Seconds since 1970; default: the present.
    """
    now = time.time() if now is None else now
    if not inbox.is_dir():
        return []
    logs = [
        path
        for path in inbox.iterdir()
        if path.is_file() and is_complete_log(path.name) and abs(now - path.stat().st_mtime) >= _SETTLED_SECONDS
    ]
    return sorted(logs, key=lambda path: (path.stat().st_mtime, path.name))


def is_complete_log(name: str) -> bool:
    """Whether a file of this name in the inbox is a log, and one that is not still being written."""
    return name.lower().endswith((".csv", ".csv.gz")) and not name.startswith(".")


def ingest_logs(
    publication: Publication, files: Sequence[Path], options: ReadingOptions | None, now: datetime
) -> list[IngestedFile]:
    """Ingest `files`, all of them or none, and publish their events.

    Args:
        publication: The warehouse.
        files: Paths of .csv or .csv.gz files.
        options: How they are read; None: as they and the files of options beside them say.
        now: The present, naive UTC; later events are rejected.

    Raises:
        UnusableFileError: One of the files cannot be used at all; nothing has changed.

    Example:
        >>> ingest_logs(Publication(Path("warehouse")), [Path("log.csv")], None, datetime(2025, 7, 1))
    """
    publication.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=publication.folder, prefix=".ingest-") as scratch:
        known = publication.query("SELECT file_sha256 FROM ingested_files").to_pydict().get("file_sha256", [])
        ingested = ingest_files(
            files,
            Path(scratch),
            known=lambda day: publication.event_files(day, day.fromordinal(day.toordinal() + 1)),
            known_sha256=set(known),
            now=now,
            options=options or DEFAULT_OPTIONS,
        )
        publication.publish_events(ingested)
    return ingested


def ingest_inbox(publication: Publication, inbox: Path, options: ReadingOptions | None, now: datetime) -> IngestResult:
    """Ingest the pending logs of the inbox one by one; one that cannot be used is quarantined and does not stop the others."""
    result = IngestResult([], {})
    for path in pending_logs(inbox):
        try:
            result.files.extend(
                ingest_logs(publication, [path], options_beside(path).over(options or DEFAULT_OPTIONS), now)
            )
            _move(path, inbox / "done")
        except UnusableFileError as error:
            result.refused[path.name] = str(error)
            quarantined = _move(path, inbox / "refused")
            quarantined.with_name(quarantined.name + ".why.txt").write_text(f"{error}\n", encoding="utf-8")
    return result


def _move(path: Path, folder: Path) -> Path:
    """Move a file and its options into `folder`, under a name that is free there; returns where it is now."""
    folder.mkdir(exist_ok=True)
    target = folder / path.name
    if target.exists():
        target = folder / f"{datetime.now():%Y%m%d-%H%M%S}-{os.urandom(2).hex()}-{path.name}"
    shutil.move(path, target)
    if (options := options_file(path)).exists():
        shutil.move(options, options_file(target))
    return target
