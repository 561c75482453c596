"""`grupa serve`: the app, Dagster's code server, its UI and its daemon, kept running together.

Dagster's three processes share one code server, which loads the definitions once and launches the runs. This process
prepares them, and then becomes one that only looks after the others (`grupa.service.supervision`).
"""

import logging
import os
import socket
import subprocess
import sys
import time
from ipaddress import IPv4Address, IPv6Address, ip_address

from grupa.cli.exit_status import ExitStatus
from grupa.service.supervision import become_supervisor
from grupa.service.supervisor import ServiceProcess
from grupa_pipeline.auth.accounts import AccountsError, read_accounts, roleless_warning
from grupa_pipeline.defs.workspace import code_server_socket, workspace_file
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import file_lock
from grupa_pipeline.storage.audit_log import AuditAction, delete_old, record
from grupa_pipeline.storage.file_modes import prepare
from grupa_pipeline.storage.process_identity import ProcessIdentity
from grupa_pipeline.vocabulary.enums import UserRole

logger = logging.getLogger("grupa")

_PORT_SECONDS = 15.0
"""How long the processes of a service that was killed may take to end, and so to free their ports."""
_PREPARATION = [sys.executable, "-m", "grupa.service.preparation"]


class AlreadyServedError(Exception):
    """Another `grupa serve` has the warehouse."""


def serve(settings: Settings, host: str, port: int, dagster_port: int) -> int:
    """Serve until interrupted, or until one of the processes does not stay up; returns the exit status where nothing starts.

    Args:
        settings: The settings; the child processes read the same ones.
        host: Address that the app listens on; any but loopback needs users or a trusted proxy.
        port: Port of the app.
        dagster_port: Port of Dagster's UI, which listens on loopback only.
    """
    problem = refusal(settings, host)
    if problem:
        logger.error("grupa: %s", problem)
        return ExitStatus.UNUSABLE
    for warning in sign_in_warnings(settings):
        logger.warning("grupa: %s", warning)
    prepare(settings)
    path = settings.warehouse / ".service.lock"
    was_killed = path.exists() and path.stat().st_size > 0
    try:
        with file_lock.lock(path, purpose="grupa serve", on_wait=_refuse) as held:
            return _serve(settings, host, port, dagster_port, held, _PORT_SECONDS if was_killed else 0.0)
    except AlreadyServedError as error:
        logger.error("grupa: %s", error)
        return ExitStatus.UNUSABLE


def _serve(settings: Settings, host: str, port: int, dagster_port: int, lock: int, patience: float) -> int:
    problem = _unavailable(host, port, patience) or _unavailable("127.0.0.1", dagster_port, patience)
    if problem:
        logger.error("grupa: %s", problem)
        return ExitStatus.UNUSABLE
    env = _environment(settings, host)
    if status := subprocess.run(_PREPARATION, env=env, check=False).returncode:  # noqa: S603 - ours
        return status
    given = sorted(name for name in settings.model_fields_set if name not in ("warehouse", "llm_base_url"))
    record(settings.warehouse, AuditAction.SERVE, given)
    delete_old(settings.warehouse, settings.keep_audit_days)
    services = _services(settings, host, port, dagster_port)
    become_supervisor(services, env, [*_PREPARATION, "--stopped"], lock, settings.log_format)


def _refuse(holder: str) -> None:
    raise AlreadyServedError(
        f"this warehouse is served already, by {holder}. Stop that one, or name another folder with --warehouse."
    )


def _services(settings: Settings, host: str, port: int, dagster_port: int) -> list[ServiceProcess]:
    """The processes of the service. What Dagster's two others connect to is started before them."""
    log_format = "json" if settings.log_format == "json" else "colored"
    logs = ["--log-level", "warning", "--log-format", log_format]
    home = settings.dagster_home
    code_socket = code_server_socket(home)
    app = ["gunicorn", "dash_app.app:create_server()", "--config", "python:dash_app.server.gunicorn_config"]
    dagster = "grupa.service.dagster_process"
    code = [dagster, "code-server", "start", "--socket", str(code_socket), "--location-name", "grupa"]
    daemon = [dagster, "daemon", "run", "-w", str(workspace_file(home))]

    def python(*words: str) -> list[str]:
        return [sys.executable, "-m", *words]

    return [
        ServiceProcess(
            "the app",
            python(*app, "--bind", _address(host, port)),
            f"http://{_address(host, port)}{settings.url_prefix}",
            is_polite=True,
        ),
        ServiceProcess(
            "Dagster's code server",
            python(*code, "--module-name", "grupa_pipeline.definitions", *logs),
            creates=code_socket,
            has_worker=True,
            needs=home,
        ),
        ServiceProcess(
            "Dagster's UI",
            python("grupa.cli.dagster_webserver", "--port", str(dagster_port)),
            f"http://127.0.0.1:{dagster_port}{settings.dagster_prefix}/",
            waits_for=code_socket,
            is_polite=True,
            needs=home,
        ),
        ServiceProcess("Dagster's daemon", python(*daemon, *logs), waits_for=code_socket, needs=home),
    ]


def refusal(settings: Settings, host: str) -> str | None:
    """Why the app may not listen on `host`: there is no sign-in, or no Host header would be accepted; None if it may."""
    if settings.users_file:
        try:
            read_accounts(settings.users_file)
        except AccountsError as error:
            return str(error)
    if is_loopback(host) or settings.trust_proxy:
        return None
    if not settings.people_sign_in:
        return (
            f"--host {host} would let anyone on the network in. Keep 127.0.0.1, or require a sign-in: users with passwords "
            "(grupa user NAME, GRUPA_USERS_FILE), a provider of sign-ins (GRUPA_OIDC_ISSUER), or a proxy that authenticates "
            "(GRUPA_TRUST_PROXY=1); docs/security.md."
        )
    if is_everywhere(host) and not settings.hosts:
        return (
            f"--host {host} listens on every address: set the names under which the app is opened, as in "
            "GRUPA_HOSTS=grupa.example.com, or give one address."
        )
    return None


def sign_in_warnings(settings: Settings) -> list[str]:
    """What an operator should know about who may do what."""
    found = []
    if settings.users_file:
        accounts = read_accounts(settings.users_file)
        if warning := roleless_warning(accounts):
            found.append(warning)
        if all(account.role != UserRole.ADMIN for account in accounts.values()):
            found.append(f"no user of {settings.users_file} is an admin; make one: grupa user NAME --role admin")
    if settings.trust_proxy and not settings.proxy_groups:
        found.append(
            "whoever the proxy lets in is an admin; GRUPA_PROXY_GROUPS gives roles to groups (docs/security.md)."
        )
    return found


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


def _unavailable(host: str, port: int, patience: float = 0.0) -> str | None:
    """Why no server can listen on that address, after `patience` seconds either; None if it can."""
    deadline = time.monotonic() + patience
    while (problem := _port_problem(host, port)) and time.monotonic() < deadline:
        time.sleep(0.5)
    return problem


def _port_problem(host: str, port: int) -> str | None:
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
        "GRUPA_SERVICE_PROCESS": str(ProcessIdentity.current()),
        "DAGSTER_HOME": str(settings.dagster_home),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "FRESHNESS_DAEMON_INTERVAL_SECONDS": "300",  # freshness is counted in days
        "PYTHONWARNINGS": "ignore",
        "MALLOC_ARENA_MAX": "2",  # else each of the many idle threads keeps memory of its own
    }
    return os.environ | variables


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
