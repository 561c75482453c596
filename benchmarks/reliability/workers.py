"""Worker processes of the benchmarks: runs and plan saves.

Each is forked from a server process that has imported what a run needs and done nothing else. A run then calls the command
line's `main`, in a process group of its own.
"""

import hashlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Protocol

from dash_app.roadmap.store import Roadmap
from grupa.cli.main import main
from grupa_pipeline.segmentation.worker_pool import release_workers
from sample_data.generate import write_log
from tests.dash_app.planning.plans import a_plan

USERS, DAYS = 12, 14
"""Of one log: with so few users a run is short, with every asset and check in it."""

MANY_USERS = 80
"""Enough users for a run to search for clusters, in worker processes too."""

_IMPORTED = ("umap", "hdbscan", "ibis.backends.duckdb", "dagster", "grupa.cli.run", "sklearn.decomposition")


def clean_processes() -> ForkServerContext:
    """Context of processes that start quickly: with the imports of a run, but no thread, file or lock of another process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, *_IMPORTED])
    return context


def small_log(folder: Path, number: int, users: int = USERS) -> Path:
    """A log of a dozen users, which differs for every `number`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"log-{number}-{users}.csv"
    if not path.exists():
        write_log(path, users=users, days=DAYS, seed=1000 + number)
    return path


def sha256_of(path: Path) -> str:
    """The file's SHA-256, as `ingested_files` names it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(frozen=True)
class RunResult:
    """How a `grupa run` ended: `exit_status` is None when it raised or died; `message` is the error."""

    exit_status: int | None
    message: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether the run was acknowledged."""
        return self.exit_status == 0

    def __str__(self) -> str:
        return f"exit status {self.exit_status}: {self.message}"


def run_once(warehouse: Path, log: Path | None, connection: Connection) -> None:
    """`grupa run` in a process group of its own; sends a start message, and a `RunResult` at the end."""
    os.setsid()
    connection.send("start")
    connection.send(run_here(warehouse, log))
    release_workers()  # as the command line does when it ends; a process that was forked does not


def run_here(warehouse: Path, log: Path | None) -> RunResult:
    """`grupa run` in this process, without the caller's GRUPA_ and DAGSTER_ variables."""
    for name in [name for name in os.environ if name.startswith(("GRUPA_", "DAGSTER_"))]:
        del os.environ[name]
    os.environ["GRUPA_LLM"] = "none"
    stderr = _redirect_stderr_to_memory()
    try:
        status = main(["run", *([str(log)] if log else []), "--warehouse", str(warehouse)])
    except Exception as error:  # noqa: BLE001 - the command line would print a traceback
        return RunResult(None, f"traceback: {type(error).__name__}: {error}".splitlines()[0])
    finally:
        output = os.pread(stderr, 1 << 20, 0).decode(errors="replace")
        os.close(stderr)
    messages = [line for line in output.splitlines() if line.startswith("grupa: ")]
    return RunResult(status, messages[-1] if messages and status else "")


@contextmanager
def started(context: ForkServerContext, warehouse: Path, log: Path | None) -> Iterator[Connection]:
    """A run that has begun; yields the connection to it, and kills it and all processes it started at the end (kill -9)."""
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


def final_result(connection: Connection) -> RunResult:
    """Result of a run; waits for its end."""
    result = RunResult(None, "it ended without a result")
    with suppress(EOFError):
        while True:
            result = connection.recv()
    return result


class MessageSink(Protocol):
    """Receives the messages of a worker."""

    def send(self, message: object, /) -> None:
        """Receive one message."""


def save_plans(warehouse: Path, who: str, sink: MessageSink, keep_on: Callable[[], bool] = lambda: True) -> None:
    """Add plans and revise each four times, while `keep_on`; sends (plan, revision) of each acknowledged save."""
    _quiet()
    roadmap = Roadmap(warehouse)
    roadmap.ensure()
    sink.send("start")
    number = 0
    while keep_on():
        number += 1
        plan = roadmap.add(a_plan(plan_id=f"{who}-{number}", owner=who), who)
        sink.send((plan.plan_id, plan.revision))
        for _ in range(4):
            plan = roadmap.save(plan, plan.revision, who)
            sink.send((plan.plan_id, plan.revision))


def attempt(context: ForkServerContext, warehouse: Path, log: Path | None) -> RunResult:
    """Run to the end in a process of its own."""
    with started(context, warehouse, log) as connection:
        return final_result(connection)


def _redirect_stderr_to_memory() -> int:
    """Redirect stderr to a file in memory, and discard stdout; returns the descriptor of the file."""
    _quiet()
    descriptor = os.memfd_create("stderr")
    os.dup2(descriptor, 2)
    return descriptor


def _quiet() -> None:
    """Discard stdout and stderr: the output of many processes is not that of the benchmark."""
    sys.stdout.flush()
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
