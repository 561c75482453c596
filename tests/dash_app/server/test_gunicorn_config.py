import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

import pytest


@pytest.mark.slow
def test_each_request_is_told_as_fields_without_its_query(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "wsgiref.simple_server:demo_app"]
    command += ["--config", "python:dash_app.server.gunicorn_config", "--bind", f"127.0.0.1:{port}"]
    env = os.environ | {"GRUPA_LOG_FORMAT": "json"}
    with (tmp_path / "lines").open("w") as lines, subprocess.Popen(command, env=env, stderr=lines) as server:
        try:
            assert _asked(f"http://127.0.0.1:{port}/clusters?user=u-4714") == 200
        finally:
            server.terminate()
    told = [json.loads(line) for line in (tmp_path / "lines").read_text().splitlines()]
    request = next(each for each in told if each["event"] == "request")
    assert (request["method"], request["path"], request["status"]) == ("GET", "/clusters", 200)
    assert request["seconds"] >= 0
    assert "u-4714" not in (tmp_path / "lines").read_text()


def _asked(address: str) -> int:
    give_up = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return answer.status
        except OSError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.2)
