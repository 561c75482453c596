"""Small uploads that unpack to, or are parsed into, far more: each check stays within its limits and ends with a sentence."""

import gzip
import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dash_app.app import create_app
from dash_app.uploads.check_limits import CheckLimits
from dash_app.uploads.upload_store import UploadStore
from grupa_pipeline.settings import Settings

_HEAD = b"user_id,timestamp,action\n"
_ROW = b"u1,2025-03-01T10:00:00Z,login\n"
MIB = 1 << 20
_IDLE_REQUESTS = 100


@dataclass
class BombResults:
    """What the checks of the bombs took.

    Attributes:
        memory, disk: Most MiB of one check, in memory and beside its upload.
        seconds: Of the longest check.
        idle, busy: Seconds of another client's requests before the first bomb, and while they are checked.
        reports: What each was told, a line each.
        faults: What must not be.
    """

    memory: float = 0
    disk: float = 0
    seconds: float = 0
    idle: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def bombs(scale: int) -> Iterator[tuple[str, bytes]]:
    """Names and contents of twelve bombs; `scale` multiplies what they unpack to, in MiB."""

    def packed(content: bytes, times: int = 1) -> bytes:
        return gzip.compress(content * times, 6)

    rows = scale * MIB
    yield "rows.csv.gz", packed(_HEAD + b"x,y,z,\n" * (rows // 7))
    yield "events.csv.gz", packed(_HEAD + b"".join(b"u%d,2025-03-01T10:00:00Z,a\n" % n for n in range(rows // 40)))
    yield "columns.csv.gz", packed(_HEAD[:-1] + b",c" * (rows // 2) + b"\n" + _ROW)
    yield "fields.csv.gz", packed(_HEAD + (_ROW[:-1] + b"," * 100_000 + b"\n") * (rows // 100_000))
    yield "zeros.csv.gz", packed(b"\0" * rows * 4)
    yield "line.csv.gz", packed(_HEAD + b"a" * rows * 2)
    yield "quote.csv.gz", packed(_HEAD + b'u1,"' + b"2025\n" * (rows // 5))
    yield "nested.csv.gz", packed(packed(packed(_HEAD + _ROW * (rows // 30))))
    yield "members.csv.gz", packed(_HEAD) + packed(_ROW) * (rows // 400)
    yield "actions.csv.gz", packed(_HEAD + b"".join(b"u1,2025-03-01T10:00:00Z,a%d\n" % n for n in range(rows // 40)))
    yield (
        "days.csv.gz",
        packed(
            _HEAD
            + b"".join(
                b"u%d,%04d-%02d-%02dT10:00:00Z,a\n" % (n % 9, 1970 + n % 55, 1 + n % 12, 1 + n % 28)
                for n in range(rows // 60)
            )
        ),
    )
    metadata = json.dumps({f"k{n}": n for n in range(2000)}).replace('"', '""').encode()
    yield (
        "json.csv.gz",
        packed(_HEAD[:-1] + b",metadata\n" + (_ROW[:-1] + b',"' + metadata + b'"\n') * (rows // len(metadata))),
    )


def send(folder: Path, scale: int) -> BombResults:
    """Upload all bombs, one after the other, while another client asks for the app."""
    settings, results = Settings(warehouse=folder / "warehouse"), BombResults()
    settings.warehouse.mkdir()
    server = create_app(settings).server
    store, done = UploadStore(settings.warehouse, settings.inbox), threading.Event()
    _ask(server, done, results.idle, results.faults, _IDLE_REQUESTS)
    other = threading.Thread(target=_ask, args=(server, done, results.busy, results.faults))
    other.start()
    try:
        for name, content in bombs(scale):
            client = server.test_client()
            token = client.post("/uploads", json={"name": name, "size": len(content)}).get_json()["token"]
            client.put(f"/uploads/{token}", data=content)
            _watch(store, token, name, len(content), results)
            store.discard(token)
    finally:
        done.set()
        other.join()
    left = [path.name for path in store.folder.glob("[!.]*")]
    results.faults += [f"left on the disk: {name}" for name in left]
    return results


def _watch(store: UploadStore, token: str, name: str, size: int, results: BombResults) -> None:
    begun, memory, disk = time.monotonic(), 0.0, 0.0
    while True:
        memory = max(memory, _memory_of_check(store.folder / token))
        disk = max(disk, (_bytes_in(store.folder / token) - size) / MIB)
        [upload] = [each for each in store.uploads() if each.token == token]
        if upload.report or (not upload.is_checking and time.monotonic() - begun > 30):
            break
        time.sleep(0.1)
    seconds = time.monotonic() - begun
    results.memory, results.disk = max(results.memory, memory), max(results.disk, disk)
    results.seconds = max(results.seconds, seconds)
    told = (upload.report.problem or f"{upload.report.rows_accepted:,} accepted") if upload.report else None
    results.reports.append(
        f"{name} ({size:,} bytes): {memory:.0f} MiB, {disk:.0f} MiB of disk, {seconds:.0f} s: {told}"
    )
    limits = CheckLimits.of_size(size)
    if memory * MIB > limits.address_space or disk * MIB > limits.file_size:
        results.faults.append(f"{name} took {memory:.0f} MiB of memory and {disk:.0f} MiB of disk")
    if told is None:
        results.faults.append(f"{name} ended without a report")


def _memory_of_check(place: Path) -> float:
    """Resident MiB of the process that checks the upload in `place`."""
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"file_validation" in (words := command.read_bytes()) and str(place).encode() in words:
                status = (command.parent / "status").read_text()
                return int(status.partition("VmHWM:")[2].split()[0]) / 1024
        except (OSError, IndexError):
            continue
    return 0.0


def _bytes_in(place: Path) -> int:
    """Bytes of the files in `place`, scratch files too; what is deleted meanwhile counts as none."""
    total = 0
    for path in place.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size
    return total


def _ask(server: Any, done: threading.Event, seconds: list[float], faults: list[str], times: int | None = None) -> None:
    """Ask for the layout, as each opening of the app does, `times` times or until it is done."""
    client = server.test_client()
    while not done.wait(0.1) and (times is None or len(seconds) < times):
        begun = time.monotonic()
        if client.get("/_dash-layout").status_code != 200:
            faults.append("another request failed")
        seconds.append(time.monotonic() - begun)
