"""The roles file of a warehouse: read, edited atomically under a lock, every former version kept in `roles-history/`."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.event_catalog.roles_edit import RolesEdit, edit_roles
from grupa_pipeline.event_catalog.roles_file import read_text
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import warehouse
from grupa_pipeline.storage.audit_log import AuditAction, record


class RolesNotWritableError(RuntimeError):
    """The roles file may not be written here; `lines` is what to add to it by hand."""

    def __init__(self, path: Path, lines: str, reason: str) -> None:
        super().__init__(f"{path} cannot be written here ({reason}). Add these lines to it where it is kept:")
        self.lines = lines


def roles_path(settings: Settings) -> Path:
    """The roles file: the one that the settings name, else `roles.toml` in the warehouse, whether or not it exists."""
    return settings.roles_file or settings.default_roles_file


def load_roles(settings: Settings) -> Roles:
    """What people say of the log; names decide where they say nothing.

    Raises:
        RolesError: The file cannot be used, or the settings name one that is missing.
    """
    exists = settings.roles_file is not None or settings.default_roles_file.exists()
    return Roles.load(roles_path(settings) if exists else None)


def edit_file(settings: Settings, edit: RolesEdit) -> None:
    """Apply an edit to the roles file; a new file where there is none.

    Raises:
        RolesError: The file cannot be used as it is.
        RolesNotWritableError: It may not be written; nothing has changed.
    """
    path = roles_path(settings)
    with _lock(settings.warehouse):
        before = read_text(path) if path.exists() else ""
        after = edit_roles(before, edit, path.name)
        if after == before:
            return
        try:
            _write(path, after)
        except OSError as error:
            raise RolesNotWritableError(path, edit_roles("", edit, path.name), error.strerror or "refused") from error
        if before:
            _keep(settings.warehouse, before)
    record(settings.warehouse, AuditAction.EVENT_ROLES)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8", newline="")
        warehouse.sync(draft)
        if path.exists():
            draft.chmod(path.stat().st_mode & 0o777)
        os.replace(draft, path.resolve())  # where the name is a link, its target is replaced and the link stays
    finally:
        draft.unlink(missing_ok=True)


def _keep(folder: Path, text: str) -> None:
    """Keep a former version, named by the time at which it was replaced."""
    history = folder / "roles-history"
    history.mkdir(exist_ok=True)
    (history / f"roles-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.toml").write_text(text, encoding="utf-8", newline="")


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".roles.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
