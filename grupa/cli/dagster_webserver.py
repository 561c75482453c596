"""Dagster's UI behind a guard: `python -m grupa.cli.dagster_webserver --port N`, on loopback only.

Dagster's webserver has no login, takes mutations by GET and from any origin. Whoever reaches the port through a browser of
this machine would be let in, so every request must name this server as its Host, come from its own pages and, where it may
change something, be a POST of JSON. Where there is a file of users, it takes the app's session too. Docs: docs/security.md.
"""

import argparse
import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from grupa_pipeline.auth.login import SIGN_IN, SIGN_OUT, Answer, Door, Visit
from grupa_pipeline.defs.instance import workspace_file
from grupa_pipeline.logging_config import log_config
from grupa_pipeline.settings import Settings

HOST = "127.0.0.1"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_READ_METHODS = ("GET", "HEAD", "OPTIONS")
_DOOR_PATHS = (SIGN_IN, SIGN_OUT)
_STRANGE_PATH = re.compile(r"(^|/)\.\.|[\\%\x00-\x1f\x7f]")
_LARGEST_BODY, _LARGEST_FORM, _LARGEST_HEADERS = 2 * 1024 * 1024, 16 * 1024, 64 * 1024


class Guard:
    """ASGI middleware that refuses what does not come from the UI's own pages on this machine, or from who may not."""

    def __init__(self, app: App, port: int, door: Door | None = None) -> None:
        self._app, self._door = app, door
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it here: 403, or the door's own pages (websockets are closed)."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        sent, refusal = _headers(scope), self.refusal(scope)
        visitor_at = None if refusal or self._is_in(scope, sent) else self._door
        if scope["type"] == "websocket" and (refusal or visitor_at):
            await send({"type": "websocket.close", "code": 1008})
        elif refusal:
            await _send(Answer(403, f"Refused: {refusal}.\n"), "text/plain; charset=utf-8", send)
        elif scope["type"] == "websocket" or (scope["method"] in _READ_METHODS and not visitor_at):
            await self._app(scope, receive, send)
        elif (body := await _read(receive, _LARGEST_FORM if visitor_at else _LARGEST_BODY)) is None:
            await _send(Answer(413, "Refused: it is too large.\n"), "text/plain; charset=utf-8", send)
        elif visitor_at:
            answer = await asyncio.to_thread(visitor_at.answer, _visit(scope, sent, body))
            await _send(answer, "text/html; charset=utf-8", send)
        else:
            await self._app(scope, _again(body, receive), send)

    def refusal(self, scope: Scope) -> str | None:
        """Why a request is refused, whoever sent it; None lets it on to the door."""
        sent = _headers(scope)
        return self._wrong_place(scope, sent) or self._wrong_content(scope, sent)

    def _wrong_place(self, scope: Scope, sent: Mapping[str, str]) -> str | None:
        if sent.get("host", "").lower() not in self._hosts:
            return "this is not the address of the server"
        origin = sent.get("origin")
        foreign = origin is not None and origin.split("://", 1)[-1].lower() not in self._hosts
        if foreign or sent.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return "it comes from another site"
        if scope["type"] == "websocket" and origin is None:
            return "a websocket must say where it comes from"
        return "this is no path of the server" if _STRANGE_PATH.search(scope["path"]) else None

    def _wrong_content(self, scope: Scope, sent: Mapping[str, str]) -> str | None:
        method, path = scope.get("method", "GET"), scope["path"]
        if path.rstrip("/").endswith("/graphql") and method in _READ_METHODS and scope["query_string"]:
            return "GraphQL is asked by POST"
        if method not in _READ_METHODS and _kind(sent) != self._expected_kind(path):
            return "it must be JSON"
        length = sent.get("content-length", "0")
        in_bounds = length.isdecimal() and int(length) <= _LARGEST_BODY
        headers = sum(len(name) + len(value) for name, value in scope["headers"])
        return None if in_bounds and headers <= _LARGEST_HEADERS else "it is too large"

    def _expected_kind(self, path: str) -> str:
        is_form = self._door is not None and path in _DOOR_PATHS
        return "application/x-www-form-urlencoded" if is_form else "application/json"

    def _is_in(self, scope: Scope, sent: Mapping[str, str]) -> bool:
        if self._door is None:
            return True
        return scope["path"] not in _DOOR_PATHS and self._door.user(sent.get("cookie", "")) is not None


def _headers(scope: Scope) -> dict[str, str]:
    """Headers by name in small letters; one that is sent twice is both, with a comma between, and so equal to neither."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]},{text}" if key in found else text
    return found


def _kind(sent: Mapping[str, str]) -> str:
    return sent.get("content-type", "").split(";")[0].strip().lower()


async def _read(receive: Receive, most: int) -> bytes | None:
    """The body of a request; None when it is larger than `most` bytes, whatever length it says it has."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
        if len(body) > most:
            return None
    return body


def _again(body: bytes, receive: Receive) -> Receive:
    """`receive` that gives a body that was read already, then whatever follows."""
    ahead = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_next() -> Any:
        return ahead.pop() if ahead else await receive()

    return receive_next


def _visit(scope: Scope, sent: Mapping[str, str], body: bytes) -> Visit:
    query = scope["query_string"].decode("latin-1")
    return Visit(
        method=scope["method"],
        path=scope["path"],
        target=scope["path"] + (f"?{query}" if query else ""),
        cookies=sent.get("cookie", ""),
        form=dict(parse_qsl(body.decode("utf-8", "replace"))),
        address=(scope.get("client") or ("",))[0],
    )


async def _send(answer: Answer, kind: str, send: Send) -> None:
    body = answer.body.encode()
    said = {
        "content-type": kind,
        "content-length": str(len(body)),
        "x-frame-options": "DENY",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    } | dict(answer.headers)
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in said.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Serve the UI of the instance at `DAGSTER_HOME` until the process is told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    settings = Settings.from_env()
    door = Door(settings.users_file, settings.warehouse) if settings.users_file else None
    import uvicorn
    from dagster import DagsterInstance
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import WorkspaceFileTarget
    from dagster_webserver.app import create_app_from_workspace_process_context

    with DagsterInstance.get() as instance:
        target = WorkspaceFileTarget([str(workspace_file(Path(instance.root_directory)))])
        with WorkspaceProcessContext(instance, target, code_server_log_level="WARNING") as context:
            app = create_app_from_workspace_process_context(context)
            guarded, lines = Guard(app, port, door), log_config(settings.log_format)
            uvicorn.run(guarded, host=HOST, port=port, log_level="warning", log_config=lines)


if __name__ == "__main__":
    main()
