"""Dagster's history stays bounded."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from grupa_pipeline.defs import run_history
from grupa_pipeline.defs.instance import dagster_instance, prepare_home
from grupa_pipeline.defs.run_history import purge_run_history
from grupa_pipeline.settings import Settings


@dg.asset
def an_asset() -> None:
    pass


@dg.asset_check(asset=an_asset)
def fine() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def make_run(instance: dg.DagsterInstance) -> str:
    return dg.materialize([an_asset, fine], instance=instance, run_config=QUIET).run_id


@pytest.mark.slow
def test_the_oldest_runs_over_the_limit_go_with_all_that_they_left(tmp_path: Path) -> None:
    settings = Settings(warehouse=tmp_path)
    with dagster_instance(settings) as instance:
        runs = [make_run(instance) for _ in range(3)]
        output = Path(instance.storage_directory()) / runs[0]
        output.mkdir(exist_ok=True)
        assert purge_run_history(instance, keep_runs=3, keep_days=1) == []
        assert purge_run_history(instance, keep_runs=2, keep_days=1) == runs[:1]
        assert [run.run_id for run in instance.get_runs()] == runs[:0:-1]
        assert not output.exists()
        checks = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(dg.AssetKey("an_asset"), "fine"), limit=10
        )
        assert {check.run_id for check in checks} == set(runs[1:])
    left = {path.stem for path in (settings.dagster_home / "history" / "runs").glob("*.db*")}
    assert runs[0] not in left and runs[1] in left


def test_old_runs_go_and_runs_in_progress_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime.now(UTC) + timedelta(days=8)

    monkeypatch.setattr(run_history, "datetime", Later)
    with dg.DagsterInstance.ephemeral() as instance:
        old = instance.add_run(dg.DagsterRun("a_job", status=dg.DagsterRunStatus.FAILURE)).run_id
        instance.add_run(dg.DagsterRun("a_job", status=dg.DagsterRunStatus.STARTED))
        assert purge_run_history(instance, keep_runs=10, keep_days=9) == []
        assert purge_run_history(instance, keep_runs=10, keep_days=7) == [old]
        assert instance.get_runs_count() == 1


@pytest.mark.slow
def test_ticks_are_bounded_and_a_dagster_yaml_of_the_first_release_is_renewed(tmp_path: Path) -> None:
    from grupa_pipeline.defs import instance as instance_module

    settings = Settings(warehouse=tmp_path)
    settings.dagster_home.mkdir(parents=True)
    (settings.dagster_home / "dagster.yaml").write_text(instance_module._FIRST_DAGSTER_YAML)
    prepare_home(settings)
    with dagster_instance(settings) as instance:
        kept = instance.get_settings("retention")["sensor"]["purge_after_days"]
        assert kept["skipped"] == 1 and all(days > 0 for days in kept.values())
        assert instance.python_log_level == "WARNING"
