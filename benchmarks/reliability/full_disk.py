"""A full disk: runs and plan saves with less and less room left, on a small file system of its own."""

import shutil
import subprocess
from multiprocessing.context import ForkServerContext
from pathlib import Path

from benchmarks.reliability import invariants, workers
from benchmarks.reliability.kills import Tally
from dash_app.roadmap.store import Roadmap
from tests.dash_app.planning.plans import a_plan

MIB = 1024**2
DISK_MIB = 256
MOST_ROOM = 8 * MIB
"""Room left at the most generous point, about what a run of so few users writes; the others are evenly spaced below."""


def fill(context: ForkServerContext, folder: Path, points: int) -> Tally:
    """At each point: leave some room, run and save (either may fail), look; make room again, run and save to the end.

    Raises:
        PermissionError: A file system of its own cannot be mounted here.
    """
    disk, tally = folder / "disk", Tally()
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "grupa", str(disk)], check=False)
    if mounted.returncode:
        raise PermissionError("A small file system cannot be mounted here; run this part as root.")
    try:
        house = disk / "warehouse"
        known: list[str] = []
        plans: list[tuple[str, int]] = []
        _whole(context, tally, house, folder, 0, known, plans)
        for point in range(points):
            _without_room(
                context, tally, house, workers.small_log(folder, point + 1), MOST_ROOM * point // points, plans
            )
            tally.faults += [f"point {point}: {why}" for why in _faults(house, known, plans)]
            _whole(context, tally, house, folder, point + 1, known, plans)
            tally.faults += [f"after point {point}: {why}" for why in _faults(house, known, plans)]
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    return tally


def _without_room(
    context: ForkServerContext, tally: Tally, house: Path, log: Path, room: int, plans: list[tuple[str, int]]
) -> None:
    ballast = house.parent / "ballast"
    left = shutil.disk_usage(house).free - room
    with ballast.open("wb") as file:
        while left > 0:
            left -= file.write(b"x" * min(left, MIB))
    said = workers.attempt(context, house, log)
    if said != "done":
        tally.kills += 1  # points at which there was too little room
        if not said.startswith("exit 1: grupa: "):
            tally.failures.append(f"not told in a sentence: {said}")
    _save(house, f"full-{log.stem}", plans)
    ballast.unlink()


def _whole(
    context: ForkServerContext,
    tally: Tally,
    house: Path,
    logs: Path,
    number: int,
    known: list[str],
    plans: list[tuple[str, int]],
) -> None:
    """A run and a save with room enough: both must succeed."""
    log = workers.small_log(logs, number)
    said = workers.attempt(context, house, log)
    if said != "done":
        tally.failures.append(f"the run after point {number - 1}: {said}")
    known.append(workers.sha256_of(log))
    if failed := _save(house, f"room-{number}", plans):
        tally.failures.append(f"the save after point {number - 1}: {failed}")


def _save(house: Path, plan_id: str, plans: list[tuple[str, int]]) -> str | None:
    """Save a plan and note it as acknowledged; or why it could not be saved."""
    try:
        roadmap = Roadmap(house)
        roadmap.ensure()
        plan = roadmap.add(a_plan(plan_id=plan_id), "somebody")
    except Exception as error:  # noqa: BLE001 - whatever it is, the harness tells it
        return str(error)
    plans.append((plan.plan_id, plan.revision))
    return None


def _faults(house: Path, known: list[str], plans: list[tuple[str, int]]) -> list[str]:
    return invariants.pipeline_faults(house, known) + invariants.plan_faults(house, plans)
