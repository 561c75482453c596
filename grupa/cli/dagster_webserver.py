"""Dagster's UI behind a guard: `python -m grupa.cli.dagster_webserver --port N`, on loopback, or where people sign in.

Dagster's webserver has no login and accepts mutations by GET and from any origin: any site that is open in a browser of
this machine could start runs. So every request must name this server as its Host, come from its own pages and, where it
may change something, be a POST of JSON. Where there is a file of users, it needs the app's session. Where a proxy serves both
below a path (`GRUPA_URL_PREFIX`) and people sign in, the proxy's names are accepted too. Docs: docs/security.md.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from grupa.cli.graphql_roles import is_too_large, launches, needed_role
from grupa_pipeline.auth.accounts import SignedInUser
from grupa_pipeline.auth.gates import SignInGate, sign_in_gate
from grupa_pipeline.auth.login import SIGN_IN, SIGN_OUT
from grupa_pipeline.auth.messages import AuthRequest, AuthResponse
from grupa_pipeline.auth.proxy import ProxyError, signed_in_user
from grupa_pipeline.auth.request_guard import (
    MAX_BODY_BYTES,
    SAFE_METHODS,
    Refusal,
    RequestHead,
    RequestPolicy,
    check_request,
)
from grupa_pipeline.auth.use_limits import LimitedUse, LimitReached, UseLimits
from grupa_pipeline.defs.idle_costs import SERVER_INTERVALS, keep_engines, lengthen_intervals
from grupa_pipeline.defs.workspace import workspace_file
from grupa_pipeline.logging_config import log_config
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage.audit_log import Actor, AuditAction, AuditOutcome, record
from grupa_pipeline.vocabulary.enums import UserRole

if TYPE_CHECKING:
    import uvicorn

HOST = "127.0.0.1"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_LOCAL_USER = SignedInUser("local user", UserRole.ADMIN)
_SIGN_IN_PATHS = frozenset({SIGN_IN, SIGN_OUT})
_MAX_FORM_BYTES = 16 * 1024
_SESSION_CHECK_SECONDS = 0.5
_FRAMED_NOWHERE = {b"x-frame-options": b"DENY", b"content-security-policy": b"frame-ancestors 'none'"}
_LOOKS_PER_SECOND, _TICKS_OF_A_DATE = 2, 10
"""uvicorn writes the date of its answers anew at each tenth tick."""
_GRACE_SECONDS = 5
"""For requests under way when the server is stopped; an open page's subscription would otherwise hold it for ever."""


class Guard:
    """ASGI middleware that refuses requests which break the request guard's rules, or which have no session.

    Args:
        app: The application behind it.
        port: Port of this server, which every Host must name.
        login: The sign-in; None where there is no file of users.
        prefix: Path in front of all of its paths, without a slash at its end.
        proxied_hosts: Names under which a proxy serves it.
        warehouse: The folder whose audit log holds the changes.
        limits: How often one person may launch runs.
        proxy: The settings of a proxy that signs people in: every request must hold the name of a user.
    """

    def __init__(
        self,
        app: App,
        port: int,
        login: SignInGate | None = None,
        *,
        prefix: str = "",
        proxied_hosts: frozenset[str] = frozenset(),
        proxy: Settings | None = None,
        warehouse: Path | None = None,
        limits: UseLimits | None = None,
    ) -> None:
        self._limits = limits
        self._warehouse = warehouse
        self._app, self._login, self._prefix, self._proxy = app, login, prefix, proxy
        form_paths = frozenset(f"{prefix}{path}" for path in _SIGN_IN_PATHS) if login else frozenset[str]()
        self._policy = RequestPolicy(port=port, proxied_hosts=proxied_hosts, json_only=True, form_paths=form_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it here: a refusal, or the sign-in's own pages (websockets are closed)."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers, refusal = _headers(scope), self.refusal(scope)
        user = None if refusal else self._user(scope, headers, by_person=_opens_page(scope, headers))
        login = None if refusal or user else self._login
        if scope["type"] == "websocket" and (refusal or login):
            await send({"type": "websocket.close", "code": 1008})
        elif refusal:
            await _send(AuthResponse(refusal.status, f"Refused: {refusal.reason}\n"), "text/plain; charset=utf-8", send)
        elif scope["type"] == "websocket":
            await self._serve_websocket(scope, receive, send)
        elif scope["method"] in SAFE_METHODS and not login:
            await self._app(scope, receive, _framed_nowhere(send))
        elif (body := await _read(receive, _MAX_FORM_BYTES if login else MAX_BODY_BYTES)) is None:
            await _send(AuthResponse(413, "Refused: the request is too large.\n"), "text/plain; charset=utf-8", send)
        elif login:
            response = await asyncio.to_thread(login.respond, self._auth_request(scope, headers, body))
            await _send(response, "text/html; charset=utf-8", send)
        elif user:
            await self._write(user, scope, body, _replay(body, receive), _framed_nowhere(send))

    async def _write(self, user: SignedInUser, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        """Pass a write on where its user's role allows it; a change is recorded with its outcome, when it is known."""
        if await asyncio.to_thread(is_too_large, body):
            message = "Refused: the document asks for too many levels or fields.\n"
            await _send(AuthResponse(413, message), "text/plain; charset=utf-8", send)
            return
        what, needed = await asyncio.to_thread(needed_role, self._path(scope), body)
        if needed == UserRole.VIEWER:  # queries, and what the page sends by itself
            await self._app(scope, receive, send)
            return
        outcome = AuditOutcome.REFUSED
        reached = await asyncio.to_thread(self._launches_too_many, user, body) if user.role.may(needed) else None
        try:
            if reached:
                refused = AuthResponse(429, f"Refused: {reached}\n", {"Retry-After": str(reached.seconds)})
                await _send(refused, "text/plain; charset=utf-8", send)
            elif user.role.may(needed):
                outcome, status = AuditOutcome.FAILED, [0]
                await asyncio.to_thread(self._user, scope, _headers(scope), by_person=True)
                await self._app(scope, receive, _noting(status, send))
                outcome = AuditOutcome.DONE if 0 < status[0] < 400 else AuditOutcome.FAILED
            else:
                message = f"Refused: this needs the role {needed}; yours is {user.role}.\n"
                await _send(AuthResponse(403, message), "text/plain; charset=utf-8", send)
        finally:
            actor = Actor(user.name, user.role, (scope.get("client") or ("",))[0], "dagster")
            if self._warehouse:
                await asyncio.to_thread(record, self._warehouse, AuditAction.DAGSTER, what, outcome, by=actor)

    def _launches_too_many(self, user: SignedInUser, body: bytes) -> LimitReached | None:
        """Whether a write launches more runs than one person may within an hour; counts them."""
        launched = launches(body)
        return self._limits.take(user.name, LimitedUse.RUN, launched) if self._limits and launched else None

    async def _serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a websocket until it ends, or its user is signed out."""
        served = asyncio.ensure_future(self._app(scope, receive, send))
        headers = _headers(scope)
        while not (await asyncio.wait({served}, timeout=_SESSION_CHECK_SECONDS))[0]:
            if await asyncio.to_thread(self._user, scope, headers) is None:
                served.cancel()
                await asyncio.wait({served})
                await send({"type": "websocket.close", "code": 1008})
                return
        await served

    def refusal(self, scope: Scope) -> Refusal | None:
        """Why a request is refused, independent of the user; None passes it on to the sign-in."""
        query, headers = scope["query_string"].decode("latin-1"), _headers(scope)
        is_websocket = scope["type"] == "websocket"
        method = scope.get("method", "GET")
        refusal = check_request(RequestHead(method, scope["path"], headers, query, is_websocket), self._policy)
        if refusal or self._proxy is None:
            return refusal
        try:
            self._user(scope, headers)
        except ProxyError as error:
            return Refusal(401, str(error))
        return None

    def _user(self, scope: Scope, headers: Mapping[str, str], *, by_person: bool = False) -> SignedInUser | None:
        """Who sent it; None without a session.

        Args:
            scope: The request.
            headers: Its headers, by lower-case name.
            by_person: Whether it keeps the session from becoming idle: what an open page asks for by itself does not.

        Raises:
            ProxyError: It comes from no known proxy, or names no user who may come in.
        """
        if self._proxy is not None:
            return signed_in_user(headers, (scope.get("client") or ("",))[0], self._proxy)
        if self._login is None:
            return _LOCAL_USER
        if self._path(scope) in _SIGN_IN_PATHS:
            return None
        return self._login.user(headers.get("cookie", ""), by_person=by_person)

    def _path(self, scope: Scope) -> str:
        """The path below the prefix."""
        return str(scope["path"]).removeprefix(self._prefix) or "/"

    def _auth_request(self, scope: Scope, headers: Mapping[str, str], body: bytes) -> AuthRequest:
        query = scope["query_string"].decode("latin-1")
        return AuthRequest(
            method=scope["method"],
            path=self._path(scope),
            target=self._path(scope) + (f"?{query}" if query else ""),
            cookies=headers.get("cookie", ""),
            form=dict(parse_qsl(body.decode("utf-8", "replace"))),
            address=(scope.get("client") or ("",))[0],
            through="dagster",
            secure=headers.get("x-forwarded-proto") == "https",
            host=headers.get("host", ""),
        )


def _framed_nowhere(send: Send) -> Send:
    """A `send` that adds to a response that no page may frame it."""

    async def send_message(message: Any) -> None:
        if message["type"] == "http.response.start":
            others = [(name, value) for name, value in message["headers"] if name.lower() != b"x-frame-options"]
            message = {**message, "headers": [*others, *_FRAMED_NOWHERE.items()]}
        await send(message)

    return send_message


def _noting(status: list[int], send: Send) -> Send:
    """A `send` that notes the status of a response."""

    async def send_message(message: Any) -> None:
        if message["type"] == "http.response.start":
            status[0] = message["status"]
        await send(message)

    return send_message


def _opens_page(scope: Scope, headers: Mapping[str, str]) -> bool:
    """Whether a browser opens a page by it, as a person's click does and no timer of a page."""
    if scope["type"] != "http":
        return False
    # Browsers do not name the mode where the connection is plain and not to this machine.
    return headers.get("sec-fetch-mode", "navigate") == "navigate" and "text/html" in headers.get("accept", "")


def _headers(scope: Scope) -> dict[str, str]:
    """Headers by lower-case name; one that was sent twice holds both values with a comma between."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    return headers


async def _read(receive: Receive, max_bytes: int) -> bytes | None:
    """The body of a request; None when it is larger than `max_bytes`, whatever Content-Length it declares."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
        if len(body) > max_bytes:
            return None
    return body


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that returns a body that was already read, then further messages."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_next() -> Any:
        return messages.pop() if messages else await receive()

    return receive_next


async def _send(response: AuthResponse, content_type: str, send: Send) -> None:
    body = response.body.encode()
    fields = {
        "content-type": content_type,
        "content-length": str(len(body)),
        "x-frame-options": "DENY",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    } | dict(response.headers)
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def guarded(app: App, port: int, settings: Settings) -> Guard:
    """The UI behind the guard that `settings` ask for.

    Raises:
        AccountsError: The file of users cannot be used.
    """
    prefix = settings.dagster_prefix
    # One sign-in opens both: the session is that of the app.
    login = sign_in_gate(settings, f"{prefix}/", settings.url_prefix, starts_sign_ins=False)
    is_proxied = bool(prefix and (login or settings.trust_proxy))
    return Guard(
        app,
        port,
        login,
        prefix=prefix,
        proxied_hosts=frozenset(settings.hosts) if is_proxied else frozenset(),
        proxy=settings if is_proxied and settings.trust_proxy else None,
        warehouse=settings.warehouse,
        limits=UseLimits(settings),
    )


def rarely_ticking(server: uvicorn.Server) -> uvicorn.Server:
    """`server`, looking twice a second whether it was stopped; by itself uvicorn does so ten times, busy or not."""

    async def main_loop() -> None:
        seconds = 0
        while not await server.on_tick(seconds * _TICKS_OF_A_DATE):
            for _ in range(_LOOKS_PER_SECOND):
                await asyncio.sleep(1 / _LOOKS_PER_SECOND)
                if server.should_exit:
                    return
            seconds += 1

    server.main_loop = main_loop  # type: ignore[method-assign] # it has no setting
    return server


def main() -> None:
    """Serve the UI of the instance at `DAGSTER_HOME` until the process is stopped."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default=HOST)
    parser.add_argument("--workspace", type=Path)
    options = parser.parse_args()
    port, settings = options.port, Settings.from_env()
    if options.host != HOST and not (settings.people_sign_in or settings.trust_proxy):
        parser.error(
            f"--host {options.host} would let anyone on the network start runs: require a sign-in (docs/security.md)."
        )
    import uvicorn
    from dagster import DagsterInstance
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import WorkspaceFileTarget
    from dagster_webserver.app import create_app_from_workspace_process_context

    lengthen_intervals(SERVER_INTERVALS)
    keep_engines()
    with DagsterInstance.get() as instance:
        workspace = options.workspace or workspace_file(Path(instance.root_directory))
        target = WorkspaceFileTarget([str(workspace)])
        with WorkspaceProcessContext(instance, target, code_server_log_level="WARNING") as context:
            app = create_app_from_workspace_process_context(context, path_prefix=settings.dagster_prefix)
            log_configuration = log_config(settings.log_format)
            config = uvicorn.Config(
                guarded(app, port, settings),
                host=options.host,
                port=port,
                log_level="warning",
                log_config=log_configuration,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
            rarely_ticking(uvicorn.Server(config)).run()


if __name__ == "__main__":
    main()
