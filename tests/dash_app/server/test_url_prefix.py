"""The app below a path, as a proxy serves it."""

import json
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from dash_app.app import create_app
from dash_app.server.warmup import scripts
from grupa_pipeline.auth.accounts import set_password
from grupa_pipeline.settings import SettingError, Settings


@pytest.fixture
def client(folder: Path) -> FlaskClient:
    return create_app(Settings(warehouse=folder, url_prefix="/grupa/")).server.test_client()


def test_the_document_asks_for_nothing_outside_the_prefix(client: FlaskClient) -> None:
    page = client.get("/grupa/data").text
    addresses = re.findall(r'(?:src|href)="(/[^"]*)"', page)
    assert len(addresses) > 5
    assert all(address.startswith("/grupa/") for address in addresses)
    for address in addresses:
        assert client.get(address).status_code == 200, address
    [config] = re.findall(r'id="_dash-config" type="application/json">(.*?)</script>', page)
    assert json.loads(config)["requests_pathname_prefix"] == "/grupa/"


def test_links_of_the_frame_stay_below_the_prefix(client: FlaskClient) -> None:
    layout = json.dumps(client.get("/grupa/_dash-layout").json)
    links = re.findall(r'"(?:href|action)":\s*"(/[^"]*)"', layout)
    assert "/grupa/roadmap" in links and all(link.startswith("/grupa/") for link in links)


def test_what_is_not_below_the_prefix_is_not_served_but_for_health(client: FlaskClient) -> None:
    assert client.get("/healthz").json == client.get("/grupa/healthz").json == {"status": "ok"}
    assert client.get("/").headers["Location"] == client.get("/grupa").headers["Location"] == "/grupa/"
    for path in ("/data", "/_dash-layout", "/grupas/", "/news"):
        assert client.get(path).status_code == 404


def test_the_guard_holds_below_the_prefix(client: FlaskClient) -> None:
    assert client.get("/grupa/", headers={"Host": "evil.example"}).status_code == 421
    assert client.get("/grupa/../etc/passwd").status_code == 404


def test_the_sign_in_leads_back_below_the_prefix(folder: Path, quick_passwords: None) -> None:
    set_password(folder / "users", "ann", "a long password")
    settings = Settings(warehouse=folder, url_prefix="/grupa/", users_file=folder / "users")
    client = create_app(settings).server.test_client()
    page = client.get("/grupa/history?a=b")
    assert page.status_code == 401 and 'action="/grupa/sign-in"' in page.text
    form = {"name": "ann", "password": "a long password", "to": "/history?a=b"}
    answer = client.post("/grupa/sign-in", data=form)
    assert answer.headers["Location"] == "/grupa/history?a=b"
    assert "Path=/grupa/;" in answer.headers["Set-Cookie"]
    assert client.get("/grupa/history").status_code == 200
    assert client.post("/grupa/sign-out").headers["Location"] == "/grupa/sign-in"


def test_the_scripts_are_found_below_the_prefix(folder: Path) -> None:
    counts = [len(list(scripts(create_app(Settings(warehouse=folder, url_prefix=p))))) for p in ("/", "/grupa/")]
    assert counts[0] == counts[1] > 3


@pytest.mark.parametrize(
    ("text", "prefix"), [("", "/"), ("/", "/"), ("grupa", "/grupa/"), ("/a/b-c", "/a/b-c/"), ("//a//", "/a/")]
)
def test_a_prefix_has_one_slash_at_each_end(text: str, prefix: str) -> None:
    assert Settings.from_env({"GRUPA_URL_PREFIX": text}).url_prefix == prefix


@pytest.mark.parametrize("text", ["/gr upa/", "/../", "/a?b", "https://example.com/", '/"x/'])
def test_a_prefix_that_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="GRUPA_URL_PREFIX"):
        Settings.from_env({"GRUPA_URL_PREFIX": text})
