"""Sends requests that must be refused to a real `grupa serve` on loopback, and counts how many of each kind were served.

It serves twice: with a file of users, then without. Every kind but the first two is sent with a valid session, so that it is
not refused for the lack of one; allowed requests must be served, so that a server that refuses everything does not pass.
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.reliability.attack_requests import RawRequest, allowed_requests, forbidden_requests, without_session
from grupa_pipeline.auth.accounts import set_password
from grupa_pipeline.vocabulary.enums import UserRole
from tests.dash_app.synthetic import write_warehouse

PASSWORD = "the benchmark's password"
ANSWER_SECONDS, START_SECONDS = 30, 180


@dataclass
class RequestCounts:
    """Requests of one kind: how many were sent, and those that were served, a line each."""

    sent: int = 0
    served: list[str] = field(default_factory=list)


def send(port: int, request: RawRequest, host: str) -> int:
    """Status of the response to a request that is sent byte by byte as it is; 0 when the server closed the connection."""
    named = {"Host": host, "Connection": "close"} | dict(request.headers)
    if request.body and "Transfer-Encoding" not in named:
        named.setdefault("Content-Length", str(len(request.body)))
    lines = [f"{request.method} {request.path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items())]
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS) as wire:
        # It may be refused before it is sent completely; the response is there nevertheless.
        with suppress(BrokenPipeError, ConnectionResetError):
            wire.sendall("\r\n".join([*lines, "", ""]).encode() + request.body)
        try:
            answer = wire.recv(4096)
        except ConnectionResetError:
            return 0
    status = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
    return int(status.group(1)) if status else 0


@contextmanager
def served(users: bool, role: UserRole = UserRole.VIEWER) -> Iterator[tuple[dict[str, int], Path]]:
    """Ports of a `grupa serve` over a small warehouse, and its folder; with `users` there is one, of a role."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_warehouse(root)
        ports = {"app": _free_port(), "dagster": _free_port()}
        env = {"PATH": os.environ["PATH"], "HOME": folder, "GRUPA_WAREHOUSE": folder, "GRUPA_LLM": "none"}
        if users:
            set_password(root / "users", "kim", PASSWORD, role)
            env["GRUPA_USERS_FILE"] = str(root / "users")
        options = ["--port", str(ports["app"]), "--dagster-port", str(ports["dagster"])]
        command = [sys.executable, "-m", "grupa.cli.main", "serve", *options]
        with (root / "serve.log").open("wb") as log:
            process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        try:
            _wait(process, root / "serve.log")
            yield ports, root
        finally:
            process.terminate()
            process.wait(timeout=60)


def sign_in(port: int, host: str) -> str:
    """The cookie of a user who signs in."""
    body = f"name=kim&password={PASSWORD.replace(' ', '+')}".encode()
    head = f"POST /sign-in HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS) as wire:
        wire.sendall(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\n".encode() + body)
        answer = b""
        while block := wire.recv(65536):
            answer += block
    cookie = re.search(rb"grupa_session=[^;]+", answer)
    if cookie is None:
        raise RuntimeError(f"signing in failed: {answer[:200]!r}")
    return cookie.group().decode()


def attack(ports: Mapping[str, int], users: bool) -> tuple[dict[str, RequestCounts], list[str]]:
    """Send everything; returns counts by kind, and allowed requests that were refused."""
    hosts = {server: f"127.0.0.1:{port}" for server, port in ports.items()}
    cookie = sign_in(ports["app"], hosts["app"]) if users else ""
    counts: dict[str, RequestCounts] = {}
    refused = [
        f"{request.server} {request.method} {request.path}"
        for request in allowed_requests()
        if send(ports[request.server], _with_cookie(request, cookie), hosts[request.server]) != 200
    ]
    requests = [_with_cookie(request, cookie) for request in forbidden_requests(ports)]
    for request in [*(without_session(cookie) if users else []), *requests]:
        status = send(ports[request.server], request, hosts[request.server])
        count = counts.setdefault(request.kind, RequestCounts())
        count.sent += 1
        if status and not 400 <= status < 500:
            count.served.append(
                f"{status} {request.server} {request.method} {request.path[:80]} {dict(request.headers)}"[:300]
            )
    return counts, refused


def _with_cookie(request: RawRequest, cookie: str) -> RawRequest:
    return replace(request, headers={"Cookie": cookie} | dict(request.headers)) if cookie else request


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + START_SECONDS
    while log.read_text().count(": http://") < 2:
        if process.poll() is not None or time.monotonic() > give_up:
            raise RuntimeError(f"`grupa serve` did not start:\n{log.read_text()}")
        time.sleep(0.5)
