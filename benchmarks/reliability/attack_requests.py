"""Requests that the servers must refuse, by kind, and a few that they must serve. Pure data; sends nothing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product

JSON = {"Content-Type": "application/json"}
LARGE = 3 * 1024 * 1024
LAUNCH = json.dumps({"query": "mutation { reloadWorkspace { __typename } }"}).encode()
ASK = json.dumps({"query": "{ __typename }"}).encode()

APP_READS = (
    "/",
    "/roadmap",
    "/history",
    "/data",
    "/export/roadmap.csv",
    "/export/roadmap.json",
    "/export/users.csv",
    "/print/roadmap",
    "/_dash-layout",
    "/_dash-dependencies",
    "/_dash-component-suites/dash/dash-renderer/x.js",
    "/assets/grupa.css",
    "/_favicon.ico",
    "/_reload-hash",
    "/nowhere",
    "/healthz/",
    "//roadmap",
    "/healthz/../roadmap",
)
DAGSTER_READS = (
    "/",
    "/graphql",
    "/server_info",
    "/dagit_info",
    "/runs",
    "/logs/x/stdout.out",
    "/download_debug/x",
    "/notebook?path=x.ipynb&repoLocName=x",
    "/sign-in/../runs",
    "/favicon.png",
)
FOREIGN_HOSTS = (
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example:{port}",
    "10.0.0.1:{port}",
    "[::2]:{port}",
    "127.0.0.1:{port},evil.example",
    "evil.example:{port}",
    "0.0.0.0:{port}",
    "localhost@evil.example",
    "x y",
)
CROSS_SITE: tuple[Mapping[str, str], ...] = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://127.0.0.1.evil.example"},
)
TRAVERSALS = (
    "/../../../etc/passwd",
    "/assets/../../pyproject.toml",
    "/assets/..%2f..%2fpyproject.toml",
    "/assets/%2e%2e/%2e%2e/pyproject.toml",
    "/assets/%252e%252e%252fx",
    "/assets/..%5c..%5cx",
    "/assets/..;/x",
    "/assets/....//x",
    "/_dash-component-suites/../app.py",
    "/export/../healthz/..",
    "/uploads/..%2fx",
    "/logs/../../../etc/passwd",
    "/logs/..%2f..%2fdagster.out",
    "/x%00.css",
    "/static/..%2f..%2fx",
    "/%2e%2e",
)


@dataclass(frozen=True)
class RawRequest:
    """One request to `server` (`app` or `dagster`); the sender adds the headers that it lacks."""

    kind: str
    server: str
    path: str = "/"
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def allowed_requests() -> list[RawRequest]:
    """Requests that must be served."""
    reads = [
        RawRequest("allowed", "app", path) for path in ("/", "/export/roadmap.json", "/assets/grupa.css", "/healthz")
    ]
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    return [
        *reads,
        RawRequest("allowed", "app", "/roadmap", headers=link),
        RawRequest("allowed", "dagster"),
        RawRequest("allowed", "dagster", "/graphql", "POST", JSON, ASK),
    ]


def without_session(cookie: str) -> list[RawRequest]:
    """Requests with no session or a forged one; `cookie` is that of a valid session."""
    forged = _forged(cookie)
    writes = _writes()
    none = "without a session"
    return [
        *(RawRequest(none, "app", path) for path in APP_READS),
        *(RawRequest(none, "dagster", path) for path in DAGSTER_READS),
        *(RawRequest(none, *write) for write in writes),
        RawRequest(none, "dagster", "/graphql", headers=_websocket({})),
        *(RawRequest("with a forged session", "app", path, headers={"Cookie": value})
          for value, path in product(forged, ("/", "/export/roadmap.json"))),
        *(RawRequest("with a forged session", "dagster", "/graphql", "POST", JSON | {"Cookie": value}, LAUNCH) for value in forged),
        *(RawRequest("with a header that only a proxy may set", "app", "/roadmap", headers={name: "kim"})
          for name in ("X-Forwarded-User", "X-Remote-User", "Remote-User", "X-Forwarded-For", "Authorization")),
    ]  # fmt: skip


def forbidden_requests(ports: Mapping[str, int]) -> list[RawRequest]:
    """Requests that are refused whatever the session."""
    app_targets = [("app", "/"), ("app", "/export/users.csv"), ("dagster", "/"), ("dagster", "/graphql")]
    return [
        *(RawRequest("with a foreign Host", server, path, headers={"Host": host.format(port=ports[server])})
          for (server, path), host in product(app_targets, FOREIGN_HOSTS)),
        *(RawRequest("cross-site", server, path, headers=sent) for (server, path), sent in product(app_targets, CROSS_SITE)),
        *(RawRequest("cross-site", server, path, method, {**kind, **sent}, body)
          for (server, path, method, kind, body), sent in product(_writes(), CROSS_SITE)),
        *(RawRequest("cross-site", "dagster", "/graphql", headers=_websocket(sent)) for sent in CROSS_SITE),
        *(RawRequest("path-traversing", server, path) for server, path in product(("app", "dagster"), TRAVERSALS)),
        *_over_size(),
        *_not_as_json(),
    ]  # fmt: skip


def _writes() -> list[tuple[str, str, str, Mapping[str, str], bytes]]:
    announcement = b'{"name": "log.csv", "size": 10}'
    return [
        ("app", "/_dash-update-component", "POST", JSON, b"{}"),
        ("app", "/uploads", "POST", JSON, announcement),
        ("app", "/uploads/x", "PUT", {"Content-Type": "text/csv"}, b"a,b"),
        ("dagster", "/graphql", "POST", JSON, LAUNCH),
        ("dagster", "/report_asset_materialization/clusters", "POST", JSON, b"{}"),
    ]


def _forged(cookie: str) -> list[str]:
    name, _, value = cookie.partition("=")
    payload, stamp, signature = value.rsplit(".", 2)
    values = ["", "kim", "..", payload, f"{payload}.{stamp}", f"{payload}.{stamp}.", f"{payload}.{stamp}.{signature[::-1]}",
              f"x{payload}.{stamp}.{signature}", f"{payload}.{stamp[::-1]}.{signature}", value + "x", value[:-2], value * 2,
              "eyJ1c2VyIjoia2ltIn0." + stamp + "." + signature, "%00", "null"]  # fmt: skip
    return [*(f"{name}={forged}" for forged in values), f"session={value}", f"{name}_={value}"]


def _websocket(sent: Mapping[str, str]) -> dict[str, str]:
    key = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13"}
    return {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Protocol": "graphql-ws"} | key | dict(sent)


def _over_size() -> list[RawRequest]:
    kind, large = "over-size", b" " * LARGE
    chunked = {"Transfer-Encoding": "chunked"}
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (LARGE, large)
    huge = json.dumps({"name": "log.csv", "size": 10**15}).encode()
    return [
        RawRequest(kind, "app", "/_dash-update-component", "POST", JSON, large),
        RawRequest(kind, "app", "/_dash-update-component", "POST", JSON | chunked, chunks),
        RawRequest(kind, "app", "/uploads", "POST", JSON, large),
        RawRequest(kind, "app", "/uploads", "POST", JSON | chunked, chunks),
        RawRequest(kind, "app", "/uploads", "POST", JSON, huge),
        RawRequest(kind, "app", "/uploads/x", "PUT", {"Content-Length": str(10**15)}, b"x"),
        RawRequest(kind, "app", "/", "GET", {}, large),
        RawRequest(kind, "dagster", "/graphql", "POST", JSON, large),
        RawRequest(kind, "dagster", "/graphql", "POST", JSON | chunked, chunks),
        RawRequest(kind, "dagster", "/graphql", "POST", JSON | {"Content-Length": "-1"}, ASK),
        *(RawRequest(kind, server, "/" + "x" * 200_000) for server in ("app", "dagster")),
        *(RawRequest(kind, server, headers={"X-Large": "x" * 200_000}) for server in ("app", "dagster")),
    ]


def _not_as_json() -> list[RawRequest]:
    kind = "GraphQL other than by POST of JSON"
    query = "?query=mutation%7BreloadWorkspace%7B__typename%7D%7D"
    reads = [RawRequest(kind, "dagster", f"{path}{query}", method)
             for path, method in product(("/graphql", "/graphql/", "/%67raphql", "//graphql"), ("GET", "HEAD"))]  # fmt: skip
    types = (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "",
    )
    return reads + [
        RawRequest(kind, "dagster", "/graphql", "POST", {"Content-Type": kind_of_body}, LAUNCH)
        for kind_of_body in types
    ]
