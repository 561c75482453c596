"""Each asset check sees the fault that it is there to see, and holds without it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from grupa.cli.run import Summary
from grupa_pipeline import tables
from grupa_pipeline.defs import asset_checks
from grupa_pipeline.defs.resources import WarehouseResource
from grupa_pipeline.storage import staging, warehouse
from grupa_pipeline.storage.inbox import ingest_logs
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.tables import Table
from tests.grupa_pipeline.ingested_logs import log

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


@pytest.fixture
def day(sample_run: tuple[Path, Summary]) -> date:
    return sample_run[1].snapshot_date


def asked(
    check: dg.AssetChecksDefinition, folder: Path, day: date | None = None, **settings: Any
) -> dg.AssetCheckResult:
    """What the check says of the warehouse in `folder`, and of its snapshot of `day`."""
    function: Any = check.node_def.compute_fn.decorated_fn  # type: ignore[attr-defined]
    resource = WarehouseResource(folder=str(folder), **settings)
    if day is None:
        return function(resource)
    return function(SimpleNamespace(run=SimpleNamespace(tags={"dagster/partition": day.isoformat()})), resource)


def spoil(folder: Path, table: Table, day: date, change: Callable[[list[dict]], object]) -> None:
    """Stage the rows of `table` with a change, as an asset that went wrong would have made them."""
    made = Publication(folder).load_published(table, day)
    rows = made.to_pylist()
    change(rows)
    staging.stage(folder, table, day, pa.Table.from_pylist(rows, schema=made.schema), {})


def both(rows: list[dict]) -> None:
    next(row for row in rows if row["cluster_id"]).update(unassigned_reason="noise")


def neither(rows: list[dict]) -> None:
    next(row for row in rows if not row["cluster_id"]).update(unassigned_reason=None)


def not_finite(rows: list[dict]) -> None:
    rows[3]["sessions_per_week"] = float("inf")


def shifted(rows: list[dict]) -> None:
    for row in rows:
        row["sessions_per_week"] += 1000


def one_more(rows: list[dict]) -> None:
    rows[0]["cluster_count"] += 1


def one_user_less(rows: list[dict]) -> None:
    rows[0]["users"] -= 1


def two_are_ok(rows: list[dict]) -> None:
    rows[0].update(status="ok", cluster_count=2)


def weak(rows: list[dict]) -> None:
    rows[0].update(status="weak_structure", reason="chance finds as much")


def by_rules(rows: list[dict]) -> None:
    rows[0]["fallback_reason"] = "the model did not answer"


@pytest.mark.parametrize(
    ("check", "table", "change", "severity"),
    [
        (asset_checks.every_user_is_labelled_once, tables.USER_CLUSTERS, both, ERROR),
        (asset_checks.every_user_is_labelled_once, tables.USER_CLUSTERS, neither, ERROR),
        (asset_checks.features_are_finite, tables.USER_FEATURES, not_finite, ERROR),
        (asset_checks.clusters_match_status, tables.SEGMENTATIONS, one_more, ERROR),
        (asset_checks.clusters_match_status, tables.SEGMENTATIONS, one_user_less, ERROR),
        (asset_checks.clusters_match_status, tables.SEGMENTATIONS, two_are_ok, ERROR),
        (asset_checks.structure, tables.SEGMENTATIONS, weak, WARN),
        (asset_checks.insight_source, tables.CLUSTERS, by_rules, WARN),
    ],
)
def test_an_inconsistent_snapshot_fails_its_checks(
    sample_copy: Path, day: date, check: Any, table: Table, change: Any, severity: dg.AssetCheckSeverity
) -> None:
    assert asked(check, sample_copy, day).passed
    spoil(sample_copy, table, day, change)
    found = asked(check, sample_copy, day)
    assert (found.passed, found.severity) == (False, severity)
    assert found.description != "holds"


def test_a_feature_that_drifted_since_the_previous_snapshot_is_a_warning(sample_copy: Path, day: date) -> None:
    after, publication = day + timedelta(days=1), Publication(sample_copy)
    rows = publication.load_published(tables.USER_FEATURES, day)
    staging.stage(sample_copy, tables.USER_FEATURES, after, rows, {})
    assert asked(asset_checks.feature_drift, sample_copy, after).passed
    moved = rows.to_pylist()
    shifted(moved)
    staging.stage(sample_copy, tables.USER_FEATURES, after, pa.Table.from_pylist(moved, schema=rows.schema), {})
    found = asked(asset_checks.feature_drift, sample_copy, after)
    assert (found.passed, found.severity) == (False, WARN) and "sessions_per_week" in (found.description or "")


def test_the_cost_of_a_model_is_shown_and_failed_calls_are_a_warning(sample_copy: Path, day: date) -> None:
    schema = Publication(sample_copy).load_published(tables.LLM_CALLS, day).schema
    call = dict.fromkeys(schema.names) | {
        "call_id": "a", "snapshot_date": day, "cluster_id": "C01", "model": "m", "input_tokens": 40, "output_tokens": 2,
        "outcome": "ok", "created_at": datetime(2025, 7, 1), "latency_ms": 1,
    }  # fmt: skip
    staging.stage(sample_copy, tables.LLM_CALLS, day, pa.Table.from_pylist([call], schema=schema), {})
    found = asked(asset_checks.model_cost, sample_copy, day)
    assert found.passed and (found.metadata["calls"].value, found.metadata["tokens"].value) == (1, 42)
    failed = call | {"call_id": "b", "outcome": "failed", "error": "quota"}
    staging.stage(sample_copy, tables.LLM_CALLS, day, pa.Table.from_pylist([call, failed], schema=schema), {})
    found = asked(asset_checks.model_cost, sample_copy, day)
    assert not found.passed and "quota" in (found.description or "")


def test_a_configured_model_that_was_not_used_is_a_warning(sample_copy: Path, day: date) -> None:
    assert not asked(asset_checks.insight_source, sample_copy, day, llm_warning="holds no key").passed


@pytest.mark.slow
def test_logs_that_are_old_mostly_rejected_or_do_not_add_up_fail_their_checks(tmp_path: Path) -> None:
    publication, now = Publication(tmp_path / "resource"), datetime.now(UTC).replace(tzinfo=None)
    fresh = log(tmp_path / "a.csv", *(f"u{n},{now - timedelta(hours=n + 1):%Y-%m-%dT%H:%M:%S},login" for n in range(5)))
    ingest_logs(publication, [fresh], None, now)
    of_logs = (asset_checks.rejected_share, asset_checks.rows_add_up, asset_checks.freshness)
    assert [asked(check, publication.folder).passed for check in of_logs] == [True, True, True]
    ingest_logs(publication, [log(tmp_path / "b.csv", "u,2025-06-01T10:00:00,login", ",x,y")], None, now)
    found = asked(asset_checks.rejected_share, publication.folder)
    assert (found.passed, found.severity) == (False, WARN) and "b.csv: 1 of 2" in (found.description or "")
    with warehouse.publish(publication.database) as con:
        con.execute("UPDATE ingested_files SET rows_accepted = rows_accepted + 1 WHERE file_name = 'a.csv'")
    assert not asked(asset_checks.rows_add_up, publication.folder).passed


@pytest.mark.slow
def test_an_old_log_is_a_warning(tmp_path: Path) -> None:
    publication = Publication(tmp_path / "resource")
    ingest_logs(publication, [log(tmp_path / "a.csv", "u,2025-06-01T10:00:00,login")], None, datetime(2025, 7, 1))
    found = asked(asset_checks.freshness, publication.folder)
    assert (found.passed, found.severity) == (False, WARN) and "2025-06-01" in (found.description or "")


def test_a_missing_column_fails_its_check(sample_copy: Path, day: date) -> None:
    rows = Publication(sample_copy).load_published(tables.CLUSTERS, day)
    of = ("clusters", "schema")
    assert asset_checks._columns_are_there(tables.CLUSTERS, {day: rows}, of).passed
    found = asset_checks._columns_are_there(tables.CLUSTERS, {day: rows.drop_columns(["rule"])}, of)
    assert (found.passed, found.severity) == (False, ERROR) and "rule is missing" in (found.description or "")
