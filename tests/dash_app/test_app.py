import csv
import hashlib
import io
import os
import subprocess
import sys

import pytest

from dash_app.app import create_app
from dash_app.callbacks.navigation import show_page
from dash_app.data.database import Database
from dash_app.roadmap.store import Roadmap
from dash_app.server.downloads import csv_lines
from dash_app.services import Services
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import warehouse
from grupa_pipeline.storage.warehouse import PIPELINE_FILE, ROADMAP_FILE, MissingWarehouseError
from tests.dash_app.planning.plans import a_plan
from tests.dash_app.synthetic import DAYS, write_warehouse
from tests.dash_app.trees import text


@pytest.fixture
def client(folder):
    return create_app(Settings(warehouse=folder)).server.test_client()


@pytest.mark.slow
def test_health_says_no_more_than_that_all_is_well(client):
    assert client.get("/healthz").get_json() == {"status": "ok"}


@pytest.mark.slow
def test_health_is_well_before_the_first_log(tmp_path):
    answer = create_app(Settings(warehouse=tmp_path)).server.test_client().get("/healthz")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "ok"})


@pytest.mark.slow
@pytest.mark.parametrize("file", [PIPELINE_FILE, ROADMAP_FILE])
def test_health_says_when_a_file_does_not_open_and_why_in_the_log_alone(tmp_path, caplog, file):
    client = create_app(Settings(warehouse=tmp_path)).server.test_client()
    (tmp_path / file).unlink(missing_ok=True)
    (tmp_path / file).write_bytes(b"no database")
    answer = client.get("/healthz")
    assert (answer.status_code, answer.get_json()) == (503, {"status": "damaged"})
    assert str(tmp_path / file) in caplog.text


def test_a_damaged_file_is_told_on_the_page(tmp_path):
    (tmp_path / PIPELINE_FILE).write_bytes(b"no database")
    services = Services(
        Settings(warehouse=tmp_path), Database(tmp_path / PIPELINE_FILE), Roadmap(tmp_path), lambda: "local user"
    )
    page, _ = show_page(services, {"path": "/"}, "")
    assert "grupa restore" in text(page)


def test_without_a_log_the_page_says_what_to_do(tmp_path):
    services = Services(
        Settings(warehouse=tmp_path), Database(tmp_path / PIPELINE_FILE), Roadmap(tmp_path), lambda: "local user"
    )
    page, header = show_page(services, {"path": "/"}, "")
    assert "grupa run LOG.csv" in text(page)
    assert "No snapshot yet" in text(header)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ({"path": "/nowhere"}, "There is no such page"),
        ({"path": "/", "snapshot": "2020-01-01"}, "no snapshot of that day"),
    ],
)
def test_addresses_that_name_nothing(services, where, words):
    page, _ = show_page(services, where, "")
    assert words in text(page)


def test_nonsense_for_a_day_means_the_newest(services):
    page, header = show_page(services, {"path": "/", "snapshot": "<script>"}, "")
    assert "3 clusters" in text(page)
    assert "9 Mar 2026" in text(header)


@pytest.mark.slow
def test_a_new_version_is_seen_at_once(folder):
    database = folder / PIPELINE_FILE
    services = Services(Settings(warehouse=folder), Database(database), Roadmap(folder), lambda: "local user")
    assert len(services.days()) == 2
    with warehouse.publish(database) as con:
        con.execute("DELETE FROM segmentations WHERE snapshot_date = ?", [DAYS[0]])
    assert services.days() == (DAYS[1],)


@pytest.mark.slow
def test_users_as_csv(client):
    answer = client.get(f"/export/users.csv?snapshot={DAYS[1]}&cluster=C02")
    rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))
    assert len(rows) == 90
    assert {row["cluster_id"] for row in rows} == {"C02"}
    assert float(rows[0]["sessions_per_week"]) > 0
    assert "attachment" in answer.headers["Content-Disposition"]


@pytest.mark.slow
def test_unassigned_users_as_csv(client):
    answer = client.get(f"/export/users.csv?snapshot={DAYS[1]}&cluster=")
    reasons = [row["unassigned_reason"] for row in csv.DictReader(io.StringIO(answer.get_data(as_text=True)))]
    assert (reasons.count("noise"), reasons.count("too_few_events")) == (25, 15)


@pytest.mark.slow
@pytest.mark.parametrize(
    "query", ["", "snapshot=x&cluster=C01", "snapshot=2020-01-01", f"snapshot={DAYS[1]}&cluster=C99"]
)
def test_csv_of_nothing_is_not_found(client, query):
    assert client.get(f"/export/users.csv?{query}").status_code == 404


@pytest.mark.parametrize("cell", ["=1+1", "+A1", "-2", "@SUM(A1)", "\t=1"])
def test_no_cell_is_a_formula(cell):
    line = next(iter(csv_lines([(cell, -2.5)])))
    first, second = next(csv.reader([line]))
    assert first == f"'{cell}"
    assert second == "-2.5"


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "start"), [("csv", "plan_id,"), ("json", "[]"), ("md", "No plans")])
def test_an_empty_roadmap_exports(client, kind, start):
    assert client.get(f"/export/roadmap.{kind}").get_data(as_text=True).startswith(start)


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", ["/export/roadmap.exe", "/export/plan/none/growthbook.json", "/export/plan/none/other.json"]
)
def test_exports_that_do_not_exist(client, path):
    assert client.get(path).status_code == 404


def test_importing_the_app_does_no_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    import importlib

    import dash_app.app

    importlib.reload(dash_app.app)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_second_app_in_the_process_has_its_own_warehouse(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    write_warehouse(other, status="weak_structure")
    apps = [create_app(Settings(warehouse=each)).server.test_client() for each in (folder, other)]
    assert [app.get("/healthz").get_json()["status"] for app in apps] == ["ok", "ok"]
    assert len({len(app.get("/_dash-dependencies").get_json()) for app in apps}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("published", [True, False])
def test_a_warehouse_that_was_moved_away_is_missed_and_found_again(tmp_path, published):
    folder, away = tmp_path / "warehouse", tmp_path / "away"
    folder.mkdir()
    if published:
        write_warehouse(folder)
    roadmap = Roadmap(folder)
    roadmap.ensure()
    services = Services(Settings(warehouse=folder), Database(folder / PIPELINE_FILE), roadmap, lambda: "local user")
    client = create_app(Settings(warehouse=folder)).server.test_client()
    assert client.get("/healthz").status_code == 200
    before, _ = show_page(services, {"path": "/"}, "")
    folder.rename(away)
    for path in ("/", "/roadmap", "/history", "/data"):
        page, _ = show_page(services, {"path": path}, "")
        assert "The warehouse is gone" in text(page) and str(folder) in text(page)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.get_json()) == (503, {"status": "missing"})
    assert client.post("/uploads", json={"name": "log.csv", "size": 9}).status_code == 503
    with pytest.raises(MissingWarehouseError):
        roadmap.add(a_plan(), "somebody")
    assert not folder.exists(), "nothing takes its place"
    away.rename(folder)
    assert client.get("/healthz").status_code == 200
    after, _ = show_page(services, {"path": "/"}, "")
    assert text(after) == text(before)


@pytest.mark.slow
def test_a_changed_byte_in_what_a_page_reads_is_told_on_it(folder):
    services = Services(
        Settings(warehouse=folder), Database(folder / PIPELINE_FILE), Roadmap(folder), lambda: "local user"
    )
    damaged = folder / "map.parquet"
    damaged.write_bytes(b"changed")
    with warehouse.publish(folder / PIPELINE_FILE) as con:
        row = ("user_embeddings", DAYS[-1], "key", damaged.name, 7, "{}", hashlib.sha256(b"as published").hexdigest())
        con.execute("INSERT INTO published_files VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    page, _ = show_page(services, {"path": "/"}, "")
    assert str(damaged) in text(page) and f"grupa run --as-of {DAYS[-1]}" in text(page)
    page, _ = show_page(services, {"path": "/", "snapshot": f"{DAYS[0]}"}, "")
    assert "damaged" not in text(page), "of that day nothing is damaged"


@pytest.mark.slow
def test_pandas_is_whole_before_the_first_answer(tmp_path):
    """Plotly writes an answer wrongly while another thread imports it."""
    code = "import sys; from dash_app.app import create_server; create_server(); print(hasattr(sys.modules['pandas'], 'NaT'))"
    env = {"GRUPA_WAREHOUSE": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": os.getcwd()}
    found = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert found.stdout.split()[-1] == "True"
