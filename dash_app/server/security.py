"""The app's request guard (`grupa_pipeline/auth/request_guard.py`) in Flask, and the headers of every response.

Knows no pages or tables. Authentication is in `auth.py`.
"""

import gzip
from collections.abc import Sequence
from functools import lru_cache

from dash import Dash
from flask import Flask, Response, abort, request

from dash_app.server.index_page import PLOTLY
from grupa_pipeline.auth.request_guard import LOCAL_HOSTS, MAX_BODY_BYTES, RequestHead, RequestPolicy, check_request

_MIN_COMPRESSED_BYTES = 1_024
_LIBRARIES = ("/_dash-component-suites/", PLOTLY)
_TEXT_TYPES = ("application/json", "text/", "application/javascript", "image/svg+xml")


def protect(app: Dash, *, hosts: Sequence[str] = ()) -> None:
    """Add the request guard and the headers to `app`; call it after its layout and callbacks are set, whose scripts are hashed.

    Args:
        app: The app.
        hosts: Host names that are accepted beside those of loopback.
    """
    server: Flask = app.server
    _disable_debugging(app)
    server.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    policy = RequestPolicy(
        hosts=LOCAL_HOSTS | {host.lower() for host in hosts},
        allows_links=True,
        upload_prefix="/uploads/",
    )
    content_security_policy = content_policy(app.csp_hashes())

    @server.before_request
    def guard() -> None:
        if refusal := check_request(_request_head(), policy):
            abort(refusal.status, refusal.reason)

    @server.after_request
    def harden(response: Response) -> Response:
        return _compress(_with_headers(response, content_security_policy))


def _disable_debugging(app: Dash) -> None:
    """Disable it explicitly: FLASK_DEBUG and DASH_ variables in the environment would enable parts of it."""
    app.server.debug = False
    app.enable_dev_tools(
        debug=False,
        dev_tools_ui=False,
        dev_tools_props_check=False,
        dev_tools_serve_dev_bundles=False,
        dev_tools_hot_reload=False,
    )


def _request_head() -> RequestHead:
    headers = {name.lower(): value for name, value in request.headers.items()} | {"host": request.host}
    return RequestHead(request.method, request.path, headers, request.query_string.decode("latin-1"))


def content_policy(script_hashes: Sequence[str]) -> str:
    """A content security policy under which Dash, Mantine, AG Grid and plotly run: own files and hashed inline scripts only.

    Styles may be inline (all four write style elements); nothing may be framed or fetched from elsewhere. Plotly's WebGL
    renderer compiles its shaders with `Function`, so evaluation must be allowed; inline and foreign scripts are not.
    """
    scripts = " ".join(["'self'", "'unsafe-eval'", *script_hashes])
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {scripts}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )


def _with_headers(response: Response, content_security_policy: str) -> Response:
    response.headers["Content-Security-Policy"] = content_security_policy
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if request.is_secure or request.headers.get("X-Forwarded-Proto") == "https":
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    response.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
    if "Cache-Control" not in response.headers:
        # A library's script without a version in its address is cached, but revalidated by its ETag.
        response.headers["Cache-Control"] = "no-cache" if request.path.startswith(_LIBRARIES) else "no-store"
    return response


def _compress(response: Response) -> Response:
    """Compress large text for browsers that accept gzip."""
    is_accepted = "gzip" in request.headers.get("Accept-Encoding", "")
    is_text = (response.mimetype or "").startswith(_TEXT_TYPES) and "Content-Encoding" not in response.headers
    if not (is_accepted and is_text) or response.is_streamed or response.status_code != 200:
        return response
    body = response.get_data()
    if len(body) >= _MIN_COMPRESSED_BYTES:
        response.set_data(
            pack_script(body) if request.path.startswith(_LIBRARIES) else gzip.compress(body, compresslevel=5)
        )
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
    return response


@lru_cache(maxsize=64)
def pack_script(body: bytes) -> bytes:
    """Compress a library's script, once for each: they are megabytes and never change."""
    return gzip.compress(body, compresslevel=6)
