"""kill -9 at random instants of `grupa run`; after each: what was acknowledged is there, and the next run succeeds."""

import random
import shutil
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path

from benchmarks.reliability import invariants, workers
from benchmarks.reliability.kills import FRESH_EVERY, Tally
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import warehouse as files
from grupa_pipeline.storage.repair import repair

MANY_EVERY, AIMED_EVERY = 20, 4
"""One run in so many has users enough to look for groups; one in so many is killed while it publishes."""

PUBLISHING_SECONDS = 0.2
"""About as long as a version is being made, once its draft is seen, on a machine with other work."""


@dataclass
class House:
    """A warehouse, and the logs (SHA-256) that were acknowledged to be in it."""

    folder: Path
    known: list[str] = field(default_factory=list)

    def copy(self, folder: Path) -> "House":
        shutil.copytree(self.folder, folder, symlinks=True)
        repair(Settings(warehouse=folder))
        return House(folder, list(self.known))


@dataclass
class Start:
    """A warehouse to begin with, and how long a whole run takes, by the number of users in a log."""

    house: House
    lengths: dict[int, float]


def make_start(context: ForkServerContext, folder: Path) -> tuple[Start, Tally]:
    """Take two logs of each size in; the second of each is as long as the runs to come."""
    tally, base, lengths = Tally(), House(folder / "base"), dict.fromkeys((workers.MANY_USERS, workers.USERS), 0.0)
    for users in (*lengths, *lengths):
        lengths[users] = _whole_run(context, tally, base, workers.small_log(folder, len(base.known), users))
    return Start(base, lengths), tally


def kill_runs(
    context: ForkServerContext, start: Start, folder: Path, kills: int, rng: random.Random, until: float = float("inf")
) -> Tally:
    """Kill `kills` runs, at instants drawn evenly from the length of the last whole run, one in four as it publishes.

    Stops early, after a whole kill, once the monotonic clock passes `until`.
    """
    tally, base, lengths = Tally(), start.house, dict(start.lengths)
    house, number = base.copy(folder / "runs-0"), 0
    while tally.kills < kills and time.monotonic() < until:
        number += 1
        if number % FRESH_EVERY == 0:
            shutil.rmtree(house.folder)
            house = base.copy(folder / f"runs-{number}")
        users = workers.MANY_USERS if number % MANY_EVERY == 0 else workers.USERS
        log = workers.small_log(folder, 100 + number, users)
        before = files.version(house.folder / files.PIPELINE_FILE)
        instant = rng.uniform(0, lengths[users]) if number % AIMED_EVERY else None
        if said := _run_and_kill(context, house.folder, log, instant, rng):
            tally.failures += [] if said == "done" else [f"a run that was to be killed: {said}"]
            house.known.append(workers.sha256_of(log))
            continue
        tally.kills += 1
        tally.stages[_stage(house.folder, before)] += 1
        tally.faults += [f"kill {tally.kills}: {why}" for why in invariants.pipeline_faults(house.folder, house.known)]
        lengths[users] = _whole_run(context, tally, house, log)
    return tally


def _run_and_kill(
    context: ForkServerContext, house: Path, log: Path, instant: float | None, rng: random.Random
) -> str | None:
    """Start a run and kill it after `instant` seconds (None: as it publishes); what it said if it ended before."""
    with workers.started(context, house, log) as told:
        if instant is None:
            _wait_for_publishing(house, told, rng.choice((1, 2)))
            instant = rng.uniform(0, PUBLISHING_SECONDS)
        return workers.last_word(told) if told.poll(instant) else None


def _whole_run(context: ForkServerContext, tally: Tally, house: House, log: Path) -> float:
    """Run to the end, look, and note what was wrong; seconds that it took."""
    began = time.monotonic()
    said = workers.attempt(context, house.folder, log)
    seconds = time.monotonic() - began
    if said != "done":
        tally.failures.append(f"the run after kill {tally.kills}: {said}")
    house.known.append(workers.sha256_of(log))
    tally.faults += [
        f"after kill {tally.kills}: {why}" for why in invariants.pipeline_faults(house.folder, house.known)
    ]
    return seconds


def _wait_for_publishing(folder: Path, told: Connection, nth: int) -> None:
    """Wait until the run publishes for the `nth` time, or ended: events are the first time, a snapshot's tables the second."""
    draft, seen = folder / "versions" / f".{Path(files.PIPELINE_FILE).stem}-draft", 0
    was_there = False
    while not told.poll(0.001):
        is_there = draft.exists()
        seen += is_there and not was_there
        if seen == nth:
            return
        was_there = is_there


def _stage(folder: Path, before: str | None) -> str:
    """How far a killed run had come, by what it left; `before` is the version that was published when it began."""
    database = folder / files.PIPELINE_FILE
    kept = [path.stem for path in files.versions(database)]
    shown = str(files.version(database))
    if kept[-1] != shown or list((folder / "versions").glob(f".{database.stem}-draft*")):
        return "while publishing"
    if list((folder / "staging").glob("*/*.parquet")):
        return "with tables staged"
    published = sum(1 for name in kept if str(before) < name <= shown)
    return ("before its events were shown", "after its events were shown", "after its snapshot was shown")[published]
