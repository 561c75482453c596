"""Files of released schemas migrate with all rows; those of later releases are refused; a changed schema has a new version."""

import os
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from dash_app.planning.plan import Plan
from dash_app.roadmap import schema as roadmap_schema
from dash_app.roadmap.store import Roadmap
from grupa.cli import main
from grupa.report.content import read_content
from grupa_pipeline.maintenance.status import status
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import schema, warehouse
from grupa_pipeline.storage.migrations import NewerFileError, SchemaVersion, migrate, stored_version
from grupa_pipeline.storage.repair import repair
from grupa_pipeline.tables import CLUSTERS, Column
from grupa_pipeline.vocabulary.enums import TableStorage
from tests.dash_app.planning.plans import a_plan
from tests.grupa_pipeline.storage.released.schemas import HOME, ddl_of, ddl_of_version, make_file

SCHEMAS = (schema.CURRENT, roadmap_schema.CURRENT)
EXAMPLES = {
    "VARCHAR": "'x'", "BIGINT": "7", "DOUBLE": "0.5", "DATE": "DATE '2025-06-01'", "BOOLEAN": "true", "JSON": "'{}'",
    "TIMESTAMP": "TIMESTAMP '2025-06-01 10:00:00'", "VARCHAR[]": "['x']",
}  # fmt: skip
LATER = replace(
    CLUSTERS, columns=(*CLUSTERS.columns[:4], Column("doubled", "BIGINT", "Twice its size."), *CLUSTERS.columns[4:])
)


def released() -> list[Path]:
    return sorted(HOME.glob("*.sql"))


def schema_of(path: Path) -> SchemaVersion:
    return next(current for current in SCHEMAS if Path(current.file).stem == path.stem.rsplit("-", 1)[0])


@pytest.mark.parametrize("current", SCHEMAS, ids=lambda current: current.file)
def test_a_schema_changes_only_with_a_migration_step_and_a_new_version(current: SchemaVersion) -> None:
    frozen = HOME / f"{Path(current.file).stem}-{current.version}.sql"
    assert frozen.exists(), (
        f"freeze schema version {current.version} of {current.file}: python -m tests.grupa_pipeline.storage.released"
    )
    assert ddl_of_version(current) == frozen.read_text(encoding="utf-8"), (
        f"{current.file} is no longer what schema version {current.version} was: add a migration step, then freeze the new schema"
    )


@pytest.mark.slow
@pytest.mark.parametrize("path", released(), ids=lambda path: path.stem)
def test_every_released_schema_migrates_to_the_current_one(path: Path) -> None:
    current = schema_of(path)
    with duckdb.connect() as con:
        con.execute(path.read_text(encoding="utf-8"))
        con.execute("INSERT INTO schema_version VALUES (?)", [int(path.stem.rsplit("-", 1)[1])])
        migrate(con, current)
        assert (stored_version(con), ddl_of(con)) == (current.version, ddl_of_version(current))


@pytest.fixture
def first_release(tmp_path: Path) -> Path:
    """A warehouse as the first release left it: a row in every table, one file of events, and a plan."""
    folder = tmp_path / "folder"
    make_file(folder / "grupa.duckdb", "grupa")
    events = folder / "data" / "events" / "2025-06-01" / "a.parquet"
    events.parent.mkdir(parents=True)
    own = folder / "versions" / "grupa-00000001.duckdb"
    with duckdb.connect(str(own)) as con:
        for (table,) in con.execute(
            "SELECT table_name FROM duckdb_tables() WHERE table_name <> 'schema_version'"
        ).fetchall():
            types = con.execute(
                "SELECT data_type FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index", [table]
            )
            con.execute(f"INSERT INTO {table} VALUES ({', '.join(EXAMPLES[kind] for (kind,) in types.fetchall())})")
        con.execute(f"""COPY (SELECT 'u' AS user_id, TIMESTAMP '2025-06-01 10:00:00' AS timestamp, 'login' AS action,
                        NULL::JSON AS metadata, 'x' AS file_sha256) TO '{events}' (FORMAT parquet)""")
        con.execute(
            "UPDATE published_files SET table_name = 'events', path = 'data/events/2025-06-01/a.parquet', rows = 1"
        )
        con.execute(f"CREATE OR REPLACE VIEW events AS SELECT * FROM read_parquet(['{events}'])")
    (folder / "published" / own.name).write_bytes(own.read_bytes())
    return folder


def rows(database: Path) -> dict[str, list[dict[str, object]]]:
    """All rows of the file behind the link, by table."""
    with duckdb.connect(os.path.realpath(database), read_only=True) as con:
        names = con.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_name <> 'schema_version'"
        ).fetchall()
        return {name: con.sql(f"SELECT * FROM {name}").to_arrow_table().to_pylist() for (name,) in names}


def add_a_later_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a next release gave clusters a column."""
    step = lambda con: schema.rebuild(con, LATER, doubled="2 * size")  # noqa: E731
    monkeypatch.setattr(schema, "CURRENT", replace(schema.CURRENT, steps=(*schema.CURRENT.steps, step)))


LATER_TABLES = {
    "column_mappings", "event_catalog", "journey_steps", "journey_paths", "action_outcomes", "cluster_trends",
}  # fmt: skip
"""Tables that the first release did not have."""


@pytest.mark.slow
def test_a_warehouse_of_the_first_release_keeps_all_its_rows(first_release: Path) -> None:
    database = first_release / "grupa.duckdb"
    before = rows(database)
    rows_tables = {table.name for table in schema.PIPELINE_TABLES if table.storage is TableStorage.ROWS}
    assert before["events"] and all(before[name] for name in rows_tables - LATER_TABLES)
    repair(Settings(warehouse=first_release))
    after = rows(database)
    assert after.keys() == before.keys() | LATER_TABLES
    for table, old in before.items():
        assert [{name: new[name] for name in row} for new, row in zip(after[table], old, strict=True)] == old
    text, sound = status(Settings(warehouse=first_release))
    assert sound and f"schema version {schema.CURRENT.version}" in text


@pytest.mark.slow
def test_a_later_release_migrates_in_a_new_published_version(
    first_release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repair(Settings(warehouse=first_release))
    database = first_release / "grupa.duckdb"
    before, old = rows(database), warehouse.version(database)
    add_a_later_schema(monkeypatch)
    with warehouse.read(database) as reader:  # an analyst's session that stays open
        repair(Settings(warehouse=first_release))
        assert reader.execute("SELECT * FROM clusters").fetchall() == [
            tuple(row.values()) for row in before["clusters"]
        ]
    after = rows(database)
    assert after["clusters"] == [row | {"doubled": 2 * row["size"]} for row in before["clusters"]]
    assert list(after["clusters"][0]) == list(LATER.column_names)
    assert {name: table for name, table in after.items() if name != "clusters"} == {
        name: table for name, table in before.items() if name != "clusters"
    }
    migrated = warehouse.version(database)
    repair(Settings(warehouse=first_release))
    assert old != migrated == warehouse.version(database)


@pytest.mark.slow
def test_a_failing_migration_step_leaves_the_published_version(
    first_release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repair(Settings(warehouse=first_release))
    database = first_release / "grupa.duckdb"
    before, old = rows(database), warehouse.version(database)

    def fails(con: duckdb.DuckDBPyConnection) -> None:
        con.execute("DELETE FROM clusters")
        con.execute("SELECT error('no')")

    monkeypatch.setattr(schema, "CURRENT", replace(schema.CURRENT, steps=(*schema.CURRENT.steps, fails)))
    with pytest.raises(duckdb.Error):
        repair(Settings(warehouse=first_release))
    assert (rows(database), warehouse.version(database)) == (before, old)


@pytest.mark.parametrize("file", ["grupa.duckdb", "roadmap.duckdb"])
@pytest.mark.slow
def test_a_file_of_a_later_release_is_refused_with_a_message(
    first_release: Path, file: str, capfd: pytest.CaptureFixture[str]
) -> None:
    repair(Settings(warehouse=first_release))
    Roadmap(first_release).ensure()
    database = first_release / file
    with warehouse.publish(database) as con:
        con.execute("UPDATE schema_version SET version = 99")
    before = warehouse.version(database)
    capfd.readouterr()  # what repair logged
    commands = [["serve"], ["run"]] if file == "grupa.duckdb" else [["serve"]]
    for command in commands:
        assert main.main([*command, "--warehouse", str(first_release)]) == 1
        error = capfd.readouterr().err
        assert re.search(rf"^grupa: .*{file} has schema version 99.*upgrade Grupa", error) and "Traceback" not in error
    assert warehouse.version(database) == before


def test_a_roadmap_of_the_first_release_opens_and_takes_plans(tmp_path: Path) -> None:
    make_file(tmp_path / "roadmap.duckdb", "roadmap")
    roadmap = Roadmap(tmp_path)
    roadmap.ensure()
    assert roadmap.plan(roadmap.add(a_plan(), "ann").plan_id).owner == a_plan().owner


def roadmap_of_the_first_release(folder: Path) -> Plan:
    """Write one with a plan, which is returned as today's release reads it."""
    make_file(folder / "roadmap.duckdb", "roadmap")
    now = datetime(2026, 5, 1)
    plan = a_plan(baseline_users=None, revision=1, updated_by="ana", created_at=now, updated_at=now)
    row = plan.to_row()
    names = list(row)
    row = {name: row[name] for name in names[: names.index("baseline_users")]}
    with warehouse.publish(folder / "roadmap.duckdb") as con:
        for table in ("test_roadmap", "test_roadmap_history"):
            con.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", [*row.values()])
    return plan


def test_plans_are_read_before_the_app_has_migrated_their_file(tmp_path: Path) -> None:
    plan = roadmap_of_the_first_release(tmp_path)
    before = warehouse.version(tmp_path / "roadmap.duckdb")
    assert Roadmap(tmp_path).plans() == [plan]
    assert read_content(tmp_path, roadmap_only=True).plans == [plan]
    assert warehouse.version(tmp_path / "roadmap.duckdb") == before


def test_plans_of_the_first_release_do_not_say_from_which_users_their_baseline_is(tmp_path: Path) -> None:
    plan = roadmap_of_the_first_release(tmp_path)
    roadmap = Roadmap(tmp_path)
    roadmap.ensure()
    assert roadmap.plan(plan.plan_id) == plan
    assert roadmap.history(plan.plan_id) == [plan]


@pytest.mark.slow
def test_status_reports_a_later_schema(first_release: Path) -> None:
    repair(Settings(warehouse=first_release))
    with warehouse.publish(first_release / "grupa.duckdb") as con:
        con.execute("UPDATE schema_version SET version = 99")
    text, sound = status(Settings(warehouse=first_release))
    assert not sound and "upgrade Grupa" in text
    with pytest.raises(NewerFileError):
        repair(Settings(warehouse=first_release))


def test_a_file_that_grupa_did_not_write_is_refused_and_unchanged() -> None:
    con = duckdb.connect()
    con.execute("CREATE TABLE events (user_id VARCHAR)")
    with pytest.raises(warehouse.DamagedWarehouseError, match="no schema version"):
        schema.ensure_tables(con)
    assert con.execute("SHOW TABLES").fetchall() == [("events",)]
