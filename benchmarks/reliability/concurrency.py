"""Concurrent use: readers polling, a session held open, a run publishing in a loop, clients saving plans."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path

import duckdb

from benchmarks.reliability import invariants, workers
from dash_app.roadmap.store import Roadmap
from grupa_pipeline.storage import warehouse

READERS, CLIENTS = 8, 4
PAUSE_SECONDS = 0.1
"""Pause of a reader between two queries."""


@dataclass
class ConcurrencyResults:
    """Numbers of reads, runs and saves; `faults` holds a line each: errors, stale or mixed snapshots, lost plans."""

    reads: int
    publishes: int
    saves: int
    faults: list[str]


def read_on(folder: Path, acknowledged: "Synchronized[int]", stop: Event, results: Connection) -> None:
    """Query again and again, as an analyst's client does; what was acknowledged before a query must be in its result."""
    reads = 0
    faults: list[str] = []
    while not stop.is_set():
        least = acknowledged.value
        try:
            with invariants.opened(folder / warehouse.PIPELINE_FILE) as con:
                [(files,)] = con.execute("SELECT count(*) FROM ingested_files").fetchall()
                faults += [] if files >= least else [f"stale: {files} files, {least} were acknowledged"]
                faults += [f"mixed: {why}" for why in invariants.mixed_snapshots(con)]
        except (duckdb.Error, OSError) as error:
            faults.append(f"reader: {error}".splitlines()[0])
        reads += 1
        time.sleep(PAUSE_SECONDS)
    results.send((reads, faults))


def run_on(folder: Path, logs: Path, acknowledged: "Synchronized[int]", stop: Event, results: Connection) -> None:
    """Ingest a new log and segment, again and again."""
    faults: list[str] = []
    number = acknowledged.value
    while not stop.is_set():
        result = workers.run_here(folder, workers.small_log(logs, number))
        number += 1
        if result.succeeded:
            acknowledged.value += 1
        else:
            faults.append(f"run: {result}")
    results.send((acknowledged.value, faults))


def save_on(folder: Path, who: str, stop: Event, results: Connection) -> None:
    """Save plans until `stop`; sends the acknowledged saves at the end."""
    saves = _ListSink()
    try:
        workers.save_plans(folder, who, saves, lambda: not stop.is_set())
    except Exception as error:  # noqa: BLE001 - every error is a result
        results.send((saves.messages[1:], [f"client: {error}".splitlines()[0]]))
    else:
        results.send((saves.messages[1:], []))


def work_concurrently(context: ForkServerContext, folder: Path, seconds: float) -> ConcurrencyResults:
    """Let all of them work on one warehouse for `seconds`."""
    shared = folder / "warehouse"
    workers.attempt(context, shared, workers.small_log(folder, 0))
    Roadmap(shared).ensure()
    acknowledged, stop = context.Value("i", 1), context.Event()
    held = invariants.opened(shared / warehouse.PIPELINE_FILE)
    before = held.execute("SELECT count(*), sum(hash(user_id)) FROM events").fetchall()
    jobs: list[tuple[Callable[..., None], tuple[object, ...]]] = [(run_on, (shared, folder, acknowledged, stop))]
    jobs += [(read_on, (shared, acknowledged, stop))] * READERS
    jobs += [(save_on, (shared, f"client-{number}", stop)) for number in range(CLIENTS)]
    started = []
    for work, arguments in jobs:
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(*arguments, theirs))
        process.start()
        theirs.close()
        started.append((process, ours))
    time.sleep(seconds)
    stop.set()
    messages = [ours.recv() for _, ours in started]
    for process, _ in started:
        process.join()
    after = held.execute("SELECT count(*), sum(hash(user_id)) FROM events").fetchall()
    held.close()
    faults = [fault for _, lines in messages for fault in lines]
    faults += [] if before == after else ["the session that was held open saw another version"]
    saves = [save for done, _ in messages[1 + READERS :] for save in done]
    faults += [f"plan: {why}" for why in invariants.plan_faults(shared, saves)]
    reads = sum(done for done, _ in messages[1 : 1 + READERS])
    return ConcurrencyResults(reads, messages[0][0] - 1, len(saves), faults)


class _ListSink:
    """A sink that collects messages in a list."""

    def __init__(self) -> None:
        self.messages: list[object] = []

    def send(self, message: object, /) -> None:
        self.messages.append(message)
