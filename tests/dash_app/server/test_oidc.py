"""The sign-in through a provider: from the link to the session, and everything that is not that."""

import re
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from dash_app.app import create_app
from grupa_pipeline.auth import oidc_login
from grupa_pipeline.auth.oidc_people import KNOWN_SECONDS, OidcPeople
from grupa_pipeline.auth.oidc_provider import OidcError
from grupa_pipeline.auth.sessions import Sessions
from grupa_pipeline.auth.tokens import AccessTokens
from grupa_pipeline.settings import SettingError, Settings
from grupa_pipeline.storage import audit_log
from grupa_pipeline.vocabulary.enums import TokenScope, UserRole
from tests.grupa_pipeline.auth.providers import CLIENT_ID, ISSUER, LocalProvider, logout_claims

GROUPS = {"growth": UserRole.PLANNER, "data": UserRole.OPERATOR}


class RedeemingProvider(LocalProvider):
    """Gives an ID token for the code `good`, with the claims in `person` and the nonce of the sign-in; `made` holds each one."""

    made: ClassVar[list["RedeemingProvider"]] = []
    person: ClassVar = {"sub": "0001", "preferred_username": "kim", "groups": ["growth"]}

    def __init__(self, client) -> None:
        super().__init__(client)
        self.made.append(self)

    def redeem(self, code, redirect_uri, verifier, nonce):
        self.redeemed = code, redirect_uri, verifier
        if code != "good":
            raise OidcError("The provider did not accept the code of this sign-in; try again.")
        return self.check_id_token(self.signed(self.claims(nonce=nonce, **self.person)), nonce)


@pytest.fixture
def settings(folder) -> Settings:
    return Settings(
        warehouse=folder, oidc_issuer=ISSUER, oidc_client_id=CLIENT_ID, oidc_client_secret="s", oidc_groups=GROUPS
    )


@pytest.fixture
def app(settings, monkeypatch):
    monkeypatch.setattr(oidc_login, "OidcProvider", RedeemingProvider)
    monkeypatch.setattr(RedeemingProvider, "person", dict(RedeemingProvider.person))
    return create_app(settings)


def begin(client, to: str = "/roadmap") -> dict[str, str]:
    """Begin a sign-in; returns what the provider is asked."""
    answer = client.get("/sign-in/start", query_string={"to": to})
    assert answer.status_code == 303
    address = urlsplit(answer.headers["Location"])
    assert f"{address.scheme}://{address.netloc}" == ISSUER
    return {name: values[0] for name, values in parse_qs(address.query).items()}


def sign_in(client, **changed: str):
    asked = begin(client)
    return client.get("/sign-in/callback", query_string={"code": "good", "state": asked["state"]} | changed)


def test_who_has_no_session_gets_a_link_and_the_provider_is_asked_safely(app):
    client = app.server.test_client()
    page = client.get("/roadmap?x=1")
    assert page.status_code == 401
    assert "/sign-in/start?to=%2Froadmap%3Fx%3D1" in page.get_data(as_text=True)
    asked = begin(client)
    assert (asked["response_type"], asked["client_id"], asked["code_challenge_method"]) == ("code", CLIENT_ID, "S256")
    assert asked["redirect_uri"] == "http://localhost/sign-in/callback"
    assert {len(asked["state"]), len(asked["nonce"]), len(asked["code_challenge"])} == {43}
    assert "openid" in asked["scope"].split()
    assert begin(client)["state"] != asked["state"]


def test_a_sign_in_starts_a_session_with_the_groups_role(app, folder):
    client = app.server.test_client()
    answer = sign_in(client)
    assert (answer.status_code, 'content="0;url=/roadmap"' in answer.get_data(as_text=True)) == (200, True)
    cookie = next(each for each in answer.headers.getlist("Set-Cookie") if each.startswith("grupa_session="))
    assert {"HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
    page = client.get("/account").get_data(as_text=True)
    assert "<h1>kim</h1><p>Your role: planner.</p>" in page
    assert "password" not in page
    assert client.post("/uploads", json={"name": "x.csv", "size": 1}).status_code == 403
    found = audit_log.query(
        folder, "SELECT user_name, role, action, outcome FROM audit_log ORDER BY acted_at"
    ).fetchall()
    assert found == [("kim", "planner", "sign_in", "done"), ("kim", "planner", "ask", "refused")]


ANSWERS = (
    {"state": "x"},
    {"state": ""},
    {"code": "bad"},
    {"code": ""},
    {"error": "access_denied"},
    {"iss": "https://evil.example"},
)


@pytest.mark.parametrize("changed", ANSWERS, ids=str)
def test_any_other_answer_starts_none(app, folder, changed):
    client = app.server.test_client()
    answer = sign_in(client, **changed)
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers
    assert client.get("/roadmap").status_code == 401
    found = audit_log.query(folder, "SELECT user_name, action, outcome FROM audit_log").fetchall()
    assert found == [("", "sign_in", "failed")]


def test_an_answer_counts_once_and_in_its_own_browser(app):
    client, other = app.server.test_client(), app.server.test_client()
    asked = begin(client)
    answer = {"code": "good", "state": asked["state"]}
    assert other.get("/sign-in/callback", query_string=answer).status_code == 401
    begin(other)
    assert other.get("/sign-in/callback", query_string=answer).status_code == 401
    assert client.get("/sign-in/callback", query_string=answer).status_code == 200
    assert client.get("/sign-in/callback", query_string=answer).status_code == 401


def test_a_sign_in_that_took_too_long_is_over(app, monkeypatch):
    client = app.server.test_client()
    monkeypatch.setattr(oidc_login, "_FLOW_SECONDS", -1)
    asked = begin(client)
    monkeypatch.setattr(oidc_login, "_FLOW_SECONDS", -1)
    assert client.get("/sign-in/callback", query_string={"code": "good", "state": asked["state"]}).status_code == 401


@pytest.mark.parametrize("to", ["https://evil.example", "//evil.example", "/\\evil.example", "/sign-in"])
def test_it_leads_to_no_other_site(app, to):
    client = app.server.test_client()
    asked = begin(client, to)
    page = client.get("/sign-in/callback", query_string={"code": "good", "state": asked["state"]})
    assert 'content="0;url=/"' in page.get_data(as_text=True)


@pytest.mark.parametrize("groups", [None, [], ["others"], ["*"], "growth", [["growth"]], ["Growth"]])
def test_who_is_in_no_group_with_a_role_does_not_come_in(app, groups):
    RedeemingProvider.person["groups"] = groups
    client = app.server.test_client()
    assert sign_in(client).status_code == 401
    assert client.get("/roadmap").status_code == 401


def test_the_highest_of_the_groups_counts_and_everybody_may_have_one(settings, monkeypatch):
    monkeypatch.setattr(oidc_login, "OidcProvider", RedeemingProvider)
    gate = oidc_login.OidcGate(settings.model_copy(update={"oidc_groups": GROUPS | {"*": UserRole.VIEWER}}))
    assert gate._role({"groups": ["growth", "data"]}) == UserRole.OPERATOR
    assert gate._role({}) == UserRole.VIEWER


def test_a_name_belongs_to_one_person_for_ever(folder):
    people = OidcPeople(folder)
    first = people.note(ISSUER, {"sub": "1", "preferred_username": "kim"}, UserRole.ADMIN)
    second = people.note(ISSUER, {"sub": "2", "preferred_username": "kim"}, UserRole.VIEWER)
    assert first == "kim"
    assert re.fullmatch(r"kim [0-9a-f]{12}", second)
    assert people.note(ISSUER, {"sub": "1", "preferred_username": "lou"}, UserRole.ADMIN) == "kim"
    assert people.note(ISSUER, {"sub": "3", "email": "a@b.example"}, UserRole.VIEWER).startswith("user-")
    assert (
        people.note(ISSUER, {"sub": "4", "email": "a@b.example", "email_verified": True}, UserRole.VIEWER)
        == "a@b.example"
    )
    assert {name: each.role for name, each in people.accounts().items()}[second] == UserRole.VIEWER


def test_a_persons_tokens_end_when_they_do_not_sign_in_again(app, folder):
    client = app.server.test_client()
    sign_in(client)
    page = client.post("/account", data={"what": "token", "name": "t", "scope": "read", "days": "90"}).get_data(
        as_text=True
    )
    token = re.search(r"grupa_\w{12}_[\w-]{43}", page)[0]
    bearing = {"Authorization": f"Bearer {token}"}
    stranger = app.server.test_client()
    assert stranger.get("/export/roadmap.json", headers=bearing).status_code == 200
    assert AccessTokens.beside(None, folder).of("kim")[0].scopes == {TokenScope.READ}
    late = OidcPeople(folder, clock=lambda: 0.0)
    late.note(ISSUER, {"sub": "0001"}, UserRole.PLANNER)
    assert stranger.get("/export/roadmap.json", headers=bearing).status_code == 401
    assert KNOWN_SECONDS == 30 * 24 * 3600


def test_a_sign_out_ends_every_copy_and_leads_to_the_providers(app):
    client = app.server.test_client()
    sign_in(client)
    copy = f"grupa_session={client.get_cookie('grupa_session').value}"
    answer = client.post("/sign-out")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in?out=1")
    assert app.server.test_client(use_cookies=False).get("/roadmap", headers={"Cookie": copy}).status_code == 401
    page = client.get("/sign-in?out=1").get_data(as_text=True)
    assert f"{ISSUER}/end?client_id=grupa&amp;post_logout_redirect_uri=http%3A%2F%2Flocalhost%2Fsign-in" in page


def test_all_sessions_of_a_person_end(app, folder):
    client = app.server.test_client()
    sign_in(client)
    assert client.get("/roadmap").status_code == 200
    Sessions(folder).end_all("kim")
    assert client.get("/roadmap").status_code == 401


def sign_out_by_provider(app, **changed):
    """What the provider is told when it posts a logout token."""
    provider = RedeemingProvider.made[-1]
    token = provider.signed(logout_claims(provider, **changed))
    return app.server.test_client().post("/sign-out/back-channel", data={"logout_token": token})


def test_the_provider_ends_the_session_that_it_names_in_both_servers(app, settings, folder):
    clients = []
    for session in ("the session", "another"):
        RedeemingProvider.person["sid"] = session
        clients.append(app.server.test_client())
        assert sign_in(clients[-1]).status_code == 200
    dagster = oidc_login.OidcGate(settings, "/dagster/", "/", starts_sign_ins=False)
    cookies = [f"grupa_session={each.get_cookie('grupa_session').value}" for each in clients]
    RedeemingProvider.made.pop()  # that of the second gate
    assert [dagster.user(each) is not None for each in cookies] == [True, True]
    answer = sign_out_by_provider(app)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert [each.get("/account").status_code for each in clients] == [401, 200]
    assert [dagster.user(each) is not None for each in cookies] == [False, True]
    assert [each.address for each in Sessions(folder).open_sessions("kim")] == ["127.0.0.1"]
    found = audit_log.query(folder, "SELECT user_name, outcome, through FROM audit_log WHERE action = 'sign_out'")
    assert found.fetchall() == [("kim", "done", "provider")]
    assert sign_out_by_provider(app).status_code == 400  # a logout token counts once
    assert sign_out_by_provider(app, jti="two", sid=None).status_code == 200  # all of the person's
    assert clients[1].get("/account").status_code == 401


def test_a_session_that_the_provider_ended_before_it_began_here_does_not_begin(app):
    RedeemingProvider.person["sid"] = "the session"
    client = app.server.test_client()
    assert sign_out_by_provider(app).status_code == 200
    sign_in(client)
    assert client.get("/account").status_code == 401


def test_a_logout_token_that_does_not_hold_ends_nothing(app, folder):
    client = app.server.test_client()
    sign_in(client)
    assert sign_out_by_provider(app, aud="another").status_code == 400
    assert client.post("/sign-out/back-channel").status_code == 400
    assert client.get("/sign-out/back-channel").status_code == 405
    assert client.get("/account").status_code == 200
    found = audit_log.query(folder, "SELECT outcome FROM audit_log WHERE action = 'sign_out'").fetchall()
    assert found == [("failed",), ("failed",)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"GRUPA_OIDC_ISSUER": "http://login.example.com"}, "is no issuer"),
        ({"GRUPA_OIDC_ISSUER": ISSUER}, "needs GRUPA_OIDC_CLIENT_ID"),
        ({"GRUPA_OIDC_ISSUER": ISSUER, "GRUPA_OIDC_CLIENT_ID": "x"}, "GRUPA_OIDC_GROUPS"),
        ({"GRUPA_OIDC_ISSUER": ISSUER, "GRUPA_USERS_FILE": "x"}, "2 ways to sign in"),
        ({"GRUPA_OIDC_GROUPS": "a=king"}, "group=role"),
    ],
)
def test_settings_that_would_not_do_are_told(given, said):
    with pytest.raises(SettingError, match=said):
        Settings.from_env(given)
