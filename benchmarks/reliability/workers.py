"""What the processes of the harness do: runs, plan saves.

Each is forked from a server that has imported what a run needs and done nothing else; from there on a run goes the way of the
command line, from `cli.main` on, in a process group of its own.
"""

import hashlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any, Protocol

from dash_app.roadmap.store import Roadmap
from grupa.cli.main import main
from grupa_pipeline.segmentation.worker_pool import release_workers
from sample_data.generate import write_log
from tests.dash_app.planning.plans import a_plan

USERS, DAYS = 12, 14
"""Of one log: so few users make a run short, with every asset and check in it."""

MANY_USERS = 80
"""Enough that a run looks for groups, in worker processes too."""

_IMPORTED = ("umap", "hdbscan", "ibis.backends.duckdb", "dagster", "grupa.cli.run", "sklearn.decomposition")


def clean_processes() -> ForkServerContext:
    """Processes that start within moments, with what a run imports but no thread, file or lock of anybody's."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, *_IMPORTED])
    return context


def small_log(folder: Path, number: int, users: int = USERS) -> Path:
    """A log of a dozen users; every number is another one."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"log-{number}-{users}.csv"
    if not path.exists():
        write_log(path, users=users, days=DAYS, seed=1000 + number)
    return path


def sha256_of(path: Path) -> str:
    """The file's SHA-256, as `ingested_files` names it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run_once(warehouse: Path, log: Path | None, told: Connection) -> None:
    """`grupa run` in a process group of its own: says that it starts, and `done` when it is acknowledged; else why it failed."""
    os.setsid()
    told.send("start")
    told.send(run_here(warehouse, log))
    release_workers()  # as the command line does when it ends; a process that was forked does not


def run_here(warehouse: Path, log: Path | None) -> str:
    """`grupa run` in this process, without the settings of whoever measures: `done`, or what it printed last and its status."""
    for name in [name for name in os.environ if name.startswith(("GRUPA_", "DAGSTER_"))]:
        del os.environ[name]
    os.environ["GRUPA_LLM"] = "none"
    printed = _printing_to_memory()
    try:
        status = main(["run", *([str(log)] if log else []), "--warehouse", str(warehouse)])
    except Exception as error:  # noqa: BLE001 - at a terminal this were a traceback; the harness tells it
        return f"traceback: {type(error).__name__}: {error}".splitlines()[0]
    finally:
        said = os.pread(printed, 1 << 20, 0).decode(errors="replace")
        os.close(printed)
    told = [line for line in said.splitlines() if line.startswith("grupa: ")]
    return "done" if status == 0 else f"exit {status}: {told[-1] if told else ''}"


@contextmanager
def started(context: ForkServerContext, warehouse: Path, log: Path | None) -> Iterator[Connection]:
    """A run that has begun, through the connection that hears it; kill -9 for it and all that it started, at the end."""
    ours, theirs = context.Pipe()
    process = context.Process(target=run_once, args=(warehouse, log, theirs))
    process.start()
    theirs.close()
    ours.recv()
    pid = process.pid
    assert pid
    try:
        yield ours
    finally:
        with suppress(ProcessLookupError):  # it has ended
            os.killpg(pid, signal.SIGKILL)
        process.join()


def last_word(told: Connection) -> str:
    """What a run said in the end; waits for it."""
    said: Any = "it ended without a word"
    with suppress(EOFError):
        while True:
            said = told.recv()
    return str(said)


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
    with started(context, warehouse, log) as told:
        return last_word(told)


def _printing_to_memory() -> int:
    """Send what is printed on stderr to a file in memory, and what goes to stdout nowhere; the file."""
    _quiet()
    printed = os.memfd_create("stderr")
    os.dup2(printed, 2)
    return printed


def _quiet() -> None:
    """Progress and tracebacks of many processes are not the harness's output."""
    sys.stdout.flush()
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
