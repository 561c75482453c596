"""Uploaded logs: received, checked, then moved to the inbox or discarded. The state is on disk, shared by all workers.

`uploads/TOKEN/` holds one upload: the log, and its report beside it. Knows folders and processes; no Flask, no markup.
"""

import errno
import fcntl
import os
import re
import secrets
import shutil
import subprocess
import sys
import threading
import time
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dash_app.data.uploads import MAX_UPLOAD_BYTES, FileReport, Upload
from dash_app.uploads.check_limits import WAITING_FILE, CheckLimits, memory_environment, why_it_ended
from dash_app.uploads.file_validation import REPORT_FILE, find_upload, read_report, write_report
from grupa_pipeline.ingest.log_files import LOG_ENDINGS_WORDS, split_ending
from grupa_pipeline.ingest.reading_options import options_beside, options_file
from grupa_pipeline.storage.audit_log import AuditAction, record
from grupa_pipeline.storage.file_lock import lock
from grupa_pipeline.storage.inbox_arrivals import mark_complete

_SPARE_BYTES = 512 << 20
"""What must stay free on the disk beside an upload."""
_BEGIN_SECONDS = 900
"""How long space is kept for an upload that was announced and has not begun."""
_RETENTION_SECONDS = 24 * 3600
_TOKEN = re.compile(r"[0-9a-f]{32}")
_ANNOUNCED, _ARRIVING, _CHECKING = ".announced", ".arriving", ".checking"
_LONGEST_NAME = 150


class RefusedUploadError(Exception):
    """An upload that is refused; the message is a sentence for the user, `status` the HTTP status."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class UploadStore:
    """The uploads of one warehouse.

    Attributes:
        folder: Where they wait; on the inbox's disk, so that a move is atomic.
        inbox: Where the pipeline reads them from.
    """

    def __init__(self, warehouse: Path, inbox: Path) -> None:
        self.folder = warehouse / "uploads"
        self.inbox = inbox

    def announce(self, name: str, size: int) -> str:
        """Prepare for a log of `size` bytes; returns the token under which its bytes must be sent.

        Raises:
            RefusedUploadError: Its name or size is not allowed, or the disk is too full.
        """
        stored_name = safe_name(name)
        if size <= 0:
            raise RefusedUploadError(f"{stored_name} is empty; export it again.")
        if size > MAX_UPLOAD_BYTES:
            limit = f"{MAX_UPLOAD_BYTES >> 30} GB"
            raise RefusedUploadError(f"{stored_name} is larger than {limit}; compress it to .csv.gz or split it.", 413)
        if not self.folder.parent.is_dir():
            raise RefusedUploadError(f"The warehouse's folder is gone, so {stored_name} cannot be stored.", 503)
        self.folder.mkdir(exist_ok=True)
        self._delete_old()
        try:
            with lock(self.folder / ".lock", purpose="announcing an upload"):
                free = shutil.disk_usage(self.folder).free - sum(map(_awaited_bytes, self._places()))
                if free < size + _SPARE_BYTES:
                    raise RefusedUploadError(
                        f"There is no room for {stored_name} on the server's disk, where {_SPARE_BYTES >> 20} MB must stay free"
                        " beside what others are sending; free some, or try again later.",
                        507,
                    )
                token = secrets.token_hex(16)
                place = self.folder / token
                place.mkdir()
                (place / _ANNOUNCED).write_text(f"{size}\n{stored_name}", encoding="utf-8")
        except OSError as error:
            raise _not_stored(stored_name, error) from error
        return token

    def receive(self, token: str, blocks: Iterable[bytes]) -> str:
        """Write the bytes announced under `token` to disk as they arrive; returns the name of the stored log.

        Raises:
            RefusedUploadError: Nothing was announced under it, or more or fewer bytes arrived; nothing is stored.
        """
        place = self._place(token)
        try:
            note = (place / _ANNOUNCED).rename(place / _ARRIVING)  # of two that send under one token, one goes on
        except FileNotFoundError:
            raise RefusedUploadError("This upload has begun already.", 409) from None
        try:
            size, name = note.read_text(encoding="utf-8").split("\n", 1)
            _write(place / ".part", blocks, int(size))
            os.replace(place / ".part", place / name)
            _sync(place)
        except OSError as error:
            shutil.rmtree(place, ignore_errors=True)
            raise _not_stored("The log", error) from error
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        record(self.folder.parent, AuditAction.UPLOAD, token)
        return name

    def start_check(self, token: str, **said: Any) -> None:
        """Start to check an upload, in a process of its own that leaves a report when it is done.

        Args:
            token: The upload.
            said: Fields of `ReadingOptions` that a person changes now; the others stay as they were said before.
        """
        place = self._place(token)
        (place / REPORT_FILE).unlink(missing_ok=True)
        if said:
            log = find_upload(place)
            options_file(log).write_text(replace(options_beside(log), **said).as_toml(), encoding="utf-8")
        command = [sys.executable, "-m", "dash_app.uploads.file_validation", str(place)]
        with (place / _CHECKING).open("w") as lock_file:
            # The child inherits the lock; the kernel frees it when the child ends, however it ends.
            fcntl.flock(lock_file, fcntl.LOCK_EX)
            child = subprocess.Popen(  # noqa: S603 - our own command
                command, pass_fds=[lock_file.fileno()], env=memory_environment()
            )
        threading.Thread(target=_wait_for_check, args=(child, place), daemon=True).start()

    def uploads(self) -> list[Upload]:
        """The logs that have arrived and wait for a decision, oldest first."""
        uploads = [upload for place in self._places() if (upload := _upload(place))]
        return sorted(uploads, key=lambda upload: upload.arrived_at)

    def move_to_inbox(self, token: str) -> str:
        """Move a checked log to the inbox, under another name if its own is used there; returns the name.

        Raises:
            RefusedUploadError: There is no such upload, or the log cannot be used.
        """
        upload = _upload(self._place(token))
        if upload is None or upload.report is None or upload.report.problem:
            raise RefusedUploadError("Only a log that was checked and can be used goes into the inbox.", 409)
        self.inbox.mkdir(parents=True, exist_ok=True)
        place = self.folder / token
        mark_complete(place / upload.name)  # and that it was put into the inbox now
        with lock(self.folder / ".lock", purpose="putting an upload into the inbox"):
            name = _put(place / upload.name, self.inbox)
        _sync(self.inbox)
        shutil.rmtree(place, ignore_errors=True)
        record(self.folder.parent, AuditAction.INGEST, token)
        return name

    def discard(self, token: str) -> None:
        """Delete an upload."""
        shutil.rmtree(self._place(token), ignore_errors=True)
        record(self.folder.parent, AuditAction.DISCARD, token)

    def _place(self, token: str) -> Path:
        place = self.folder / token
        if not _TOKEN.fullmatch(token) or not place.is_dir():
            raise RefusedUploadError("There is no such upload (any more); drop the file again.", 404)
        return place

    def _places(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return [each for each in self.folder.iterdir() if _TOKEN.fullmatch(each.name) and each.is_dir()]

    def _delete_old(self) -> None:
        """Delete uploads that were undecided for a day, and those that arrived incompletely."""
        for place in self._places():
            if time.time() - _changed_at(place) > _RETENTION_SECONDS:
                shutil.rmtree(place, ignore_errors=True)


def safe_name(name: str) -> str:
    """The name under which a log called `name` is stored.

    Raises:
        RefusedUploadError: It is a path, or has no ending of a log.
    """
    plain = unicodedata.normalize("NFC", name).strip()
    if re.search(r"[/\\\x00-\x1f\x7f]", plain) or plain in ("", ".", ".."):
        raise RefusedUploadError("A file's name may hold no slash, backslash or control character.")
    stem, ending = split_ending(plain)
    if not ending:
        raise RefusedUploadError(f"Only files whose names end in {LOG_ENDINGS_WORDS} can be ingested.", 415)
    safe = re.sub(r"[^\w .()+-]", "_", stem).strip(" .") or "log"
    while len(safe.encode()) > _LONGEST_NAME:
        safe = safe[:-1]
    return f"{safe}{ending.lower()}"


def _upload(place: Path) -> Upload | None:
    """The upload in `place`; None while it is arriving or being deleted."""
    try:
        log = find_upload(place)
        status = log.stat()
        checking = _is_locked(place / _CHECKING)
        arrived_at = datetime.fromtimestamp(status.st_mtime, UTC).replace(tzinfo=None)
        waits = checking and (place / WAITING_FILE).exists()
        return Upload(place.name, log.name, status.st_size, arrived_at, checking, read_report(place), waits)
    except FileNotFoundError:
        return None


def _awaited_bytes(place: Path) -> int:
    """Bytes that an announced upload has still to write; none once it has arrived, or is long overdue."""
    try:
        notes = [place / name for name in (_ANNOUNCED, _ARRIVING) if (place / name).exists()]
        size, name = notes[0].read_text(encoding="utf-8").split("\n", 1)
        overdue = notes[0].name == _ANNOUNCED and time.time() - notes[0].stat().st_mtime > _BEGIN_SECONDS
        if overdue or (place / name).exists():
            return 0
        written = (place / ".part").stat().st_size if (place / ".part").exists() else 0
        return max(0, int(size) - written)
    except (OSError, IndexError, ValueError):  # it is being deleted, or is none
        return 0


def _not_stored(what: str, error: OSError) -> RefusedUploadError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        problem = f"{what} does not fit on the server's disk, which became full; nothing of it was stored. Free some and try again."
        return RefusedUploadError(problem, 507)
    return RefusedUploadError(f"{what} could not be stored ({error.strerror}); drop the file again.", 500)


def _wait_for_check(child: subprocess.Popen[bytes], place: Path) -> None:
    """Wait for the process that checks an upload, and report in its place where it was ended by a limit."""
    status = child.wait()
    if status == 0 or (place / REPORT_FILE).exists():
        return
    for scratch in place.glob("*/"):
        shutil.rmtree(scratch, ignore_errors=True)
    with suppress(OSError):  # it was discarded meanwhile, or the disk is full
        log = find_upload(place)
        problem = f"{log.name}: {why_it_ended(status, CheckLimits.of_size(log.stat().st_size))}"
        write_report(place, FileReport(problem=problem))


def _changed_at(place: Path) -> float:
    """When something last changed in `place`, in seconds since 1970; now, when it is deleted meanwhile."""
    try:
        return max(each.stat().st_mtime for each in (place, *place.iterdir()))
    except FileNotFoundError:
        return time.time()


def _is_locked(path: Path) -> bool:
    if not path.exists():
        return False
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _write(path: Path, blocks: Iterable[bytes], size: int) -> None:
    written = 0
    with path.open("xb") as file:
        for block in blocks:
            written += len(block)
            if written > size:
                break
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    if written != size:
        raise RefusedUploadError("The upload was interrupted; nothing of it was stored. Drop the file again.")


def _put(log: Path, inbox: Path) -> str:
    """Link `log` into the inbox without replacing a file there; the file with its options is put there first."""
    stem, ending = split_ending(log.name)
    for number in range(1, 1000):
        target = inbox / (log.name if number == 1 else f"{stem}-{number}{ending}")
        if target.exists():
            continue
        options_file(target).unlink(missing_ok=True)
        if options_file(log).exists():
            shutil.copyfile(options_file(log), options_file(target))
        try:
            os.link(log, target)
        except FileExistsError:
            continue
        return target.name
    raise RefusedUploadError(f"Too many files called {log.name} wait in the inbox.", 409)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
