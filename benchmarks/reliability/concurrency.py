"""Many at once: readers polling, a session left open, a run publishing in a loop, clients saving plans."""

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
"""A reader's between two looks."""


@dataclass
class Found:
    """What happened; `faults` holds a line each: errors, stale or mixed snapshots, lost plans."""

    reads: int
    publishes: int
    saves: int
    faults: list[str]


def read_on(folder: Path, acknowledged: "Synchronized[int]", stop: Event, told: Connection) -> None:
    """Look again and again, as an analyst's client does; what was acknowledged before a look began must be in it."""
    reads, faults = 0, []
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
    told.send((reads, faults))


def run_on(folder: Path, logs: Path, acknowledged: "Synchronized[int]", stop: Event, told: Connection) -> None:
    """Take a new log in and segment, again and again."""
    faults, number = [], acknowledged.value
    while not stop.is_set():
        said = workers.run_here(folder, workers.small_log(logs, number))
        number += 1
        if said == "done":
            acknowledged.value += 1
        else:
            faults.append(f"run: {said}")
    told.send((acknowledged.value, faults))


def save_on(folder: Path, who: str, stop: Event, told: Connection) -> None:
    """Save plans; what was acknowledged is sent when it ends."""
    ours = _Kept()
    try:
        workers.save_plans(folder, who, ours, lambda: not stop.is_set())
    except Exception as error:  # noqa: BLE001 - whatever it is, the harness tells it
        told.send((ours.said[1:], [f"client: {error}".splitlines()[0]]))
    else:
        told.send((ours.said[1:], []))


def crowd(context: ForkServerContext, folder: Path, seconds: float) -> Found:
    """Let them all work on one warehouse for `seconds`; what was found."""
    house = folder / "warehouse"
    workers.attempt(context, house, workers.small_log(folder, 0))
    Roadmap(house).ensure()
    acknowledged, stop = context.Value("i", 1), context.Event()
    held = invariants.opened(house / warehouse.PIPELINE_FILE)
    before = held.execute("SELECT count(*), sum(hash(user_id)) FROM events").fetchall()
    jobs: list[tuple[Callable[..., None], tuple[object, ...]]] = [(run_on, (house, folder, acknowledged, stop))]
    jobs += [(read_on, (house, acknowledged, stop))] * READERS
    jobs += [(save_on, (house, f"client-{number}", stop)) for number in range(CLIENTS)]
    started = []
    for work, given in jobs:
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(*given, theirs))
        process.start()
        theirs.close()
        started.append((process, ours))
    time.sleep(seconds)
    stop.set()
    said = [ours.recv() for _, ours in started]
    for process, _ in started:
        process.join()
    after = held.execute("SELECT count(*), sum(hash(user_id)) FROM events").fetchall()
    held.close()
    faults = [fault for _, found in said for fault in found]
    faults += [] if before == after else ["the session that was held open saw another version"]
    saves = [save for done, _ in said[1 + READERS :] for save in done]
    faults += [f"plan: {why}" for why in invariants.plan_faults(house, saves)]
    return Found(sum(done for done, _ in said[1 : 1 + READERS]), said[0][0] - 1, len(saves), faults)


class _Kept:
    """Stands for a connection: keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[object] = []

    def send(self, what: object) -> None:
        self.said.append(what)
