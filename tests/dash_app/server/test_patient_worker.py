"""The app's worker under slow clients: a real gunicorn with a small application behind it."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dash_app.server.patient_worker import request_size

APPLICATION = """
import dash_app.server.patient_worker as worker
worker.HEADER_SECONDS, worker.UPLOAD_GRACE_SECONDS = 3.0, 3.0

def application(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["REQUEST_METHOD"].encode(), b" ", str(len(body)).encode()]
"""
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("application")
    (folder / "slow_application.py").write_text(APPLICATION)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = int(probe.getsockname()[1])
    words = "--workers 1 --threads 2 --worker-class dash_app.server.patient_worker.PatientWorker slow_application:application"
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{free}", *words.split()]
    env = os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{Path.cwd()}"}
    server = subprocess.Popen(command, env=env, cwd=folder)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                ask(free)
                break
            except OSError:
                time.sleep(0.2)
        yield free
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0


def ask(port: int, method: str = "GET", body: bytes | None = None) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, "/", body)
    answer = connection.getresponse().read().decode()
    connection.close()
    return answer


def opened(port: int, sent: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=20)
    client.sendall(sent)
    return client


def was_closed(client: socket.socket) -> bool:
    """Whether the server closes the connection, with or without a refusal of half a body."""
    with client:
        try:
            received = client.recv(1000)
        except ConnectionResetError:
            return True
        return received == b"" or received.startswith(b"HTTP/1.1")


def test_slow_clients_hold_no_thread_and_are_closed(port: int) -> None:
    half_open = [opened(port, b"GET / HTTP/1.1\r\nHost: a\r\nX: ") for _ in range(60)]
    small_bodies = [opened(port, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab") for _ in range(20)]
    uploads = [opened(port, b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\nab") for _ in range(10)]
    began = time.monotonic()
    assert [ask(port) for _ in range(5)] == ["GET 0"] * 5
    assert ask(port, "POST", b"x" * 20_000) == "POST 20000"
    assert ask(port, "PUT", b"x" * 2_000_000) == "PUT 2000000"
    assert time.monotonic() - began < 3
    for client in (*half_open, *small_bodies, *uploads):
        assert was_closed(client)


def test_a_request_in_pieces_is_answered(port: int) -> None:
    for pieces in (
        [b"GET / HT", b"TP/1.1\r\nHost: a\r\n", b"Connection: close\r\n\r\n"],
        [b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\n", b"ab", b"cd"],
    ):
        client = opened(port, b"")
        for piece in pieces:
            client.sendall(piece)
            time.sleep(0.1)
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
        client.close()


def test_a_kept_connection_and_a_pipelined_request_are_answered(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for _ in range(3):
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"GET 0"
    connection.close()
    client = opened(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    received = b""
    while block := client.recv(1000):
        received += block
    assert received.count(b"200 OK") == 2
    client.close()


def test_one_address_cannot_take_all_places(port: int) -> None:
    waiting = [opened(port, b"GET / HT") for _ in range(130)]
    assert ask(port) == "GET 0"
    for client in waiting:
        client.close()


@pytest.mark.parametrize(
    ("begun", "size"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n", None),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27),
        (b"POST / HTTP/1.1\r\ncontent-length:  5\r\n\r\nab", 44),
        (b"POST / HTTP/1.1\r\nX: content-length: 5\r\n\r\n", 41),
    ],
)
def test_request_size(begun: bytes, size: int | None) -> None:
    assert request_size(begun) == size
