"""A real `grupa serve` whose connections somebody holds: half-sent headers and stalled uploads, without a session and with one."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import numpy as np

from benchmarks.reliability.unauthorized_requests import served, sign_in
from grupa_pipeline.vocabulary.enums import UserRole

_REOPEN_SECONDS = 5.0


@contextmanager
def half_open(port: int, count: int) -> Iterator[list[socket.socket]]:
    """`count` connections on which half a request was sent."""
    with ExitStack() as held:
        yield [held.enter_context(_half_sent(port)) for _ in range(count)]


def answer_times(connections: int, uploads: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of `/healthz` and of a signed-in request, at rest and while connections and uploads are held."""
    with served(True, UserRole.OPERATOR) as (ports, _folder), ExitStack() as held:
        port = ports["app"]
        cookie = sign_in(port, f"127.0.0.1:{port}")
        times = {"idle /healthz": _times(port, rounds, None), "idle request": _times(port, rounds, cookie)}
        for number in range(uploads):
            held.enter_context(_stalled_upload(port, cookie, number))
        held.enter_context(half_open(port, connections))
        begun = time.monotonic()
        for name, own in (("/healthz", None), ("signed-in request", cookie)):
            times[name] = []
            for _ in range(rounds):
                if time.monotonic() - begun > _REOPEN_SECONDS:  # the server ends them; somebody who attacks comes again
                    held.enter_context(half_open(port, connections))
                    begun = time.monotonic()
                times[name] += _times(port, 1, own)
    return times


def p95(seconds: list[float]) -> float:
    """Their 95th percentile."""
    return float(np.percentile(seconds, 95))


def _half_sent(port: int) -> socket.socket:
    wire = socket.create_connection(("127.0.0.1", port), timeout=30)
    wire.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
    return wire


def _stalled_upload(port: int, cookie: str, number: int) -> socket.socket:
    headers = {"Cookie": cookie, "Content-Type": "application/json"}
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/uploads", json.dumps({"name": f"x{number}.csv", "size": 100_000}), headers)
    token = json.loads(connection.getresponse().read())["token"]
    connection.close()
    wire = socket.create_connection(("127.0.0.1", port), timeout=30)
    head = (
        f"PUT /uploads/{token} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\nContent-Length: 100000\r\n\r\n"
    )
    wire.sendall(head.encode() + b"user_id,")
    return wire


def _times(port: int, rounds: int, cookie: str | None) -> list[float]:
    """Seconds of each request: `/healthz`, or with a session the layout, as each opening of the app asks for it."""
    seconds = []
    for _ in range(rounds):
        begun = time.monotonic()
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request(
            "GET", "/_dash-layout" if cookie else "/healthz", headers={"Cookie": cookie} if cookie else {}
        )
        answer = connection.getresponse()
        answer.read()
        connection.close()
        if answer.status != 200:
            raise RuntimeError(f"answered {answer.status}")
        seconds.append(time.monotonic() - begun)
    return seconds


def warehouse_in(folder: Path) -> Path:
    """A small warehouse in `folder`."""
    from dash_app.roadmap.store import Roadmap
    from tests.dash_app.synthetic import write_warehouse

    folder.mkdir(parents=True)
    write_warehouse(folder)
    Roadmap(folder).ensure()
    return folder
