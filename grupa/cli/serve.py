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
from ipaddress import ip_address

from grupa_pipeline.auth.accounts import AccountsError, read_accounts
from grupa_pipeline.defs.instance import prepare_home, workspace_file
from grupa_pipeline.settings import Settings

logger = logging.getLogger("grupa")

START_SECONDS = 120
STOP_SECONDS = 20
EXIT_FAILED, EXIT_UNUSABLE = 1, 2


def serve(settings: Settings, host: str, port: int, dagster_port: int) -> int:
    """Serve until interrupted or until one of the processes ends; returns the exit status."""
    problem = refusal(settings, host) or _taken(host, port) or _taken("127.0.0.1", dagster_port)
    if problem:
        logger.error("grupa: %s", problem)
        return EXIT_UNUSABLE
    env = _environment(settings, host)
    processes = {
        "the app": _start(
            [
                sys.executable,
                "-m",
                "gunicorn",
                "dash_app.app:create_server()",
                "--config",
                "python:dash_app.server.gunicorn_config",
                "--bind",
                _address(host, port),
            ],
            env,
        ),
        "Dagster's UI": _start([sys.executable, "-m", "grupa.cli.dagster_webserver", "--port", str(dagster_port)], env),
        "Dagster's daemon": _start(
            [
                sys.executable,
                "-m",
                "dagster._daemon",
                "run",
                "--log-level",
                "warning",
                "--log-format",
                "json" if settings.log_format == "json" else "colored",
                "-w",
                str(workspace_file(settings.dagster_home)),
            ],
            env,
        ),
    }
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        _announce(
            processes,
            {"the app": f"http://{_address(host, port)}/", "Dagster's UI": f"http://127.0.0.1:{dagster_port}/"},
        )
        return _watch(processes)
    except KeyboardInterrupt:
        return 0
    finally:
        _stop(processes)


def refusal(settings: Settings, host: str) -> str | None:
    """Why the app may not listen on `host`: nobody signs in there, or nobody could open it."""
    if settings.users_file:
        try:
            read_accounts(settings.users_file)
        except AccountsError as error:
            return str(error)
    if is_loopback(host) or settings.trust_proxy:
        return None
    if not settings.users_file:
        return (
            f"--host {host} would let anyone on the network in. Keep 127.0.0.1, or say who may: users with passwords "
            "(grupa user NAME, GRUPA_USERS_FILE), or a proxy that signs people in (GRUPA_TRUST_PROXY=1); docs/security.md."
        )
    if is_everywhere(host) and not settings.hosts:
        return (
            f"--host {host} listens on every address: say under which names people open the app, as in "
            "GRUPA_HOSTS=grupa.example.com, or give one address."
        )
    return None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    return host == "localhost" or _is(host, "is_loopback")


def is_everywhere(host: str) -> bool:
    """Whether `host` stands for all addresses of this machine."""
    return _is(host, "is_unspecified")


def _is(host: str, kind: str) -> bool:
    try:
        return getattr(ip_address(host), kind)
    except ValueError:
        return False  # a name


def _taken(host: str, port: int) -> str | None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return f"cannot listen on {host}:{port} ({error.strerror}); choose another with --port or --dagster-port."
        except TypeError:  # what Python says of a host that no name can be
            return f"--host {host!r} is no name and no address; give one of this machine, such as 127.0.0.1."
    return None


def _environment(settings: Settings, host: str) -> dict[str, str]:
    named = settings.hosts if is_loopback(host) or is_everywhere(host) else (*settings.hosts, host.lower())
    own = {
        "GRUPA_WAREHOUSE": str(settings.warehouse),
        "GRUPA_HOSTS": " ".join(named),
        "GRUPA_WINDOW_DAYS": str(settings.window_days),
        "DAGSTER_HOME": str(prepare_home(settings)),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "PYTHONWARNINGS": "ignore",
    }
    return os.environ | own


def _start(command: list[str], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    # Its own session, so that an interrupt at the terminal reaches us alone and we stop the children in order.
    return subprocess.Popen(command, env=dict(env), start_new_session=True)  # noqa: S603 - our own command


def _announce(processes: Mapping[str, subprocess.Popen[bytes]], addresses: Mapping[str, str]) -> None:
    """Print each address when it answers."""
    waiting, give_up = dict(addresses), time.monotonic() + START_SECONDS
    while waiting and time.monotonic() < give_up and all(process.poll() is None for process in processes.values()):
        for name, address in list(waiting.items()):
            if _answers(address):
                print(f"{name[0].upper()}{name[1:]}: {address}", flush=True)
                del waiting[name]
        time.sleep(0.2)
    for name, address in waiting.items():
        logger.error("%s does not answer at %s.", name, address)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):  # noqa: S310 - an address of ours
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def _watch(processes: Mapping[str, subprocess.Popen[bytes]]) -> int:
    """Wait until one of them ends, which none should."""
    while True:
        for name, process in processes.items():
            if process.poll() is not None:
                logger.error("%s ended with status %s; stopping the others.", name, process.returncode)
                return EXIT_FAILED
        time.sleep(0.5)


def _stop(processes: Mapping[str, subprocess.Popen[bytes]]) -> None:
    for process in processes.values():
        if process.poll() is None:
            process.terminate()
    give_up = time.monotonic() + STOP_SECONDS
    for process in processes.values():
        try:
            process.wait(max(0.1, give_up - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
