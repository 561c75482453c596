"""Which lists of users left the tables, and where to: one JSON object a line in `exports/exports.jsonl`.

Erasing a person needs it: files in the folder are written again without them, and the rest is told.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from grupa_pipeline.storage.file_lock import lock

FOLDER = "exports"
_LOG, _LOCK = "exports.jsonl", "exports.lock"


@dataclass(frozen=True)
class ExportEntry:
    """One export.

    Attributes:
        segment_id: `C01`, `unassigned` or the id of a saved segment.
        day: The snapshot.
        since: Day of the earlier snapshot, for who entered and left.
        format: csv, parquet or sql.
        rows: Rows written; None where they were streamed.
        place: Name of the file in the folder, path of one elsewhere, or who downloaded it.
        at: When (UTC).
    """

    segment_id: str
    day: date
    since: date | None
    format: str
    rows: int | None
    place: str
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
    with lock(folder_of(warehouse) / _LOCK, purpose=purpose):
        yield


def add(warehouse: Path, entry: ExportEntry) -> None:
    """Record an export."""
    folder_of(warehouse).mkdir(parents=True, exist_ok=True)
    row = asdict(entry) | {"at": datetime.now(UTC).replace(tzinfo=None)}
    line = json.dumps({name: str(each) if isinstance(each, date) else each for name, each in row.items()})
    with (folder_of(warehouse) / _LOG).open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def entries(warehouse: Path) -> list[ExportEntry]:
    """All recorded exports, oldest first; a line that a crash cut short is left out."""
    path = folder_of(warehouse) / _LOG
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        row["day"] = date.fromisoformat(row["day"])
        row["since"] = date.fromisoformat(row["since"]) if row["since"] else None
        row["at"] = datetime.fromisoformat(row["at"])
        found.append(ExportEntry(**row))
    return found
