"""Prints the table of reliability benchmarks; exit status 1 when a goal is missed."""

import argparse
import logging
import os
import platform
import random
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

from benchmarks.reliability import (
    byte_flips,
    concurrency,
    full_disk,
    fuzz_ingest,
    inbox_copies,
    kills,
    publishing,
    run_kills,
    unauthorized_requests,
    upload_bombs,
    workers,
)
from benchmarks.reliability.access import (
    agent_access,
    audited_day,
    credentials,
    held_connections,
    lock_outs,
    permission_matrix,
)
from benchmarks.reliability.fuzz_ingest import FileOutcome
from sample_data.generate import write_log


def main() -> int:
    """Run the selected benchmarks and print a row for each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="of runs, and as many of plan saves (default: 200)")
    parser.add_argument(
        "--jobs", type=int, default=1, help="warehouses on which runs are killed side by side (default: 1)"
    )
    parser.add_argument("--minutes", type=float, default=120, help="after which no more runs are killed (default: 120)")
    parser.add_argument("--files", type=int, default=2000, help="of damaged logs (default: 2000)")
    parser.add_argument("--seconds", type=float, default=60, help="of concurrent use (default: 60)")
    parser.add_argument("--points", type=int, default=20, help="at which the disk is full (default: 20)")
    parser.add_argument("--copies", type=int, default=100, help="into the inbox, side by side (default: 100)")
    parser.add_argument("--pause", type=float, default=60, help="longest pause of a copy in seconds (default: 60)")
    parser.add_argument("--flips", type=int, default=40, help="of a byte in a published file (default: 40)")
    parser.add_argument("--unpacked", type=int, default=70, help="MiB that an upload bomb unpacks to (default: 70)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--only", nargs="+", choices=_BENCHMARKS, default=list(_BENCHMARKS), help="only these benchmarks"
    )
    options = parser.parse_args()
    print(
        f"Machine: {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"duckdb {version('duckdb')}, dagster {version('dagster')}; load at the start {os.getloadavg()[0]:.1f}; "
        f"seed {options.seed}.\n\n| what | result | goal |\n|---|---|---|",
        flush=True,
    )
    missed = False
    for name in options.only:
        with tempfile.TemporaryDirectory(prefix=f"grupa-{name}-") as folder:
            missed |= not _BENCHMARKS[name](Path(folder), options)
    return int(missed)


def _runs(folder: Path, options: argparse.Namespace) -> bool:
    until = time.monotonic() + options.minutes * 60
    share, left = divmod(options.kills, options.jobs)
    context = workers.clean_processes()
    baseline, first = run_kills.make_baseline(context, folder)

    def kill(job: int) -> kills.KillResults:
        rng, ours = random.Random(f"{options.seed}-{job}"), share + (job < left)
        return run_kills.kill_runs(context, baseline, folder / str(job), ours, rng, until)

    with ThreadPoolExecutor(options.jobs) as pool:
        results = kills.KillResults.total([first, *pool.map(kill, range(options.jobs))])
    stages = "; ".join(f"{count} {stage}" for stage, count in sorted(results.stages.items()))
    return _print_kills(results, f"`grupa run` ({stages})", "run")


def _saves(folder: Path, options: argparse.Namespace) -> bool:
    results = kills.kill_saves(workers.clean_processes(), folder, options.kills, random.Random(options.seed))
    return _print_kills(results, "a client saving plans", "save")


def _concurrency(folder: Path, options: argparse.Namespace) -> bool:
    results = concurrency.work_concurrently(workers.clean_processes(), folder, options.seconds)
    return _print(
        f"{options.seconds:.0f} s with {concurrency.READERS} readers polling, a session held open, a run publishing in a loop, "
        f"{concurrency.CLIENTS} clients saving plans",
        f"{len(results.faults)} errors, stale or mixed snapshots and lost plans in {results.reads:,} reads, "
        f"{results.publishes} runs and {results.saves:,} saves",
        "0",
        results.faults,
    )


def _disk(folder: Path, options: argparse.Namespace) -> bool:
    results = full_disk.fill(workers.clean_processes(), folder, options.points)
    return _print(
        f"disk with too little space at {options.points} points",
        f"{len(results.faults)} losses, {len(results.failures)} failures without a message or after space was freed; "
        f"the run met a full disk at {results.kills} of the points",
        "0, 0",
        results.faults + results.failures,
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


def _unauthorized(_: Path, options: argparse.Namespace) -> bool:
    sent = 0
    faults: list[str] = []
    for users in (True, False):
        with unauthorized_requests.served(users) as (ports, _folder):
            counts, refused = unauthorized_requests.attack(ports, users)
        sent += sum(count.sent for count in counts.values())
        faults += [f"served: {line}" for count in counts.values() for line in count.served]
        faults += [f"allowed, but refused: {line}" for line in refused]
    return _print(
        "requests without a session, forged, cross-site, with a foreign Host, path-traversing, over-size, against the app and "
        "Dagster's UI",
        f"{sent} sent, {len(faults)} served (or allowed and refused)",
        "0 of at least 100",
        faults + ([f"only {sent} were sent"] if sent < 100 else []),
    )


def _fuzz(_: Path, options: argparse.Namespace) -> bool:
    outcomes, unaccounted, faults = fuzz_ingest.fuzz(options.files, options.seed)
    return _print(
        f"{options.files:,} damaged logs",
        f"{outcomes[FileOutcome.INGESTED]:,} ingested, {outcomes[FileOutcome.REFUSED]:,} refused; "
        f"{outcomes[FileOutcome.TRACEBACK]} tracebacks, "
        f"{unaccounted} rows unaccounted for",
        "0, 0",
        faults,
    )


def _copies(folder: Path, options: argparse.Namespace) -> bool:
    lost, halves, faults = inbox_copies.copy_all(folder, options.copies, options.pause, options.seed)
    return _print(
        f"{options.copies} copies into the inbox at every speed, with pauses up to {options.pause:.0f} s",
        f"{lost} rows lost, {halves} files taken by half",
        "0, 0",
        faults + ([f"{lost} rows lost"] if lost else []) + ([f"{halves} halves"] if halves else []),
    )


def _flips(folder: Path, options: argparse.Namespace) -> bool:
    log = folder / "log.csv"
    write_log(log, users=120, days=60)
    changed, named, read = byte_flips.flip(byte_flips.prepare(folder, log), options.flips, options.seed)
    return _print(
        f"one byte changed in each of {changed} published files",
        f"{named} named by `status --deep`, {read} read with other values",
        f"{changed}, 0",
        [f"{changed - named} not named, {read} read"] if named < changed or read else [],
    )


def _bombs(folder: Path, options: argparse.Namespace) -> bool:
    results = upload_bombs.send(folder, options.unpacked)
    for line in results.reports:
        print(f"  {line}", flush=True)
    idle, busy = held_connections.p95(results.idle), held_connections.p95(results.busy)
    slowed = [f"p95 is {busy / idle:.1f} times the idle one"] if busy > 1.5 * idle else []
    return _print(
        f"{len(results.reports)} upload bombs of {options.unpacked} MiB and more",
        f"at most {results.memory:,.0f} MiB of memory, {results.disk:,.0f} MiB of disk and {results.seconds:.0f} s each, "
        f"each told in a sentence; p95 of other users' requests {busy:.3f} s, idle {idle:.3f} s",
        "each told, within the limits; at most 1.5 x idle",
        results.faults + slowed,
    )


def _access(folder: Path, options: argparse.Namespace) -> bool:
    """Every row, whether an earlier one holds or not."""
    logging.disable(logging.ERROR)  # what a callback does with nonsense does not matter here
    house = held_connections.warehouse_in
    asked = list(permission_matrix.checks(house(folder / "matrix" / "warehouse")))
    through = [f"let through: {what}" for what, is_open, may in asked if is_open and not may]
    refused = [f"refused, though allowed: {what}" for what, is_open, may in asked if may and not is_open]
    held = _print(
        "every callback, route, mutation, tool and token's route x every role and scope",
        f"{len(asked)} asked, {len(through)} let through, {len(refused)} refused though allowed",
        "0, 0",
        through + refused,
    )
    warehouse = house(folder / "credentials" / "warehouse")
    tried = list(credentials.attempts(warehouse))
    passed = [what for what, is_open in tried if is_open]
    seconds = credentials.sign_out_seconds(warehouse)
    websocket = credentials.websocket_seconds(warehouse)
    held &= _print(
        "sessions, tokens, ID tokens and logout tokens that are forged, expired, revoked, replayed or another's; sign-out in every "
        "process, and of an open websocket",
        f"{len(tried)} tried, {len(passed)} let through; {seconds:.2f} s, {websocket:.2f} s",
        "0; within 1 s",
        passed + ([] if max(seconds, websocket) <= 1 else ["the sign-out took too long"]),
    )
    locked = lock_outs.lock_outs(folder / "locks", 1000)
    held &= _print(
        "1,000 right sign-ins from one address; 1,000 wrong ones within a minute on one name from as many",
        f"{locked.refused_right} refused; {locked.checked_wrong} passwords looked at, its owner waits {locked.wait} s, "
        f"their session {'goes on' if locked.is_open else 'has ended'}",
        "0; slowed, at most 60 s, untouched",
        [f"right sign-ins refused: {locked.refused_right}"] * bool(locked.refused_right)
        + ["the session ended"] * (not locked.is_open)
        + ["nobody was slowed, or too much"] * (not 0 < locked.wait <= lock_outs.LONGEST_WAIT),
    )
    actions = 300
    missing, personal = audited_day.missing_and_personal(house(folder / "day" / "warehouse"), actions, options.seed)
    held &= _print(
        f"a scripted day of {actions} actions of four people, and the audit log",
        f"{actions - len(missing)} of {actions}, {len(personal)} personal values",
        f"{actions} of {actions}, 0",
        missing + personal,
    )
    agents = agent_access.find(house(folder / "agents" / "warehouse"))
    definitions = agents.definitions / agent_access.CHARACTERS_A_TOKEN
    longest = agents.longest / agent_access.CHARACTERS_A_TOKEN
    held &= _print(
        f"agents at `/_mcp`: {agents.asked} scripted questions; definitions, longest answer; requests without a token, forged "
        "or over the limit",
        f"{agents.asked - len(agents.wrong)} of {agents.asked} right; at most {definitions:,.0f} and {longest:,.0f} tokens; "
        f"{len(agents.through)} of {agents.tried} let through",
        "all; 3,000 and 2,000; 0 of 100",
        agents.wrong + agents.through + ["too long"] * (definitions > 3_000 or longest > 2_000),
    )
    times = {name: held_connections.p95(each) for name, each in held_connections.answer_times(200, 20, 40).items()}
    return held & _print(
        "200 half-open connections and 20 stalled uploads: p95 of `/healthz` and of a signed-in request",
        "; ".join(f"{name} {seconds:.3f} s" for name, seconds in times.items()),
        "under 1 s",
        [f"{name} took {seconds:.1f} s" for name, seconds in times.items() if seconds >= 1],
    )


def _print_kills(results: kills.KillResults, what: str, then: str) -> bool:
    return _print(
        f"kill -9 at {results.kills} random instants of {what}",
        f"{len(results.faults)} losses (acknowledged rows or saves, files that do not open, mixed snapshots), "
        f"{len(results.failures)} times the next {then} failed",
        "0, 0",
        results.faults + results.failures,
    )


def _print(what: str, result: str, goal: str, faults: list[str]) -> bool:
    """Print a row and its faults; returns whether there are none."""
    print(f"| {what} | {result} | {goal} |", flush=True)
    for fault in faults:
        print(f"  fault: {fault}", flush=True)
    return not faults


_BENCHMARKS = {
    "access": _access,
    "concurrency": _concurrency,
    "runs": _runs,
    "saves": _saves,
    "disk": _disk,
    "publishing": _publishing,
    "unauthorized": _unauthorized,
    "fuzz": _fuzz,
    "copies": _copies,
    "flips": _flips,
    "bombs": _bombs,
}

if __name__ == "__main__":
    raise SystemExit(main())
