"""What must hold of the tables of a snapshot: told for every table, and in the way of what depends on them."""

from datetime import date
from pathlib import Path

import dagster as dg
import pyarrow as pa

from grupa.cli.run import Summary
from grupa_pipeline import tables
from grupa_pipeline.definitions import build_defs
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import staging
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.tables import SNAPSHOT_TABLES

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def evaluated(folder: Path, day: date) -> dict[tuple[str, str], dg.AssetCheckEvaluation]:
    """What every check says of the tables of `day`, by table and check."""
    defs = build_defs(Settings(warehouse=folder))
    job = dg.define_asset_job("checks", dg.AssetSelection.all_asset_checks())
    defs = dg.Definitions.merge(defs, dg.Definitions(jobs=[job]))
    with dg.instance_for_test() as instance:
        result = defs.resolve_job_def("checks").execute_in_process(
            instance=instance, raise_on_error=False, run_config=QUIET, tags={"dagster/partition": day.isoformat()}
        )
    found = result.get_asset_check_evaluations()
    return {(each.asset_key.path[-1], each.check_name): each for each in found}


def test_each_table_has_its_checks_and_they_hold(sample_copy: Path, sample_run: tuple[Path, Summary]) -> None:
    found = evaluated(sample_copy, sample_run[1].snapshot_date)
    for table in SNAPSHOT_TABLES:
        assert found[table.name, "keys_are_unique"].passed and found[table.name, "schema"].passed
    assert found["user_features", "schema"].metadata["further_columns"].value


def test_a_duplicate_row_fails_a_blocking_check(sample_copy: Path, sample_run: tuple[Path, Summary]) -> None:
    day, publication = sample_run[1].snapshot_date, Publication(sample_copy)
    rows = publication.load(tables.CLUSTERS, day)
    staging.stage(sample_copy, tables.CLUSTERS, day, pa.concat_tables([rows, rows.slice(0, 1)]), {})
    found = evaluated(sample_copy, day)
    assert not found["clusters", "keys_are_unique"].passed and found["clusters", "keys_are_unique"].blocking
    assert found["cluster_insights", "keys_are_unique"].passed
