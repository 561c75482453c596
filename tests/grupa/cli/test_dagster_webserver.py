import asyncio
import json
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from grupa.cli import dagster_webserver, graphql_roles
from grupa.cli.dagster_webserver import Guard, guarded, rarely_ticking
from grupa.cli.graphql_roles import launches, needed_role
from grupa_pipeline.auth import permissions
from grupa_pipeline.auth.accounts import read_accounts, set_password
from grupa_pipeline.auth.login import LoginGate
from grupa_pipeline.auth.sessions import Sessions
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import audit_log
from grupa_pipeline.vocabulary.enums import UserRole

OWN = {"host": "127.0.0.1:3000"}
JSON = {"content-type": "application/json"}


def scope(method: str = "GET", path: str = "/", query: str = "", kind: str = "http", **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {
        "type": kind,
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in (OWN | named).items()],
    }


async def _never(*_: object) -> None:
    raise AssertionError("a refused request was passed on")


def _finish(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run it in a thread of its own: browser tests leave an event loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, coroutine).result()


GUARD = Guard(_never, 3000)


@pytest.mark.parametrize(
    "request_",
    [
        scope(),
        scope(host="localhost:3000"),
        scope("POST", "/graphql", **{"content_type": "application/json"}),
        scope(
            "POST",
            "/graphql",
            host="localhost:3000",
            content_type="application/json; charset=utf-8",
            origin="http://localhost:3000",
        ),
        scope(sec_fetch_site="none"),
        scope("GET", "/graphql"),
        scope(kind="websocket", path="/graphql", origin="http://127.0.0.1:3000"),
    ],
)
def test_requests_of_its_own_pages_pass(request_: dict[str, Any]) -> None:
    assert GUARD.refusal(request_) is None


@pytest.mark.parametrize(
    "request_",
    [
        scope(host="evil.example"),
        scope(host="127.0.0.1:3001"),
        scope(host="127.0.0.1.evil.example:3000"),
        scope(origin="http://evil.example"),
        scope(origin="null"),
        scope(origin="http://localhost:3000"),
        scope(sec_fetch_site="cross-site"),
        scope(sec_fetch_site="same-site"),
        scope("GET", "/graphql", "query=mutation"),
        scope("GET", "/graphql/", "query=mutation"),
        scope("POST", "/graphql"),
        scope("POST", "/graphql", content_type="text/plain"),
        scope("POST", "/graphql", content_type="multipart/form-data"),
        scope("POST", "/report_asset_materialization/x", content_type="application/x-www-form-urlencoded"),
        scope("DELETE", "/graphql"),
        scope(kind="websocket", path="/graphql"),
        scope(kind="websocket", path="/graphql", origin="http://evil.example"),
    ],
)
def test_requests_from_other_sites_are_refused(request_: dict[str, Any]) -> None:
    assert GUARD.refusal(request_)
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    _finish(GUARD(request_, _never, send))
    assert 400 <= sent[0].get("status", 403) < 500
    assert sent[0]["type"] in ("http.response.start", "websocket.close")


@pytest.mark.parametrize(
    "request_",
    [
        scope(path="/logs/../../secret"),
        scope(path="/static/..%2f..%2fsecret"),
        scope(path="/..\\secret"),
        scope("POST", "/graphql", content_type="application/json", content_length=str(3 * 1024 * 1024)),
        scope("POST", "/graphql", content_type="application/json", content_length="-1"),
        scope(x_large="x" * 70_000),
        scope("POST", "/sign-in", content_type="application/x-www-form-urlencoded"),
    ],
)
def test_odd_paths_large_bodies_and_forms_are_refused(request_: dict[str, Any]) -> None:
    assert GUARD.refusal(request_)


def test_two_host_headers_are_refused() -> None:
    request_ = scope()
    request_["headers"].append((b"host", b"evil.example"))
    assert GUARD.refusal(request_)


def exchange(guard: Guard, request_: dict[str, Any], body: bytes = b"") -> list[dict[str, Any]]:
    """The messages that the guard sends in answer to a request with that body."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    _finish(guard(request_, receive, send))
    return sent


async def _behind(scope_: dict[str, Any], receive: Any, send: Any) -> None:
    message = await receive()
    await send(
        {"type": "http.response.start", "status": 200 if message["type"] == "http.request" else 400, "headers": []}
    )


def test_a_large_body_without_a_length_is_refused() -> None:
    guard = Guard(_behind, 3000)
    request_ = scope("POST", "/graphql", content_type="application/json")
    assert exchange(guard, request_, b"x" * 1000)[0]["status"] == 200
    assert exchange(guard, request_, b"x" * (3 * 1024 * 1024))[0]["status"] == 413


def test_with_users_every_request_needs_a_session(tmp_path: Path) -> None:
    set_password(tmp_path / "users", "kim", "a long enough password")
    guard = Guard(_behind, 3000, LoginGate(tmp_path / "users", tmp_path / "warehouse"))
    json_ = {"content_type": "application/json"}
    assert exchange(guard, scope())[0]["status"] == 401
    assert exchange(guard, scope("POST", "/graphql", **json_))[0]["status"] == 401
    assert exchange(guard, scope(kind="websocket", origin="http://127.0.0.1:3000"))[0]["type"] == "websocket.close"
    form = scope("POST", "/sign-in", content_type="application/x-www-form-urlencoded")
    assert exchange(guard, form, b"name=kim&password=wrong")[0]["status"] == 401
    answer = exchange(guard, form, b"name=kim&password=a+long+enough+password&to=/runs")[0]
    headers = dict(answer["headers"])
    assert (answer["status"], headers[b"location"]) == (303, b"/runs")
    cookie = headers[b"set-cookie"].split(b";")[0].decode()
    assert exchange(guard, scope(cookie=cookie))[0]["status"] == 200
    assert exchange(guard, scope("POST", "/graphql", cookie=cookie, **json_))[0]["status"] == 200
    assert exchange(guard, scope(cookie=cookie + "x"))[0]["status"] == 401
    assert exchange(guard, scope(cookie=cookie, origin="http://evil.example"))[0]["status"] == 403


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_page_may_frame_a_response(method: str) -> None:
    start, *_ = exchange(Guard(_behind, 3000), scope(method, content_type="application/json"))
    assert dict(start["headers"])[b"x-frame-options"] == b"DENY"
    assert b"frame-ancestors 'none'" in dict(start["headers"])[b"content-security-policy"]


def test_a_websocket_ends_with_the_session(tmp_path: Path, quick_passwords: None) -> None:
    users = tmp_path / "users"
    set_password(users, "kim", "a long password")
    sessions = Sessions(tmp_path)
    cookie = sessions.begin("kim", read_accounts(users)["kim"].password_hash)
    sent: list[dict[str, Any]] = []

    async def endless(scope_: dict[str, Any], receive: Any, send: Any) -> None:
        sessions.end(cookie)
        await asyncio.sleep(60)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    guard = Guard(endless, 3000, LoginGate(users, tmp_path))
    request_ = scope(
        kind="websocket", path="/graphql", origin="http://127.0.0.1:3000", cookie=f"grupa_session={cookie}"
    )
    _finish(guard(request_, _never, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.parametrize(
    ("request_", "query", "counts"),
    [
        ({"accept": "text/html,*/*", "sec_fetch_mode": "navigate"}, "", True),
        ({"accept": "text/html,*/*"}, "", True),
        ({"accept": "*/*", "sec_fetch_mode": "cors"}, "", False),
        ({"method": "POST", "path": "/graphql"} | JSON, "{ version }", False),
        ({"method": "POST", "path": "/graphql"} | JSON, "mutation { logTelemetry }", False),
        ({"method": "POST", "path": "/graphql"} | JSON, "mutation { launchRun }", True),
        ({"kind": "websocket", "path": "/graphql", "origin": "http://127.0.0.1:3000"}, "", False),
    ],
)
def test_only_what_a_person_does_keeps_a_session(
    request_: dict[str, str],
    query: str,
    counts: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    quick_passwords: None,
) -> None:
    users = tmp_path / "users"
    set_password(users, "kim", "a long password", UserRole.ADMIN)
    cookie = Sessions(tmp_path).begin("kim", read_accounts(users)["kim"].password_hash)
    found: list[bool] = []
    look = Sessions.user

    def user(*of: Any, by_person: bool = True) -> str | None:
        found.append(by_person)
        return look(*of, by_person=by_person)

    monkeypatch.setattr(Sessions, "user", user)
    monkeypatch.setattr(dagster_webserver, "_SESSION_CHECK_SECONDS", 0.01)

    async def behind(scope_: dict[str, Any], receive: Any, send: Any) -> None:
        await asyncio.sleep(0.1)

    guard = Guard(behind, 3000, LoginGate(users, tmp_path))
    names = {name.replace("-", "_"): value for name, value in request_.items()}
    exchange(guard, scope(cookie=f"grupa_session={cookie}", **names), json.dumps({"query": query}).encode())
    assert found and any(found) == counts


def below_a_proxy(folder: Path, **changes: Any) -> Guard:
    settings = Settings(warehouse=folder, hosts=("grupa.test",), **({"url_prefix": "/grupa/"} | changes))
    return guarded(_behind, 3000, settings)


def test_a_proxy_name_is_accepted_only_where_people_sign_in(tmp_path: Path) -> None:
    request = scope(path="/grupa/dagster/assets", host="grupa.test")
    assert (below_a_proxy(tmp_path).refusal(request) or pytest.fail("passed")).status == 421
    trusting = below_a_proxy(tmp_path, trust_proxy=True, proxy_secret="s" * 32)
    assert (trusting.refusal(request) or pytest.fail("passed")).status == 401
    sent = {"x_forwarded_user": "ann", "x_grupa_proxy_secret": "s" * 32}
    assert trusting.refusal(scope(path="/grupa/dagster/assets", host="grupa.test", **sent)) is None
    local = scope(path="/grupa/dagster/assets")  # a proxy that does not pass the Host on looks like this
    assert (trusting.refusal(local) or pytest.fail("passed")).status == 401
    elsewhere = scope(
        "POST",
        "/grupa/dagster/graphql",
        host="evil.test",
        content_type="application/json",
        **sent,
    )
    assert (trusting.refusal(elsewhere) or pytest.fail("passed")).status == 421
    without_prefix = below_a_proxy(tmp_path, trust_proxy=True, proxy_secret="s" * 32, url_prefix="/")
    assert (without_prefix.refusal(scope(host="grupa.test")) or pytest.fail("passed")).status == 421


def test_below_a_prefix_one_sign_in_opens_both(tmp_path: Path, quick_passwords: None) -> None:
    set_password(tmp_path / "users", "ann", "a long password")
    guard = below_a_proxy(tmp_path, users_file=tmp_path / "users")
    start, body = exchange(guard, scope(path="/grupa/dagster/assets", host="grupa.test"))
    assert start["status"] == 401
    assert b'action="/grupa/dagster/sign-in"' in body["body"] and b'value="/assets"' in body["body"]
    form = {"content_type": "application/x-www-form-urlencoded", "host": "grupa.test"}
    posted = scope("POST", "/grupa/dagster/sign-in", **form)
    start = exchange(guard, posted, b"name=ann&password=a+long+password&to=/assets")[0]
    headers = dict(start["headers"])
    assert (start["status"], headers[b"location"]) == (303, b"/grupa/dagster/assets")
    assert b"Path=/grupa/;" in headers[b"set-cookie"] + b";"


@pytest.fixture(scope="module")
def mutations() -> set[str]:
    from dagster_graphql.schema import create_schema

    kind = create_schema().graphql_schema.mutation_type
    assert kind is not None
    return set(kind.fields)


def test_every_mutation_has_a_declared_role(mutations: set[str]) -> None:
    assert mutations == set(permissions.MUTATIONS), "declare Dagster's mutations in grupa_pipeline/auth/permissions.py"


@pytest.mark.parametrize("role", UserRole)
def test_no_mutation_passes_without_its_role(role: UserRole, mutations: set[str], tmp_path: Path) -> None:
    settings = Settings(
        warehouse=tmp_path,
        trust_proxy=True,
        proxy_secret="s",
        hosts=("grupa.example.com",),
        url_prefix="/grupa/",
        proxy_groups={each.value: each for each in UserRole},
    )
    guard = guarded(_behind, 3000, settings)
    person = {"x_grupa_proxy_secret": "s", "x_forwarded_user": "kim", "x_forwarded_groups": role.value}
    request_ = scope("POST", "/grupa/dagster/graphql", host="grupa.example.com", **JSON, **person)
    for field in mutations:
        for query in (
            f"mutation {{ {field} {{ __typename }} }}",
            f"query A {{ version }} mutation B {{ innocent: {field} {{ __typename }} }}",
            f"mutation {{ ...F }} fragment F on Mutation {{ ... on Mutation {{ {field} }} ...F }}",
        ):
            content = json.dumps({"query": query, "operationName": "A"}).encode()
            status = exchange(guard, request_, content)[0]["status"]
            assert (status == 200) == role.may(permissions.MUTATIONS[field]), (field, role, query)
            assert status in (200, 403)
    entries = audit_log.query(tmp_path, "SELECT user_name, subject, outcome, through FROM audit_log").fetchall()
    assert ("kim", "launchRun", "done" if role.may(UserRole.OPERATOR) else "refused", "dagster") in entries


@pytest.mark.parametrize(("status", "outcome"), [(200, "done"), (500, "failed"), (None, "failed")])
def test_a_change_is_recorded_as_it_ended(tmp_path: Path, status: int | None, outcome: str) -> None:
    recorded_before: list[int] = []

    async def behind(scope_: dict[str, Any], receive: Any, send: Any) -> None:
        recorded_before.append(len(list((tmp_path / "audit").glob("*"))))
        if status is None:
            raise ConnectionError("gone")
        await send({"type": "http.response.start", "status": status, "headers": []})

    query = json.dumps({"query": "mutation { launchRun annSmith }"}).encode()
    with suppress(ConnectionError):
        exchange(
            Guard(behind, 3000, warehouse=tmp_path), scope("POST", "/graphql", content_type=JSON["content-type"]), query
        )
    entries = audit_log.query(tmp_path, "SELECT subject, outcome FROM audit_log").fetchall()
    assert recorded_before == [0]
    assert entries == [("launchRun", outcome)]


def test_fragments_that_spread_each_other_many_times_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    spread = " ".join(f"fragment F{at} on Mutation {{ ...F{at + 1} ...F{at + 1} }}" for at in range(14))
    query = f"mutation {{ ...F0 }} {spread} fragment F14 on Mutation {{ launchRun }}"
    visited: list[int] = []
    visit = graphql_roles._fields
    monkeypatch.setattr(graphql_roles, "_fields", lambda *of: visited.append(1) or visit(*of))
    assert needed_role("/graphql", json.dumps({"query": query}).encode()) == (["launchRun"], UserRole.OPERATOR)
    assert len(visited) == 16


def test_queries_and_what_cannot_be_read_need_no_role_and_reports_do() -> None:
    def needed(path: str, body: bytes) -> UserRole:
        return needed_role(path, body)[1]

    assert needed("/graphql", b'{"query": "{ version }"}') == UserRole.VIEWER
    assert needed("/graphql", b'{"query": "mutation {"}') == UserRole.VIEWER
    assert needed("/graphql", b"{") == UserRole.VIEWER
    assert needed("/graphql", b"[]") == UserRole.ADMIN
    assert needed("/graphql", b'{"query": "mutation { unknown }"}') == UserRole.ADMIN
    assert needed("/report_asset_materialization/events", b"{}") == UserRole.OPERATOR
    assert needed("/elsewhere", b"{}") == UserRole.ADMIN


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("mutation { launchRun { __typename } }", 1),
        (
            "mutation { a: launchRun { __typename } b: launchRun { __typename } terminateRun(runId: 1) { __typename } }",
            2,
        ),
        ("mutation { ...f } fragment f on Mutation { launchPartitionBackfill { __typename } }", 1),
        ("{ runs { __typename } }", 0),
        ("mutation {", 0),
    ],
)
def test_each_alias_of_a_mutation_that_launches_counts(query: str, count: int) -> None:
    assert launches(json.dumps({"query": query}).encode()) == count


def test_the_server_writes_its_date_and_ends_when_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dagster_webserver, "_LOOKS_PER_SECOND", 100)
    server = rarely_ticking(uvicorn.Server(uvicorn.Config(app=lambda: None)))

    async def serve() -> None:
        loop = asyncio.ensure_future(server.main_loop())
        while not server.server_state.default_headers:
            await asyncio.sleep(0)
        server.should_exit = True
        await loop

    asyncio.run(serve())
    assert b"date" in dict(server.server_state.default_headers)
