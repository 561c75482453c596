"""What stands in the inbox: logs that wait, and those that were refused with their reasons. Reads folders, changes nothing."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dash_app.monitoring.progress import PendingLog
from grupa_pipeline.storage.inbox import NOTE_ENDING, is_complete_log

_STAMP = re.compile(r"^\d{8}-\d{6}-[0-9a-f]{4}-")
"""What the inbox puts before a name that it has moved before."""


@dataclass(frozen=True)
class Refused:
    """A log that could not be used: its name, when that was found (naive UTC), and why."""

    name: str
    at: datetime
    why: str


def load_waiting(inbox: Path) -> list[PendingLog]:
    """Logs that wait in the inbox, the oldest first. One that is moved away just now may be missing."""
    found = [
        PendingLog(path.name, at) for path in _files(inbox) if is_complete_log(path.name) and (at := _changed_at(path))
    ]
    return sorted(found, key=lambda each: (each.since, each.name))


def load_refused(inbox: Path, most: int) -> list[Refused]:
    """The last `most` logs that were refused, the newest first."""
    notes = [
        (at, path)
        for path in _files(inbox / "refused")
        if path.name.endswith(NOTE_ENDING) and (at := _changed_at(path))
    ]
    newest = sorted(notes, reverse=True)[:most]
    return [
        Refused(
            _STAMP.sub("", path.name.removesuffix(NOTE_ENDING)),
            datetime.fromtimestamp(at, UTC).replace(tzinfo=None),
            path.read_text(encoding="utf-8", errors="replace").strip(),
        )
        for at, path in newest
    ]


def _files(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _changed_at(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None
