"""kill -9 at random instants of `grupa run`: after each, all acknowledged rows are there and the next run succeeds."""

import random
import shutil
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path

from benchmarks.reliability import invariants, workers
from benchmarks.reliability.kills import FRESH_EVERY, KillResults, KillStage
from benchmarks.reliability.workers import RunResult
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import warehouse as files
from grupa_pipeline.storage.repair import repair

MANY_EVERY, AIMED_EVERY = 20, 4
"""One run in 20 has users enough for clusters; one in 4 is killed while it publishes."""

PUBLISHING_SECONDS = 0.2
"""About how long a version is being written once its draft is there, on a busy machine."""


@dataclass
class TargetWarehouse:
    """A warehouse whose runs are killed, and the logs (SHA-256) that it has acknowledged."""

    folder: Path
    known: list[str] = field(default_factory=list)

    def copy(self, folder: Path) -> "TargetWarehouse":
        shutil.copytree(self.folder, folder, symlinks=True)
        repair(Settings(warehouse=folder))
        return TargetWarehouse(folder, list(self.known))


@dataclass
class UnkilledRun:
    """A warehouse to copy, and seconds of a complete run by the number of users in its log."""

    target: TargetWarehouse
    lengths: dict[int, float]


def make_baseline(context: ForkServerContext, folder: Path) -> tuple[UnkilledRun, KillResults]:
    """Ingest two logs of each size; the second run of each takes as long as the runs to come."""
    results, base, lengths = (
        KillResults(),
        TargetWarehouse(folder / "base"),
        dict.fromkeys((workers.MANY_USERS, workers.USERS), 0.0),
    )
    for users in (*lengths, *lengths):
        lengths[users] = _complete_run(context, results, base, workers.small_log(folder, len(base.known), users))
    return UnkilledRun(base, lengths), results


def kill_runs(
    context: ForkServerContext,
    baseline: UnkilledRun,
    folder: Path,
    kills: int,
    rng: random.Random,
    until: float = float("inf"),
) -> KillResults:
    """Kill `kills` runs at instants drawn uniformly from the duration of the last complete run, one in four as it publishes.

    Stops early once the monotonic clock passes `until`.
    """
    results, base, lengths = KillResults(), baseline.target, dict(baseline.lengths)
    target, number = base.copy(folder / "runs-0"), 0
    while results.kills < kills and time.monotonic() < until:
        number += 1
        if number % FRESH_EVERY == 0:
            shutil.rmtree(target.folder)
            target = base.copy(folder / f"runs-{number}")
        users = workers.MANY_USERS if number % MANY_EVERY == 0 else workers.USERS
        log = workers.small_log(folder, 100 + number, users)
        before = files.version(target.folder / files.PIPELINE_FILE)
        instant = rng.uniform(0, lengths[users]) if number % AIMED_EVERY else None
        if result := _run_and_kill(context, target.folder, log, instant, rng):
            results.failures += [] if result.succeeded else [f"a run that was to be killed: {result}"]
            target.known.append(workers.sha256_of(log))
            continue
        results.kills += 1
        results.stages[_stage(target.folder, before)] += 1
        results.faults += [
            f"kill {results.kills}: {why}" for why in invariants.pipeline_faults(target.folder, target.known)
        ]
        lengths[users] = _complete_run(context, results, target, log)
    return results


def _run_and_kill(
    context: ForkServerContext, folder: Path, log: Path, instant: float | None, rng: random.Random
) -> RunResult | None:
    """Start a run and kill it after `instant` seconds (None: as it publishes); returns its result if it ended before."""
    with workers.started(context, folder, log) as connection:
        if instant is None:
            _wait_for_publishing(folder, connection, rng.choice((1, 2)))
            instant = rng.uniform(0, PUBLISHING_SECONDS)
        return workers.final_result(connection) if connection.poll(instant) else None


def _complete_run(context: ForkServerContext, results: KillResults, target: TargetWarehouse, log: Path) -> float:
    """Run to the end, check, and record what is wrong; returns the seconds it took."""
    began = time.monotonic()
    result = workers.attempt(context, target.folder, log)
    seconds = time.monotonic() - began
    if not result.succeeded:
        results.failures.append(f"the run after kill {results.kills}: {result}")
    target.known.append(workers.sha256_of(log))
    results.faults += [
        f"after kill {results.kills}: {why}" for why in invariants.pipeline_faults(target.folder, target.known)
    ]
    return seconds


def _wait_for_publishing(folder: Path, connection: Connection, nth: int) -> None:
    """Wait until the run publishes for the `nth` time (1: events, 2: the snapshot's tables), or has ended."""
    draft, seen = folder / "versions" / f".{Path(files.PIPELINE_FILE).stem}-draft", 0
    was_there = False
    while not connection.poll(0.001):
        is_there = draft.exists()
        seen += is_there and not was_there
        if seen == nth:
            return
        was_there = is_there


def _stage(folder: Path, before: str | None) -> KillStage:
    """How far a killed run had come; `before` is the version that was published when it began."""
    database = folder / files.PIPELINE_FILE
    version_names = [path.stem for path in files.versions(database)]
    current = str(files.version(database))
    if version_names[-1] != current or list((folder / "versions").glob(f".{database.stem}-draft*")):
        return KillStage.PUBLISHING
    if list((folder / "staging").glob("*/*.parquet")):
        return KillStage.STAGED
    published = sum(1 for name in version_names if str(before) < name <= current)
    return (KillStage.BEFORE_EVENTS, KillStage.AFTER_EVENTS, KillStage.AFTER_SNAPSHOT)[published]
