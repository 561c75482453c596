"""Agents ask the app at `/_mcp`: with a token alone, within limits, and what they are told is in the tables."""

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from werkzeug.serving import make_server

from dash_app.app import create_app
from dash_app.server.agent_questions import LONGEST_QUESTION
from grupa.app_client import AppClient, AppRefusalError
from grupa_pipeline.auth.accounts import set_password
from grupa_pipeline.auth.tokens import AccessTokens
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import audit_log
from grupa_pipeline.vocabulary.enums import PlanStatus, TokenScope, UserRole
from tests.dash_app.server.scripted_questions import scripted_questions

READ, PLAN = TokenScope
PASSWORD = "a long enough password"


@pytest.fixture
def settings(folder, tmp_path, quick_passwords) -> Settings:
    users = tmp_path / "users"
    for role in UserRole:
        set_password(users, f"a-{role}", PASSWORD, role)
    return Settings(warehouse=folder, users_file=users)


@pytest.fixture
def app(settings):
    return create_app(settings)


@pytest.fixture
def token(settings) -> str:
    return AccessTokens.beside(settings.users_file, settings.warehouse).create("a-viewer", "reading", {READ})


@pytest.fixture
def planner_token(settings) -> str:
    return AccessTokens.beside(settings.users_file, settings.warehouse).create("a-planner", "helper", {READ, PLAN})


@pytest.fixture
def recommendation(services) -> str:
    return next(each.insight_id for cluster in services.snapshot(None).clusters for each in cluster.recommendations)


def post(app, token: str | None, message: Any):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return app.server.test_client().post("/_mcp", data=body, headers=headers, content_type="application/json")


def ask(app, token: str, method: str, **parameters: Any) -> dict[str, Any]:
    answer = post(app, token, {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters})
    assert answer.status_code == 200, answer.get_data(as_text=True)
    found: dict[str, Any] = answer.get_json()
    assert found["jsonrpc"] == "2.0" and found["id"] == 1
    return found


def call(app, token: str, tool: str, **arguments: Any) -> tuple[str, bool]:
    result = ask(app, token, "tools/call", name=tool, arguments=arguments)["result"]
    [content] = result["content"]
    return content["text"], result.get("isError", False)


def test_forty_questions_are_answered_right(app, token, folder):
    with duckdb.connect(str((folder / "grupa.duckdb").resolve()), read_only=True) as con:
        truths = [(each, con.execute(each.sql).fetchone()[0]) for each in scripted_questions()]
    assert len(truths) == 40
    wrong = []
    for question, truth in truths:
        found = question.find(json.loads(call(app, token, question.tool, **question.arguments)[0]))
        right = float(f"{truth:.6g}") if isinstance(truth, float) else truth
        if found != right:
            wrong.append((question.text, found, right))
    assert wrong == []


def test_it_begins_and_lists_at_most_ten_tools_in_few_tokens(app, token):
    begun = ask(app, token, "initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo={})["result"]
    assert begun["protocolVersion"] == "2025-06-18" and "tools" in begun["capabilities"]
    assert ask(app, token, "initialize", protocolVersion="x")["result"]["protocolVersion"] == "2025-11-25"
    assert ask(app, token, "ping")["result"] == {}
    tools = ask(app, token, "tools/list")["result"]["tools"]
    assert len(tools) == 10 and len(json.dumps(tools)) < 3 * 3_000
    assert [each["name"] for each in tools if not each["annotations"]["readOnlyHint"]] == ["draft_plan"]
    told = post(app, token, {"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert (told.status_code, told.get_data()) == (202, b"")


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_no_one_comes_in_without_a_token_for_reading(app, settings, method):
    client = app.server.test_client()
    assert client.open("/_mcp", method=method, json={}).status_code == 401
    client.post("/sign-in", data={"name": "a-admin", "password": PASSWORD})
    assert client.get("/_dash-layout").status_code == 200
    assert client.open("/_mcp", method=method, json={}).status_code == 401  # a session is none
    tokens = AccessTokens.beside(settings.users_file, settings.warehouse)
    only_plans = {"Authorization": f"Bearer {tokens.create('a-admin', 'other', {PLAN})}"}
    assert client.open("/_mcp", method=method, json={}, headers=only_plans).status_code == 403
    forged = {"Authorization": f"Bearer grupa_{'0' * 12}_{'a' * 43}"}
    assert client.open("/_mcp", method=method, json={}, headers=forged).status_code == 401


def test_where_nobody_signs_in_it_takes_a_token_too(folder):
    app = create_app(Settings(warehouse=folder))
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    assert post(app, None, message).status_code == 401
    assert (
        post(app, AccessTokens.beside(None, folder).create("local user", "helper", {READ}), message).status_code == 200
    )


BAD_MESSAGES = (
    b"",
    b"x",
    b"[]",
    b"7",
    b"\xff\xfe",
    b"[" * 5_000,
    b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]',
    b'{"jsonrpc":"1.0","id":1,"method":"ping"}',
    b'{"jsonrpc":"2.0","id":1}',
    b'{"jsonrpc":"2.0","id":1,"method":7}',
    b'{"jsonrpc":"2.0","id":{},"method":"ping"}',
    b'{"jsonrpc":"2.0","id":1,"method":"ping","x":"' + b"x" * LONGEST_QUESTION + b'"}',
)


@pytest.mark.parametrize("body", BAD_MESSAGES, ids=lambda body: body[:40].decode("latin-1"))
def test_what_is_no_message_is_told(app, token, body):
    answer = post(app, token, body)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, -32600)


def test_only_json_is_read(app, token):
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/plain"}
    assert app.server.test_client().post("/_mcp", data=b"{}", headers=headers).status_code == 415


@pytest.mark.parametrize(
    ("method", "parameters", "code"),
    [
        ("resources/list", {}, -32601),
        ("tools/list", [1], -32602),
        ("tools/call", {}, -32602),
        ("tools/call", {"name": 7}, -32602),
        ("tools/call", {"name": "clusters", "arguments": [1]}, -32602),
    ],
)
def test_what_is_no_question_is_told(app, token, method, parameters, code):
    answer = post(app, token, {"jsonrpc": "2.0", "id": "a", "method": method, "params": parameters})
    assert (answer.status_code, answer.get_json()["id"], answer.get_json()["error"]["code"]) == (200, "a", code)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [("none", {}), ("cluster", {}), ("users", {"cluster_id": "C01", "most": "x"}), ("cluster", {"cluster_id": "C99"})],
)
def test_a_question_in_vain_is_an_error_that_names_no_internals(app, token, tool, arguments):
    text, is_error = call(app, token, tool, **arguments)
    assert is_error and len(text) <= 1_000
    assert "Traceback" not in text and "site-packages" not in text


def test_what_breaks_inside_is_told_to_the_log_alone(app, token, monkeypatch):
    from dash_app.agents.reader import Warehouse

    def broken(*_: Any) -> None:
        raise RuntimeError("a secret of the server")

    monkeypatch.setattr(Warehouse, "snapshots", broken)
    assert call(app, token, "snapshots") == ("That did not work; the app's log has the reason.", True)


def test_without_a_snapshot_it_says_so(tmp_path):
    (tmp_path / "empty").mkdir()
    app = create_app(Settings(warehouse=tmp_path / "empty"))
    token = AccessTokens.beside(None, tmp_path / "empty").create("local user", "helper", {READ})
    assert "Nothing has been published" in ask(app, token, "tools/list")["error"]["message"]


def test_one_question_too_many_is_refused_and_recorded(settings):
    app = create_app(settings.model_copy(update={"questions_per_hour": 3}))
    tokens = AccessTokens.beside(settings.users_file, settings.warehouse)
    asking = [tokens.create("a-viewer", each, {READ}) for each in ("one", "two")]
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    assert [post(app, asking[number % 2], message).status_code for number in range(5)] == [200] * 3 + [429] * 2
    found = audit_log.query(
        settings.warehouse, "SELECT subject, outcome FROM audit_log WHERE action = 'ask'"
    ).fetchall()
    assert found == [("ask_tools", "refused")] * 2


def test_who_asks_for_users_is_recorded(app, settings, token):
    call(app, token, "users", cluster_id="C01")
    call(app, token, "clusters")
    found = audit_log.query(
        settings.warehouse, "SELECT user_name, through, subject FROM audit_log WHERE action = 'export'"
    )
    assert found.fetchall() == [("a-viewer", "agent:reading", "/_mcp/users")]


def test_a_test_is_proposed_by_who_may_alone(app, settings, token, planner_token, recommendation):
    tokens = AccessTokens.beside(settings.users_file, settings.warehouse)
    reading = tokens.create("a-planner", "reader", {READ})
    for each in (token, reading):
        text, is_error = call(app, each, "draft_plan", insight_id=recommendation)
        assert is_error and "scopes read and plan" in text
    text, is_error = call(app, planner_token, "draft_plan", insight_id=recommendation)
    assert not is_error and json.loads(text)["updated_by"] == "agent:helper"
    assert json.loads(text)["status"] == PlanStatus.IDEA
    found = audit_log.query(settings.warehouse, "SELECT user_name, outcome FROM audit_log WHERE subject = 'draft_plan'")
    assert found.fetchall() == [("a-viewer", "refused"), ("a-planner", "refused")]


@pytest.fixture
def address(app) -> Iterator[str]:
    """The app behind a real socket."""
    server = make_server("127.0.0.1", 0, app.server, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.mark.slow
def test_the_protocols_own_client_asks_and_proposes_over_http(address, planner_token, recommendation):
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    async def work() -> tuple[int, str, str]:
        headers = {"Authorization": f"Bearer {planner_token}"}
        async with httpx2.AsyncClient(headers=headers, timeout=None) as http:
            transport = streamable_http_client(f"{address}/_mcp", http_client=http)
            async with Client(transport) as client:
                tools = (await client.list_tools()).tools
                asked = await client.call_tool("clusters", {})
                drafted = await client.call_tool("draft_plan", {"insight_id": recommendation})
                return len(tools), asked.content[0].text, drafted.content[0].text

    tools, clusters, drafted = asyncio.run(work())
    assert tools == 10
    assert [each["cluster_id"] for each in json.loads(clusters)["rows"]] == ["C01", "C02", "C03"]
    assert json.loads(drafted)["status"] == "idea"


@pytest.mark.slow
def test_grupa_mcp_proposes_to_a_signed_in_app_over_http(address, settings, token, planner_token, recommendation):
    idea = AppClient(address, planner_token).propose(recommendation)
    assert (idea["status"], idea["updated_by"]) == ("idea", "agent:helper")
    assert AppClient(address, planner_token).propose(recommendation)["plan_id"] == idea["plan_id"]
    for bad in (token, "grupa_x"):
        with pytest.raises(AppRefusalError):
            AppClient(address, bad).propose(recommendation)
    with pytest.raises(AppRefusalError, match="no such recommendation"):
        AppClient(address, planner_token).propose("none")
