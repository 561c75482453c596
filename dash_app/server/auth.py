"""Authentication of the app: a session of the file of users, the name that a trusted proxy sends, or the local user.

Converts between Flask and `grupa_pipeline/auth/login.py`; it applies to every route but the health endpoint.
"""

import hmac
from ipaddress import ip_address

from flask import Flask, Response, abort, g, request

from grupa_pipeline.auth.login import SIGN_IN, SIGN_OUT, AuthRequest, LoginGate
from grupa_pipeline.settings import Settings

PROXY_SECRET_HEADER = "X-Grupa-Proxy-Secret"  # noqa: S105 - a header's name
PROXY_HEADERS = ("X-Forwarded-User", "X-Remote-User")
LOCAL_USER = "local user"
_OPEN_PATHS = frozenset({"/healthz"})


def require_user(server: Flask, settings: Settings) -> None:
    """Require the authentication that `settings` demand on every route; call it after `security.protect`.

    Raises:
        AccountsError: The file of users cannot be used.
    """
    if settings.trust_proxy:
        server.before_request(lambda: _authenticate_by_proxy(settings))
    elif settings.users_file:
        login = LoginGate(settings.users_file, settings.warehouse)
        server.before_request(lambda: _authenticate_by_session(login, settings))


def current_user() -> str:
    """The name of the user of this request; becomes a plan's owner."""
    return str(g.get("user", LOCAL_USER))


def _authenticate_by_proxy(settings: Settings) -> None:
    if request.path in _OPEN_PATHS:
        return
    secret = request.headers.get(PROXY_SECRET_HEADER, "")
    if settings.proxy_secret and not hmac.compare_digest(secret.encode(), settings.proxy_secret.encode()):
        abort(401, f"The proxy must send the secret of GRUPA_PROXY_SECRET in {PROXY_SECRET_HEADER} (docs/security.md).")
    if settings.proxy_addresses and not _is_proxy(settings):
        abort(401, "This address is none of GRUPA_PROXY_ADDRESSES: open the app through its proxy.")
    user = proxy_user([request.headers[name] for name in PROXY_HEADERS if name in request.headers])
    if user is None:
        abort(401, f"The proxy sent no user name: it must set {' or '.join(PROXY_HEADERS)} (docs/security.md).")
    g.user = user


def proxy_user(values: list[str]) -> str | None:
    """The user name in a proxy's headers; None when there is none, or two that differ: one may be the client's own."""
    names = {_text(value) for value in values}
    if len(names) != 1:
        return None
    name = names.pop()
    return name if 0 < len(name) <= 80 and name.isprintable() and "," not in name else None


def _is_proxy(settings: Settings) -> bool:
    """Whether the request comes from an address of `GRUPA_PROXY_ADDRESSES`."""
    return any(ip_address(request.remote_addr or "0.0.0.0") in network for network in settings.proxy_addresses)  # noqa: S104


def _client_address(settings: Settings) -> str:
    """The client's address: what a known proxy names last, else the connection's."""
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return forwarded if forwarded and _is_proxy(settings) else request.remote_addr or ""


def _text(header: str) -> str:
    """A header's text: servers decode headers as Latin-1, proxies write UTF-8."""
    try:
        return header.encode("latin-1").decode("utf-8").strip()
    except UnicodeError:
        return header.strip()


def _authenticate_by_session(login: LoginGate, settings: Settings) -> Response | None:
    if request.path in _OPEN_PATHS:
        return None
    g.user = login.user(request.headers.get("Cookie", ""))
    if g.user and request.path not in (SIGN_IN, SIGN_OUT):
        return None
    response = login.respond(
        AuthRequest(
            method=request.method,
            path=request.path,
            target=request.full_path.rstrip("?"),
            cookies=request.headers.get("Cookie", ""),
            form=request.form if request.path == SIGN_IN else {},
            address=_client_address(settings),
            # A client who claims this of a plain connection only loses its own cookie.
            secure=request.is_secure or request.headers.get("X-Forwarded-Proto") == "https",
            from_elsewhere=request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"),
        )
    )
    return Response(response.body, response.status, dict(response.headers), mimetype="text/html")
