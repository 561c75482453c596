"""The whole way from a log to published tables, through Dagster, on a small log that still holds clusters."""

import json
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa
import pytest

from grupa.cli.insights_again import ask_again
from grupa.cli.run import RunFailedError, UnusableInputError, run
from grupa_pipeline.definitions import build_defs
from grupa_pipeline.defs.instance import dagster_instance
from grupa_pipeline.maintenance.status import restore
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import staging, warehouse
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.tables import (
    FEATURE_CATALOG,
    INGESTED_FILES,
    PIPELINE_TABLES,
    SEGMENTATION_CANDIDATES,
    SEGMENTATIONS,
    SNAPSHOT_TABLES,
    USER_FEATURES,
    Table,
)
from sample_data.generate import END, write_log
from tests.grupa_pipeline import ingested_logs

pytestmark = pytest.mark.slow

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
VOLATILE = ("created_at", "ingested_at", "latency_ms", "call_id")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log") / "small.csv"
    write_log(path, users=120, days=28)
    return path


@pytest.fixture(scope="module")
def made(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A warehouse with the snapshots of the log's last three days, made by `grupa run` in order."""
    settings = Settings(warehouse=tmp_path_factory.mktemp("made"), min_events=5)
    for day in last_days(3):
        run(settings, [log], as_of=day)
    return settings


def last_days(count: int) -> list[date]:
    return [END - timedelta(days=count - 1 - n) for n in range(count)]


def rows(settings: Settings, table: Table, where: str = "true") -> list[dict[str, Any]]:
    key = ", ".join(f'"{name}"' for name in table.key)
    found = Publication(settings.warehouse).query(f"SELECT * FROM {table.name} WHERE {where} ORDER BY {key}")
    return found.drop_columns([name for name in VOLATILE if name in found.column_names]).to_pylist()


def test_every_table_is_there_with_its_comments(made: Settings) -> None:
    with duckdb.connect(str((made.warehouse / "grupa.duckdb").resolve()), read_only=True) as con:
        told = dict(con.execute("SELECT table_name || '.' || column_name, comment FROM duckdb_columns()").fetchall())
    for table in PIPELINE_TABLES:
        assert all(told[f"{table.name}.{column.name}"] == column.comment for column in table.columns)
    filled = {table.name for table in PIPELINE_TABLES if rows(made, table)}
    assert {table.name for table in PIPELINE_TABLES} - filled <= {"column_mappings", "llm_calls", "rejected_rows"}


def test_the_goal_rate_of_a_cluster_is_the_share_that_reaches_the_commonest_goal(made: Settings) -> None:
    with warehouse.read(made.warehouse / "grupa.duckdb") as con:
        goals = con.execute(
            "SELECT feature FROM feature_catalog WHERE family = 'outcome_had' AND higher_is_better ORDER BY source_action"
        ).fetchall()
        rates = {goal: con.execute(f"SELECT avg({goal}) FROM user_features").fetchall()[0][0] for (goal,) in goals}
        commonest = max(rates, key=rates.__getitem__)
        wrong = con.execute(
            f"SELECT cluster_id, goal_rate, avg({commonest}) AS rate FROM clusters"
            " JOIN user_clusters USING (snapshot_date, cluster_id) JOIN user_features USING (snapshot_date, user_id)"
            " GROUP BY ALL HAVING goal_rate IS NULL OR abs(goal_rate - rate) > 1e-9"
        ).fetchall()
    assert rates
    assert wrong == []


def test_events_can_be_read_from_any_folder(made: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with duckdb.connect(str((made.warehouse / "grupa.duckdb").resolve()), read_only=True) as con:
        found = con.execute("SELECT count(*), sum((metadata ->> 'device' IS NOT NULL)::int) FROM events").fetchone()
    assert found and found[0] == sum(row["rows_accepted"] for row in rows(made, INGESTED_FILES)) and found[1] > 0


def test_the_same_file_again_changes_nothing(made: Settings, log: Path) -> None:
    before = Publication(made.warehouse).query("SELECT * FROM ingested_files").to_pylist()
    summary = run(made, [log])
    assert summary.files[0]["rows_duplicate"] == summary.files[0]["rows_read"] > 0
    assert Publication(made.warehouse).query("SELECT * FROM ingested_files").to_pylist() == before


def test_insights_are_asked_for_again_in_one_publication_without_segmenting(made: Settings, tmp_path: Path) -> None:
    made = made.model_copy(update={"warehouse": shutil.copytree(made.warehouse, tmp_path / "copy", symlinks=True)})
    tables = ("segmentations", "cluster_evidence", "clusters", "cluster_insights")
    publication = Publication(made.warehouse)
    restore(made, max(path.stem for path in warehouse.versions(publication.database)))
    before = {name: publication.query(f"SELECT * FROM {name}").to_pylist() for name in tables}
    versions = set(warehouse.versions(publication.database))
    summary = ask_again(made, "C01")
    after = {name: publication.query(f"SELECT * FROM {name}").to_pylist() for name in tables}
    assert [after[name] == before[name] for name in tables[:2]] == [True, True]
    assert {row["cluster_id"] for row in after["clusters"] if row not in before["clusters"]} <= {"C01"}
    asked = [row for row in after["cluster_insights"] if row["snapshot_date"] == summary.snapshot_date]
    assert asked and not any(row in before["cluster_insights"] for row in asked)
    assert len(set(warehouse.versions(publication.database)) - versions) == 1
    assert summary.snapshot_date == max(row["snapshot_date"] for row in after["segmentations"])


def test_a_backfill_equals_single_runs_in_order(made: Settings, log: Path, tmp_path: Path) -> None:
    settings = Settings(warehouse=tmp_path, log_folders=(log.parent,), min_events=made.min_events)
    first, *_, last = last_days(3)
    tags = {
        "dagster/asset_partition_range_start": first.isoformat(),
        "dagster/asset_partition_range_end": last.isoformat(),
    }
    with dagster_instance(settings) as instance:
        config = QUIET | {"ops": {"ingest": {"config": {"files": [str(log)]}}}}
        build_defs(settings).resolve_job_def("ingest_job").execute_in_process(instance=instance, run_config=config)
        snapshot_job = build_defs(settings).resolve_job_def("snapshot_job")  # its days begin with the events
        done = snapshot_job.execute_in_process(instance=instance, run_config=QUIET, tags=tags)
    assert done.success
    told = {
        each.partition: each.metadata
        for each in done.asset_materializations_for_node("segmentation")
        if "grid" in each.metadata
    }
    assert set(told) == {day.isoformat() for day in last_days(3)}
    for table in SNAPSHOT_TABLES:
        assert rows(settings, table) == rows(made, table), table.name


def test_a_run_that_dagster_launches_reads_no_file_outside_the_inbox(log: Path, tmp_path: Path) -> None:
    settings = Settings(warehouse=tmp_path)
    settings.inbox.mkdir()
    (settings.inbox / "link.csv").symlink_to(log)
    job = build_defs(settings).resolve_job_def("ingest_job")
    with dagster_instance(settings) as instance:
        for path in (log, settings.inbox / ".." / "x.csv", settings.inbox / "link.csv"):
            config = QUIET | {"ops": {"ingest": {"config": {"files": [str(path)]}}}}
            result = job.execute_in_process(instance=instance, run_config=config, raise_on_error=False)
            [failure] = [event for event in result.all_events if event.is_step_failure]
            assert "GRUPA_LOG_FOLDERS" in str(failure.event_specific_data)
    assert Publication(settings.warehouse).last_day() is None


def materialise(settings: Settings, name: str, day: date) -> dg.ExecuteInProcessResult:
    """Materialise one asset alone, as a click in Dagster's UI does."""
    with dagster_instance(settings) as instance:
        job = build_defs(settings).resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            instance=instance, run_config=QUIET, partition_key=day.isoformat(), asset_selection=[dg.AssetKey(name)]
        )


def test_dagster_shows_how_the_clusters_were_chosen(made: Settings) -> None:
    [outcome] = materialise(made, "segmentations", END).asset_materializations_for_node("segmentation")
    [stored] = rows(made, SEGMENTATIONS, f"snapshot_date = '{END}'")
    grid = rows(made, SEGMENTATION_CANDIDATES, f"snapshot_date = '{END}'")
    [chosen] = [each["candidate"] for each in grid if each["chosen"]]
    assert outcome.metadata["status"].value == stored["status"]
    assert outcome.metadata["reason"].value == (stored["reason"] or "")
    assert outcome.metadata["null_p_value"].value == stored["null_p_value"]
    assert str(outcome.metadata["chosen_candidate"].value).startswith(f"{chosen}: cells ")
    [told] = materialise(made, "segmentation_candidates", END).asset_materializations_for_node("segmentation")
    assert isinstance(told.metadata["grid"], dg.MarkdownMetadataValue)
    assert told.metadata["grid"].value.count("\n") == 1 + len(grid)
    assert f"| **{chosen} (chosen)** |" in told.metadata["grid"].value
    assert told.metadata["visible"].value is True


def test_each_asset_can_be_materialised_alone_with_the_same_rows(made: Settings) -> None:
    before = {table.name: rows(made, table) for table in SNAPSHOT_TABLES}
    version = (made.warehouse / "grupa.duckdb").resolve()
    for table in SNAPSHOT_TABLES:
        result = materialise(made, table.name, END)
        assert [event.asset_key.path[-1] for event in result.get_asset_materialization_events()] == [table.name]
    assert {table.name: rows(made, table) for table in SNAPSHOT_TABLES} == before
    assert (made.warehouse / "grupa.duckdb").resolve() == version, "equal tables are not published again"
    assert not staging.staged(made.warehouse, END)


def test_a_snapshot_materialised_again_in_part_uses_its_own_catalog(tmp_path: Path) -> None:
    first, then = date(2025, 6, 1), date(2025, 6, 10)
    proposing = [
        f"user{n},{first} {hour:02}:00,{action}"
        for n in range(8)
        for hour, action in enumerate(
            ["search"] * n + ["proposal_create"] * (1 + n % 2) + ["proposal_submit"] * (n > 2)
        )
    ]
    searching = [f"other{n},{then} 10:00,search" for n in range(8)]
    settings = Settings(warehouse=tmp_path / "warehouse", min_events=1)
    run(settings, [ingested_logs.log(tmp_path / "first.csv", *proposing)], as_of=first)
    run(settings, [ingested_logs.log(tmp_path / "then.csv", *searching)], as_of=then)

    publication = Publication(settings.warehouse)
    share = "feature = 'proposal_submit_share'"
    assert [row["role"] for row in rows(settings, FEATURE_CATALOG, share)] == ["context"], "half have no proposal now"
    assert role_of_submit_share(publication, first) == "clustering"
    for name in ("segmentations", "user_embeddings"):
        materialise(settings, name, first)
    assert not staging.staged(settings.warehouse, first), "what is made again is equal"

    with warehouse.publish(publication.database) as con:  # as a release would leave it that kept the newest alone
        con.execute("UPDATE published_files SET path = NULL WHERE table_name = 'feature_catalog'")
    assert role_of_submit_share(publication, first) == "context"


def role_of_submit_share(publication: Publication, day: date) -> str:
    catalog = publication.load_published(FEATURE_CATALOG, day).to_pylist()
    return next(row["role"] for row in catalog if row["feature"] == "proposal_submit_share")


@pytest.fixture(scope="module")
def few_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse of a log too small to segment (quick to make), and the log beside it."""
    folder = tmp_path_factory.mktemp("few")
    write_log(folder / "few.csv", users=12, days=14)
    run(Settings(warehouse=folder / "warehouse"), [folder / "few.csv"])
    return folder


@pytest.fixture
def few(few_once: Path, tmp_path: Path) -> tuple[Settings, Path]:
    """A copy of that warehouse for one test alone."""
    shutil.copytree(few_once, tmp_path, symlinks=True, dirs_exist_ok=True)
    settings = Settings(warehouse=tmp_path / "warehouse")
    restore(settings, "grupa-00000002")
    return settings, tmp_path / "few.csv"


def test_an_asset_computed_from_new_events_is_published_with_the_others(few: tuple[Settings, Path]) -> None:
    settings, log = few
    shown = rows(settings, USER_FEATURES)
    more = log.with_name("more.csv")
    more.write_text("user_id,timestamp,action\n" + "".join(f"new,{END} 10:0{n}:00,search\n" for n in range(8)))
    with dagster_instance(settings) as instance:
        config = QUIET | {"ops": {"ingest": {"config": {"files": [str(more)]}}}}
        defs = build_defs(settings.model_copy(update={"log_folders": (more.parent,)}))
        defs.resolve_job_def("ingest_job").execute_in_process(instance=instance, run_config=config)
    materialise(settings, "event_catalog", END)
    result = materialise(settings, "user_features", END)
    metadata = result.asset_materializations_for_node("features")[0].metadata
    assert metadata["visible"].value is False
    assert metadata["waits_for"].value == f"{END}: the other tables of its snapshot"
    assert told_of_visibility(settings)["user_features"] is False
    assert rows(settings, USER_FEATURES) == shown
    summary = run(settings)
    assert "new" in {row["user_id"] for row in rows(settings, USER_FEATURES)}
    assert summary.status == "too_few_users"
    assert not staging.staged(settings.warehouse, END)
    assert told_of_visibility(settings) == dict.fromkeys((table.name for table in SNAPSHOT_TABLES), True)


def told_of_visibility(settings: Settings) -> dict[str, bool | None]:
    """What the newest event of each asset that says so says of its last rows: whether they are visible."""
    told: dict[str, bool | None] = {}
    with dagster_instance(settings) as instance:
        for table in SNAPSHOT_TABLES:
            key = dg.AssetKey(table.name)
            records = [
                *instance.fetch_materializations(key, limit=1).records,
                *instance.fetch_observations(key, limit=1).records,
            ]
            for record in sorted(records, key=lambda record: record.storage_id):
                event = record.asset_materialization or record.event_log_entry.asset_observation
                if event and "visible" in event.metadata:
                    told[table.name] = bool(event.metadata["visible"].value)
    return told


def test_one_table_of_an_asset_is_checked_where_the_others_were_never_computed(few: tuple[Settings, Path]) -> None:
    settings, _ = few
    assert materialise(settings, "event_catalog", END - timedelta(days=1)).success
    result = materialise(settings, "user_features", END - timedelta(days=1))
    assert result.success
    checked = {(each.asset_key.path[-1], each.check_name) for each in result.get_asset_check_evaluations()}
    assert {("user_features", "keys_are_unique"), ("user_features", "schema")} <= checked
    assert not [asset for asset, _ in checked if asset != "user_features"]


def test_a_snapshot_sees_only_its_window(few: tuple[Settings, Path]) -> None:
    settings, _ = few
    summary = run(Settings(warehouse=settings.warehouse, window_days=2), as_of=END)
    found = rows(settings, SEGMENTATIONS)[0]
    assert found["window_end"] - found["window_start"] == timedelta(days=2)
    assert summary.users + summary.users_outside_window == 12
    assert json.loads(found["parameters"])["window_days"] == 2


def test_old_snapshots_lose_their_users_and_keep_the_rest(few: tuple[Settings, Path]) -> None:
    settings, _ = few
    for day in last_days(4):
        run(Settings(warehouse=settings.warehouse, keep_snapshots=2), as_of=day)
    assert len(rows(settings, SEGMENTATIONS)) == 4
    kept = Publication(settings.warehouse).query("SELECT DISTINCT snapshot_date AS day FROM user_clusters ORDER BY 1")
    assert kept["day"].to_pylist() == last_days(2)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "gone.csv"),
        ("", "gone.csv"),
        ("user_id,when,action\na,2025-01-01,login\n", "timestamp"),
        ("user_id,timestamp,action\n,,\n", "gone.csv"),
    ],
)
def test_input_that_cannot_be_used_changes_nothing(
    few: tuple[Settings, Path], tmp_path: Path, content: str | None, told: str
) -> None:
    settings, _ = few
    bad, other = tmp_path / "gone.csv", tmp_path / "other.csv"
    other.write_text("user_id,timestamp,action\nz,2025-06-01 10:00:00,login\n")
    if content is not None:
        bad.write_text(content)
    version = (settings.warehouse / "grupa.duckdb").resolve()
    with pytest.raises(UnusableInputError, match=told) as caught:
        run(settings, [other, bad])
    assert caught.value.file == "gone.csv"
    assert (settings.warehouse / "grupa.duckdb").resolve() == version


def test_an_empty_warehouse_and_impossible_days_are_refused(tmp_path: Path, few: tuple[Settings, Path]) -> None:
    with pytest.raises(UnusableInputError, match="no events yet"):
        run(Settings(warehouse=tmp_path / "new"))
    with pytest.raises(UnusableInputError, match="--as-of 1969-12-31"):
        run(few[0], as_of=date(1969, 12, 31))


def test_a_log_of_earlier_days_is_taken_by_the_same_process(tmp_path: Path) -> None:
    settings = Settings(warehouse=tmp_path / "warehouse")
    run(settings, [ingested_logs.log(tmp_path / "late.csv", "a,2025-06-10 10:00:00,login")])
    with pytest.raises(UnusableInputError, match=r"--as-of 2025-06-01 is before the first accepted event"):
        run(settings, as_of=date(2025, 6, 1))
    early = ingested_logs.log(tmp_path / "early.csv", "a,2025-06-01 10:00:00,login")
    assert run(settings, [early], as_of=date(2025, 6, 1)).snapshot_date == date(2025, 6, 1)
    begins_later = Settings(warehouse=settings.warehouse, first_day=date(2025, 6, 11))
    with pytest.raises(UnusableInputError, match="GRUPA_FIRST_DAY"):
        run(begins_later)


def test_a_failed_step_is_reported_in_a_sentence(few: tuple[Settings, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> pa.Table:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(staging, "stage", broken)
    with pytest.raises(RunFailedError, match=r"failed: .*No space left on device"):
        run(few[0])


def test_many_rejected_rows_are_a_warning(few: tuple[Settings, Path], tmp_path: Path) -> None:
    messy = tmp_path / "messy.csv"
    messy.write_text("user_id,timestamp,action\na,2025-06-01 10:00:00,login\n,2025-06-01 10:00:00,login\n")
    summary = run(few[0], [messy])
    assert [warning for warning in summary.warnings if "messy.csv: 1 of 2 rows rejected" in warning]
