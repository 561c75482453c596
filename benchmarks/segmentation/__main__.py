"""Print the benchmark: `python -m benchmarks.segmentation [--seeds N] [--only ROW,ROW] [--first-seed N]`."""

import argparse
import os
import platform
import time

from benchmarks.segmentation.result_rows import ROWS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.segmentation")
    parser.add_argument("--seeds", type=int, default=10, help="seeds a row (default 10)")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--only", default=",".join(ROWS), help=f"rows, of {', '.join(ROWS)}")
    options = parser.parse_args()
    rows = options.only.split(",")
    if unknown := set(rows) - set(ROWS):
        parser.error(f"there is no row {', '.join(sorted(unknown))}; rows are {', '.join(ROWS)}")
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores"
    print(f"{options.seeds} seeds from {options.first_seed}; {machine}\n")
    print("| figure | goal | measured | met |\n|---|---|---|---|", flush=True)
    begin = time.monotonic()
    for row in rows:
        for figure in ROWS[row](seeds):
            met = {True: "yes", False: "NO", None: ""}[figure.met]
            print(f"| {figure.name} | {figure.goal} | {figure.value} | {met} |", flush=True)
    print(f"\n{time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
