"""What is run, each as whole processes: the notebook, `grupa run`, DuckDB's bare parse, and a new day."""

import json
import os
import re
import shutil
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.speed.logs import count_rows, cut_log, whole_log
from benchmarks.speed.processes import Cost, Stage, Watched, watch
from grupa_pipeline.defs.instance import dagster_instance
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import warehouse

Found = dict[str, Any]
"""What one run showed, ready for JSON: events, whole (a cost) and stages (costs by name)."""

ASSETS = ("ingest", "features", "segmentation", "cluster_evidence", "insights")
NULL_KEPT_DAYS = 7


def run_notebook(folder: Path, users: int) -> Found:
    """The notebook on the log of `users` users."""
    log = _read_once(whole_log(folder, users))
    script = Path(__file__).with_name("notebook.py")
    watched = watch(
        [sys.executable, str(script), str(log), str(folder / "notebook.csv")], _env(), folder / "notebook.out"
    )
    return _found(watched, _told_stages(watched), count_rows(log))


def run_grupa(folder: Path, users: int) -> Found:
    """`grupa run` of the log of `users` users into a new warehouse."""
    log = _read_once(whole_log(folder, users))
    house = _new_house(folder / f"warehouse-{users}")
    return _grupa_run(house, [log])


def run_parse(folder: Path, users: int) -> Found:
    """DuckDB's bare parse of the log of `users` users."""
    log = _read_once(whole_log(folder, users))
    watched = watch([sys.executable, "-m", "benchmarks.speed.parse", str(log)], _env(), folder / "parse.out")
    return _found(watched, _told_stages(watched), count_rows(log))


def run_new_day(folder: Path, users: int) -> Found:
    """The log up to a day in one run, then that day in another: with the null that is kept, and with a fresh one."""
    past, day = cut_log(folder, users)
    _read_once(past)
    house, aged = _new_house(folder / "warehouse-past"), folder / "warehouse-aged"
    full = _grupa_run(house, [past])
    _new_house(aged)
    shutil.copytree(house, aged, symlinks=True, dirs_exist_ok=True)
    _age_null(aged)
    return {"full": full, "kept": _grupa_run(house, [day]), "fresh": _grupa_run(aged, [day])}


def _age_null(house: Path) -> None:
    """Date the null distribution of the last snapshot back, beyond the days for which one is kept.

    It is only its date that makes it too old to serve on: the snapshot and its fits stay as they are.
    """
    with warehouse.publish(house / warehouse.PIPELINE_FILE) as con:
        rows = con.execute("SELECT snapshot_date, parameters FROM segmentations").fetchall()
        for snapshot, told in rows:
            parameters = json.loads(told)
            made_on = date.fromisoformat(parameters["null"]["made_on"]) - timedelta(days=NULL_KEPT_DAYS + 1)
            parameters["null"]["made_on"] = made_on.isoformat()
            con.execute(
                "UPDATE segmentations SET parameters = ? WHERE snapshot_date = ?", [json.dumps(parameters), snapshot]
            )


def _grupa_run(house: Path, logs: Sequence[Path]) -> Found:
    command = [sys.executable, "-m", "grupa.cli.main", "run", *map(str, logs), "--json", "--warehouse", str(house)]
    watched = watch(command, _env(), house / "run.out")
    told = json.loads(watched.output.splitlines()[-1])
    stages = _asset_stages(house, watched.whole)
    found = _found(watched, stages, told["files"][0]["rows_read"])
    null = _null_made_on(house, told["snapshot_date"])
    return found | {
        "status": told["status"],
        "users": told["users"],
        "clusters": told["cluster_count"],
        "fresh_null": null == told["snapshot_date"],
    }


def _null_made_on(house: Path, snapshot: str) -> str | None:
    with warehouse.read(house / warehouse.PIPELINE_FILE) as con:
        row = con.execute("SELECT parameters FROM segmentations WHERE snapshot_date = ?", [snapshot]).fetchone()
    null = json.loads(row[0]).get("null") if row else None
    return null["made_on"] if null else None


def _asset_stages(house: Path, whole: Stage) -> list[Stage]:
    """When each asset was made, from Dagster's own log, and what lies before the first and outside all of them."""
    begun: dict[str, float] = {}
    ended: dict[str, float] = {}
    with dagster_instance(Settings(warehouse=house)) as instance:
        for run in instance.get_runs():
            for record in instance.all_logs(run.run_id):
                event = record.dagster_event
                if event and event.step_key in ASSETS and record.timestamp >= whole.begin:
                    if event.is_step_start:
                        begun[event.step_key] = record.timestamp
                    elif event.is_step_success:
                        ended[event.step_key] = record.timestamp
    first = min(begun.values())
    return [Stage("start", whole.begin, first)] + [Stage(name, begun[name], ended[name]) for name in ASSETS]


def _told_stages(watched: Watched) -> list[Stage]:
    """The stages that a script of ours printed: STAGE name begin end."""
    told = re.findall(r"^STAGE (\S+) (\S+) (\S+)$", watched.output, re.MULTILINE)
    return [Stage(name, float(begin), float(end)) for name, begin, end in told]


def _found(watched: Watched, stages: Sequence[Stage], events: int) -> Found:
    costs = {stage.name: watched.cost(stage) for stage in stages}
    whole = watched.cost()
    in_stages = (sum(each.wall for each in costs.values()), sum(each.cpu for each in costs.values()))
    costs["the rest"] = Cost(whole.wall - in_stages[0], max(whole.cpu - in_stages[1], 0.0), 0)
    return {
        "events": events,
        "whole": whole.as_json(),
        "stages": {name: cost.as_json() for name, cost in costs.items()},
        "load": os.getloadavg()[0],
    }


def _env() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GRUPA_", "DAGSTER_"))}
    return kept | {"GRUPA_LLM": "none"}


def _new_house(house: Path) -> Path:
    shutil.rmtree(house, ignore_errors=True)
    house.mkdir(parents=True)
    return house


def _read_once(log: Path) -> Path:
    """Have the file in the system's cache, so that whoever reads it first pays nothing for the disk."""
    with log.open("rb") as file:
        while file.read(1 << 24):
            pass
    return log
