"""Reloads this code location from within: partitions are fixed when it is loaded, and a log may bring earlier days.

`dagster code-server start`, which `grupa serve` and `dagster dev` start, loads the code in a child process, in which sensors
are evaluated. Told to, it starts a new child and ends the old one when its runs have ended; daemon and webserver notice.
"""

import logging
import os
import threading
from itertools import pairwise
from pathlib import Path

from dagster._grpc.client import DagsterGrpcClient

logger = logging.getLogger("grupa")

_RELOAD_SECONDS = 180
_reloading = threading.Lock()


def request_reload(command_line: Path | None = None) -> bool:
    """Have the code server load this code location again, in the background; returns whether there is one to do so.

    Args:
        command_line: Arguments of the parent process with a NUL after each, as the kernel shows them.
    """
    client = _code_server(command_line or Path(f"/proc/{os.getppid()}/cmdline"))
    if client is None:
        return False
    if _reloading.acquire(blocking=False):
        threading.Thread(target=_reload, args=(client,), name="reload-code-location", daemon=True).start()
    return True


def _reload(client: DagsterGrpcClient) -> None:
    try:
        client.reload_code(timeout=_RELOAD_SECONDS)
    except Exception:  # the next tick of the sensor tries again
        logger.exception("the code location could not be loaded again")
    finally:
        _reloading.release()


def _code_server(command_line: Path) -> DagsterGrpcClient | None:
    """A client of the code server that started this process; None when something else did."""
    try:
        words = command_line.read_text(encoding="utf-8", errors="replace").split("\0")
    except OSError:
        return None
    if "code-server" not in words:
        return None
    options = {name: value for name, value in pairwise(words) if name.startswith("-")}
    socket, port = options.get("--socket", options.get("-s")), options.get("--port", options.get("-p"))
    if socket:
        return DagsterGrpcClient(socket=socket)
    if port and port.isdecimal():
        return DagsterGrpcClient(host="localhost", port=int(port))
    return None
