import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from time import sleep

import duckdb
import pytest

from dash_app.planning.plan import PlanError
from dash_app.planning.positions import position_between
from dash_app.planning.sizing import size_plan
from dash_app.roadmap import schema
from dash_app.roadmap.store import Roadmap, StaleEditError, UnknownPlanError
from grupa_pipeline.storage import migrations, warehouse
from grupa_pipeline.tables import ROADMAP_TABLES
from tests import ROOT
from tests.dash_app.planning.plans import Steady, a_plan


@pytest.fixture
def roadmap(tmp_path: Path) -> Roadmap:
    roadmap = Roadmap(tmp_path)
    roadmap.ensure()
    return roadmap


def _execute(roadmap: Roadmap, sql: str, *values: object) -> list[tuple]:
    with warehouse.publish(roadmap.database) as con:
        return con.execute(sql, values).fetchall()


@pytest.mark.slow
def test_tables_columns_and_comments_are_the_contracts(roadmap):
    with warehouse.read(roadmap.database) as con:
        for table in ROADMAP_TABLES:
            found = con.execute(
                "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index",
                [table.name],
            ).fetchall()
            assert found == [(column.name, column.comment) for column in table.columns]
            (comment,) = con.execute(
                "SELECT comment FROM duckdb_tables() WHERE table_name = ?", [table.name]
            ).fetchone()
            assert comment == table.comment


def test_ensuring_twice_publishes_once(roadmap):
    before = warehouse.version(roadmap.database)
    Roadmap(roadmap.database.parent).ensure()
    assert warehouse.version(roadmap.database) == before


@pytest.mark.slow
def test_a_plan_survives_a_restart(roadmap):
    sized = size_plan(a_plan(), Steady(500)).plan
    stored = roadmap.add(sized, "ana")
    (found,) = Roadmap(roadmap.database.parent).plans()
    assert found == stored
    assert replace(found, revision=0, position=0.0, updated_by="", created_at=None, updated_at=None) == sized
    assert (found.revision, found.updated_by) == (1, "ana")


@pytest.mark.slow
def test_every_revision_is_kept(roadmap):
    first = roadmap.add(a_plan(), "ana")
    second = roadmap.save(replace(first, name="Two"), 1, "bob")
    third = roadmap.save(replace(second, alpha=0.1), 2, "ana")
    assert roadmap.history(first.plan_id) == [third, second, first]
    assert roadmap.plan(first.plan_id) == third
    assert third.created_at == first.created_at
    assert third.updated_at >= second.updated_at


@pytest.mark.slow
def test_every_revision_has_the_brief_of_what_it_says(tmp_path):
    roadmap = Roadmap(tmp_path, brief=lambda plan: f"{plan.name} by {plan.owner}")
    roadmap.ensure()
    first = roadmap.add(a_plan(name="One"), "ana")
    roadmap.save(replace(first, owner="bob"), 1, "bob")
    copy = roadmap.duplicate(first.plan_id, "bob")
    assert [each.brief for each in roadmap.history(first.plan_id)] == ["One by bob", "One by ana"]
    assert roadmap.plan(copy.plan_id).brief == copy.brief == "One (copy) by bob"


@pytest.mark.slow
def test_a_stale_edit_is_refused_and_shows_what_changed(roadmap):
    first = roadmap.add(a_plan(), "ana")
    newer = roadmap.save(replace(first, name="Bob's"), 1, "bob")
    with pytest.raises(StaleEditError, match="bob changed this plan") as caught:
        roadmap.save(replace(first, name="Cid's"), 1, "cid")
    assert caught.value.newer == newer
    assert [(change.field, change.after) for change in caught.value.changes] == [("name", "Bob's")]
    assert roadmap.plan(first.plan_id) == newer
    assert len(roadmap.history(first.plan_id)) == 2


@pytest.mark.slow
def test_removing_is_undone(roadmap):
    plan = roadmap.add(a_plan(), "ana")
    removed = roadmap.remove(plan.plan_id, "bob")
    assert removed.deleted_at is not None
    assert roadmap.remove(plan.plan_id, "bob") == removed
    assert roadmap.plans() == []
    assert roadmap.plans(removed=True) == [removed]
    back = roadmap.restore(plan.plan_id, "ana")
    assert roadmap.plans() == [back]
    assert [kept.deleted_at is None for kept in roadmap.history(plan.plan_id)] == [True, False, True]


@pytest.mark.slow
def test_moving_orders_the_board(roadmap):
    a, b, c = (roadmap.add(a_plan(plan_id=name, name=name), "ana") for name in "abc")
    assert [plan.name for plan in roadmap.plans()] == ["a", "b", "c"]
    roadmap.move("c", "draft", position_between(a.position, b.position), "ana")
    roadmap.move("b", "idea", position_between(None, None), "ana")
    assert [(plan.status, plan.name) for plan in roadmap.plans()] == [("idea", "b"), ("draft", "a"), ("draft", "c")]
    assert position_between(None, 3.0) < 3.0 < position_between(3.0, None)
    undated = roadmap.add(a_plan(plan_id="d", start_date=None), "ana")
    with pytest.raises(PlanError, match="first day"):
        roadmap.move(undated.plan_id, "scheduled", c.position, "ana")


@pytest.mark.slow
def test_archived_plans_can_be_left_out(roadmap):
    plan = roadmap.add(a_plan(), "ana")
    roadmap.move(plan.plan_id, "archived", 1.0, "ana")
    assert len(roadmap.plans()) == 1
    assert roadmap.plans(archived=False) == []


@pytest.mark.slow
def test_a_copy_is_a_draft_with_a_history_of_its_own(roadmap):
    plan = roadmap.add(a_plan(status="scheduled"), "ana")
    copy = roadmap.duplicate(plan.plan_id, "bob")
    assert (copy.name, copy.status, copy.revision) == (f"{plan.name} (copy)", "draft", 1)
    assert copy.plan_id != plan.plan_id
    assert (copy.baseline, copy.evidence_ids, copy.variants) == (plan.baseline, plan.evidence_ids, plan.variants)
    assert len(roadmap.history(copy.plan_id)) == 1


@pytest.mark.slow
def test_unknown_and_duplicate_plans_are_refused(roadmap):
    for act in (roadmap.plan, lambda name: roadmap.remove(name, "a"), lambda name: roadmap.duplicate(name, "a")):
        with pytest.raises(UnknownPlanError, match="no plan nowhere"):
            act("nowhere")
    plan = roadmap.add(a_plan(), "ana")
    with pytest.raises(PlanError, match="already"):
        roadmap.add(plan, "ana")
    with pytest.raises(PlanError, match="guardrail"):
        roadmap.save(replace(plan, guardrails=()), 1, "ana")
    assert roadmap.history(plan.plan_id) == [plan]
    assert roadmap.history("nowhere") == []


@pytest.mark.slow
def test_names_of_clusters(roadmap):
    roadmap.rename_cluster("C01", " Builders ", "ana")
    roadmap.rename_cluster("C02", "Browsers", "ana")
    roadmap.rename_cluster("C01", "Makers", "bob")
    assert roadmap.cluster_names() == {"C01": "Makers", "C02": "Browsers"}
    assert [(edit.revision, edit.name, edit.edited_by) for edit in roadmap.cluster_name_history("C01")] == [
        (2, "Makers", "bob"),
        (1, "Builders", "ana"),
    ]
    roadmap.rename_cluster("C01", "", "ana")
    assert roadmap.cluster_names() == {"C02": "Browsers"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("status", "running"),
        ("status", None),
        ("name", ""),
        ("name", None),
        ("cluster_id", "noise"),
        ("cluster_id", None),
        ("metric_kind", "share"),
        ("metric_kind", None),
        ("direction", None),
        ("baseline", 1.2),
        ("baseline", None),
        ("alpha", 0.0),
        ("alpha", None),
        ("power", 1.0),
        ("power", None),
        ("sides", 3),
        ("sides", None),
        ("traffic_share", 0.0),
        ("traffic_share", 1.5),
        ("traffic_share", None),
        ("exposure_days", 0),
        ("exposure_days", None),
        ("mde_absolute", 0.0),
        ("mde_absolute", None),
        ("guardrails", "[]"),
        ("guardrails", None),
        ("variants", '[{"name": "control"}]'),
        ("variants", None),
        ("duration_days", 10),
        ("rice_impact", 5.0),
        ("rice_confidence", 1.1),
        ("rice_effort", 0.0),
        ("revision", 0),
        ("position", None),
        ("end_date", date(2020, 1, 1)),
        ("baseline_to", datetime(2020, 1, 1)),
    ],
)
@pytest.mark.parametrize("table", ["test_roadmap", "test_roadmap_history"])
def test_the_tables_refuse_what_no_plan_may_be(bare, table, column, value):
    row = a_plan(
        revision=1, updated_by="ana", created_at=datetime(2026, 5, 1), updated_at=datetime(2026, 5, 1)
    ).to_row()
    statement = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"
    bare.begin()
    bare.execute(statement, list(row.values()))
    bare.rollback()
    with pytest.raises(duckdb.ConstraintException):
        bare.execute(statement, list((row | {column: value}).values()))


@pytest.fixture(scope="module")
def bare():
    con = duckdb.connect()
    migrations.migrate(con, schema.CURRENT)
    yield con
    con.close()


@pytest.mark.slow
def test_an_older_shape_is_brought_forward_and_keeps_its_plans(roadmap, monkeypatch):
    plan = roadmap.add(a_plan(), "ana")

    def add_column(con: duckdb.DuckDBPyConnection) -> None:
        con.execute("ALTER TABLE test_roadmap ADD COLUMN later VARCHAR DEFAULT 'x'")

    shape = replace(schema.CURRENT, steps=(*schema.CURRENT.steps, add_column))
    monkeypatch.setattr(schema, "CURRENT", shape)
    roadmap.ensure()
    roadmap.ensure()
    assert roadmap.plans() == [plan]
    assert _execute(roadmap, "SELECT later FROM test_roadmap") == [("x",)]
    assert _execute(roadmap, "SELECT version FROM schema_version") == [(shape.version,)]


@pytest.mark.slow
def test_a_newer_shape_is_left_alone(roadmap):
    _execute(roadmap, "UPDATE schema_version SET version = 99")
    before = warehouse.version(roadmap.database)
    with pytest.raises(migrations.NewerFileError, match="upgrade Grupa"):
        roadmap.ensure()
    assert warehouse.version(roadmap.database) == before


@pytest.mark.slow
def test_saves_at_the_same_time_are_all_kept(roadmap):
    shared = roadmap.add(a_plan(plan_id="shared"), "ana")

    def work(number: int) -> int:
        roadmap.add(a_plan(plan_id=f"plan-{number}", name=f"Plan {number}"), f"user-{number}")
        try:
            roadmap.save(replace(shared, name=f"By {number}"), 1, f"user-{number}")
        except StaleEditError:
            return 0
        return 1

    with ThreadPoolExecutor(6) as pool:
        won = sum(pool.map(work, range(6)))
    assert won == 1
    assert len(roadmap.plans()) == 7
    assert len(roadmap.history("shared")) == 2


@pytest.mark.slow
def test_readers_see_whole_saves_only(roadmap):
    roadmap.add(a_plan(plan_id="p"), "ana")
    with warehouse.read(roadmap.database) as before:
        roadmap.save(replace(roadmap.plan("p"), name="Later"), 1, "ana")
        assert before.execute("SELECT revision FROM test_roadmap").fetchall() == [(1,)]
    assert roadmap.plan("p").name == "Later"


_KEEP_ADDING = """
import sys
from pathlib import Path
from dash_app.planning.positions import new_plan_id
from dash_app.roadmap.store import Roadmap
from tests.dash_app.planning.plans import a_plan

while True:
    print(Roadmap(Path(sys.argv[1])).add(a_plan(plan_id=new_plan_id()), "ana").plan_id, flush=True)
"""


@pytest.mark.slow
def test_a_kill_loses_nothing_acknowledged(roadmap):
    known: set[str] = set()
    for pause in (0.05, 0.13, 0.21):
        command = [sys.executable, "-c", _KEEP_ADDING, str(roadmap.database.parent)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
            known.add(process.stdout.readline().strip())
            sleep(pause)
            process.kill()
            known.update(line.strip() for line in process.stdout if line.endswith("\n"))
        stored = {plan.plan_id for plan in roadmap.plans()}
        assert known <= stored
        assert len(stored) == len(_execute(roadmap, "SELECT * FROM test_roadmap_history"))
    roadmap.add(a_plan(plan_id="after"), "ana")


@pytest.mark.slow
def test_times_come_from_the_roadmaps_clock(tmp_path):
    now = datetime(2026, 5, 1, 12)
    roadmap = Roadmap(tmp_path, now=lambda: now)
    roadmap.ensure()
    assert roadmap.add(a_plan(), "ana").created_at == now
    assert now - roadmap.plan("plan-1").updated_at == timedelta(0)
