"""Sessions, tokens and ID tokens that are forged, expired, revoked, replayed, fixed or another's: none may be let through."""

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from dash_app.app import create_app
from grupa.cli.dagster_webserver import Guard
from grupa_pipeline.auth.accounts import read_accounts, set_password
from grupa_pipeline.auth.login import LoginGate
from grupa_pipeline.auth.oidc_logout import check_logout_token
from grupa_pipeline.auth.oidc_provider import OidcError
from grupa_pipeline.auth.sessions import Sessions
from grupa_pipeline.auth.tokens import AccessTokens
from grupa_pipeline.settings import Settings
from grupa_pipeline.vocabulary.enums import TokenScope, UserRole
from tests.grupa_pipeline.auth.providers import NONCE, LocalProvider, local_provider, logout_claims

PASSWORD = "four words not together"
_DAY = 24 * 3600
_PATHS = ("/", "/export/roadmap.json", "/_dash-layout", "/uploads", "/api/plans", "/_mcp", "/account", "/news")
Attempt = tuple[str, bool]
"""What was tried, and whether it was let through."""


def attempts(folder: Path) -> Iterator[Attempt]:
    """Try everything on the warehouse in `folder`."""
    users = folder.parent / "users"
    for name in ("kim", "lou"):
        set_password(users, name, PASSWORD, UserRole.ADMIN)
    app = create_app(Settings(warehouse=folder, users_file=users, exports_per_hour=100_000))
    for headers in (*_sessions(folder, users), *_tokens(folder, users)):
        client = app.server.test_client(use_cookies=False)
        for path in _PATHS:
            method = "POST" if path in ("/uploads", "/api/plans", "/_mcp") else "GET"
            answer = client.open(path, method=method, json={"name": "x.csv", "size": 1}, headers=headers)
            shown = " ".join(f"{name} {value[:30]}" for name, value in headers.items())
            yield f"{method} {path} with {shown}", answer.status_code not in (401, 405)
    yield from _id_tokens()
    yield from _logout_tokens()


def sign_out_seconds(folder: Path) -> float:
    """Seconds after which another process's gate refuses sessions that were ended everywhere."""
    users = folder.parent / "users"
    gate, sessions = LoginGate(users, folder), Sessions(folder)
    cookies = f"grupa_session={sessions.begin('kim', read_accounts(users)['kim'].password_hash)}"
    if gate.user(cookies) is None:
        raise RuntimeError("a sound session is refused")
    begun = time.monotonic()
    sessions.end_all("kim")
    while gate.user(cookies) is not None:
        pass
    return time.monotonic() - begun


def websocket_seconds(folder: Path) -> float:
    """Seconds after which an open websocket of Dagster's UI is closed when its user's sessions were ended elsewhere."""
    users, port = folder.parent / "users", 3000
    sessions, sent = Sessions(folder), []
    cookie = f"grupa_session={sessions.begin('kim', read_accounts(users)['kim'].password_hash)}"
    headers = {"host": f"127.0.0.1:{port}", "origin": f"http://127.0.0.1:{port}", "cookie": cookie}
    scope = {"type": "websocket", "path": "/graphql", "query_string": b"", "client": ("127.0.0.1", 1)}
    scope["headers"] = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def work() -> float:
        opened = asyncio.Event()

        async def subscribed(*_: Any) -> None:
            opened.set()
            await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message["type"])

        async def receive() -> Any:
            await asyncio.Event().wait()

        served = asyncio.create_task(Guard(subscribed, port, LoginGate(users, folder))(scope, receive, send))
        await asyncio.wait_for(opened.wait(), 60)
        begun = time.monotonic()
        await asyncio.to_thread(sessions.end_all, "kim")
        await asyncio.wait_for(served, 60)
        return time.monotonic() - begun

    seconds = asyncio.run(work())
    if sent != ["websocket.close"]:
        raise RuntimeError(f"the websocket was not closed: {sent}")
    return seconds


def _sessions(folder: Path, users: Path) -> Iterator[dict[str, str]]:
    sessions, hashes = Sessions(folder), {name: each.password_hash for name, each in read_accounts(users).items()}
    sound = sessions.begin("kim", hashes["kim"])
    payload, _, rest = sound.partition(".")
    ended = sessions.begin("kim", hashes["kim"])
    sessions.end(ended)
    fixed = "a" * 32
    others = (
        "",
        fixed,
        sound[:-1] + ("A" if sound[-1] != "A" else "B"),
        sound.swapcase(),
        f"{payload}.{rest.partition('.')[0]}.",
        f"{base64.urlsafe_b64encode(json.dumps(['kim', '0' * 16, fixed]).encode()).decode().rstrip('=')}.{rest}",
        sessions.begin("kim", hashes["lou"]),  # of an earlier password
        sessions.begin("nobody", hashes["kim"]),
        Sessions(folder.parent / "elsewhere").begin("kim", hashes["kim"]),  # signed with another key
        Sessions(folder, clock=lambda: time.time() - 3 * 3600).begin("kim", hashes["kim"]),  # idle
        ended,  # replayed after the sign-out
    )
    for each in others:
        yield {"Cookie": f"grupa_session={each}"}
        yield {"Cookie": f"__Host-grupa_session={each}; grupa_session={each}"}


def _tokens(folder: Path, users: Path) -> Iterator[dict[str, str]]:
    both = set(TokenScope)
    tokens = AccessTokens.beside(users, folder)
    sound, other = tokens.create("kim", "sound", both), tokens.create("lou", "other", both)
    revoked = tokens.create("kim", "revoked", both)
    tokens.revoke("kim", "revoked")
    expired = AccessTokens(users.with_name(f"{users.name}.tokens.sqlite"), lambda: time.time() - 2 * _DAY)
    elsewhere = AccessTokens.beside(None, folder)
    bad = (
        "",
        "grupa_",
        sound[:-1],
        f"{sound}x",
        sound.swapcase(),
        sound[:18] + other[18:],
        f"grupa_{'0' * 12}_{'a' * 43}",
        revoked,
        expired.create("kim", "expired", both, 1),
        tokens.create("gone", "orphan", both),
        elsewhere.create("kim", "elsewhere", both),
    )
    for each in bad:
        yield {"Authorization": f"Bearer {each}"}


def _id_tokens() -> Iterator[Attempt]:
    provider, now = local_provider(), int(time.time())
    other = RSAKey.generate_key(2048, {"kid": "first"})
    wrong: tuple[dict[str, Any], ...] = (
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": ["grupa", "another"]},
        {"aud": ["grupa"], "azp": "another"},
        {"exp": now - 120},
        {"exp": None},
        {"iat": now + 3600, "exp": now + 7200},
        {"nonce": "another"},
        {"nonce": None},
        {"sub": ""},
    )
    forged = {f"ID token with {changed}": provider.signed(provider.claims(**changed)) for changed in wrong}
    sound = provider.signed(provider.claims())
    head, body, signature = sound.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    forged["unsigned ID token"] = f"{none}.{body}."
    forged["ID token without its signature"] = f"{head}.{body}."
    forged["ID token of another key"] = jwt.encode({"alg": "RS256", "kid": "first"}, provider.claims(), other)
    forged["ID token with another's claims"] = (
        f"{head}.{provider.signed(provider.claims(sub='2')).split('.')[1]}.{signature}"
    )
    for what, text in forged.items():
        yield what, _is_accepted(provider, text)
    yield "replayed ID token", _is_accepted(provider, sound, "the nonce of another sign-in")


def _logout_tokens() -> Iterator[Attempt]:
    provider, now = local_provider(), int(time.time())
    wrong: tuple[dict[str, Any], ...] = (
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"aud": ["grupa", "another"]},
        {"iat": now - 900, "exp": now - 300},
        {"exp": None},
        {"exp": now + _DAY},
        {"iat": now + 3600, "exp": now + 3660},
        {"events": None},
        {"events": {}},
        {"nonce": NONCE},
        {"jti": None},
        {"sid": None, "sub": None},
    )
    forged = {f"logout token with {changed}": provider.signed(logout_claims(provider, **changed)) for changed in wrong}
    forged["ID token as a logout token"] = provider.signed(provider.claims(jti="x", sid="y"))
    forged["logout token of another key"] = local_provider().signed(logout_claims(provider))
    for what, text in forged.items():
        try:
            check_logout_token(provider, text)
        except OidcError:
            yield what, False
        else:
            yield what, True
    yield "logout token as an ID token", _is_accepted(provider, provider.signed(logout_claims(provider)))


def _is_accepted(provider: LocalProvider, text: str, nonce: str = NONCE) -> bool:
    try:
        provider.check_id_token(text, nonce)
    except OidcError:
        return False
    return True
