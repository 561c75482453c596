"""What every answer and every write must hold to: Host, Origin, content policy and other headers.

Knows nothing of pages or tables. Who is asking is sign_in's business.
"""

import gzip
import re
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from dash import Dash
from flask import Flask, Request, Response, abort, request

from dash_app.server.index_page import PLOTLY

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_LARGEST_BODY = 2 * 1024 * 1024
_STRANGE_PATH = re.compile(r"(^|/)\.\.|[\\%\x00-\x1f\x7f]")
"""Steps upward, backslashes, what was encoded twice, control characters: no address of this app has any of them."""
_WORTH_PACKING = 1_024
_LIBRARIES = ("/_dash-component-suites/", PLOTLY)
_PACKED_TYPES = ("application/json", "text/", "application/javascript", "image/svg+xml")


def protect(app: Dash, *, trust_proxy: bool = False, hosts: Sequence[str] = ()) -> None:
    """Put the checks and headers on `app`; call it after its layout and callbacks are set, whose scripts are hashed.

    Args:
        app: The app.
        trust_proxy: A proxy in front authenticates and decides which Host is right; without it only loopback names are.
        hosts: Further host names that are right.
    """
    server: Flask = app.server
    _turn_debugging_off(app)
    server.config["MAX_CONTENT_LENGTH"] = _LARGEST_BODY
    allowed = LOCAL_HOSTS | {each.lower() for each in hosts}
    policy = content_policy(app.csp_hashes())

    @server.before_request
    def refuse_strangers() -> None:
        if not trust_proxy and host_name(request.host) not in allowed:
            abort(421, "This app answers only under its own name; open it at the address that `grupa serve` printed.")
        if is_cross_site(request) and not is_followed_link(request):
            abort(403, "This request came from another site.")
        if _STRANGE_PATH.search(request.path):
            abort(404)
        if request.method in _SAFE_METHODS and (request.content_length or 0) > _LARGEST_BODY:
            abort(413)  # a body that is read is bounded by MAX_CONTENT_LENGTH

    @server.after_request
    def harden(response: Response) -> Response:
        return _pack(_with_headers(response, policy))


def _turn_debugging_off(app: Dash) -> None:
    """Explicitly: FLASK_DEBUG and DASH_ variables in the environment would turn parts of it on."""
    app.server.debug = False
    app.enable_dev_tools(
        debug=False,
        dev_tools_ui=False,
        dev_tools_props_check=False,
        dev_tools_serve_dev_bundles=False,
        dev_tools_hot_reload=False,
    )


def host_name(host: str) -> str:
    """The name in a Host header, without its port: `[::1]:8050` is `::1`."""
    return _address(f"//{host}")[0]


def is_cross_site(asked: Request) -> bool:
    """Whether a browser says that another site made this request. Programs that send neither header are no browser."""
    site = asked.headers.get("Sec-Fetch-Site")
    if site is not None and site not in ("same-origin", "none"):
        return True
    said = [asked.headers["Origin"]] if "Origin" in asked.headers else []
    if asked.method not in _SAFE_METHODS and not said and "Referer" in asked.headers:
        said = [asked.headers["Referer"]]
    return any(_address(each)[1] != asked.host.lower() for each in said)


def is_followed_link(asked: Request) -> bool:
    """Whether somebody follows a link from another site to a page: the one thing that may come from there."""
    sent = asked.headers
    is_page = sent.get("Sec-Fetch-Mode") == "navigate" and sent.get("Sec-Fetch-Dest") == "document"
    return asked.method == "GET" and is_page and "Origin" not in sent


def _address(url: str) -> tuple[str, str]:
    """The host's name in an address, alone and as it stands there with its port; empty where it is no address."""
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").lower(), parts.netloc.lower()
    except ValueError:
        return "", ""


def content_policy(script_hashes: Sequence[str]) -> str:
    """A content security policy under which Dash, Mantine, AG Grid and plotly run: own files and hashed inline scripts only.

    Styles may be inline (all four write style elements); nothing may be framed or fetched from elsewhere. Plotly's WebGL
    renderer makes its shaders' code with `Function`, so evaluation must be allowed; inline and foreign scripts are not.
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


def _with_headers(response: Response, policy: str) -> Response:
    response.headers["Content-Security-Policy"] = policy
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
    if "Cache-Control" not in response.headers:
        # A library's script without its version in its address may be kept, but is asked for again: it has an ETag.
        response.headers["Cache-Control"] = "no-cache" if request.path.startswith(_LIBRARIES) else "no-store"
    return response


def _pack(response: Response) -> Response:
    """Compress what is text and large enough to be worth it, for browsers that ask for it."""
    asked = "gzip" in request.headers.get("Accept-Encoding", "")
    fit = (response.mimetype or "").startswith(_PACKED_TYPES) and "Content-Encoding" not in response.headers
    if not (asked and fit) or response.is_streamed or response.status_code != 200:
        return response
    body = response.get_data()
    if len(body) >= _WORTH_PACKING:
        response.set_data(
            pack_script(body) if request.path.startswith(_LIBRARIES) else gzip.compress(body, compresslevel=5)
        )
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
    return response


@lru_cache(maxsize=64)
def pack_script(body: bytes) -> bytes:
    """A library's script, compressed once: they are megabytes, and always the same."""
    return gzip.compress(body, compresslevel=6)
