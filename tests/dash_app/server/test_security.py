import gzip

import pytest
from flask.testing import FlaskClient

from dash_app.app import create_app
from dash_app.server.security import content_policy
from grupa_pipeline.settings import Settings


@pytest.fixture
def client(folder) -> FlaskClient:
    return create_app(Settings(warehouse=folder)).server.test_client()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8050", "[::1]:8050"])
def test_own_names_are_served(client, host):
    assert client.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/", "/healthz", "/export/roadmap.csv", "/_dash-layout"])
@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "10.0.0.1:8050"])
def test_foreign_names_are_refused(client, host, path):
    assert client.get(path, headers={"Host": host}).status_code == 421


def test_only_the_configured_names_are_served(folder):
    client = create_app(Settings(warehouse=folder, hosts=("grupa.example", "10.1.2.3"))).server.test_client()
    assert client.get("/", headers={"Host": "grupa.example"}).status_code == 200
    assert client.get("/", headers={"Host": "10.1.2.3:8050"}).status_code == 200
    assert client.get("/", headers={"Host": "sub.grupa.example"}).status_code == 421
    assert client.get("/", headers={"Host": "grupa.example,evil.example"}).status_code in (400, 421)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
    ],
)
def test_writes_from_other_sites_are_refused(client, headers):
    response = client.post("/_dash-update-component", json={}, headers={"Host": "localhost:8050"} | headers)
    assert response.status_code == 403


@pytest.mark.slow
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://[evil"},
    ],
)
def test_reads_from_other_sites_are_refused(client, headers):
    assert client.get("/export/roadmap.json", headers={"Host": "localhost"} | headers).status_code == 403


def test_a_link_from_another_site_may_be_followed(client):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert client.get("/?cluster=C01", headers=headers).status_code == 200
    assert client.post("/_dash-update-component", json={}, headers=headers).status_code == 403


def test_a_write_with_only_a_referer_must_come_from_the_same_site(client):
    def posted(referer):
        return client.post("/_dash-update-component", json={}, headers={"Host": "localhost", "Referer": referer})

    assert posted("https://evil.example/page").status_code == 403
    assert posted("http://localhost/roadmap").status_code != 403


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", ["/../x", "/assets/../app.py", "/assets/%2e%2e/app.py", "/a/..%5cb", "/%252e%252e/b", "/a%00b", "/..;/b"]
)
def test_paths_that_lead_out_are_not_found(client, path):
    assert client.get(path).status_code == 404


def test_a_large_body_of_a_get_request_is_refused(client):
    assert client.get("/", data=b"x" * (3 * 1024 * 1024)).status_code == 413


def test_debug_tools_stay_disabled(folder, monkeypatch):
    for name in ("FLASK_DEBUG", "DASH_DEBUG", "DASH_HOT_RELOAD", "DASH_UI", "DASH_MCP_ENABLED"):
        monkeypatch.setenv(name, "1")
    app = create_app(Settings(warehouse=folder))
    page = app.server.test_client().get("/").get_data(as_text=True)
    assert not app.server.debug
    assert '"ui":true' not in page
    assert "hot_reload" not in page


def test_writes_of_the_page_itself_pass(client):
    headers = {"Host": "localhost:8050", "Origin": "http://localhost:8050", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/_dash-update-component", json={}, headers=headers).status_code != 403


def test_a_large_body_of_a_write_is_refused(client):
    response = client.post("/_dash-update-component", json={"inputs": "x" * (3 * 1024 * 1024)})
    assert response.status_code == 413


def test_every_response_has_the_headers(client):
    for path in ("/", "/healthz", "/export/roadmap.csv", "/_dash-dependencies", "/nowhere.css"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"


def test_the_policy_lets_no_inline_or_foreign_script_run():
    directives = content_policy(["'sha256-abc'"]).split("; ")
    script = next(directive for directive in directives if directive.startswith("script-src"))
    assert "'unsafe-inline'" not in script
    assert "'sha256-abc'" in script
    assert not any(scheme in script for scheme in ("http:", "https:", "*", "data:"))


def test_large_text_is_compressed_for_clients_that_accept_it(client):
    compressed = client.get("/_dash-dependencies", headers={"Accept-Encoding": "gzip"})
    plain = client.get("/_dash-dependencies")
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(compressed.data) == plain.data
    assert len(compressed.data) < len(plain.data) / 3
