"""Tokens open the routes of their scopes alone, and an agent's idea is one until a person takes it."""

import re

import pytest

from dash_app.app import create_app
from dash_app.roadmap.store import Roadmap
from dash_app.server import agent_plans
from grupa_pipeline.auth import permissions
from grupa_pipeline.auth.accounts import set_password, set_role
from grupa_pipeline.auth.tokens import AccessTokens
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import audit_log
from grupa_pipeline.vocabulary.enums import PlanStatus, TokenScope, UserRole

PASSWORD = "a long enough password"
READ, PLAN = TokenScope


@pytest.fixture
def users(tmp_path, quick_passwords):
    path = tmp_path / "users"
    for role in UserRole:
        set_password(path, f"a-{role}", PASSWORD, role)
    return path


@pytest.fixture
def app(folder, users):
    return create_app(Settings(warehouse=folder, users_file=users))


@pytest.fixture
def tokens(folder, users) -> AccessTokens:
    return AccessTokens.beside(users, folder)


@pytest.fixture
def recommendation(services) -> str:
    return next(each.insight_id for cluster in services.snapshot(None).clusters for each in cluster.recommendations)


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def ask(app, method: str, path: str, token: str, **options):
    return app.server.test_client().open(path, method=method, headers=bearing(token), **options)


def filled(rule) -> str:
    return re.sub(r"<[^>]+>", "x", rule.rule)


@pytest.mark.slow
@pytest.mark.parametrize("role", UserRole)
@pytest.mark.parametrize("scopes", [{READ}, {PLAN}, {READ, PLAN}])
def test_no_route_opens_to_a_token_without_its_scope_or_role(app, tokens, role, scopes):
    token = tokens.create(f"a-{role}", "t", scopes)
    for rule in app.server.url_map.iter_rules():
        scope = permissions.TOKEN_ROUTES.get(rule.endpoint)
        may = scope in scopes and role.may(permissions.SCOPE_ROLES[scope])
        for method in rule.methods:
            answer = ask(app, method, filled(rule), token, json={})
            is_open = rule.endpoint == "healthz" or (may and method != "TRACE")
            assert (answer.status_code not in (401, 403)) == is_open, (rule.endpoint, method, answer.status_code)


@pytest.mark.slow
def test_no_route_opens_to_a_forged_expired_or_revoked_token(app, tokens, users):
    revoked = tokens.create("a-admin", "revoked", {READ, PLAN})
    tokens.revoke("a-admin", "revoked")
    valid = tokens.create("a-admin", "valid", {READ, PLAN})
    set_password(users, "gone", PASSWORD, UserRole.ADMIN)
    orphan = tokens.create("gone", "orphan", {READ, PLAN})
    users.write_text("".join(line for line in users.read_text().splitlines(True) if not line.startswith("gone:")))
    old = AccessTokens(tokens._path, clock=lambda: 0.0)
    expired = old.create("a-admin", "expired", {READ, PLAN}, days=1)
    for token in ("", "x", valid[:-1], valid.swapcase(), revoked, orphan, expired):
        for rule in app.server.url_map.iter_rules():
            if rule.endpoint != "healthz":
                for method in rule.methods:
                    assert ask(app, method, filled(rule), token, json={}).status_code == 401, (rule.endpoint, method)


def test_a_refused_token_gets_no_second_chance_by_a_session(app, tokens):
    client = app.server.test_client()
    client.post("/sign-in", data={"name": "a-admin", "password": PASSWORD})
    assert client.get("/export/roadmap.json").status_code == 200
    assert client.get("/export/roadmap.json", headers=bearing("x")).status_code == 401


def test_a_session_opens_no_route_that_is_for_tokens(app):
    client = app.server.test_client()
    client.post("/sign-in", data={"name": "a-admin", "password": PASSWORD})
    assert client.post("/api/plans", json={}).status_code == 401


def test_without_sign_in_agents_need_a_token_too(folder, recommendation):
    app = create_app(Settings(warehouse=folder))
    body = {"recommendation_id": recommendation}
    assert app.server.test_client().post("/api/plans", json=body).status_code == 401
    token = AccessTokens.beside(None, folder).create("local", "t", {PLAN})
    assert ask(app, "POST", "/api/plans", token, json=body).status_code == 201


def test_a_proxys_own_tokens_are_not_taken_for_ours(folder):
    settings = Settings(warehouse=folder, trust_proxy=True, proxy_secret="s", hosts=("localhost",))
    client = create_app(settings).server.test_client()
    theirs = {"X-Grupa-Proxy-Secret": "s", "X-Forwarded-User": "kim", **bearing("ey.own.token")}
    assert client.get("/export/roadmap.json", headers=theirs).status_code == 200
    assert client.get("/export/roadmap.json", headers=theirs | bearing("grupa_x")).status_code == 401
    ours = AccessTokens.beside(None, folder).create("kim", "t", {READ})
    assert client.get("/export/roadmap.json", headers=bearing(ours)).status_code == 200


def test_an_agents_idea_is_on_the_roadmap_once(app, tokens, folder, recommendation):
    token = tokens.create("a-planner", "helper", {PLAN})
    day = {"recommendation_id": recommendation, "snapshot_date": "2026-03-09"}
    answer = ask(app, "POST", "/api/plans", token, json=day)
    assert answer.status_code == 201, answer.get_data(as_text=True)
    told = answer.get_json()
    plan = Roadmap(folder).plan(told["plan_id"])
    assert (plan.status, plan.updated_by, plan.owner) == (PlanStatus.IDEA, "agent:helper", "a-planner")
    assert told == {"plan_id": plan.plan_id, "status": "idea", "name": plan.name, "updated_by": "agent:helper"}
    again = ask(app, "POST", "/api/plans", token, json={"recommendation_id": recommendation})
    assert (again.status_code, again.get_json()["plan_id"]) == (200, plan.plan_id)
    assert len(Roadmap(folder).plans()) == 1
    found = audit_log.query(folder, "SELECT user_name, role, action, subject, through FROM audit_log").fetchall()
    assert found == [("a-planner", "planner", "plan", plan.plan_id, "agent:helper")]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (None, 400),
        ([], 400),
        ({}, 400),
        ({"recommendation_id": 3}, 400),
        ({"recommendation_id": "x" * 101}, 400),
        ({"recommendation_id": "x", "plan_id": "../x"}, 400),
        ({"recommendation_id": "x", "snapshot_date": "yesterday"}, 400),
        ({"recommendation_id": "x", "snapshot_date": "1999-01-01"}, 404),
        ({"recommendation_id": "x"}, 404),
    ],
)
def test_what_is_no_recommendation_is_refused_with_a_sentence(app, tokens, folder, body, status):
    token = tokens.create("a-planner", "helper", {PLAN})
    answer = ask(app, "POST", "/api/plans", token, json=body)
    assert answer.status_code == status
    assert answer.get_json()["error"].endswith((".", "optional."))
    assert Roadmap(folder).plans() == []


def test_a_pain_point_is_no_recommendation(app, tokens, services):
    pain = next(each.insight_id for cluster in services.snapshot(None).clusters for each in cluster.pain_points)
    token = tokens.create("a-planner", "helper", {PLAN})
    assert ask(app, "POST", "/api/plans", token, json={"recommendation_id": pain}).status_code == 404


def test_so_many_ideas_of_an_agent_wait_for_a_person(app, tokens, recommendation, monkeypatch):
    monkeypatch.setattr(agent_plans, "MAX_IDEAS", 0)
    token = tokens.create("a-planner", "helper", {PLAN})
    answer = ask(app, "POST", "/api/plans", token, json={"recommendation_id": recommendation})
    assert (answer.status_code, answer.get_json()["error"]) == (
        429,
        "0 ideas of agent:helper wait for a person, the most there may be.",
    )


def test_a_lower_role_of_the_owner_counts_at_once(app, tokens, users, recommendation):
    token = tokens.create("a-planner", "helper", {PLAN})
    set_role(users, "a-planner", UserRole.VIEWER)
    answer = ask(app, "POST", "/api/plans", token, json={"recommendation_id": recommendation})
    assert (answer.status_code, answer.headers["X-Grupa-Needs-Role"]) == (403, "planner")


def test_refused_tokens_are_in_the_audit_log(app, tokens, folder):
    ask(app, "GET", "/export/roadmap.json", "grupa_forged")
    ask(app, "POST", "/api/plans", tokens.create("a-planner", "reader", {READ}), json={})
    found = audit_log.query(folder, "SELECT user_name, action, subject, outcome, through FROM audit_log").fetchall()
    assert found == [
        ("", "token", "export_roadmap", "failed", "app"),
        ("a-planner", "ask", "draft_plan", "refused", "agent:reader"),
    ]


def test_people_create_and_revoke_their_own_tokens(app, tokens):
    client = app.server.test_client()
    client.post("/sign-in", data={"name": "a-planner", "password": PASSWORD})
    fields = {"what": "token", "name": "mine", "scope": "plan", "days": "30", "old": PASSWORD}
    wrong = client.post("/account", data=fields | {"old": "wrong"})
    assert (wrong.status_code, tokens.of("a-planner")) == (400, [])
    page = client.post("/account", data=fields).get_data(as_text=True)
    text = re.search(r"grupa_\w{12}_[\w-]{43}", page)[0]
    assert tokens.find(text).owner == "a-planner"
    page = client.get("/account").get_data(as_text=True)
    assert text not in page
    assert "plan, read" in page
    other = tokens.create("a-admin", "theirs", {READ})
    answer = client.post("/account", data={"what": "revoke", "token": "theirs"})
    assert answer.status_code == 400
    assert tokens.find(other)
    [token] = tokens.of("a-planner")
    assert client.post("/account", data={"what": "revoke", "token": token.token_id}).status_code == 303
    assert tokens.find(text) is None


@pytest.mark.parametrize("days", ["", "x", "0", "9999999999999", "-1"])
def test_a_token_with_odd_days_is_refused_with_a_sentence(app, tokens, days):
    client = app.server.test_client()
    client.post("/sign-in", data={"name": "a-planner", "password": PASSWORD})
    fields = {"what": "token", "name": "mine", "scope": "read", "days": days, "old": PASSWORD}
    answer = client.post("/account", data=fields)
    assert (answer.status_code, tokens.of("a-planner")) == (400, [])
    assert 'role="alert"' in answer.get_data(as_text=True)
