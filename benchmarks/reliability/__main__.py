"""Prints the table of what the warehouse withstands; exit status 1 when a goal is missed."""

import argparse
import os
import platform
import random
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

from benchmarks.reliability import (
    concurrency,
    full_disk,
    fuzz_ingest,
    kills,
    publishing,
    run_kills,
    unauthorized_requests,
    workers,
)

PARTS = ("crowd", "runs", "saves", "disk", "publishing", "strangers", "fuzz")


def main() -> int:
    """Measure what was asked for and print it row by row."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="of runs, and as many of plan saves (default: 200)")
    parser.add_argument(
        "--jobs", type=int, default=1, help="warehouses on which runs are killed side by side (default: 1)"
    )
    parser.add_argument("--minutes", type=float, default=120, help="after which no more runs are killed (default: 120)")
    parser.add_argument("--files", type=int, default=2000, help="of broken logs (default: 2000)")
    parser.add_argument("--seconds", type=float, default=60, help="with many at once (default: 60)")
    parser.add_argument("--points", type=int, default=20, help="at which the disk is full (default: 20)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="some of the parts alone")
    options = parser.parse_args()
    print(
        f"Machine: {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"duckdb {version('duckdb')}, dagster {version('dagster')}; load at the start {os.getloadavg()[0]:.1f}; "
        f"seed {options.seed}.\n\n| what | found | goal |\n|---|---|---|",
        flush=True,
    )
    missed = False
    for part in options.only:
        with tempfile.TemporaryDirectory(prefix=f"grupa-{part}-") as folder:
            missed |= not _PARTS[part](Path(folder), options)
    return int(missed)


def _runs(folder: Path, options: argparse.Namespace) -> bool:
    until = time.monotonic() + options.minutes * 60
    share, left = divmod(options.kills, options.jobs)
    context = workers.clean_processes()
    start, began = run_kills.make_start(context, folder)

    def kill(job: int) -> kills.Tally:
        rng, ours = random.Random(f"{options.seed}-{job}"), share + (job < left)
        return run_kills.kill_runs(context, start, folder / str(job), ours, rng, until)

    with ThreadPoolExecutor(options.jobs) as pool:
        tally = kills.Tally.of([began, *pool.map(kill, range(options.jobs))])
    came = "; ".join(f"{count} {stage}" for stage, count in sorted(tally.stages.items()))
    return _killed(tally, f"`grupa run` ({came})", "run")


def _saves(folder: Path, options: argparse.Namespace) -> bool:
    tally = kills.kill_saves(workers.clean_processes(), folder, options.kills, random.Random(options.seed))
    return _killed(tally, "a client saving plans", "save")


def _crowd(folder: Path, options: argparse.Namespace) -> bool:
    found = concurrency.crowd(workers.clean_processes(), folder, options.seconds)
    return _print(
        f"{options.seconds:.0f} s with {concurrency.READERS} readers polling, a session held open, a run publishing in a loop, "
        f"{concurrency.CLIENTS} clients saving plans",
        f"{len(found.faults)} errors, stale or mixed snapshots and lost plans in {found.reads:,} reads, "
        f"{found.publishes} runs and {found.saves:,} saves",
        "0",
        found.faults,
    )


def _disk(folder: Path, options: argparse.Namespace) -> bool:
    tally = full_disk.fill(workers.clean_processes(), folder, options.points)
    return _print(
        f"disk with too little room at {options.points} points",
        f"{len(tally.faults)} losses, {len(tally.failures)} failures not told in a sentence or lasting after room was made; "
        f"the run met the end of the disk at {tally.kills} of the points",
        "0, 0",
        tally.faults + tally.failures,
    )


def _publishing(folder: Path, options: argparse.Namespace) -> bool:
    spent, whole = publishing.measure(folder)
    share = spent / whole
    return _print(
        f"publishing a day / the whole run, {publishing.SNAPSHOTS} snapshots of {publishing.USERS:,} users kept",
        f"{share:.3f} ({spent:.1f} s of {whole:.1f} s)",
        "at most .10",
        [f"{share:.3f} is more than .10"] if share > 0.1 else [],
    )


def _strangers(_: Path, options: argparse.Namespace) -> bool:
    sent, faults = 0, []
    for users in (True, False):
        with unauthorized_requests.served(users) as (ports, _folder):
            counts, stopped = unauthorized_requests.attack(ports, users)
        sent += sum(count.sent for count in counts.values())
        faults += [f"let through: {each}" for count in counts.values() for each in count.through]
        faults += [f"honest, but stopped: {each}" for each in stopped]
    return _print(
        "requests without a session, forged, cross-site, with a foreign Host, path-traversing, over-size, against the app and "
        "Dagster's UI",
        f"{sent} sent, {len(faults)} let through (or honest and stopped)",
        "0 of at least 100",
        faults + ([f"only {sent} were sent"] if sent < 100 else []),
    )


def _fuzz(_: Path, options: argparse.Namespace) -> bool:
    outcomes, unaccounted, faults = fuzz_ingest.fuzz(options.files, options.seed)
    return _print(
        f"{options.files:,} broken logs",
        f"{outcomes['taken in']:,} taken in, {outcomes['refused']:,} refused; {outcomes['traceback']} tracebacks, "
        f"{unaccounted} rows unaccounted for",
        "0, 0",
        faults,
    )


def _killed(tally: kills.Tally, what: str, then: str) -> bool:
    return _print(
        f"kill -9 at {tally.kills} random instants of {what}",
        f"{len(tally.faults)} losses (acknowledged rows or saves, files that do not open, mixed snapshots), "
        f"{len(tally.failures)} times the next {then} failed",
        "0, 0",
        tally.faults + tally.failures,
    )


def _print(what: str, found: str, goal: str, faults: list[str]) -> bool:
    """Print a row; whether there is no fault."""
    print(f"| {what} | {found} | {goal} |", flush=True)
    for fault in faults:
        print(f"  fault: {fault}", flush=True)
    return not faults


_PARTS = {
    "crowd": _crowd,
    "runs": _runs,
    "saves": _saves,
    "disk": _disk,
    "publishing": _publishing,
    "strangers": _strangers,
    "fuzz": _fuzz,
}

if __name__ == "__main__":
    raise SystemExit(main())
