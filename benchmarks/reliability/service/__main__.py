"""Prints the rows of the service's table; exit status 1 when a goal is missed."""

import argparse
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks.reliability.service.served_warehouse import SNAPSHOT_SECONDS, ServedWarehouse
from grupa.cli.run import run
from grupa_pipeline.defs.dead_runs import IN_PROGRESS
from grupa_pipeline.defs.instance import dagster_instance
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import warehouse
from sample_data.generate import write_log

TARGETS = {
    "the run": "spawn_main",
    "the code server": "code-server start",
    "its worker": "dagster api grpc",
    "the daemon": "dagster_process daemon",
    "the app": r"gunicorn",
    "Dagster's UI": "dagster_webserver",
}
"""What is killed, by a pattern of its command."""

PATIENCE_SECONDS = 900.0
"""How long a killed service is watched before it counts as one that does not go on by itself."""


def main() -> int:
    """Run the selected benchmarks and print a row for each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability.service", description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="logs put into the inbox, two runs each (default: 20)")
    parser.add_argument("--minutes", type=float, default=10, help="of idleness (default: 10)")
    parser.add_argument("--kills", type=int, default=60, help="kill -9 at random instants (default: 60)")
    parser.add_argument("--stops", type=int, default=20, help="SIGTERM at instants of a run (default: 20)")
    parser.add_argument("--history", type=int, default=400, help="runs of history (default: 400)")
    parser.add_argument("--users", type=int, default=80, help="of each log; 50 and more are segmented (default: 80)")
    parser.add_argument("--settle", type=float, default=60, help="seconds after the last run (default: 60)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=_BENCHMARKS, default=list(_BENCHMARKS))
    options = parser.parse_args()
    load = os.getloadavg()[0]
    print(
        f"{os.cpu_count()} cores, load at the start {load:.1f}.\n\n| what | result | goal |\n|---|---|---|", flush=True
    )
    missed = False
    for name in options.only:
        with tempfile.TemporaryDirectory(prefix="grupa-service-") as folder:
            missed |= not _BENCHMARKS[name](Path(folder), options)
    return int(missed)


def _growth(folder: Path, options: argparse.Namespace) -> bool:
    served = ServedWarehouse(folder / "warehouse", options.users)
    try:
        time.sleep(options.settle)
        processes, memory = len(served.pids()), served.pss_mib()
        late = 0
        for _ in range(options.runs):
            served.put_log()
            late += served.await_snapshot() is None
            _tell(f"{len(served.pids())} processes, {served.pss_mib():.0f} MiB, {late} late so far")
        time.sleep(options.settle)
        more, grown = len(served.pids()) - processes, served.pss_mib() - memory
    finally:
        served.stop()
    return _print(
        f"after {2 * options.runs} daemon runs (inbox), {options.settle:.0f} s after the last, against before",
        f"{more:+d} processes, {grown:+.0f} MiB (from {processes}, {memory:.0f} MiB); {late} without a snapshot in 3 minutes",
        "+0, at most +50 MiB",
        more <= 0 and grown <= 50 and not late,
    )


def _idle(folder: Path, options: argparse.Namespace) -> bool:
    served = ServedWarehouse(folder / "warehouse", options.users)
    try:
        served.put_log()
        served.await_snapshot()
        time.sleep(options.settle)
        pids, cpu, log, began = set(served.pids()), served.cpu_seconds(), len(served.log()), time.monotonic()
        time.sleep(options.minutes * 60)
        share = (served.cpu_seconds() - cpu) / (time.monotonic() - began)
        memory, new = served.pss_mib(), len(set(served.pids()) - pids)
        lines = len(served.log()[log:].splitlines())
    finally:
        served.stop()
    return _print(
        f"idle for {options.minutes:g} minutes",
        f"{share:.1%} of a core, {memory:.0f} MiB PSS, {new} new processes, {lines} lines",
        "1.5%, 750 MiB, 0, 0",
        share <= 0.015 and memory <= 750 and not new and not lines,
    )


def _kills(folder: Path, options: argparse.Namespace) -> bool:
    rng, served = random.Random(options.seed), ServedWarehouse(folder / "warehouse", options.users)
    faults: list[str] = []
    killed: Counter[str] = Counter()
    longest, late = 0.0, 0
    try:
        served.put_log()
        length = served.await_snapshot() or 60.0
        for number in range(options.kills):
            served.put_log()
            time.sleep(rng.uniform(0, length))
            what = rng.choice([name for name, pattern in TARGETS.items() if served.find(pattern)])
            for pid in served.find(TARGETS[what])[:1]:
                os.kill(pid, signal.SIGKILL)
            killed[what] += 1
            passed = served.await_snapshot(PATIENCE_SECONDS)
            longest = max(longest, passed or 0)
            late += passed is not None and passed > SNAPSHOT_SECONDS
            faults += [f"kill {number} of {what}: no snapshot in {PATIENCE_SECONDS:.0f} s"] if passed is None else []
            faults += [f"kill {number} of {what}: {fault}" for fault in served.faults()]
            _tell(
                f"kill {number} of {what}: a snapshot after {passed or 0:.0f} s, {len(faults)} faults so far, "
                f"load {os.getloadavg()[0]:.1f}"
            )
    finally:
        served.stop()
    return _print(
        f"kill -9 at {options.kills} random instants ({', '.join(f'{n} {what}' for what, n in killed.items())})",
        f"{len(faults)} losses or times without a snapshot; {late} of them after more than 3 minutes, the longest after "
        f"{longest:.0f} s (undisturbed {length:.0f} s)",
        "0, 0",
        not faults and not late,
        faults,
    )


def _stops(folder: Path, options: argparse.Namespace) -> bool:
    rng, served = random.Random(options.seed), ServedWarehouse(folder / "warehouse", options.users)
    database = served.folder / warehouse.PIPELINE_FILE
    faults: list[str] = []
    longest = 0.0
    served.put_log()
    length = served.await_snapshot() or 60.0
    for number in range(options.stops):
        served.put_log()
        time.sleep(rng.uniform(0, length))
        longest = max(longest, seconds := served.stop())
        stopped_at = warehouse.version(database)
        time.sleep(2)
        faults += [f"stop {number} took {seconds:.0f} s"] if seconds > 15 else []
        faults += [f"stop {number}: published after it"] if warehouse.version(database) != stopped_at else []
        faults += [f"stop {number}: {each}" for each in _unfinished(served.folder)]
        served.start()
        faults += [f"stop {number}: nothing resumed"] if served.await_snapshot() is None else []
        _tell(f"stop {number}: gone after {seconds:.1f} s, {len(faults)} faults so far")
    served.stop()
    return _print(
        f"SIGTERM at {options.stops} instants of a run",
        f"all processes gone in at most {longest:.1f} s; {len(faults)} later, published after it, not recorded or not resumed",
        "15 s, 0",
        not faults,
        faults,
    )


def _unfinished(folder: Path) -> list[str]:
    import dagster as dg

    with dagster_instance(Settings(warehouse=folder)) as instance:
        return [
            f"{run.job_name} is {run.status.value}" for run in instance.get_runs(dg.RunsFilter(statuses=IN_PROGRESS))
        ]


def _history(folder: Path, options: argparse.Namespace) -> bool:
    settings = Settings(warehouse=folder / "warehouse", keep_runs=max(4, options.history // 8))
    write_log(folder / "log.csv", users=12, days=14)
    run(settings, [folder / "log.csv"])
    quarters: list[tuple[float, float, float]] = []
    for _ in range(4):
        for _ in range(options.history // 4):
            run(settings)
        stored, seconds = _mib(settings.dagster_home), _seconds_of_runs_page(settings)
        quarters.append((stored, _mib(settings.warehouse) - stored, seconds))
        _tell(f"Dagster {stored:.1f} MiB, warehouse {quarters[-1][1]:.1f} MiB, runs {seconds:.3f} s")
    storage, data, page = (" ".join(f"{value:.2f}" for value in values) for values in zip(*quarters, strict=True))
    return _print(
        f"{options.history} runs of history, the newest {settings.keep_runs} kept; after each quarter",
        f"Dagster's storage {storage} MiB; the rest of the warehouse {data} MiB; the runs page's queries {page} s",
        "flat (the last at most 1.1 times the first; of seconds 1.5)",
        all(last <= first * most for first, last, most in zip(quarters[0], quarters[-1], (1.1, 1.1, 1.5), strict=True)),
    )


def _seconds_of_runs_page(settings: Settings) -> float:
    """Median seconds of what Dagster's page of runs asks its storage: the newest 25, how many there are, and their events."""
    taken: list[float] = []
    with dagster_instance(settings) as instance:
        for _ in range(5):
            began = time.monotonic()
            for record in instance.get_run_records(limit=25):
                instance.get_run_stats(record.dagster_run.run_id)
            instance.get_runs_count()
            taken.append(time.monotonic() - began)
    return statistics.median(taken)


def _tell(line: str) -> None:
    """Report progress, apart from the table."""
    print(line, file=sys.stderr, flush=True)


def _mib(folder: Path) -> float:
    return float(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1024**2)


def _print(what: str, result: str, goal: str, reached: bool, faults: list[str] | None = None) -> bool:
    """Print a row and its faults; returns whether the goal was reached."""
    print(f"| {what} | {result} | {goal} |", flush=True)
    for fault in faults or []:
        print(f"  fault: {fault}", flush=True)
    return reached


_BENCHMARKS: dict[str, Callable[[Path, argparse.Namespace], bool]] = {
    "idle": _idle,
    "growth": _growth,
    "kills": _kills,
    "stops": _stops,
    "history": _history,
}

if __name__ == "__main__":
    raise SystemExit(main())
