"""The whole sign-in against a provider of others: npm's oidc-provider, on loopback."""

import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from werkzeug.serving import make_server

from dash_app.app import create_app
from grupa_pipeline.settings import Settings
from grupa_pipeline.vocabulary.enums import UserRole
from tests.dash_app.synthetic import write_warehouse

pytestmark = pytest.mark.slow
PACKAGE = "oidc-provider@9.13.3"
REDIRECT, BACK = "http://localhost/sign-in/callback", "http://localhost/sign-in"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def app_port() -> int:
    """Where the provider tells the app who signed out."""
    return free_port()


@pytest.fixture(scope="module")
def issuer(app_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if not (node and npm):
        pytest.skip("node and npm are not on this machine: no sign-in is tried with a provider of others")
    folder = tmp_path_factory.mktemp("provider")
    words = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), PACKAGE]
    if subprocess.run(words, cwd=folder, check=False, timeout=300, capture_output=True).returncode:
        pytest.skip(f"npm could not install {PACKAGE}: no sign-in is tried with a provider of others")
    port = free_port()
    script = str(Path(__file__).with_name("provider.mjs"))
    started = subprocess.Popen(
        [node, script, str(port), REDIRECT, BACK, f"http://127.0.0.1:{app_port}/sign-out/back-channel"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert started.stdout
        said = []
        while not (said and said[-1] == "listening\n"):
            said.append(started.stdout.readline())
            assert said[-1], "".join(said)
        yield f"http://127.0.0.1:{port}"
    finally:
        started.kill()
        started.wait()


@pytest.fixture(scope="module")
def app(issuer: str, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("oidc")
    write_warehouse(folder)
    settings = Settings(
        warehouse=folder,
        oidc_issuer=issuer,
        oidc_client_id="grupa",
        oidc_client_secret="a secret of the test",
        oidc_groups={"growth": UserRole.PLANNER},
    )
    return create_app(settings)


def through_provider(issuer: str, address: str, name: str, browser: requests.Session | None = None) -> str:
    """Sign in as `name` at the provider; returns the address that it sends the browser back to."""
    browser = browser or requests.Session()
    answer = browser.get(address, timeout=20)
    for _ in range(4):
        form = re.search(r'action="([^"]+)"', answer.text)
        assert form, answer.text
        prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
        assert prompt, answer.text
        place = form[1] if form[1].startswith("http") else f"{issuer}{form[1]}"
        fields = {"prompt": prompt[1], "login": name, "password": "x"}
        answer = browser.post(place, data=fields, timeout=20, allow_redirects=False)
        while answer.is_redirect:
            to = answer.headers["Location"]
            if to.startswith(REDIRECT):
                return to
            answer = browser.get(to if to.startswith("http") else f"{issuer}{to}", timeout=20, allow_redirects=False)
    raise AssertionError(answer.text)


def test_a_person_signs_in_with_their_groups_role_and_out(app, issuer: str) -> None:
    client = app.server.test_client()
    started = client.get("/sign-in/start?to=/roadmap")
    back = through_provider(issuer, started.headers["Location"], "kim")
    answer = client.get(back.removeprefix("http://localhost"))
    assert answer.status_code == 200, answer.get_data(as_text=True)
    assert "<h1>kim</h1><p>Your role: planner.</p>" in client.get("/account").get_data(as_text=True)
    assert client.get(back.removeprefix("http://localhost")).status_code == 401
    client.post("/sign-out")
    assert client.get("/account").status_code == 401
    page = client.get("/sign-in?out=1").get_data(as_text=True)
    end = re.search(rf'href="({re.escape(issuer)}[^"]+)"', page)
    assert end
    assert requests.get(end[1].replace("&amp;", "&"), timeout=20).status_code == 200


def test_who_is_in_no_group_does_not_come_in(app, issuer: str) -> None:
    client = app.server.test_client()
    back = through_provider(issuer, client.get("/sign-in/start").headers["Location"], "stranger")
    answer = client.get(back.removeprefix("http://localhost"))
    assert (answer.status_code, "none of the groups" in answer.get_data(as_text=True)) == (401, True)


def test_a_code_is_worth_nothing_in_another_browser(app, issuer: str) -> None:
    client, other = app.server.test_client(), app.server.test_client()
    back = through_provider(issuer, client.get("/sign-in/start").headers["Location"], "kim").removeprefix(
        "http://localhost"
    )
    other.get("/sign-in/start")
    assert other.get(back).status_code == 401
    assert other.get("/account").status_code == 401


def test_who_signs_out_at_the_provider_is_signed_out_here(app, app_port: int, issuer: str) -> None:
    client, other, browser = app.server.test_client(), app.server.test_client(), requests.Session()
    for each, signs_in in ((client, browser), (other, requests.Session())):
        back = through_provider(issuer, each.get("/sign-in/start").headers["Location"], "kim", signs_in)
        assert each.get(back.removeprefix("http://localhost")).status_code == 200
    form = browser.get(f"{issuer}/session/end", params={"client_id": "grupa"}, timeout=20).text
    secret = re.search(r'name="xsrf" value="([^"]+)"', form)
    assert secret, form
    server = make_server("127.0.0.1", app_port, app.server, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        browser.post(f"{issuer}/session/end/confirm", data={"xsrf": secret[1], "logout": "yes"}, timeout=20)
    finally:
        server.shutdown()
    assert client.get("/account").status_code == 401
    assert other.get("/account").status_code == 200  # another session at the provider
