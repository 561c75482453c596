import gzip

import pytest
from flask.testing import FlaskClient

from dash_app.app import create_app
from dash_app.security import content_policy, host_name
from grupa_pipeline.settings import Settings


@pytest.fixture
def client(folder) -> FlaskClient:
    return create_app(Settings(warehouse=folder)).server.test_client()


@pytest.mark.parametrize(
    ("host", "name"),
    [("localhost:8050", "localhost"), ("[::1]:8050", "::1"), ("EVIL.example", "evil.example"), ("", "")],
)
def test_host_name(host, name):
    assert host_name(host) == name


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8050", "[::1]:8050"])
def test_own_names_are_served(client, host):
    assert client.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/healthz", "/export/roadmap.csv", "/_dash-layout"])
@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "10.0.0.1:8050"])
def test_foreign_names_are_refused(client, host, path):
    assert client.get(path, headers={"Host": host}).status_code == 421


def test_behind_a_proxy_any_name_is_the_proxys_business(folder):
    client = create_app(Settings(warehouse=folder, trust_proxy=True)).server.test_client()
    assert client.get("/", headers={"Host": "grupa.example"}).status_code == 200


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
    answer = client.post("/_dash-update-component", json={}, headers={"Host": "localhost:8050"} | headers)
    assert answer.status_code == 403


def test_writes_of_the_page_itself_get_through(client):
    headers = {"Host": "localhost:8050", "Origin": "http://localhost:8050", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/_dash-update-component", json={}, headers=headers).status_code != 403


def test_too_large_a_body_is_refused(client):
    answer = client.post("/_dash-update-component", json={"inputs": "x" * (3 * 1024 * 1024)})
    assert answer.status_code == 413


def test_every_answer_has_the_headers(client):
    for path in ("/", "/healthz", "/export/roadmap.csv", "/_dash-dependencies", "/nowhere.css"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"


def test_the_policy_lets_no_inline_or_foreign_script_run():
    script = next(each for each in content_policy(["'sha256-abc'"]).split("; ") if each.startswith("script-src"))
    assert "'unsafe-inline'" not in script
    assert "'sha256-abc'" in script
    assert not any(scheme in script for scheme in ("http:", "https:", "*", "data:"))


def test_large_text_is_compressed_for_those_who_ask(client):
    packed = client.get("/_dash-dependencies", headers={"Accept-Encoding": "gzip"})
    plain = client.get("/_dash-dependencies")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < len(plain.data) / 3
