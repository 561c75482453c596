"""Agents at `/_mcp`: what they are told against the tables, how long it is, and whether anybody comes in who may not."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from flask.testing import FlaskClient

from dash_app.app import create_app
from grupa_pipeline.auth.accounts import set_password
from grupa_pipeline.auth.tokens import AccessTokens
from grupa_pipeline.settings import Settings
from grupa_pipeline.vocabulary.enums import TokenScope, UserRole
from tests.dash_app.server.scripted_questions import scripted_questions

CHARACTERS_A_TOKEN = 3
"""Of JSON, at the least."""
_LIMIT = 60
_PASSWORD = "four words not together"


@dataclass
class AgentFindings:
    """What came of it.

    Attributes:
        asked: Scripted questions.
        wrong: Those whose answer is not that of the tables.
        definitions, longest: Characters of all tools' definitions, and of the longest answer.
        tried: Requests that must be refused.
        through: Those that were not.
    """

    asked: int = 0
    wrong: list[str] = field(default_factory=list)
    definitions: int = 0
    longest: int = 0
    tried: int = 0
    through: list[str] = field(default_factory=list)


def find(folder: Path) -> AgentFindings:
    """Ask everything of the synthetic warehouse in `folder`, then come in as nobody may, a hundred times."""
    users = folder.parent / "users"
    set_password(users, "kim", _PASSWORD, UserRole.ADMIN)
    settings = Settings(warehouse=folder, users_file=users, questions_per_hour=_LIMIT)
    client = create_app(settings).server.test_client(use_cookies=False)
    tokens = AccessTokens.beside(users, folder)
    sound = tokens.create("kim", "reader", {TokenScope.READ})
    findings = AgentFindings()
    findings.definitions = len(json.dumps(_ask(client, sound, "tools/list").get_json()["result"]["tools"]))
    _ask_scripted(client, sound, folder, findings)
    while _ask(client, sound, "ping").status_code == 200:  # up to the limit
        pass
    unable = tokens.create("kim", "planner", {TokenScope.PLAN})
    ended = tokens.create("kim", "ended", {TokenScope.READ})
    tokens.revoke("kim", "ended")
    cookie = (
        client.post("/sign-in", data={"name": "kim", "password": _PASSWORD}).headers["Set-Cookie"].partition(";")[0]
    )
    forged = [sound[:place] + ("a" if sound[place] != "a" else "b") + sound[place + 1 :] for place in range(6, 46)]
    attempts: list[tuple[str, dict[str, str]]] = (
        [("sessionless", {})] * 10
        + [("a session", {"Cookie": cookie})] * 10
        + [("a token for plans", _bearing(unable))] * 10
        + [("revoked", _bearing(ended))] * 10
        + [(f"forged at {number}", _bearing(each)) for number, each in enumerate(forged)]
        + [("over the limit", _bearing(sound))] * 20
    )
    for what, headers in attempts:
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "clusters", "arguments": {}}}
        status = client.post("/_mcp", json=message, headers=headers).status_code
        findings.through += [what] if status not in (401, 403, 429) else []
    findings.tried = len(attempts)
    return findings


def _ask_scripted(client: FlaskClient, token: str, folder: Path, findings: AgentFindings) -> None:
    with duckdb.connect(str((folder / "grupa.duckdb").resolve()), read_only=True) as con:
        for question in scripted_questions():
            [truth] = con.execute(question.sql).fetchone() or [None]
            told = _ask(client, token, "tools/call", name=question.tool, arguments=question.arguments)
            text = told.get_json()["result"]["content"][0]["text"]
            found = question.find(json.loads(text))
            findings.asked += 1
            findings.longest = max(findings.longest, len(text))
            if found != (float(f"{truth:.6g}") if isinstance(truth, float) else truth):
                findings.wrong.append(f"{question.text} {found}, not {truth}")


def _ask(client: FlaskClient, token: str, method: str, **parameters: Any) -> Any:
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
    return client.post("/_mcp", json=message, headers=_bearing(token))


def _bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
