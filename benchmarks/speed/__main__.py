"""Prints how fast `grupa run` is; exit status 1 when a goal is missed. `python -m benchmarks.speed [--only PART-USERS ...]`.

Measurements are stored beside the logs (`results.json`), so that one part can be measured again and the whole table
printed; without `--only` the parts that have no measurement yet are run.
"""

import argparse
import json
import os
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path

from benchmarks.speed import runs
from benchmarks.speed.scaled_logs import SIZES
from benchmarks.speed.table import figures, print_table, stage_rows

PARTS = {
    "parse": runs.run_parse,
    "grupa": runs.run_grupa,
    "notebook": runs.run_notebook,
    "day": runs.run_new_day,
}
SIZES_OF = {"parse": SIZES, "grupa": SIZES, "notebook": SIZES[:2], "day": SIZES[1:2]}
"""The notebook is not run with a million users: it takes too long, and no goal needs it."""


def main() -> int:
    """Run the selected parts one after the other, and print the tables of all measurements."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument(
        "--sizes", default=",".join(map(str, SIZES)), help="users, of %(default)s (default: all of them)"
    )
    parser.add_argument("--only", nargs="*", help="parts to run, measured before or not: parse-10000, day-100000, ...")
    parser.add_argument(
        "--keep", type=Path, help="folder for logs, warehouses and results.json (default: a temporary one)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="grupa-speed-") as temporary:
        folder = (options.keep or Path(temporary)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        results = _run(folder, options.only, {int(users) for users in options.sizes.split(",")})
    print(f"Machine: {_machine()}.\n")
    rows = list(figures(results))
    print_table(
        ("figure", "goal", "measured", "met"),
        [(row.name, row.goal, row.value, "yes" if row.met else "NO") for row in rows],
    )
    print_table(("run", "users", "events", "stage", "wall, s", "CPU, s", "peak memory, GiB"), stage_rows(results))
    return int(not all(row.met for row in rows))


def _run(folder: Path, only: list[str] | None, sizes: set[int]) -> dict[str, dict[str, object]]:
    stored = folder / "results.json"
    results = json.loads(stored.read_text()) if stored.exists() else {}
    known = [f"{part}-{users}" for users in SIZES for part in PARTS if users in SIZES_OF[part] and users in sizes]
    unknown = set(only or ()) - set(known)
    if unknown:
        raise SystemExit(f"There is no part {', '.join(sorted(unknown))}; there are {', '.join(known)}.")
    for key in known if only is None else only:
        if only is None and key in results:
            continue
        part, users = key.split("-")
        print(f"{key} ...", flush=True)
        results[key] = PARTS[part](folder, int(users))
        stored.write_text(json.dumps(results, indent=1))
    return results


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    libraries = ", ".join(
        f"{name} {version(name)}" for name in ("duckdb", "dagster", "pandas", "umap-learn", "hdbscan")
    )
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.machine()}, Python {platform.python_version()}, {libraries}; "
        f"load now {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
