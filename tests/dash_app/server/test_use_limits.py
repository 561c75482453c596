"""The app refuses what a person did as often as they may, with a sentence."""

from dash_app.app import create_app
from grupa_pipeline.auth import permissions
from grupa_pipeline.auth.use_limits import LIMITED_ROUTES
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import audit_log


def test_one_export_and_one_upload_too_many_are_refused_with_a_sentence(folder) -> None:
    settings = Settings(warehouse=folder, uploads_per_hour=1, exports_per_hour=2)
    client = create_app(settings).server.test_client()
    assert [client.get("/export/roadmap.json").status_code for _ in range(2)] == [200, 200]
    refused = client.get("/print/roadmap")
    assert refused.status_code == 429
    assert refused.get_data(as_text=True).startswith("One person may make 2 exports within an hour")
    assert 3590 <= int(refused.headers["Retry-After"]) <= 3600
    upload = {"name": "x.csv", "size": 1}
    assert client.post("/uploads", json=upload).status_code == 200
    refused = client.post("/uploads", json=upload)
    assert (refused.status_code, refused.get_json()["error"][:28]) == (429, "One person may make 1 upload")
    assert client.get("/").status_code == 200
    found = audit_log.query(
        folder, "SELECT action, subject, outcome FROM audit_log WHERE outcome = 'refused'"
    ).fetchall()
    assert found == [("ask", "print_roadmap", "refused"), ("ask", "announce_upload", "refused")]


def test_every_route_by_which_data_leaves_or_comes_in_counts() -> None:
    named = {endpoint for endpoint in permissions.ROUTES if endpoint.startswith(("export_", "print_", "download_"))}
    assert named <= set(LIMITED_ROUTES)
    assert set(LIMITED_ROUTES) <= set(permissions.ROUTES)
