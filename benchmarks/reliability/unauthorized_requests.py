"""Requests that nobody may make, sent to a real `grupa serve` on loopback; counts how many of each kind got through.

It serves twice: with a file of users, then without. Every kind but the first two is sent with a good session, so that it is not
the missing session that stops it; honest requests must pass, so that it is not a server that refuses everything.
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

from benchmarks.reliability.attack_requests import Request, forbidden, honest, without_session
from grupa_pipeline.auth.accounts import set_password
from tests.dash_app.synthetic import write_warehouse

PASSWORD = "the benchmark's password"
ANSWER_SECONDS, START_SECONDS = 30, 180


@dataclass
class Count:
    """What became of the requests of one kind."""

    sent: int = 0
    through: list[str] = field(default_factory=list)


def send(port: int, request: Request, host: str) -> int:
    """The status that answers a request sent byte by byte as it stands; 0 when the server closed without a word."""
    named = {"Host": host, "Connection": "close"} | dict(request.headers)
    if request.body and "Transfer-Encoding" not in named:
        named.setdefault("Content-Length", str(len(request.body)))
    lines = [f"{request.method} {request.path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items())]
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS) as wire:
        # It may be refused before it is all sent; the answer is there nevertheless.
        with suppress(BrokenPipeError, ConnectionResetError):
            wire.sendall("\r\n".join([*lines, "", ""]).encode() + request.body)
        try:
            answer = wire.recv(4096)
        except ConnectionResetError:
            return 0
    status = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
    return int(status.group(1)) if status else 0


@contextmanager
def served(users: bool) -> Iterator[tuple[dict[str, int], Path]]:
    """Ports of a `grupa serve` over a small warehouse, and its folder."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_warehouse(root)
        ports = {"app": _free_port(), "dagster": _free_port()}
        env = {"PATH": os.environ["PATH"], "HOME": folder, "GRUPA_WAREHOUSE": folder, "GRUPA_LLM": "none"}
        if users:
            set_password(root / "users", "kim", PASSWORD)
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
        raise RuntimeError(f"nobody was signed in: {answer[:200]!r}")
    return cookie.group().decode()


def attack(ports: Mapping[str, int], users: bool) -> tuple[dict[str, Count], list[str]]:
    """Send everything; counts by kind, and honest requests that did not pass."""
    hosts = {server: f"127.0.0.1:{port}" for server, port in ports.items()}
    cookie = sign_in(ports["app"], hosts["app"]) if users else ""
    counts: dict[str, Count] = {}
    stopped = [
        f"{each.server} {each.method} {each.path}"
        for each in honest()
        if send(ports[each.server], _with_cookie(each, cookie), hosts[each.server]) != 200
    ]
    requests = [_with_cookie(each, cookie) for each in forbidden(ports)]
    for each in [*(without_session(cookie) if users else []), *requests]:
        status = send(ports[each.server], each, hosts[each.server])
        count = counts.setdefault(each.kind, Count())
        count.sent += 1
        if status and not 400 <= status < 500:
            count.through.append(f"{status} {each.server} {each.method} {each.path[:80]} {dict(each.headers)}"[:300])
    return counts, stopped


def _with_cookie(request: Request, cookie: str) -> Request:
    return replace(request, headers={"Cookie": cookie} | dict(request.headers)) if cookie else request


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + START_SECONDS
    while log.read_text().count(": http://") < 2:
        if process.poll() is not None or time.monotonic() > give_up:
            raise RuntimeError(f"`grupa serve` did not start:\n{log.read_text()}")
        time.sleep(0.5)
