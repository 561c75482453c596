"""Who is using the app: a session of the file of users, a name that a trusted proxy gives, or nobody in particular.

Only between Flask and `grupa_pipeline/auth/login.py`; every route but the health endpoint stands behind it.
"""

from flask import Flask, Response, abort, g, request

from grupa_pipeline.auth.login import SIGN_IN, SIGN_OUT, Door, Visit
from grupa_pipeline.settings import Settings

PROXY_HEADERS = ("X-Forwarded-User", "X-Remote-User")
LOCAL_USER = "local user"
_OPEN_PATHS = frozenset({"/healthz"})


def require(server: Flask, settings: Settings) -> None:
    """Let nobody through who has not said who they are, as `settings` ask for it; call it after `security.protect`.

    Raises:
        AccountsError: The file of users cannot be used.
    """
    if settings.trust_proxy:
        server.before_request(_believe_proxy)
    elif settings.users_file:
        door = Door(settings.users_file, settings.warehouse)
        server.before_request(lambda: _stop_at(door))


def current_user() -> str:
    """The name of who is asking; becomes a plan's owner."""
    return g.get("user", LOCAL_USER)


def _believe_proxy() -> None:
    if request.path in _OPEN_PATHS:
        return
    user = proxy_user([request.headers[name] for name in PROXY_HEADERS if name in request.headers])
    if user is None:
        abort(401, f"The proxy did not say who is asking: it must set {' or '.join(PROXY_HEADERS)} (docs/security.md).")
    g.user = user


def proxy_user(given: list[str]) -> str | None:
    """The name in a proxy's headers; None when there is none, or two that differ, of which one may be the visitor's own."""
    names = {_text(each) for each in given}
    if len(names) != 1:
        return None
    name = names.pop()
    return name if 0 < len(name) <= 80 and name.isprintable() and "," not in name else None


def _text(header: str) -> str:
    """Servers hand headers on as Latin-1; proxies write UTF-8."""
    try:
        return header.encode("latin-1").decode("utf-8").strip()
    except UnicodeError:
        return header.strip()


def _stop_at(door: Door) -> Response | None:
    if request.path in _OPEN_PATHS:
        return None
    g.user = door.user(request.headers.get("Cookie", ""))
    if g.user and request.path not in (SIGN_IN, SIGN_OUT):
        return None
    answer = door.answer(
        Visit(
            method=request.method,
            path=request.path,
            target=request.full_path.rstrip("?"),
            cookies=request.headers.get("Cookie", ""),
            form=request.form if request.path == SIGN_IN else {},
            address=request.remote_addr or "",
            # A visitor who claims this of a plain connection only loses their own cookie.
            secure=request.is_secure or request.headers.get("X-Forwarded-Proto") == "https",
            from_elsewhere=request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"),
        )
    )
    return Response(answer.body, answer.status, dict(answer.headers), mimetype="text/html")
