"""What the processes of the harness do: runs, plan saves. Each is started clean from a server that has everything imported."""

import hashlib
import multiprocessing
import os
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any, Protocol

from dash_app.roadmap import Roadmap
from grupa_pipeline.running import run
from grupa_pipeline.settings import Settings
from sample_data.generate import write_log
from tests.planning.plans import a_plan

USERS, DAYS = 12, 14
"""Of one log: so few users make a run short, with every asset and check in it."""


def clean_processes() -> ForkServerContext:
    """Processes that start within moments, with what a run imports but no thread, file or lock of anybody's."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "umap", "hdbscan", "ibis"])
    return context


def small_log(folder: Path, number: int) -> Path:
    """A log of a dozen users; every number is another one."""
    path = folder / f"log-{number}.csv"
    if not path.exists():
        write_log(path, users=USERS, days=DAYS, seed=1000 + number)
    return path


def sha256_of(path: Path) -> str:
    """The file's SHA-256, as `ingested_files` names it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run_once(warehouse: Path, log: Path | None, told: Connection) -> None:
    """`grupa run`: says that it starts, and `done` when it is acknowledged; else why it failed."""
    told.send("start")
    told.send(run_here(warehouse, log))


def run_here(warehouse: Path, log: Path | None) -> str:
    """`grupa run` in this process: `done`, or why not."""
    _quiet()
    try:
        run(Settings(warehouse=warehouse), [log] if log else [])
    except Exception as error:  # noqa: BLE001 - whatever it is, the harness tells it
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return "done"


class Told(Protocol):
    """Whom a worker tells what it did."""

    def send(self, what: Any, /) -> None:
        """Say one thing."""


def save_plans(warehouse: Path, who: str, told: Told, keep_on: Callable[[], bool] = lambda: True) -> None:
    """Add a plan, then revise it four times, and again; says each save that was acknowledged."""
    _quiet()
    roadmap = Roadmap(warehouse)
    roadmap.ensure()
    told.send("start")
    number = 0
    while keep_on():
        number += 1
        plan = roadmap.add(a_plan(plan_id=f"{who}-{number}", owner=who), who)
        told.send((plan.plan_id, plan.revision))
        for _ in range(4):
            plan = roadmap.save(plan, plan.revision, who)
            told.send((plan.plan_id, plan.revision))


def attempt(context: ForkServerContext, warehouse: Path, log: Path | None) -> str:
    """Run to the end in a process of its own; `done`, or why not."""
    ours, theirs = context.Pipe()
    process = context.Process(target=run_once, args=(warehouse, log, theirs))
    process.start()
    theirs.close()
    said: Any = "it ended without a word"
    try:
        while True:
            said = ours.recv()
    except EOFError:
        process.join()
    return str(said)


def _quiet() -> None:
    """Progress and tracebacks of many processes are not the harness's output."""
    sys.stdout.flush()
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
