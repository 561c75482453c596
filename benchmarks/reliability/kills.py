"""kill -9 at random instants of a plan save; after each: what was acknowledged is there, and the next save succeeds."""

import random
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext
from pathlib import Path

from benchmarks.reliability import invariants, workers
from dash_app.roadmap.store import Roadmap
from tests.dash_app.planning.plans import a_plan

FRESH_EVERY = 10
"""After so many kills the warehouse is a fresh one again, so that it stays small and each kill meets much the same."""


@dataclass
class Tally:
    """What became of the kills; `faults` and `failures` hold a line each, `stages` how far the killed had come."""

    kills: int = 0
    faults: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    stages: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, tallies: "Iterable[Tally]") -> "Tally":
        """The sum of several."""
        whole = cls()
        for tally in tallies:
            whole.kills += tally.kills
            whole.faults += tally.faults
            whole.failures += tally.failures
            whole.stages += tally.stages
        return whole


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
        tally.faults += [f"kill {tally.kills}: {why}" for why in invariants.plan_faults(warehouse, acknowledged)]
    return tally


def _received(ours: "workers.Connection") -> list[tuple[str, int]]:
    """What a process said before it died."""
    said = []
    try:
        while True:
            said.append(ours.recv())
    except EOFError:
        return said
