"""What `grupa serve` becomes once its processes are known: a program that imports next to nothing, as it runs for years.

`python -m grupa.service.supervision` with the words of the command, which `ps` then shows. It is the same process, so that the
others know it and it keeps the lock of the warehouse.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from grupa.cli.exit_status import ExitStatus
from grupa.service.supervisor import ServiceProcess, Supervisor
from grupa_pipeline.logging_config import configure_logs

_DESCRIPTION = "SUPERVISED_SERVICE"
"""Environment variable that holds what is to be supervised; the processes of the service do not get it."""
_PATHS = ("waits_for", "creates", "needs")


def become_supervisor(
    services: Sequence[ServiceProcess], env: Mapping[str, str], on_stop: Sequence[str], lock: int, log_format: str
) -> NoReturn:
    """Replace the program of this process by the supervisor of `services`.

    Args:
        services: The processes, in the order in which they are started.
        env: Their environment.
        on_stop: A command that is run when all runs of the service have been killed.
        lock: Descriptor of the locked file that describes this process; it is emptied at the end.
        log_format: `text` or `json`.
    """
    os.set_inheritable(lock, True)
    described = {
        "services": [as_json(each) for each in services],
        "on_stop": list(on_stop),
        "lock": lock,
        "log_format": log_format,
    }
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    words = [sys.executable, "-m", "grupa.service.supervision", *sys.argv[1:]]
    os.execve(sys.executable, words, {**env, _DESCRIPTION: json.dumps(described)})  # noqa: S606 - ourselves


def as_json(service: ServiceProcess) -> dict[str, Any]:
    """What `from_json` makes the same service of."""
    values = {each.name: getattr(service, each.name) for each in fields(ServiceProcess) if each.init}
    return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}


def from_json(described: Mapping[str, Any]) -> ServiceProcess:
    """The service that `as_json` described."""
    paths = {name: Path(described[name]) for name in _PATHS if described[name]}
    return ServiceProcess(**{**described, **paths})


def main() -> int:
    """Supervise what the environment describes; returns the exit status."""
    env = dict(os.environ)
    described = json.loads(env.pop(_DESCRIPTION))
    os.set_inheritable(described["lock"], False)
    configure_logs(described["log_format"])
    try:
        services = [from_json(each) for each in described["services"]]
        stayed_up = Supervisor(services, env, described["on_stop"]).run()
    finally:
        os.ftruncate(described["lock"], 0)
    return ExitStatus.DONE if stayed_up else ExitStatus.FAILED


if __name__ == "__main__":
    raise SystemExit(main())
