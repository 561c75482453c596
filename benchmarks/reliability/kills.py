"""kill -9 at random instants of a run and of a plan save; after each: what was acknowledged is there, and the next one succeeds."""

import random
import shutil
import time
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext
from pathlib import Path

from benchmarks.reliability import holding, workers
from dash_app.roadmap import Roadmap
from tests.planning.plans import a_plan

FRESH_EVERY = 10
"""After so many kills the warehouse is a fresh one again, so that it stays small and each kill meets much the same."""


@dataclass
class Tally:
    """What became of the kills; `faults` and `failures` hold a line each."""

    kills: int = 0
    faults: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def kill_runs(context: ForkServerContext, folder: Path, kills: int, rng: random.Random) -> Tally:
    """Kill `kills` runs, each at an instant drawn evenly from the length of the last whole run."""
    tally, base = Tally(), folder / "base"
    first = workers.small_log(folder, 0)
    workers.attempt(context, base, first)
    began = time.monotonic()
    _expect(tally, "a run to begin with", workers.attempt(context, base, first))
    length = time.monotonic() - began
    warehouse, known, number = base, [workers.sha256_of(first)], 0
    while tally.kills < kills:
        if number % FRESH_EVERY == 0:
            warehouse = folder / f"runs-{number}"
            shutil.copytree(base, warehouse, symlinks=True)
            known = known[:1]
        number += 1
        log = workers.small_log(folder, number)
        if not _kill_run(context, warehouse, log, rng.uniform(0, length)):
            known.append(workers.sha256_of(log))
            continue
        tally.kills += 1
        tally.faults += [f"kill {tally.kills}: {why}" for why in holding.pipeline_faults(warehouse, known)]
        began = time.monotonic()
        _expect(tally, f"the run after kill {tally.kills}", workers.attempt(context, warehouse, log))
        length = time.monotonic() - began
        tally.seconds.append(length)
        known.append(workers.sha256_of(log))
        tally.faults += [f"after kill {tally.kills}: {why}" for why in holding.pipeline_faults(warehouse, known)]
    return tally


def _kill_run(context: ForkServerContext, warehouse: Path, log: Path, after: float) -> bool:
    """Whether the run was killed before it ended by itself."""
    ours, theirs = context.Pipe()
    process = context.Process(target=workers.run_once, args=(warehouse, log, theirs))
    process.start()
    theirs.close()
    ours.recv()
    ended = ours.poll(after)
    process.kill()
    process.join()
    return not ended


def kill_saves(context: ForkServerContext, folder: Path, kills: int, rng: random.Random) -> Tally:
    """Kill a client that saves plans one after the other, `kills` times, each within a few saves of its start."""
    tally = Tally()
    acknowledged: list[tuple[str, int]] = []
    warehouse = folder / "saves-0"
    while tally.kills < kills:
        if tally.kills % FRESH_EVERY == 0:
            warehouse, acknowledged = folder / f"saves-{tally.kills}", []
        ours, theirs = context.Pipe()
        process = context.Process(target=workers.save_plans, args=(warehouse, f"kill-{tally.kills}", theirs))
        process.start()
        theirs.close()
        ours.recv()
        time.sleep(rng.uniform(0, 0.6))
        process.kill()
        process.join()
        tally.kills += 1
        acknowledged += _received(ours)
        try:
            plan = Roadmap(warehouse).add(a_plan(plan_id=f"after-{tally.kills}"), "whoever comes next")
            acknowledged.append((plan.plan_id, plan.revision))
        except Exception as error:  # noqa: BLE001 - whatever it is, the harness tells it
            tally.failures.append(f"the save after kill {tally.kills}: {error}")
        tally.faults += [f"kill {tally.kills}: {why}" for why in holding.plan_faults(warehouse, acknowledged)]
    return tally


def _received(ours: "workers.Connection") -> list[tuple[str, int]]:
    """What a process said before it died."""
    said = []
    try:
        while True:
            said.append(ours.recv())
    except EOFError:
        return said


def _expect(tally: Tally, what: str, said: str) -> None:
    if said != "done":
        tally.failures.append(f"{what}: {said}")
