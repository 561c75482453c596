"""kill -9 at random instants of plan saves: after each, all acknowledged saves are there and the next save succeeds."""

import random
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path

from benchmarks.reliability import invariants, workers
from dash_app.roadmap.store import Roadmap
from tests.dash_app.planning.plans import a_plan

FRESH_EVERY = 10
"""Number of kills after which a new warehouse is used, so that it stays small and all kills meet similar ones."""


class KillStage(StrEnum):
    """How far a killed run had come, by what it left."""

    BEFORE_EVENTS = "before its events were published"
    AFTER_EVENTS = "after its events were published"
    STAGED = "with tables staged"
    PUBLISHING = "while publishing"
    AFTER_SNAPSHOT = "after its snapshot was published"


@dataclass
class KillResults:
    """Results of several kills.

    Attributes:
        kills: Number of processes killed.
        faults: What was lost or damaged, a line each.
        failures: Runs or saves that failed afterwards, a line each.
        stages: Number of killed runs by how far they had come.
    """

    kills: int = 0
    faults: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    stages: Counter[KillStage] = field(default_factory=Counter)

    @classmethod
    def total(cls, parts: "Iterable[KillResults]") -> "KillResults":
        """The sum of several."""
        whole = cls()
        for part in parts:
            whole.kills += part.kills
            whole.faults += part.faults
            whole.failures += part.failures
            whole.stages += part.stages
        return whole


def kill_saves(context: ForkServerContext, folder: Path, kills: int, rng: random.Random) -> KillResults:
    """Kill a client that saves plans one after the other, `kills` times, each within a few saves of its start."""
    results = KillResults()
    acknowledged: list[tuple[str, int]] = []
    warehouse = folder / "saves-0"
    while results.kills < kills:
        if results.kills % FRESH_EVERY == 0:
            warehouse, acknowledged = folder / f"saves-{results.kills}", []
        ours, theirs = context.Pipe()
        process = context.Process(target=workers.save_plans, args=(warehouse, f"kill-{results.kills}", theirs))
        process.start()
        theirs.close()
        ours.recv()
        time.sleep(rng.uniform(0, 0.6))
        process.kill()
        process.join()
        results.kills += 1
        acknowledged += _received(ours)
        try:
            plan = Roadmap(warehouse).add(a_plan(plan_id=f"after-{results.kills}"), "the next client")
            acknowledged.append((plan.plan_id, plan.revision))
        except Exception as error:  # noqa: BLE001 - every error is a result
            results.failures.append(f"the save after kill {results.kills}: {error}")
        results.faults += [f"kill {results.kills}: {why}" for why in invariants.plan_faults(warehouse, acknowledged)]
    return results


def _received(ours: Connection) -> list[tuple[str, int]]:
    """What a process sent before it died."""
    messages: list[tuple[str, int]] = []
    try:
        while True:
            messages.append(ours.recv())
    except EOFError:
        return messages
