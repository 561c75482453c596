"""The rules on Host, Origin, path, size and kind that every request must meet, signed in or not.

Knows no web framework: `dash_app/server/security.py` (Flask) and `grupa/cli/dagster_webserver.py` (ASGI) convert their
requests to `RequestHead` and send the refusals. Docs: docs/security.md.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_BODY_BYTES, MAX_HEADER_BYTES = 2 * 1024 * 1024, 64 * 1024
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\s@,/?#\[\]:]+))(?::(\d+))?", re.IGNORECASE)
_ODD_PATH = re.compile(r"(^|/)\.\.|[\\%\x00-\x1f\x7f]")
"""Steps upward, backslashes, percent signs (the path was encoded twice), control characters."""


@dataclass(frozen=True)
class RequestHead:
    """A request without its body.

    Attributes:
        method: HTTP method; `GET` for a websocket.
        path: The decoded path.
        headers: Values by lower-case name; a header that was sent twice holds both values with a comma between.
        query: The raw query.
        is_websocket: Whether it opens a websocket.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    query: str = ""
    is_websocket: bool = False


@dataclass(frozen=True)
class Refusal:
    """The answer to a request that is not served: an HTTP status and the reason in a few words."""

    status: int
    reason: str


@dataclass(frozen=True)
class RequestPolicy:
    """What one server accepts.

    Attributes:
        hosts: Accepted host names without ports.
        port: The port that Host must name; None accepts any.
        proxied_hosts: Further host names, with any port: those of a proxy in front.
        allows_links: Whether a link on another site may lead to a page of this server.
        json_only: Whether every write must be JSON and GraphQL must be posted.
        form_paths: Paths that accept a form where `json_only`.
        upload_prefix: Paths whose writes may be larger than `MAX_BODY_BYTES`; their handler checks the size.
    """

    hosts: frozenset[str] = LOCAL_HOSTS
    port: int | None = None
    proxied_hosts: frozenset[str] = frozenset()
    allows_links: bool = False
    json_only: bool = False
    form_paths: frozenset[str] = frozenset()
    upload_prefix: str | None = None


def check_request(request: RequestHead, policy: RequestPolicy) -> Refusal | None:
    """Why a request is refused; None when it may pass to the sign-in.

    Example:
        >>> check_request(RequestHead("GET", "/", {"host": "evil.example"}), RequestPolicy()).status
        421
    """
    checks = (_check_host, _check_site, _check_path, _check_size, _check_content)
    return next((refusal for check in checks if (refusal := check(request, policy))), None)


def split_host(host: str) -> tuple[str, int | None]:
    """The name and the port in a Host header: `[::1]:8050` is `::1` and 8050; the name is empty where it is no host."""
    match = _HOST.fullmatch(host)
    if match is None:
        return "", None
    return (match[1] or match[2]).lower(), int(match[3]) if match[3] else None


def _check_host(request: RequestHead, policy: RequestPolicy) -> Refusal | None:
    name, port = split_host(request.headers.get("host", ""))
    if name in policy.proxied_hosts:
        return None
    if name not in policy.hosts or policy.port not in (None, port):
        reason = "This server answers only under its own name; open it at the address that `grupa serve` printed."
        return Refusal(421, reason)
    return None


def _check_site(request: RequestHead, policy: RequestPolicy) -> Refusal | None:
    if request.is_websocket and "origin" not in request.headers:
        return Refusal(403, "A websocket must name its origin.")
    if _is_cross_site(request) and not (policy.allows_links and _is_followed_link(request)):
        return Refusal(403, "This request came from another site.")
    return None


def _is_cross_site(request: RequestHead) -> bool:
    """Whether a browser names another site as the sender. Programs that send neither header are no browser."""
    headers = request.headers
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    sender = headers.get("origin")
    if sender is None and request.method not in SAFE_METHODS:
        sender = headers.get("referer")
    return sender is not None and _authority(sender) != headers.get("host", "").lower()


def _is_followed_link(request: RequestHead) -> bool:
    """Whether a user follows a link on another site to a page: the only request that may come from there."""
    headers = request.headers
    is_page = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return request.method == "GET" and is_page and "origin" not in headers


def _authority(url: str) -> str:
    """Host and port as written in an address; empty where there is none, as in the origin `null`."""
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""


def _check_path(request: RequestHead, _: RequestPolicy) -> Refusal | None:
    return Refusal(404, "There is no such path.") if _ODD_PATH.search(request.path) else None


def _check_size(request: RequestHead, policy: RequestPolicy) -> Refusal | None:
    length = request.headers.get("content-length") or "0"
    is_upload = policy.upload_prefix is not None and request.path.startswith(policy.upload_prefix)
    in_bounds = length.isdecimal() and (int(length) <= MAX_BODY_BYTES or (is_upload and request.method == "PUT"))
    header_bytes = sum(len(name) + len(value) for name, value in request.headers.items())
    return None if in_bounds and header_bytes <= MAX_HEADER_BYTES else Refusal(413, "The request is too large.")


def _check_content(request: RequestHead, policy: RequestPolicy) -> Refusal | None:
    if not policy.json_only:
        return None
    if request.method in SAFE_METHODS:
        is_query = request.path.rstrip("/").endswith("/graphql") and request.query
        return Refusal(405, "GraphQL queries must be posted.") if is_query else None
    accepted = "application/x-www-form-urlencoded" if request.path in policy.form_paths else "application/json"
    content_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    return None if content_type == accepted else Refusal(415, f"The body must be {accepted}.")
