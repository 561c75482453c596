"""Prints the app's response times; exits with 1 when a goal is missed. `python -m benchmarks.app [--users N,N] [--keep FOLDER]`."""

import argparse
import os
import platform
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.app.browsing import Visit, browse
from benchmarks.app.synthetic_warehouse import make_warehouse


def main() -> int:
    """Create the warehouses, browse each, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.app", description=__doc__)
    parser.add_argument(
        "--users", default="100000,1000000", help="numbers of users, one warehouse each (default: %(default)s)"
    )
    parser.add_argument("--clicks", type=int, default=60, help="number of clicks on the map (default: %(default)s)")
    parser.add_argument("--keep", type=Path, help="folder for the warehouses (default: a temporary one)")
    options = parser.parse_args()
    print(
        f"Machine: {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, software WebGL; "
        f"load at the start {os.getloadavg()[0]:.1f}.\n\n| what | found | goal | met |\n|---|---|---|---|",
        flush=True,
    )
    missed = False
    with tempfile.TemporaryDirectory(prefix="grupa-app-") as temporary:
        for users in (int(number) for number in options.users.split(",")):
            warehouse = make_warehouse((options.keep or Path(temporary)).absolute() / f"users-{users}", users)
            missed |= not _print(users, browse(warehouse, options.clicks))
    return int(missed)


def _print(users: int, visit: Visit) -> bool:
    """Print the rows of one visit and return whether all goals are met."""
    p50, p95 = np.percentile(visit.clicks, (50, 95))
    rows = [
        (f"click on the map to card, p95 of {len(visit.clicks)}, ms", f"{p95:.0f} (median {p50:.0f})", 300, p95),
        ("a click, most KB", f"{max(visit.click_bytes) / 1e3:.1f}", 5, max(visit.click_bytes) / 1e3),
        ("first page with its map, compressed, MB", f"{visit.page_bytes / 1e6:.2f}", 2, visit.page_bytes / 1e6),
        ("first page, seconds after the request", f"{visit.first_page:.1f}", 2, visit.first_page),
    ]
    for name, text, goal, value in rows:
        print(f"| {users:,} users: {name} | {text} | at most {goal} | {'yes' if value <= goal else 'NO'} |", flush=True)
    print(f"| {users:,} users: its scripts, which the browser keeps, MB | {visit.library_bytes / 1e6:.2f} | | |")
    print(f"| {users:,} users: the same page opened again, s | {visit.first_page_again:.1f} | | |")
    print(f"| {users:,} users: the server answers, s after its start | {visit.server_start:.1f} | | |", flush=True)
    return all(value <= goal for _, _, goal, value in rows)


if __name__ == "__main__":
    raise SystemExit(main())
