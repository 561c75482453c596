"""Logs that people upload: arriving, judged, then put into the inbox or thrown away. The truth is on disk, for all workers.

`uploads/TOKEN/` holds one upload: the log, and its judgement beside it. Knows folders and processes; no Flask, no markup.
"""

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
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dash_app.uploads.file_validation import ANSWER, Judgement, read_judgement
from grupa_pipeline.storage.inbox import timestamp_format_file
from grupa_pipeline.storage.warehouse import lock

MOST_BYTES = 20 << 30
"""Largest upload; a larger log is better put into the inbox, or split."""
_SPARE_BYTES = 512 << 20
"""What must stay free on the disk beside an upload."""
_KEPT_SECONDS = 24 * 3600
_TOKEN = re.compile(r"[0-9a-f]{32}")
_ANNOUNCED, _ARRIVING, _JUDGING = ".announced", ".arriving", ".judging"
_LONGEST_NAME = 150


class RefusedUploadError(Exception):
    """An upload that is not taken; the message is a sentence for the person, `status` the HTTP status that says it."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Upload:
    """A log that has arrived and waits for a person's word.

    `judgement` is None while it is being judged, or when that ended without an answer (`is_judging` is then false).
    """

    token: str
    name: str
    size: int
    arrived_at: datetime
    is_judging: bool
    judgement: Judgement | None


class UploadStore:
    """The uploads of one warehouse.

    Attributes:
        folder: Where they wait; on the inbox's disk, so that a move is atomic.
        inbox: Where the pipeline takes them from.
    """

    def __init__(self, warehouse: Path, inbox: Path) -> None:
        self.folder = warehouse / "uploads"
        self.inbox = inbox

    def announce(self, name: str, size: int) -> str:
        """Make room for a log of `size` bytes; returns the token that its bytes are to be sent under.

        Raises:
            RefusedUploadError: Its name or size will not do, or the disk has no room.
        """
        kept = safe_name(name)
        if size <= 0:
            raise RefusedUploadError(f"{kept} is empty; export it again.")
        if size > MOST_BYTES:
            limit = f"{MOST_BYTES >> 30} GB"
            raise RefusedUploadError(f"{kept} is larger than {limit}; compress it to .csv.gz or split it.", 413)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._forget_old()
        if shutil.disk_usage(self.folder).free < size + _SPARE_BYTES:
            raise RefusedUploadError(f"There is no room for {kept} on the server's disk; free some and try again.", 507)
        token = secrets.token_hex(16)
        place = self.folder / token
        place.mkdir()
        (place / _ANNOUNCED).write_text(f"{size}\n{kept}", encoding="utf-8")
        return token

    def receive(self, token: str, blocks: Iterable[bytes]) -> str:
        """Write the bytes announced under `token` to disk as they come; returns the name the log is kept under.

        Raises:
            RefusedUploadError: Nothing was announced under it, or more or fewer bytes came; nothing of it is kept.
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
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        return name

    def judge(self, token: str, timestamp_format: str | None = None) -> None:
        """Start to judge an upload, in a process of its own; its judgement appears when it is done."""
        place = self._place(token)
        (place / ANSWER).unlink(missing_ok=True)
        command = [sys.executable, "-m", "dash_app.uploads.file_validation", str(place)]
        with (place / _JUDGING).open("w") as held:
            # The lock goes with the child: when that dies, however it dies, the kernel frees it.
            fcntl.flock(held, fcntl.LOCK_EX)
            child = subprocess.Popen(  # noqa: S603 - our own command; the format is one argument of it
                [*command, timestamp_format] if timestamp_format else command, pass_fds=[held.fileno()]
            )
        threading.Thread(target=child.wait, daemon=True).start()

    def uploads(self) -> list[Upload]:
        """What has arrived and waits for a person's word, oldest first."""
        found = [upload for place in self._places() if (upload := _upload(place))]
        return sorted(found, key=lambda each: each.arrived_at)

    def take_in(self, token: str) -> str:
        """Put a judged log into the inbox, under another name if its own waits there; returns the name.

        Raises:
            RefusedUploadError: It is not there, or would be refused.
        """
        upload = _upload(self._place(token))
        if upload is None or upload.judgement is None or upload.judgement.problem:
            raise RefusedUploadError("Only a log that was judged usable goes into the inbox.", 409)
        self.inbox.mkdir(parents=True, exist_ok=True)
        place = self.folder / token
        os.utime(place / upload.name)  # when it was put into the inbox, for whoever watches that
        with lock(self.folder / ".lock", purpose="putting an upload into the inbox"):
            name = _put(place / upload.name, self.inbox, upload.judgement.timestamp_format)
        _sync(self.inbox)
        shutil.rmtree(place, ignore_errors=True)
        return name

    def discard(self, token: str) -> None:
        """Throw an upload away."""
        shutil.rmtree(self._place(token), ignore_errors=True)

    def _place(self, token: str) -> Path:
        place = self.folder / token
        if not _TOKEN.fullmatch(token) or not place.is_dir():
            raise RefusedUploadError("There is no such upload (any more); drop the file again.", 404)
        return place

    def _places(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return [each for each in self.folder.iterdir() if _TOKEN.fullmatch(each.name) and each.is_dir()]

    def _forget_old(self) -> None:
        """Remove what nobody decided on for a day, and what began to arrive and never did."""
        for place in self._places():
            if time.time() - _changed_at(place) > _KEPT_SECONDS:
                shutil.rmtree(place, ignore_errors=True)


def safe_name(name: str) -> str:
    """The name that a log called `name` is kept under.

    Raises:
        RefusedUploadError: It is a path, or not the name of a .csv or .csv.gz file.
    """
    plain = unicodedata.normalize("NFC", name).strip()
    if re.search(r"[/\\\x00-\x1f\x7f]", plain) or plain in ("", ".", ".."):
        raise RefusedUploadError("A file's name may hold no slash, backslash or control character.")
    stem, dot, ending = re.sub(r"(?i)\.(csv(\.gz)?)$", r"/\1", plain).partition("/")
    if not dot:
        raise RefusedUploadError("Only .csv and .csv.gz files can be taken in.", 415)
    kept = re.sub(r"[^\w .()+-]", "_", stem).strip(" .") or "log"
    while len(kept.encode()) > _LONGEST_NAME:
        kept = kept[:-1]
    return f"{kept}.{ending.lower()}"


def _upload(place: Path) -> Upload | None:
    """The upload in `place`; None when it is still arriving, or being thrown away just now."""
    try:
        [log] = [each for each in place.iterdir() if each.name.lower().endswith((".csv", ".csv.gz"))]
        told = log.stat()
        judging = _is_held(place / _JUDGING)
        arrived_at = datetime.fromtimestamp(told.st_mtime, UTC).replace(tzinfo=None)
        return Upload(place.name, log.name, told.st_size, arrived_at, judging, read_judgement(place))
    except (FileNotFoundError, ValueError):
        return None


def _changed_at(place: Path) -> float:
    """When something last changed in `place`, seconds since 1970; now, when it goes meanwhile."""
    try:
        return max(each.stat().st_mtime for each in (place, *place.iterdir()))
    except FileNotFoundError:
        return time.time()


def _is_held(path: Path) -> bool:
    if not path.exists():
        return False
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _write(path: Path, blocks: Iterable[bytes], size: int) -> None:
    taken = 0
    with path.open("xb") as file:
        for block in blocks:
            taken += len(block)
            if taken > size:
                break
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    if taken != size:
        raise RefusedUploadError("The upload was interrupted; nothing of it was kept. Drop the file again.")


def _put(log: Path, inbox: Path, timestamp_format: str | None) -> str:
    """Link `log` into the inbox without ever replacing what waits there; its format stands beside it first."""
    stem, ending = re.split(r"(?i)(?=\.csv(?:\.gz)?$)", log.name)
    for number in range(1, 1000):
        target = inbox / (log.name if number == 1 else f"{stem}-{number}{ending}")
        if target.exists():
            continue
        timestamp_format_file(target).unlink(missing_ok=True)
        if timestamp_format:
            timestamp_format_file(target).write_text(timestamp_format, encoding="utf-8")
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
