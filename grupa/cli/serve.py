"""`grupa serve`: the app, Dagster's UI and Dagster's daemon as three child processes that start and stop together."""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address

from grupa.cli.exit_status import ExitStatus
from grupa_pipeline.auth.accounts import AccountsError, read_accounts
from grupa_pipeline.defs.instance import prepare_home, workspace_file
from grupa_pipeline.settings import Settings

logger = logging.getLogger("grupa")

START_SECONDS = 120
STOP_SECONDS = 20


def serve(settings: Settings, host: str, port: int, dagster_port: int) -> int:
    """Serve until interrupted or until one of the processes ends; returns the exit status.

    Args:
        settings: The settings; the child processes read the same ones.
        host: Address that the app listens on; any but loopback needs users or a trusted proxy.
        port: Port of the app.
        dagster_port: Port of Dagster's UI, which listens on loopback only.
    """
    problem = refusal(settings, host) or _unavailable(host, port) or _unavailable("127.0.0.1", dagster_port)
    if problem:
        logger.error("grupa: %s", problem)
        return ExitStatus.UNUSABLE
    env = _environment(settings, host)
    processes = {name: _start(command, env) for name, command in _commands(settings, host, port, dagster_port).items()}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        _announce(
            processes,
            {
                "the app": f"http://{_address(host, port)}{settings.url_prefix}",
                "Dagster's UI": f"http://127.0.0.1:{dagster_port}{settings.dagster_prefix}/",
            },
        )
        return _watch(processes)
    except KeyboardInterrupt:
        return 0
    finally:
        _stop(processes)


def _commands(settings: Settings, host: str, port: int, dagster_port: int) -> dict[str, list[str]]:
    """The commands of the three processes, by the name that messages use."""
    app = ["gunicorn", "dash_app.app:create_server()", "--config", "python:dash_app.server.gunicorn_config"]
    log_format = "json" if settings.log_format == "json" else "colored"
    daemon = ["dagster._daemon", "run", "--log-level", "warning", "--log-format", log_format]
    modules = {
        "the app": [*app, "--bind", _address(host, port)],
        "Dagster's UI": ["grupa.cli.dagster_webserver", "--port", str(dagster_port)],
        "Dagster's daemon": [*daemon, "-w", str(workspace_file(settings.dagster_home))],
    }
    return {name: [sys.executable, "-m", *words] for name, words in modules.items()}


def refusal(settings: Settings, host: str) -> str | None:
    """Why the app may not listen on `host`: there is no sign-in, or no Host header would be accepted; None if it may."""
    if settings.users_file:
        try:
            read_accounts(settings.users_file)
        except AccountsError as error:
            return str(error)
    if is_loopback(host) or settings.trust_proxy:
        return None
    if not settings.users_file:
        return (
            f"--host {host} would let anyone on the network in. Keep 127.0.0.1, or require a sign-in: users with passwords "
            "(grupa user NAME, GRUPA_USERS_FILE), or a proxy that authenticates (GRUPA_TRUST_PROXY=1); docs/security.md."
        )
    if is_everywhere(host) and not settings.hosts:
        return (
            f"--host {host} listens on every address: set the names under which the app is opened, as in "
            "GRUPA_HOSTS=grupa.example.com, or give one address."
        )
    return None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    address = _ip_address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def is_everywhere(host: str) -> bool:
    """Whether `host` stands for all addresses of this machine."""
    address = _ip_address(host)
    return address is not None and address.is_unspecified


def _ip_address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None  # a name


def _unavailable(host: str, port: int) -> str | None:
    """Why no server can listen on that address; None if it can."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return f"cannot listen on {host}:{port} ({error.strerror}); choose another with --port or --dagster-port."
        except TypeError:  # Python's error for a host with a NUL byte, for example
            return f"--host {host!r} is neither a name nor an address; give one of this machine, such as 127.0.0.1."
    return None


def _environment(settings: Settings, host: str) -> dict[str, str]:
    hosts = settings.hosts if is_loopback(host) or is_everywhere(host) else (*settings.hosts, host.lower())
    variables = {
        "GRUPA_WAREHOUSE": str(settings.warehouse),
        "GRUPA_HOSTS": " ".join(hosts),
        "GRUPA_WINDOW_DAYS": str(settings.window_days),
        "DAGSTER_HOME": str(prepare_home(settings)),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "PYTHONWARNINGS": "ignore",
    }
    return os.environ | variables


def _start(command: list[str], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    # In a session of its own: an interrupt at the terminal reaches only this process, which stops the children in order.
    return subprocess.Popen(command, env=dict(env), start_new_session=True)  # noqa: S603 - built by _commands


def _announce(processes: Mapping[str, subprocess.Popen[bytes]], addresses: Mapping[str, str]) -> None:
    """Print each address as soon as it answers."""
    waiting, deadline = dict(addresses), time.monotonic() + START_SECONDS
    while waiting and time.monotonic() < deadline and all(process.poll() is None for process in processes.values()):
        for name, address in list(waiting.items()):
            if _answers(address):
                print(f"{name[0].upper()}{name[1:]}: {address}", flush=True)
                del waiting[name]
        time.sleep(0.2)
    for name, address in waiting.items():
        logger.error("%s does not answer at %s.", name, address)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):  # noqa: S310 - an http address built above
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def _watch(processes: Mapping[str, subprocess.Popen[bytes]]) -> int:
    """Wait until one of them ends, which is a failure."""
    while True:
        for name, process in processes.items():
            if process.poll() is not None:
                logger.error("%s ended with status %s; the others are stopped.", name, process.returncode)
                return ExitStatus.FAILED
        time.sleep(0.5)


def _stop(processes: Mapping[str, subprocess.Popen[bytes]]) -> None:
    for process in processes.values():
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes.values():
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
