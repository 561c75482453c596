"""Dagster's UI behind a guard: `python -m grupa_pipeline.dagster_ui --port N`, on loopback only.

Dagster's webserver has no login, takes mutations by GET and from any origin. Whoever reaches the port through a browser of
this machine would be let in, so every request must name this server as its Host, come from its own pages and, where it may
change something, be a POST of JSON. Docs: docs/security.md.
"""

import argparse
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from grupa_pipeline.instance import workspace_file

HOST = "127.0.0.1"

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]

_READ_METHODS = ("GET", "HEAD", "OPTIONS")


class Guard:
    """ASGI middleware that refuses what does not come from the UI's own pages on this machine."""

    def __init__(self, app: App, port: int) -> None:
        self._app = app
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}

    async def __call__(self, scope: Scope, receive: Callable, send: Callable) -> None:
        """Pass a request on, or answer 403 (websockets are closed)."""
        if scope["type"] == "lifespan" or self.refusal(scope) is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            body = f"Refused: {self.refusal(scope)}.\n".encode()
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    def refusal(self, scope: Scope) -> str | None:
        """Why a request is refused; None lets it pass."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        method = scope.get("method", "GET")
        if headers.get("host", "").lower() not in self._hosts:
            return "this is not the address of the server"
        origin = headers.get("origin")
        foreign = origin is not None and origin.split("://", 1)[-1].lower() not in self._hosts
        if foreign or headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return "it comes from another site"
        if scope["type"] == "websocket" and origin is None:
            return "a websocket must say where it comes from"
        if scope["path"].rstrip("/").endswith("/graphql") and method in _READ_METHODS and scope["query_string"]:
            return "GraphQL is asked by POST"
        is_json = headers.get("content-type", "").split(";")[0].strip().lower() == "application/json"
        if method not in _READ_METHODS and not is_json:
            return "it must be JSON"
        return None


def main() -> None:
    """Serve the UI of the instance at `DAGSTER_HOME` until the process is told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    import uvicorn
    from dagster import DagsterInstance
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import WorkspaceFileTarget
    from dagster_webserver.app import create_app_from_workspace_process_context

    with DagsterInstance.get() as instance:
        target = WorkspaceFileTarget([str(workspace_file(Path(instance.root_directory)))])
        with WorkspaceProcessContext(instance, target) as context:
            app = create_app_from_workspace_process_context(context)
            uvicorn.run(Guard(app, port), host=HOST, port=port, log_level="warning")


if __name__ == "__main__":
    main()
