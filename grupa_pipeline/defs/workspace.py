"""Where Dagster's UI and daemon find the definitions: in one code server, which both share. Imports no Dagster.

Runs, schedules and sensors are found by the name of their code location, which is also that of the project's own
`workspace.yaml` for `dagster dev`.
"""

import hashlib
import json
import os
import tempfile
from pathlib import Path

_MOST_SOCKET_BYTES = 100
"""Linux takes 107 bytes of a socket's path; the server's library adds some of its own."""

_WORKSPACE_YAML = """\
# Written by grupa: the code server that `grupa serve` runs.
load_from:
  - grpc_server:
      socket: {socket}
      location_name: grupa
"""


class UnsafeSocketFolderError(OSError):
    """The folder for the code server's socket belongs to somebody else."""


def workspace_file(home: Path) -> Path:
    """The workspace that Dagster's UI and daemon load under `grupa serve`; `home` is Dagster's."""
    return home / "grupa_workspace.yaml"


def code_server_socket(home: Path) -> Path:
    """The socket of the code server of `home`: in it, else in a folder of this user's own where the path is too long.

    Raises:
        UnsafeSocketFolderError: Somebody else made that folder.
    """
    socket = home.absolute() / "code_server.sock"
    if len(os.fsencode(socket)) <= _MOST_SOCKET_BYTES:
        return socket
    name = hashlib.sha256(os.fsencode(home.absolute())).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"grupa-{os.getuid()}-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise UnsafeSocketFolderError(f"{folder} belongs to somebody else; remove it, or set TMPDIR to another folder.")
    return folder / socket.name


def write_workspace(home: Path) -> None:
    """Write the workspace of `home`."""
    text = _WORKSPACE_YAML.format(socket=json.dumps(str(code_server_socket(home)), ensure_ascii=False))
    workspace_file(home).write_text(text, encoding="utf-8")
