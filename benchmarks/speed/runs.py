"""The measured runs, each in processes of its own: the notebook, `grupa run`, DuckDB's parse, and a new day."""

import json
import os
import re
import shutil
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.speed.processes import Cost, Stage, WatchedRun, watch
from benchmarks.speed.scaled_logs import count_rows, cut_log, whole_log
from grupa_pipeline.defs.instance import dagster_instance
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import warehouse

RunResult = dict[str, Any]
"""Measurements of one run, ready for JSON: events, whole (a cost) and stages (costs by name)."""

ASSETS = ("ingest", "features", "segmentation", "cluster_evidence", "insights")
MAX_NULL_AGE_DAYS = 7


def run_notebook(folder: Path, users: int) -> RunResult:
    """The notebook on the log of `users` users."""
    log = _read_once(whole_log(folder, users))
    script = Path(__file__).with_name("notebook.py")
    run = watch([sys.executable, str(script), str(log), str(folder / "notebook.csv")], _env(), folder / "notebook.out")
    return _result(run, _printed_stages(run), count_rows(log))


def run_grupa(folder: Path, users: int) -> RunResult:
    """`grupa run` of the log of `users` users into a new warehouse."""
    log = _read_once(whole_log(folder, users))
    warehouse_folder = _new_folder(folder / f"warehouse-{users}")
    return _grupa_run(warehouse_folder, [log])


def run_parse(folder: Path, users: int) -> RunResult:
    """DuckDB's parse of the log of `users` users."""
    log = _read_once(whole_log(folder, users))
    run = watch([sys.executable, "-m", "benchmarks.speed.parse", str(log)], _env(), folder / "parse.out")
    return _result(run, _printed_stages(run), count_rows(log))


def run_new_day(folder: Path, users: int) -> RunResult:
    """The log up to a day in one run, then that day in another: with the stored null distribution, and with a fresh one."""
    past, day = cut_log(folder, users)
    _read_once(past)
    current, aged = _new_folder(folder / "warehouse-past"), folder / "warehouse-aged"
    full = _grupa_run(current, [past])
    _new_folder(aged)
    shutil.copytree(current, aged, symlinks=True, dirs_exist_ok=True)
    _age_null(aged)
    return {"full": full, "kept": _grupa_run(current, [day]), "fresh": _grupa_run(aged, [day])}


def _age_null(folder: Path) -> None:
    """Date the null distribution of the last snapshot back, so that the next run computes a new one.

    Only its date makes it too old; the snapshot stays as it is.
    """
    with warehouse.publish(folder / warehouse.PIPELINE_FILE) as con:
        rows = con.execute("SELECT snapshot_date, parameters FROM segmentations").fetchall()
        for snapshot, text in rows:
            parameters = json.loads(text)
            made_on = date.fromisoformat(parameters["null"]["made_on"]) - timedelta(days=MAX_NULL_AGE_DAYS + 1)
            parameters["null"]["made_on"] = made_on.isoformat()
            con.execute(
                "UPDATE segmentations SET parameters = ? WHERE snapshot_date = ?", [json.dumps(parameters), snapshot]
            )


def _grupa_run(folder: Path, logs: Sequence[Path]) -> RunResult:
    command = [sys.executable, "-m", "grupa.cli.main", "run", *map(str, logs), "--json", "--warehouse", str(folder)]
    run = watch(command, _env(), folder / "run.out")
    summary = json.loads(run.output.splitlines()[-1])
    stages = _asset_stages(folder, run.whole)
    result = _result(run, stages, summary["files"][0]["rows_read"])
    null = _null_made_on(folder, summary["snapshot_date"])
    return result | {
        "status": summary["status"],
        "users": summary["users"],
        "clusters": summary["cluster_count"],
        "fresh_null": null == summary["snapshot_date"],
    }


def _null_made_on(folder: Path, snapshot: str) -> str | None:
    with warehouse.read(folder / warehouse.PIPELINE_FILE) as con:
        row = con.execute("SELECT parameters FROM segmentations WHERE snapshot_date = ?", [snapshot]).fetchone()
    null = json.loads(row[0]).get("null") if row else None
    return null["made_on"] if null else None


def _asset_stages(folder: Path, whole: Stage) -> list[Stage]:
    """When each asset was computed, from Dagster's log, and the time before the first one."""
    begun: dict[str, float] = {}
    ended: dict[str, float] = {}
    with dagster_instance(Settings(warehouse=folder)) as instance:
        for dagster_run in instance.get_runs():
            for record in instance.all_logs(dagster_run.run_id):
                event = record.dagster_event
                if event and event.step_key in ASSETS and record.timestamp >= whole.begin:
                    if event.is_step_start:
                        begun[event.step_key] = record.timestamp
                    elif event.is_step_success:
                        ended[event.step_key] = record.timestamp
    first = min(begun.values())
    return [Stage("start", whole.begin, first)] + [Stage(name, begun[name], ended[name]) for name in ASSETS]


def _printed_stages(run: WatchedRun) -> list[Stage]:
    """The stages that a script of the benchmark printed: STAGE name begin end."""
    lines = re.findall(r"^STAGE (\S+) (\S+) (\S+)$", run.output, re.MULTILINE)
    return [Stage(name, float(begin), float(end)) for name, begin, end in lines]


def _result(run: WatchedRun, stages: Sequence[Stage], events: int) -> RunResult:
    costs = {stage.name: run.cost(stage) for stage in stages}
    whole = run.cost()
    in_stages = (sum(cost.wall for cost in costs.values()), sum(cost.cpu for cost in costs.values()))
    costs["the rest"] = Cost(whole.wall - in_stages[0], max(whole.cpu - in_stages[1], 0.0), 0)
    return {
        "events": events,
        "whole": whole.as_json(),
        "stages": {name: cost.as_json() for name, cost in costs.items()},
        "load": os.getloadavg()[0],
    }


def _env() -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("GRUPA_", "DAGSTER_"))}
    return env | {"GRUPA_LLM": "none"}


def _new_folder(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _read_once(log: Path) -> Path:
    """Read the file into the system's cache, so that the first run does not pay for the disk."""
    with log.open("rb") as file:
        while file.read(1 << 24):
            pass
    return log
