"""What people do in the app is in the audit log, and nothing that they typed is."""

from pathlib import Path

import pytest

from dash_app.app import create_app
from grupa_pipeline.auth.accounts import set_password
from grupa_pipeline.exports import export_log
from grupa_pipeline.exports.export_log import ExportPlace
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import audit_log
from grupa_pipeline.vocabulary.enums import UserRole
from tests.dash_app.planning.plans import a_plan

pytestmark = pytest.mark.slow

PASSWORD = "a long enough password"


@pytest.fixture
def client(folder, tmp_path, quick_passwords):
    set_password(tmp_path / "users", "kim", PASSWORD, UserRole.OPERATOR)
    set_password(tmp_path / "users", "lou", PASSWORD)
    return create_app(Settings(warehouse=folder, users_file=tmp_path / "users")).server.test_client()


def sign_in(client, name: str, password: str = PASSWORD) -> None:
    client.post("/sign-in", data={"name": name, "password": password})


def entries(folder: Path) -> list[tuple[str, ...]]:
    sql = "SELECT user_name, role, action, subject, outcome FROM audit_log WHERE through = 'app' ORDER BY acted_at"
    return audit_log.query(folder, sql).fetchall()


def test_sign_ins_exports_uploads_and_refusals_are_recorded(client, folder) -> None:
    sign_in(client, "my secret word")
    sign_in(client, "kim", "wrong")
    sign_in(client, "kim")
    client.get("/export/users.csv?snapshot=2026-03-09&cluster=C01")
    client.get("/export/roadmap.csv?cluster=John")
    token = client.post("/uploads", json={"name": "John Smith.csv", "size": 3}).get_json()["token"]
    client.put(f"/uploads/{token}", data=b"a,b")
    client.post("/sign-out")
    sign_in(client, "lou")
    client.post("/uploads", json={"name": "x.csv", "size": 3})
    assert entries(folder) == [
        ("", "", "sign_in", "", "failed"),
        ("kim", "", "sign_in", "", "failed"),
        ("kim", "operator", "sign_in", "", "done"),
        ("kim", "operator", "export", "/export/users.csv?cluster=C01", "done"),
        ("kim", "operator", "export", "/export/roadmap.csv", "done"),
        ("kim", "operator", "upload", token, "done"),
        ("kim", "operator", "sign_out", "", "done"),
        ("lou", "viewer", "sign_in", "", "done"),
        ("lou", "viewer", "ask", "announce_upload", "refused"),
    ]
    text = "".join(file.read_text() for file in (folder / "audit").iterdir())
    assert "secret" not in text
    assert "John" not in text


def test_a_downloaded_list_is_in_the_record_of_exports(client, folder) -> None:
    sign_in(client, "kim")
    client.get("/export/users.csv?snapshot=2026-03-09&cluster=C01")
    client.get("/export/users.csv?snapshot=2026-03-09&cluster=")
    found, _ = export_log.entries(folder)
    assert [(each.segment_id, each.kind, each.by, each.place) for each in found] == [
        ("C01", ExportPlace.DOWNLOAD, "kim", ""),
        ("unassigned", ExportPlace.DOWNLOAD, "kim", ""),
    ]


def test_names_and_plans_are_recorded_as_they_are_stored(services) -> None:
    plan = services.roadmap.add(a_plan(), "kim")
    services.roadmap.remove(plan.plan_id, "kim")
    services.roadmap.rename_cluster("C01", "Buyers", "kim")
    found = audit_log.query(
        services.settings.warehouse, "SELECT action, subject FROM audit_log ORDER BY acted_at"
    ).fetchall()
    assert found == [("plan", plan.plan_id), ("plan", plan.plan_id), ("name", "C01")]
