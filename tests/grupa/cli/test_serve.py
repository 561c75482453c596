import logging
import os
import socket
import subprocess
import threading

import pytest

from grupa.cli import serve as serving
from grupa.cli.serve import refusal, serve, sign_in_warnings
from grupa_pipeline.auth.accounts import set_password
from grupa_pipeline.settings import SettingError, Settings
from grupa_pipeline.storage import file_lock
from grupa_pipeline.vocabulary.enums import UserRole


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


@pytest.mark.slow
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


@pytest.fixture
def nothing_starts(monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("something was started"))
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("something was started"))


def test_a_refusal_starts_nothing(tmp_path, nothing_starts, caplog):
    with caplog.at_level(logging.ERROR, logger="grupa"):
        assert serve(Settings(warehouse=tmp_path), "0.0.0.0", 8050, 3000) == 2
    assert "GRUPA_USERS_FILE" in caplog.text


def test_a_second_server_on_a_warehouse_is_refused_with_the_name_of_the_first(tmp_path, nothing_starts, caplog):
    with (
        file_lock.lock(tmp_path / ".service.lock", purpose="grupa serve"),
        caplog.at_level(logging.ERROR, logger="grupa"),
    ):
        assert serve(Settings(warehouse=tmp_path), "127.0.0.1", 8050, 3000) == 2
    assert f"process {os.getpid()} on {socket.gethostname()} (grupa serve, since 20" in caplog.text
    assert "--warehouse" in caplog.text


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


def test_ports_that_a_killed_service_still_holds_are_waited_for(tmp_path, monkeypatch):
    prepared = []
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: prepared.append(1) or subprocess.CompletedProcess([], 3))
    (tmp_path / ".service.lock").write_text("process 1 on elsewhere (grupa serve, since 2026-01-01 00:00:00 UTC)")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        threading.Timer(0.3, other.close).start()
        assert serve(Settings(warehouse=tmp_path), "127.0.0.1", other.getsockname()[1], free_port()) == 3
    assert prepared


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_an_operator_is_told_who_became_an_admin_and_where_there_is_none(users):
    assert "no user of" in sign_in_warnings(Settings(users_file=users))[0]
    users.write_text(users.read_text().replace(":viewer", ""))
    (warning,) = sign_in_warnings(Settings(users_file=users))
    assert "kim: no role" in warning
    proxied = {"trust_proxy": True, "proxy_secret": "sesame", "hosts": ("grupa.example",)}
    assert "GRUPA_PROXY_GROUPS" in sign_in_warnings(Settings(**proxied))[0]
    assert sign_in_warnings(Settings(**proxied, proxy_groups={"staff": UserRole.VIEWER})) == []
