import asyncio
from typing import Any

import pytest

from grupa_pipeline.dagster_ui import Guard

OWN = {"host": "127.0.0.1:3000"}
JSON = {"content-type": "application/json"}


def scope(method: str = "GET", path: str = "/", query: str = "", kind: str = "http", **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {
        "type": kind,
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in (OWN | named).items()],
    }


async def _never(*_: object) -> None:
    raise AssertionError("a refused request was passed on")


GUARD = Guard(_never, 3000)


@pytest.mark.parametrize(
    "request_",
    [
        scope(),
        scope(host="localhost:3000"),
        scope("POST", "/graphql", **{"content_type": "application/json"}),
        scope("POST", "/graphql", content_type="application/json; charset=utf-8", origin="http://localhost:3000"),
        scope(sec_fetch_site="none"),
        scope("GET", "/graphql"),
        scope(kind="websocket", path="/graphql", origin="http://127.0.0.1:3000"),
    ],
)
def test_its_own_pages_are_let_through(request_: dict[str, Any]) -> None:
    assert GUARD.refusal(request_) is None


@pytest.mark.parametrize(
    "request_",
    [
        scope(host="evil.example"),
        scope(host="127.0.0.1:3001"),
        scope(host="127.0.0.1.evil.example:3000"),
        scope(origin="http://evil.example"),
        scope(origin="null"),
        scope(sec_fetch_site="cross-site"),
        scope(sec_fetch_site="same-site"),
        scope("GET", "/graphql", "query=mutation"),
        scope("GET", "/graphql/", "query=mutation"),
        scope("POST", "/graphql"),
        scope("POST", "/graphql", content_type="text/plain"),
        scope("POST", "/graphql", content_type="multipart/form-data"),
        scope("POST", "/report_asset_materialization/x", content_type="application/x-www-form-urlencoded"),
        scope("DELETE", "/graphql"),
        scope(kind="websocket", path="/graphql"),
        scope(kind="websocket", path="/graphql", origin="http://evil.example"),
    ],
)
def test_what_comes_from_elsewhere_is_refused(request_: dict[str, Any]) -> None:
    assert GUARD.refusal(request_)
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(GUARD(request_, _never, send))
    assert sent[0].get("status", 403) == 403
    assert sent[0]["type"] in ("http.response.start", "websocket.close")
