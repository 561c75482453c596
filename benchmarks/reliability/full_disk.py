"""A full disk: runs and plan saves with little space left, on a small file system of its own."""

import shutil
import subprocess
from multiprocessing.context import ForkServerContext
from pathlib import Path

from benchmarks.reliability import invariants, workers
from benchmarks.reliability.kills import KillResults
from dash_app.roadmap.store import Roadmap
from tests.dash_app.planning.plans import a_plan

MIB = 1024**2
DISK_MIB = 256
MAX_FREE = 8 * MIB
"""Free space at the last point, about what a run of so few users writes; the others are evenly spaced below."""


def fill(context: ForkServerContext, folder: Path, points: int) -> KillResults:
    """At each point: leave some space, run and save (either may fail) and check; free space, run, save and check again.

    Raises:
        PermissionError: A file system of its own cannot be mounted here.
    """
    disk, results = folder / "disk", KillResults()
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "grupa", str(disk)], check=False)
    if mounted.returncode:
        raise PermissionError("A small file system cannot be mounted here; run this part as root.")
    try:
        folder_on_disk = disk / "warehouse"
        known: list[str] = []
        plans: list[tuple[str, int]] = []
        _run_and_save(context, results, folder_on_disk, folder, 0, known, plans)
        for point in range(points):
            _run_without_space(
                context,
                results,
                folder_on_disk,
                workers.small_log(folder, point + 1),
                MAX_FREE * point // points,
                plans,
            )
            results.faults += [f"point {point}: {why}" for why in _faults(folder_on_disk, known, plans)]
            _run_and_save(context, results, folder_on_disk, folder, point + 1, known, plans)
            results.faults += [f"after point {point}: {why}" for why in _faults(folder_on_disk, known, plans)]
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    return results


def _run_without_space(
    context: ForkServerContext,
    results: KillResults,
    folder_on_disk: Path,
    log: Path,
    free: int,
    plans: list[tuple[str, int]],
) -> None:
    ballast = folder_on_disk.parent / "ballast"
    left = shutil.disk_usage(folder_on_disk).free - free
    with ballast.open("wb") as file:
        while left > 0:
            left -= file.write(b"x" * min(left, MIB))
    result = workers.attempt(context, folder_on_disk, log)
    if not result.succeeded:
        results.kills += 1  # points at which there was too little space
        if result.exit_status != 1 or not result.message:
            results.failures.append(f"no error message: {result}")
    _save(folder_on_disk, f"full-{log.stem}", plans)
    ballast.unlink()


def _run_and_save(
    context: ForkServerContext,
    results: KillResults,
    folder_on_disk: Path,
    logs: Path,
    number: int,
    known: list[str],
    plans: list[tuple[str, int]],
) -> None:
    """A run and a save with space enough: both must succeed."""
    log = workers.small_log(logs, number)
    result = workers.attempt(context, folder_on_disk, log)
    if not result.succeeded:
        results.failures.append(f"the run after point {number - 1}: {result}")
    known.append(workers.sha256_of(log))
    if failed := _save(folder_on_disk, f"space-{number}", plans):
        results.failures.append(f"the save after point {number - 1}: {failed}")


def _save(folder_on_disk: Path, plan_id: str, plans: list[tuple[str, int]]) -> str | None:
    """Save a plan and add it to the acknowledged `plans`; returns why it could not be saved."""
    try:
        roadmap = Roadmap(folder_on_disk)
        roadmap.ensure()
        plan = roadmap.add(a_plan(plan_id=plan_id), "a client")
    except Exception as error:  # noqa: BLE001 - every error is a result
        return str(error)
    plans.append((plan.plan_id, plan.revision))
    return None


def _faults(folder_on_disk: Path, known: list[str], plans: list[tuple[str, int]]) -> list[str]:
    return invariants.pipeline_faults(folder_on_disk, known) + invariants.plan_faults(folder_on_disk, plans)
