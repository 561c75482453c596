"""Every callback, route, mutation, tool and token route x every role (and scope): what each is refused, and what it is let do."""

import asyncio
import itertools
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from dash_app.app import create_app
from dash_app.server.guarded_dash import GuardedDash
from grupa.cli.dagster_webserver import Guard
from grupa.mcp import create_server
from grupa_pipeline.auth import permissions
from grupa_pipeline.auth.accounts import set_password
from grupa_pipeline.auth.tokens import AccessTokens
from grupa_pipeline.settings import Settings
from grupa_pipeline.vocabulary.enums import TokenScope, UserRole

_PROXY = {"X-Grupa-Proxy-Secret": "s", "Host": "grupa.example.com"}
_GROUPS = {role.value: role for role in UserRole}
_MANY = 1_000_000
Check = tuple[str, bool, bool]
"""What was asked, whether it was let through, and whether it should be."""


def checks(folder: Path) -> Iterator[Check]:
    """Ask for everything as everybody; `folder` holds a warehouse that is not used otherwise."""
    settings = Settings(
        warehouse=folder,
        trust_proxy=True,
        proxy_secret="s",
        hosts=("grupa.example.com",),
        proxy_groups=_GROUPS,
        exports_per_hour=_MANY,
        uploads_per_hour=_MANY,
    )
    app = create_app(settings)
    if not isinstance(app, GuardedDash):
        raise TypeError("the app checks no roles")
    yield from _callbacks(app)
    yield from _routes(app)
    yield from _mutations(settings)
    yield from _tools(folder)
    yield from _tokens(shutil.copytree(folder, folder.with_name("of-tokens"), symlinks=True))


def _callbacks(app: GuardedDash) -> Iterator[Check]:
    client = app.server.test_client()
    for role, (key, name) in itertools.product(UserRole, app.callback_names.items()):
        answer = client.post("/_dash-update-component", json=_call(app, key), headers=_as(role))
        yield f"callback {name} as {role}", answer.status_code != 403, role.may(permissions.callback_role(name))


def _routes(app: GuardedDash) -> Iterator[Check]:
    client = app.server.test_client()
    for role, rule in itertools.product(UserRole, app.server.url_map.iter_rules()):
        for method in rule.methods or ():
            answer = client.open(_filled(rule.rule), method=method, json={}, headers=_as(role))
            may = (
                role.may(permissions.route_role(rule.endpoint, method)) and rule.endpoint not in permissions.TOKEN_ONLY
            )
            yield (
                f"{method} {rule.rule} as {role}",
                answer.status_code not in (401, 403),
                may or rule.endpoint == "healthz",
            )


def _mutations(settings: Settings) -> Iterator[Check]:
    """Each mutation plainly, in a fragment and under an alias beside a query, and each writing path."""
    documents = (
        "mutation {{ {0} {{ __typename }} }}",
        "mutation {{ ...f }} fragment f on Mutation {{ {0} {{ __typename }} }}",
        "query a {{ runs {{ __typename }} }} mutation b {{ runs: {0} {{ __typename }} }}",
    )
    for role, name, document in itertools.product(UserRole, [*permissions.MUTATIONS, "newMutation"], documents):
        body = json.dumps({"query": document.format(name), "operationName": None}).encode()
        yield (
            f"mutation {name} as {role}",
            _reaches(settings, role, "/graphql", body),
            role.may(permissions.mutation_role(name)),
        )
    for role, start in itertools.product(UserRole, permissions.DAGSTER_WRITES):
        yield (
            f"POST {start} as {role}",
            _reaches(settings, role, f"{start}x", b"{}"),
            role.may(permissions.DAGSTER_WRITES[start]),
        )


def _tools(folder: Path) -> Iterator[Check]:
    """Without a token, the tools of `grupa mcp` only read."""
    for tool in asyncio.run(create_server(folder).list_tools()):
        is_writing = not (tool.annotations and tool.annotations.read_only_hint)
        yield f"tool {tool.name} without a token", is_writing, False


def _tokens(folder: Path) -> Iterator[Check]:
    users = folder.parent / "users-of-tokens"
    for role in UserRole:
        set_password(users, f"a-{role}", "four words not together", role)
    settings = Settings(warehouse=folder, users_file=users, exports_per_hour=_MANY, questions_per_hour=_MANY)
    client = create_app(settings).server.test_client()
    tokens = AccessTokens.beside(users, folder)
    scopes = [set(each) for size in (1, 2) for each in itertools.combinations(TokenScope, size)]
    rules = list(client.application.url_map.iter_rules())
    for number, (role, given) in enumerate(itertools.product(UserRole, scopes)):
        headers = {"Authorization": f"Bearer {tokens.create(f'a-{role}', f't{number}', given)}"}
        for rule in rules:
            scope = permissions.TOKEN_ROUTES.get(rule.endpoint)
            may = rule.endpoint == "healthz" or (scope in given and role.may(permissions.SCOPE_ROLES[scope]))
            for method in rule.methods or ():
                answer = client.open(_filled(rule.rule), method=method, json={}, headers=headers)
                what = f"{method} {rule.rule} by a token for {'+'.join(sorted(given))} of a {role}"
                yield what, answer.status_code not in (401, 403), may
        for tool in ("clusters", "draft_plan"):
            needed = {TokenScope.READ} | ({TokenScope.PLAN} if tool == "draft_plan" else set())
            may = needed <= given and all(role.may(permissions.SCOPE_ROLES[scope]) for scope in needed)
            what = f"tool {tool} by a token for {'+'.join(sorted(given))} of a {role}"
            yield what, _is_answered(client, tool, headers), may


def _is_answered(client: FlaskClient, tool: str, headers: Mapping[str, str]) -> bool:
    """Whether a tool at `/_mcp` answers, if only that there is no such recommendation."""
    arguments = {"insight_id": "none"} if tool == "draft_plan" else {}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
    answer = client.post("/_mcp", json=message, headers=headers)
    return answer.status_code == 200 and "needs a token" not in answer.get_data(as_text=True)


def _reaches(settings: Settings, role: UserRole, path: str, body: bytes) -> bool:
    """Whether a write reaches Dagster's own server through the guard."""
    reached: list[bool] = []

    async def behind(_: Any, __: Any, send: Any) -> None:
        reached.append(True)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(_: Any) -> None:
        return None

    guard = Guard(behind, 3000, proxied_hosts=frozenset({"grupa.example.com"}), proxy=settings)
    headers = {"content-type": "application/json"} | {name.lower(): value for name, value in _as(role).items()}
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "client": ("127.0.0.1", 1)}
    asyncio.run(
        guard(scope | {"headers": [(name.encode(), value.encode()) for name, value in headers.items()]}, receive, send)
    )
    return bool(reached)


def _as(role: UserRole) -> dict[str, str]:
    return {**_PROXY, "X-Forwarded-User": f"a {role}", "X-Forwarded-Groups": role.value}


def _filled(rule: str) -> str:
    return re.sub(r"<[^>]+>", "x", rule)


def _call(app: GuardedDash, key: str) -> Mapping[str, Any]:
    """A call of a callback as the browser sends it, with nothing in its fields."""
    callback = app.callback_map[key]
    several = isinstance(callback["output"], list | tuple)
    each_output = callback["output"] if several else [callback["output"]]
    outputs = [{"id": each.component_id_str(), "property": each.component_property} for each in each_output]
    values = {
        kind: [[] if "ALL" in each["id"] else {**each, "value": None} for each in callback[kind]]
        for kind in ("inputs", "state")
    }
    return {"output": key, "outputs": outputs if several else outputs[0], "changedPropIds": [], **values}
