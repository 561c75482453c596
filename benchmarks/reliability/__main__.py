"""Prints the table of what the warehouse withstands; exit status 1 when a goal is missed."""

import argparse
import os
import platform
import random
import tempfile
from importlib.metadata import version
from pathlib import Path

from benchmarks.reliability import kills, workers

PARTS = ("crowd", "runs", "saves", "disk", "publishing")


def main() -> int:
    """Measure what was asked for and print it row by row."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="of runs, and as many of plan saves (default: 200)")
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
    tally = kills.kill_runs(workers.clean_processes(), folder, options.kills, random.Random(options.seed))
    return _killed(tally, "a run", "run")


def _saves(folder: Path, options: argparse.Namespace) -> bool:
    tally = kills.kill_saves(workers.clean_processes(), folder, options.kills, random.Random(options.seed))
    return _killed(tally, "a client saving plans", "save")


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


_PARTS = {"runs": _runs, "saves": _saves}

if __name__ == "__main__":
    raise SystemExit(main())
