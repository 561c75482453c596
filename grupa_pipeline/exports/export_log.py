"""Which lists of users left the tables, and where to: one JSON object a line in `exports/exports.jsonl`.

Erasing a person needs it: files in the folder are written again without them, and the rest is told.
"""

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from grupa_pipeline.storage.file_lock import lock

log = logging.getLogger(__name__)

FOLDER = "exports"
LOG, _LOCK = "exports.jsonl", "exports.lock"


class ExportPlace(StrEnum):
    """Where an export went."""

    FOLDER = "folder"
    """The warehouse's own folder of exports."""
    FILE = "file"
    """A file elsewhere on this machine."""
    DOWNLOAD = "download"
    """A browser; nobody knows what became of it."""


@dataclass(frozen=True)
class ExportEntry:
    """One export.

    Attributes:
        segment_id: `C01`, or `unassigned`.
        day: The snapshot.
        since: Day of the earlier snapshot, for who entered and left.
        format: csv, parquet or sql.
        rows: Rows written; None where they were streamed.
        kind: Where it went.
        place: Name of the file in the folder, or path of one elsewhere; empty for a download.
        by: Name of the user who downloaded it; empty for a file.
        at: When (UTC).
    """

    segment_id: str
    day: date
    since: date | None
    format: str
    rows: int | None
    kind: ExportPlace
    place: str = ""
    by: str = ""
    at: datetime | None = None

    @property
    def lists_users(self) -> bool:
        """Whether it holds user ids; the SQL of a segment holds none."""
        return self.format != "sql"


def folder_of(warehouse: Path) -> Path:
    """The folder in which exports are kept unless another place is named."""
    return warehouse / FOLDER


@contextmanager
def hold(warehouse: Path, purpose: str) -> Iterator[None]:
    """Keep exports and the erasure of a person from working at the same time."""
    _make_folder(warehouse)
    with lock(folder_of(warehouse) / _LOCK, purpose=purpose):
        yield


def add(warehouse: Path, entry: ExportEntry) -> None:
    """Record an export: it is on disk when this returns, on a line of its own even after one that a crash cut short."""
    _make_folder(warehouse)
    row = asdict(entry) | {"at": datetime.now(UTC).replace(tzinfo=None)}
    line = json.dumps({name: str(each) if isinstance(each, date) else each for name, each in row.items()}) + "\n"
    with (folder_of(warehouse) / LOG).open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        end = file.seek(0, os.SEEK_END)
        is_cut = end > 0 and os.pread(file.fileno(), 1, end - 1) != b"\n"
        file.write((b"\n" if is_cut else b"") + line.encode())
        file.flush()
        os.fsync(file.fileno())


def _make_folder(warehouse: Path) -> None:
    folder_of(warehouse).mkdir(mode=0o700, parents=True, exist_ok=True)  # it lists users


def entries(warehouse: Path) -> tuple[list[ExportEntry], list[int]]:
    """All recorded exports, oldest first, and the numbers of the lines that cannot be read, which are logged too."""
    path = folder_of(warehouse) / LOG
    found: list[ExportEntry] = []
    unreadable: list[int] = []
    for number, line in enumerate(path.read_bytes().splitlines() if path.exists() else (), start=1):
        try:
            found.append(_entry(json.loads(line)))
        except (ValueError, TypeError, KeyError) as error:
            log.warning(
                "%s, line %d, cannot be read, so the export that it records is not known: %r", path, number, error
            )
            unreadable.append(number)
    return found, unreadable


def _entry(row: dict[str, Any]) -> ExportEntry:
    days = {
        "day": date.fromisoformat(row["day"]),
        "since": date.fromisoformat(row["since"]) if row["since"] else None,
        "at": datetime.fromisoformat(row["at"]),
        "kind": ExportPlace(row["kind"]),
    }
    return ExportEntry(**(row | days))
