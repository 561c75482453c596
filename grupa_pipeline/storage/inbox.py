"""Ingests logs into the warehouse, from named files or from the inbox.

A file in the inbox is moved to `inbox/done/` when it has been ingested, and quarantined in `inbox/refused/`, with a note
beside it, when it cannot be used, whatever it is: nothing is ignored. `NAME.columns.toml` beside a file says how it is read, and
moves with it. Whether a file is complete is decided in `inbox_arrivals.py`; reading a log is done by `ingest`, publishing by
`publication.py`.
"""

import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from grupa_pipeline.ingest.columns import ColumnQuestionError
from grupa_pipeline.ingest.errors import UnusableFileError
from grupa_pipeline.ingest.ingest import IngestedFile, ingest_files
from grupa_pipeline.ingest.log_files import LOG_ENDINGS_WORDS, has_log_ending
from grupa_pipeline.ingest.reading_options import (
    DEFAULT_OPTIONS,
    ReadingOptions,
    is_options_file,
    options_beside,
    options_file,
)
from grupa_pipeline.storage.file_integrity import PublishedFile
from grupa_pipeline.storage.inbox_arrivals import (
    ABANDONED_SECONDS,
    QUIET_SECONDS,
    FileState,
    changed_since_taken,
    file_state,
    remember_taken,
    taken_files,
    why_incomplete,
)
from grupa_pipeline.storage.parquet_files import file_key
from grupa_pipeline.storage.publication import Publication

_TEMPORARY_ENDINGS = (".part", ".partial", ".filepart", ".crdownload", ".tmp", "~")
"""Endings that programs give to files which they are still writing."""
_HOMES = ("done", "refused")
NOTE_ENDING = ".why.txt"
"""Ending of the note beside a file that was refused."""


class ChangingFileError(UnusableFileError):
    """A file was written while it was read; nothing of it was stored."""


@dataclass(frozen=True)
class IngestResult:
    """What became of logs.

    Attributes:
        files: Those that were ingested.
        refused: Those that were refused, in the inbox: file name to reason.
        waiting: Those in the inbox that may still be written: file name to reason.
    """

    files: list[IngestedFile]
    refused: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Arrivals:
    """What lies in the inbox, oldest first.

    Attributes:
        logs: Complete logs.
        unusable: What is no log, and why it cannot be used, a sentence.
        waiting: What may still be written, by name, and why, a phrase.
    """

    logs: list[Path] = field(default_factory=list)
    unusable: dict[Path, str] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)


def look_into(inbox: Path, now: float | None = None) -> Arrivals:
    """What lies in the inbox. Names that start with a dot belong to programs, and are passed over.

    Args:
        inbox: The folder; it need not exist.
        now: Seconds since 1970; default: the present.
    """
    now = time.time() if now is None else now
    found = Arrivals()
    if not inbox.is_dir():
        return found
    paths = [path for path in inbox.iterdir() if not path.name.startswith(".") and path.name not in _HOMES]
    for path in sorted(paths, key=lambda path: (state.modified if (state := file_state(path)) else 0, path.name)):
        problem = _why_no_log(path)
        given_up_late = is_options_file(path.name) or path.name.lower().endswith(_TEMPORARY_ENDINGS)
        quiet = ABANDONED_SECONDS if given_up_late else QUIET_SECONDS
        reason = why_incomplete(path, now, quiet)
        if is_options_file(path.name) and (reason or _log_of_options(path).exists()):
            continue
        if reason and (path.exists() or not path.is_symlink()):
            found.waiting[path.name] = reason
        elif problem:
            found.unusable[path] = problem
        else:
            found.logs.append(path)
    return found


def interrupted_copies(inbox: Path) -> list[Path]:
    """Files that were moved out of the inbox and then written on; `ingest_inbox` moves them back."""
    return [path for home in _HOMES for path in changed_since_taken(inbox / home)]


def is_complete_log(name: str) -> bool:
    """Whether a file of this name in the inbox is a log, and one that is not still being written."""
    return has_log_ending(name) and not name.startswith(".")


def _log_of_options(path: Path) -> Path:
    return path.with_name(path.name[: -len(".columns.toml")])


def _why_no_log(path: Path) -> str | None:
    """Why something in the inbox is no log, a sentence; None when it may be one."""
    readable = f"Grupa reads files whose names end in {LOG_ENDINGS_WORDS}"
    if path.name.lower().endswith(_TEMPORARY_ENDINGS):
        return (
            f"{path.name}: its name is that of a file still being written, and nobody has written it for a day; if it is "
            "complete, put it into the inbox under its own name."
        )
    if is_options_file(path.name):
        return f"{path.name}: it says how a log is read, and {_log_of_options(path).name} has not come for a day; put both here."
    if path.is_dir():
        return f"{path.name}: it is a folder; put the logs that it holds into the inbox themselves."
    if not path.is_file():
        return f"{path.name}: it is no file, or a link to one that is not there; put the log itself into the inbox."
    if not is_complete_log(path.name):
        return f"{path.name}: {readable}; export the log as one of them, and put that into the inbox."
    return None


def ingest_logs(
    publication: Publication, files: Sequence[Path], options: ReadingOptions | None, now: datetime
) -> list[IngestedFile]:
    """Ingest `files`, all of them or none, and publish their events.

    A log that was ingested before adds nothing, but for events whose published file is damaged or missing.

    Args:
        publication: The warehouse.
        files: Paths of logs, or of archives or folders of logs.
        options: How they are read; None: as they and the files of options beside them say.
        now: The present, naive UTC; later events are rejected.

    Raises:
        UnusableFileError: One of the files cannot be used at all; nothing has changed.

    Example:
        >>> ingest_logs(Publication(Path("warehouse")), [Path("log.csv")], None, datetime(2025, 7, 1))
    """
    publication.folder.mkdir(parents=True, exist_ok=True)
    before = {path: file_state(path) for path in files}
    with tempfile.TemporaryDirectory(dir=publication.folder, prefix=".ingest-") as scratch:
        known = set(publication.query("SELECT file_sha256 FROM ingested_files").to_pydict().get("file_sha256", []))
        damaged: list[PublishedFile] = []

        def ingest(known_sha256: set[str]) -> list[IngestedFile]:
            return ingest_files(
                files,
                Path(scratch),
                known=lambda day: publication.event_files(day, day + timedelta(days=1), without=damaged),
                known_sha256=known_sha256,
                all_known=lambda: publication.event_files(without=damaged),
                remembered=publication.column_mappings(),
                now=now,
                options=options or DEFAULT_OPTIONS,
            )

        ingested = ingest(known)
        again = {file.file_sha256 for file in ingested if file.already_ingested}
        damaged += publication.damaged_events(again)
        if damaged:  # the logs of damaged files bring their events back
            ingested = ingest(known - again)
        hashes = {file.file_name: file.file_sha256 for file in ingested}
        for path in files:
            _require_unchanged(path, before[path], hashes.get(path.name))
        publication.publish_events(ingested, instead_of=damaged)
    return ingested


def _require_unchanged(path: Path, before: FileState | None, file_sha256: str | None) -> None:
    """Check that a file was not written while it was read; the hash of an archive or folder is not known.

    Raises:
        ChangingFileError: It was, so that its hash may not be that of the rows.
    """
    if file_state(path) != before or (file_sha256 is not None and file_key(path) != file_sha256):
        raise ChangingFileError(
            path.name, "it was written while it was read, so nothing of it was stored; ingest it when it is complete."
        )


def ingest_inbox(publication: Publication, inbox: Path, options: ReadingOptions | None, now: datetime) -> IngestResult:
    """Ingest the complete logs of the inbox one by one; what cannot be used is quarantined and does not stop the others."""
    for path in interrupted_copies(inbox):
        path.with_name(path.name + NOTE_ENDING).unlink(missing_ok=True)
        _move_back(path, inbox)
    arrivals = look_into(inbox)
    result = IngestResult([], waiting=arrivals.waiting)
    for path, problem in arrivals.unusable.items():
        _quarantine(path, inbox, problem, result)
    for path in arrivals.logs:
        before = file_state(path)
        try:
            own = options_beside(path).over(options or DEFAULT_OPTIONS)
            ingested = ingest_logs(publication, [path], own, now)
        except ChangingFileError:
            result.waiting[path.name] = "it was written while it was read, and is read again when it is complete"
            continue
        except UnusableFileError as error:
            _quarantine(path, inbox, str(error), result, _proposed_options(error))
        else:
            result.files.extend(ingested)
            _move(path, inbox / "done", before)
    return result


def _proposed_options(error: UnusableFileError) -> str:
    return error.question.options if isinstance(error, ColumnQuestionError) else ""


def _quarantine(path: Path, inbox: Path, problem: str, result: IngestResult, options: str = "") -> None:
    """Move a file out of the inbox, with a note beside it; `options` are the words of the command line that read it."""
    quarantined = _move(path, inbox / "refused", None) or path
    if options:
        log, warehouse = (shlex.quote(str(each.absolute())) for each in (quarantined, inbox.parent))
        problem = f"{problem} - type: grupa run {log} {options} --warehouse {warehouse}"
    result.refused[path.name] = problem
    quarantined.with_name(quarantined.name + NOTE_ENDING).write_text(f"{problem}\n", encoding="utf-8")


def _move(path: Path, folder: Path, read: FileState | None) -> Path | None:
    """Move what was read out of the inbox, with its options, and remember its state; returns where it is now.

    Args:
        path: What was read.
        folder: Where to.
        read: Its state before it was read; None where that does not matter. When another file has taken its place or it was
            written since, it stays in the inbox, and None is returned: it is read again.
    """
    folder.mkdir(exist_ok=True)
    target = _free_name(folder, path.name)
    _move_with_options(path, target)
    state = file_state(target)
    if read and state and (state.inode, state.size, state.modified) != (read.inode, read.size, read.modified):
        _move_back(target, path.parent)
        return None
    if state:
        remember_taken(folder, taken_files(folder) | {target.name: state})
    return target


def _move_back(path: Path, inbox: Path) -> None:
    """Move a file into the inbox as one that may still be written: its new name must not look like the end of a copy."""
    target = _free_name(inbox, path.name)
    _move_with_options(path, target)
    os.utime(target)


def _move_with_options(path: Path, target: Path) -> None:
    shutil.move(path, target)
    if (options := options_file(path)).exists():
        shutil.move(options, options_file(target))


def _free_name(folder: Path, name: str) -> Path:
    """A path in `folder` where nothing is, with `name` as the end of its name."""
    target = folder / name
    if target.exists():
        target = folder / f"{datetime.now():%Y%m%d-%H%M%S}-{os.urandom(2).hex()}-{name}"
    return target
