import logging
import socket
import subprocess
import sys
import time

import pytest

from grupa.cli import serve as serving
from grupa.cli.serve import refusal, serve
from grupa_pipeline.auth.accounts import set_password
from grupa_pipeline.settings import SettingError, Settings


@pytest.fixture
def users(tmp_path):
    set_password(tmp_path / "users", "kim", "a long enough password")
    return tmp_path / "users"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.9.1"])
def test_loopback_needs_nothing(host):
    assert refusal(Settings(), host) is None


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "10.1.2.3", "grupa.example", "127.0.0.1.evil.example", "0", "localhost."]
)
def test_any_other_address_needs_users_or_a_proxy(host):
    assert "GRUPA_USERS_FILE" in (refusal(Settings(), host) or "")
    assert refusal(Settings(trust_proxy=True, proxy_secret="sesame", hosts=("grupa.example",)), host) is None


def test_with_users_an_address_may_be_listened_on(users):
    assert refusal(Settings(users_file=users), "10.1.2.3") is None
    assert "GRUPA_HOSTS" in (refusal(Settings(users_file=users), "0.0.0.0") or "")
    assert refusal(Settings(users_file=users, hosts=("grupa.example",)), "0.0.0.0") is None


@pytest.mark.parametrize("text", [None, "", "kim:password\n"])
def test_an_unusable_file_of_users_refuses_even_loopback(tmp_path, text):
    path = tmp_path / "nobody"
    if text is not None:
        path.write_text(text)
    assert refusal(Settings(users_file=path), "127.0.0.1")


def test_a_refusal_starts_nothing(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(serving, "_start", lambda *_: pytest.fail("something was started"))
    with caplog.at_level(logging.ERROR, logger="grupa"):
        assert serve(Settings(warehouse=tmp_path), "0.0.0.0", 8050, 3000) == 2
    assert "GRUPA_USERS_FILE" in caplog.text


def test_a_port_in_use_is_reported(tmp_path, caplog):
    with socket.socket() as other, caplog.at_level(logging.ERROR, logger="grupa"):
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert serve(Settings(warehouse=tmp_path), "127.0.0.1", other.getsockname()[1], 3000) == 2
    assert "--port" in caplog.text


def test_an_invalid_host_name_is_reported(tmp_path, caplog):
    with caplog.at_level(logging.ERROR, logger="grupa"):
        assert (
            serve(
                Settings(warehouse=tmp_path, trust_proxy=True, proxy_secret="sesame", hosts=("grupa.example",)),
                "ä..b",
                8050,
                3000,
            )
            == 2
        )
    assert "--host 'ä..b'" in caplog.text


@pytest.mark.parametrize(
    ("host", "hosts", "expected"),
    [
        ("127.0.0.1", (), ""),
        ("0.0.0.0", ("a.example",), "a.example"),
        ("10.1.2.3", ("a.example",), "a.example 10.1.2.3"),
    ],
)
def test_the_child_processes_get_the_accepted_host_names(tmp_path, host, hosts, expected):
    env = serving._environment(Settings(warehouse=tmp_path, hosts=hosts), host)
    assert env["GRUPA_HOSTS"] == expected
    assert Settings.from_env(env).hosts == tuple(expected.split())


def test_users_and_a_trusted_proxy_together_are_refused():
    with pytest.raises(SettingError, match="only one of them"):
        Settings.from_env({"GRUPA_USERS_FILE": "users", "GRUPA_TRUST_PROXY": "1"})


@pytest.mark.parametrize(
    ("variables", "missing"),
    [
        ({"GRUPA_HOSTS": "grupa.example"}, "GRUPA_PROXY_SECRET"),
        ({"GRUPA_PROXY_SECRET": "sesame"}, "GRUPA_HOSTS"),
        ({"GRUPA_HOSTS": "grupa.example", "GRUPA_PROXY_ADDRESSES": "10.1"}, "GRUPA_PROXY_ADDRESSES"),
    ],
)
def test_a_proxy_that_nobody_can_recognise_is_refused(variables, missing):
    with pytest.raises(SettingError, match=missing):
        Settings.from_env({"GRUPA_TRUST_PROXY": "1"} | variables)


_SERVE = """
import subprocess, sys
from pathlib import Path
from grupa.cli import serve as serving
from grupa_pipeline.settings import Settings

CHILD = '''
import signal, sys, time
def stop(*_):
    time.sleep(0.5)  # a request in progress ends
    open(sys.argv[1], "w").write("ended")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
open(sys.argv[1], "w").write("up")
while True: time.sleep(1)
'''
names = iter("abc")
folder = Path(sys.argv[1])
serving._start = lambda *_: subprocess.Popen([sys.executable, "-c", CHILD, str(folder / next(names))], start_new_session=True)
serving._announce = lambda *_: None
sys.exit(serving.serve(Settings(warehouse=folder / "warehouse"), "127.0.0.1", int(sys.argv[2]), int(sys.argv[3])))
"""


@pytest.mark.slow
def test_sigterm_lets_requests_end_and_stops_all_processes_with_status_0(tmp_path):
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(str(free.getsockname()[1]))
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", _SERVE, str(tmp_path), *ports])
    try:
        up = [tmp_path / name for name in "abc"]
        deadline = time.monotonic() + 120
        while not all(path.exists() and path.read_text() == "up" for path in up):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)
        process.terminate()
        assert process.wait(60) == 0
        assert [path.read_text() for path in up] == ["ended"] * 3
    finally:
        process.kill()
