import re
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from dash_app.app import create_app
from dash_app.server.auth import current_user
from grupa_pipeline.auth.accounts import set_password
from grupa_pipeline.auth.proxy import proxy_user
from grupa_pipeline.auth.sessions import Sessions
from grupa_pipeline.settings import Settings

PASSWORD = "a long enough password"


@pytest.fixture
def settings(folder, tmp_path, quick_passwords) -> Settings:
    users = tmp_path / "users"
    set_password(users, "kim", PASSWORD)
    set_password(users, "lou", PASSWORD + " too")
    return Settings(warehouse=folder, users_file=users)


@pytest.fixture
def app(settings):
    return create_app(settings)


@pytest.fixture
def client(app) -> FlaskClient:
    return app.server.test_client()


def sign_in(client: FlaskClient, name: str = "kim", password: str = PASSWORD, to: str = "/", **headers: str):
    return client.post("/sign-in", data={"name": name, "password": password, "to": to}, headers=headers)


def session(response) -> str:
    return response.headers["Set-Cookie"].split("=", 1)[1].split(";")[0]


def with_session(app, cookie: str):
    return app.server.test_client(use_cookies=False).get("/export/roadmap.json", headers={"Cookie": cookie})


def routes(app) -> list[tuple[str, str]]:
    """Every route of the app with every method it accepts."""
    filled = [
        (method, re.sub(r"<[^>]+>", "x", rule.rule))
        for rule in app.server.url_map.iter_rules()
        for method in rule.methods
    ]
    return [(method, path) for method, path in filled if path != "/healthz"]


@pytest.mark.slow
def test_no_route_answers_without_a_session(app):
    assert len(routes(app)) > 20
    client = app.server.test_client(use_cookies=False)
    statuses = {client.open(path, method=method, json={}).status_code for method, path in routes(app)}
    assert statuses == {401}


def test_the_page_without_a_session_holds_nothing_but_the_form(client):
    response = client.get("/roadmap?cluster=C01")
    page = response.get_data(as_text=True)
    assert response.status_code == 401
    assert 'name="to" value="/roadmap?cluster=C01"' in page
    assert "_dash-config" not in page
    assert "Content-Security-Policy" in response.headers


@pytest.mark.slow
def test_health_is_open(client):
    assert client.get("/healthz").status_code == 200


@pytest.mark.slow
def test_a_sign_in_redirects_to_the_requested_page(client):
    response = sign_in(client, to="/roadmap")
    assert (response.status_code, response.headers["Location"]) == (303, "/roadmap")
    assert client.get("/roadmap").status_code == 200
    assert client.get("/export/roadmap.json").status_code == 200


def test_the_cookie_is_hidden_from_scripts_and_other_sites(client):
    cookie = sign_in(client).headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert "Secure" in sign_in(client, **{"X-Forwarded-Proto": "https"}).headers["Set-Cookie"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "password"), [("kim", PASSWORD + " too"), ("nobody", PASSWORD), ("", ""), ("kim", "")]
)
def test_a_wrong_name_and_a_wrong_password_get_the_same_response(client, name, password):
    response = sign_in(client, name, password)
    assert response.status_code == 401
    assert "do not belong together" in response.get_data(as_text=True)
    assert "Set-Cookie" not in response.headers


@pytest.mark.slow
@pytest.mark.parametrize(
    "to", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nX: y", "/sign-in"]
)
def test_a_sign_in_redirects_to_no_other_site(client, to):
    assert sign_in(client, to=to).headers["Location"] == "/"


@pytest.mark.slow
def test_input_is_escaped(client):
    page = sign_in(client, '"><script>alert(1)</script>', "x", '/"><script>').get_data(as_text=True)
    assert "<script" not in page


def test_forged_sessions_are_refused(app, client):
    real = session(sign_in(client))
    name, stamp, signature = real.rsplit(".", 2)
    other = session(sign_in(app.server.test_client(), "lou", PASSWORD + " too")).rsplit(".", 2)
    forged = [
        "",
        "x",
        "kim",
        f"{name}.{stamp}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}",
        f"{other[0]}.{stamp}.{signature}",
        f"{name}.{other[1]}x.{signature}",
        f"{name}.{stamp}.",
        f"{name}.{stamp}",
        real + "x",
        "W10.aSxx8A.AAAA",
    ]
    assert with_session(app, f"grupa_session={real}").status_code == 200
    assert [value for value in forged if with_session(app, f"grupa_session={value}").status_code != 401] == []


@pytest.mark.slow
def test_a_session_of_another_warehouse_is_refused(app, settings, tmp_path):
    elsewhere = create_app(Settings(warehouse=tmp_path / "other", users_file=settings.users_file))
    cookie = session(sign_in(elsewhere.server.test_client()))
    assert with_session(app, f"grupa_session={cookie}").status_code == 401


@pytest.mark.slow
def test_signing_out_ends_the_session_for_every_copy(app, client):
    cookie = session(sign_in(client))
    assert client.get("/sign-out").status_code == 405
    assert client.get("/roadmap").status_code == 200
    assert client.post("/sign-out").headers["Location"] == "/sign-in"
    assert client.get("/roadmap").status_code == 401
    assert with_session(app, f"grupa_session={cookie}").status_code == 401


@pytest.mark.slow
def test_a_new_password_or_a_removed_line_ends_sessions_at_once(app, client, settings):
    sign_in(client)
    set_password(settings.users_file, "kim", "another password")
    assert client.get("/roadmap").status_code == 401
    sign_in(client, password="another password")
    assert client.get("/roadmap").status_code == 200
    lines = settings.users_file.read_text().splitlines()
    settings.users_file.write_text("\n".join(line for line in lines if not line.startswith("kim:")))
    assert client.get("/roadmap").status_code == 401


@pytest.mark.slow
def test_too_many_attempts_refuse_even_the_right_password(client, settings):
    statuses = [sign_in(client, password=f"guess {number}").status_code for number in range(11)]
    assert statuses == [401] * 10 + [429]
    throttled = sign_in(client)
    assert (throttled.status_code, throttled.headers["Retry-After"]) == (429, "1")
    another_process = create_app(settings)
    assert sign_in(another_process.server.test_client()).status_code == 429
    assert sign_in(client, "lou", PASSWORD + " too").status_code == 303


@pytest.mark.slow
def test_the_name_becomes_the_plans_owner(client):
    sign_in(client)
    with client:
        client.get("/roadmap")
        assert current_user() == "kim"


def uses(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each session that is looked up from now on is looked up for a person."""
    found: list[bool] = []
    look = Sessions.user
    monkeypatch.setattr(
        Sessions,
        "user",
        lambda *of, by_person=True: found.append(by_person) or look(*of, by_person=by_person),
    )
    return found


@pytest.mark.parametrize(
    ("changed", "by_person"),
    [
        (["data-tick.n_intervals"], False),
        (['{"type":"tick"}.n_intervals'], False),
        (["data-tick.n_intervals", "data-act.data"], True),
        (["url.pathname"], True),
        ([], True),
        ("data-tick.n_intervals", True),
    ],
)
def test_the_timers_of_an_open_page_do_not_keep_a_session(client, monkeypatch, changed, by_person):
    sign_in(client)
    found = uses(monkeypatch)
    client.post("/_dash-update-component", json={"changedPropIds": changed, "output": "none", "inputs": []})
    client.get("/news")
    client.get("/export/roadmap.json")
    assert found == [by_person, False, True]


def test_a_link_from_another_site_gets_a_page_that_reloads_with_the_session(client):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    response = client.get("/?cluster=C01", headers=headers)
    assert response.status_code == 401
    assert 'http-equiv="refresh"' in response.get_data(as_text=True)


def test_without_a_trusted_proxy_its_headers_are_ignored(folder):
    client = create_app(Settings(warehouse=folder)).server.test_client()
    with client:
        client.get("/", headers={"X-Remote-User": "boss", "X-Forwarded-User": "boss"})
        assert current_user() == "local user"


def behind_proxy(folder: Path, **settings: Any) -> FlaskClient:
    return create_app(
        Settings(warehouse=folder, trust_proxy=True, hosts=("localhost",), **settings)
    ).server.test_client()


def test_a_trusted_proxy_must_send_the_user_name(folder):
    client = behind_proxy(folder, proxy_addresses="127.0.0.0/8")
    assert client.get("/").status_code == 401
    assert client.get("/healthz").status_code == 200
    with client:
        assert client.get("/", headers={"X-Forwarded-User": "kim"}).status_code == 200
        assert current_user() == "kim"


@pytest.mark.slow
def test_a_trusted_proxy_must_be_known_by_its_secret_and_address(folder):
    kim = {"X-Forwarded-User": "kim"}
    elsewhere = {"REMOTE_ADDR": "10.0.0.9"}
    client = behind_proxy(folder, proxy_addresses="127.0.0.1")
    assert client.get("/", headers=kim).status_code == 200
    assert client.get("/", headers=kim, environ_overrides=elsewhere).status_code == 401
    client = behind_proxy(folder, proxy_secret="sesame")
    assert client.get("/", headers=kim).status_code == 401
    assert client.get("/", headers=kim | {"X-Grupa-Proxy-Secret": "Sesame"}).status_code == 401
    assert (
        client.get("/", headers=kim | {"X-Grupa-Proxy-Secret": "sesame"}, environ_overrides=elsewhere).status_code
        == 200
    )
    assert client.get("/", headers=kim | {"X-Grupa-Proxy-Secret": "sesame", "Host": "evil.example"}).status_code == 421


@pytest.mark.slow
def test_behind_a_known_proxy_guesses_count_for_the_clients_own_address(folder, settings):
    client = create_app(Settings(**settings.model_dump() | {"proxy_addresses": "127.0.0.1"})).server.test_client()
    guesser, kim = {"X-Forwarded-For": "kim's own, 192.0.2.7"}, {"X-Forwarded-For": "192.0.2.8"}
    assert [sign_in(client, password="guess", **guesser).status_code for _ in range(11)] == [401] * 10 + [429]
    assert sign_in(client, **kim).status_code == 303


@pytest.mark.parametrize(
    ("values", "name"),
    [
        (["kim"], "kim"),
        (["kim", "kim"], "kim"),
        (["boss", "kim"], None),
        (["boss,kim"], None),
        ([], None),
        ([" "], None),
        (["Zo\u00c3\u00ab"], "Zoë"),
        (["x" * 81], None),
        (["a\x1bb"], None),
    ],
)
def test_proxy_user(values, name):
    assert proxy_user(values) == name


def test_a_user_changes_their_password_and_is_signed_out(client):
    sign_in(client)
    wrong = client.post("/account", data={"what": "password", "old": "wrong", "new": "seven green chairs"})
    assert (wrong.status_code, "not your password" in wrong.get_data(as_text=True)) == (400, True)
    common = client.post("/account", data={"what": "password", "old": PASSWORD, "new": "password1234"})
    assert "first that somebody would guess" in common.get_data(as_text=True)
    changed = client.post("/account", data={"what": "password", "old": PASSWORD, "new": "seven green chairs"})
    assert changed.headers["Location"] == "/sign-in"
    assert client.get("/roadmap").status_code == 401
    assert sign_in(client).status_code == 401
    assert sign_in(client, password="seven green chairs").status_code == 303
    assert client.get("/account").get_data(as_text=True).count('name="session"') == 1


def test_a_user_ends_another_session_of_theirs(app, client):
    sign_in(client)
    elsewhere = app.server.test_client()
    sign_in(elsewhere, **{"User-Agent": "<b>Phone</b>"})
    page = client.get("/account").get_data(as_text=True)
    assert "&lt;b&gt;Phone" in page
    own = re.search('This one.*?value="([0-9a-f]+)"', page, re.DOTALL)
    (other,) = set(re.findall('name="session" value="([0-9a-f]+)"', page)) - {own[1]}
    client.post("/account", data={"what": "end", "session": other})
    assert elsewhere.get("/roadmap").status_code == 401
    assert client.get("/roadmap").status_code == 200
    assert app.server.test_client().get("/account").status_code == 401


def test_behind_tls_the_cookie_is_the_hosts_own_and_the_browser_stays_with_tls(app, client):
    answer = sign_in(client, **{"X-Forwarded-Proto": "https"})
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-grupa_session=")
    assert {"Secure", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert with_session(app, cookie.split(";")[0]).status_code == 200
    assert "Strict-Transport-Security" not in client.get("/healthz").headers
