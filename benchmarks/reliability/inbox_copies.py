"""Copies into the inbox at every speed, which pause for up to a minute, while the inbox sensor's ticks take what is complete."""

import random
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from grupa_pipeline.definitions import build_defs
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage.inbox import ingest_inbox
from grupa_pipeline.storage.publication import Publication

ROWS = 400
TICK_SECONDS = 10
_PATIENCE = 600


def copy_all(folder: Path, copies: int, longest_pause: float, seed: int) -> tuple[int, int, list[str]]:
    """Copy that many logs side by side; returns rows lost, files taken by half, and what else went wrong."""
    settings = Settings(warehouse=folder / "warehouse")
    settings.inbox.mkdir(parents=True)
    threads = [
        threading.Thread(target=_copy, args=(settings.inbox, number, longest_pause, random.Random(f"{seed}-{number}")))
        for number in range(copies)
    ]
    for thread in threads:
        thread.start()
    _take_until_all_are_done(settings, threads, copies)
    publication = Publication(settings.warehouse)
    files = publication.query("SELECT file_name, rows_read FROM ingested_files").to_pylist()
    halves = [row["file_name"] for row in files if row["rows_read"] < ROWS]
    refused = [path.name for path in (settings.inbox / "refused").glob("*.why.txt")]
    return copies * ROWS - publication.count_events(), len(halves), [f"refused: {name}" for name in refused]


def _take_until_all_are_done(settings: Settings, threads: list[threading.Thread], copies: int) -> None:
    """Tick as the daemon does, and do what a run that a tick asks for does, until all copies are ingested."""
    sensor, cursor = build_defs(settings).resolve_sensor_def("inbox_sensor"), None
    deadline: float | None = None
    with dg.DagsterInstance.ephemeral() as instance:
        while deadline is None or time.monotonic() < deadline:
            result = sensor(dg.build_sensor_context(instance=instance, cursor=cursor))
            assert isinstance(result, dg.SensorResult)
            cursor = result.cursor
            if any(request.job_name == "ingest_job" for request in result.run_requests or ()):
                ingest_inbox(
                    Publication(settings.warehouse), settings.inbox, None, datetime.now(UTC).replace(tzinfo=None)
                )
            if deadline is None and not any(thread.is_alive() for thread in threads):
                deadline = time.monotonic() + _PATIENCE
            if deadline and len(list((settings.inbox / "done").glob("copy-*.csv"))) == copies:
                return
            time.sleep(TICK_SECONDS)


def _copy(inbox: Path, number: int, longest_pause: float, rng: random.Random) -> None:
    """Write one log in pieces with pauses: in one go, closing it meanwhile, cut at line ends, or under a temporary name."""
    rows = [f"u{number}-{row},2025-03-{1 + row % 28:02d}T10:00:00Z,login\n" for row in range(ROWS)]
    content = ("user_id,timestamp,action\n" + "".join(rows)).encode()
    way, pieces = rng.choice(["open", "closed", "lines", "renamed"]), rng.randint(1, 6)
    cuts = sorted(rng.randrange(len(content)) for _ in range(pieces - 1))
    if way == "lines":
        cuts = [content.rfind(b"\n", 0, cut + 30) + 1 for cut in cuts]
    name = inbox / f"copy-{number:03d}.csv"
    target = name.with_name(name.name + ".part") if way == "renamed" else name
    time.sleep(rng.uniform(0, longest_pause))
    file = target.open("wb")
    for start, end in zip([0, *cuts], [*cuts, len(content)], strict=True):
        if file.closed:
            file = target.open("ab")
        file.write(content[start:end])
        file.flush()
        if way != "open":
            file.close()
        if end < len(content):
            time.sleep(rng.choice([0.01, 0.5, 2.5, 12, longest_pause / 2, longest_pause]))
    file.close()
    if way == "renamed":
        target.rename(name)
