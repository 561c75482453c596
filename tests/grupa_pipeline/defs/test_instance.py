"""Dagster's home: made once, however many start at once; its notes cheap, and lost by nothing but a power cut."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from grupa_pipeline.defs.instance import dagster_instance, prepare_home
from grupa_pipeline.settings import Settings

NORMAL, FULL = 1, 2


@pytest.mark.slow
def test_events_are_synced_at_checkpoints_only_while_the_instance_is_open(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'notes.db'}", poolclass=NullPool)
    with dagster_instance(Settings(warehouse=tmp_path)):
        with engine.begin() as con:
            assert con.execute(text("PRAGMA synchronous")).scalar() == NORMAL
            con.execute(text("CREATE TABLE notes (note)"))
        assert (tmp_path / "notes.db-wal").stat().st_size > 0  # not written back at every closing
    assert not (tmp_path / "notes.db-wal").exists()
    with engine.connect() as con:
        assert con.execute(text("PRAGMA synchronous")).scalar() == FULL


@pytest.mark.slow
def test_events_are_visible_to_other_processes_at_once(tmp_path: Path) -> None:
    @dg.op
    def nothing() -> None:
        pass

    @dg.job(executor_def=dg.in_process_executor)
    def noted() -> None:
        nothing()

    settings = Settings(warehouse=tmp_path)
    with dagster_instance(settings) as instance:
        run_id = noted.execute_in_process(instance=instance).run_id
        with sqlite3.connect(settings.dagster_home / "history" / "runs" / f"{run_id}.db") as other:
            steps = other.execute("SELECT dagster_event_type FROM event_logs WHERE step_key = 'nothing'").fetchall()
    assert ("STEP_SUCCESS",) in steps


@pytest.mark.slow
def test_processes_that_start_at_once_share_one_set_of_tables(tmp_path: Path) -> None:
    settings = Settings(warehouse=tmp_path)
    with ThreadPoolExecutor(4) as pool:
        homes = {home.result() for home in [pool.submit(prepare_home, settings) for _ in range(4)]}
    (home,) = homes
    files = list(home.rglob("*.db"))
    assert files
    for file in files:
        with closing(sqlite3.connect(file)) as con:
            heads = con.execute("SELECT count(*) FROM alembic_version").fetchone()
        assert heads == (1,), file.name
    with dagster_instance(settings) as instance:
        assert instance.get_runs() == []


@pytest.mark.slow
def test_an_existing_dagster_yaml_is_kept(tmp_path: Path) -> None:
    settings = Settings(warehouse=tmp_path)
    settings.dagster_home.mkdir(parents=True)
    own = settings.dagster_home / "dagster.yaml"
    own.write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    prepare_home(settings)
    assert own.read_text(encoding="utf-8") == "telemetry:\n  enabled: false\n"
