"""Who among the accounts of this machine may read the warehouse: the one place where it is decided.

The mode of the warehouse's folder says it. A new one is its owner's alone (0700), or also the group's of `GRUPA_FILE_GROUP` (0750);
one that is there keeps its mode. What people open themselves, `published/` and `data/`, is readable to those who may enter the
folder, and published files can be written by nobody (0400, 0440, in open folders 0444). All else is its owner's alone: the
processes that write it create files so (`prepare`).
"""

import grp
import os
import stat
from contextlib import suppress
from pathlib import Path

from grupa_pipeline.settings import SettingError, Settings

_OWNER_ONLY, _OWNER_AND_GROUP = 0o700, 0o750
_OTHERS = stat.S_IRWXO
_FROM_VERSION_CONTROL = {"README.md", ".gitignore", ".gitkeep"}


def prepare(settings: Settings) -> None:
    """Create the warehouse's folder where there is none, and have this process create private files where it is not open to all.

    Raises:
        SettingError: `GRUPA_FILE_GROUP` is no group that its owner can give it to.
    """
    folder = settings.warehouse
    if _is_new(folder):
        group = _group(settings.file_group) if settings.file_group else None
        folder.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
        with suppress(PermissionError):  # somebody else's folder, which they let this account write to
            folder.chmod(_OWNER_ONLY)
        if group is not None:
            _give_to(folder, group, settings.file_group or "")
    if not _mode(folder) & _OTHERS:
        os.umask(0o077)


def make_readable(folder: Path, warehouse: Path) -> None:
    """Create a folder below the warehouse that those may read who may enter the warehouse."""
    missing = [each for each in (folder, *folder.parents) if each.is_relative_to(warehouse) and not each.exists()]
    for each in reversed(missing):
        each.mkdir(exist_ok=True, parents=each == warehouse)
        if each != warehouse:
            _share(each, 0o755, warehouse)


def seal(file: Path, warehouse: Path) -> None:
    """Let those read a published file who may enter the warehouse, and nobody write it."""
    _share(file, 0o444, warehouse)


def reading_warning(settings: Settings) -> str | None:
    """Why other accounts may read the warehouse, or the group may not, with what to do; None when it is as it should be."""
    folder, group = settings.warehouse, settings.file_group
    mode, name = _mode(folder), _group_name(folder)
    is_shared = mode & _OWNER_AND_GROUP == _OWNER_AND_GROUP and name == group
    if group and (mode & _OTHERS or not is_shared):
        said = f"GRUPA_FILE_GROUP is {group}, and the folder was made before: its mode is {mode:o}, its group {name}."
        shared = " ".join(f"'{folder}/{each}'" for each in ("published", "data"))
        return f"{said} To let that group read it: chgrp -R {group} '{folder}' && chmod -R g+rX {shared} && chmod 750 '{folder}'"
    if mode & _OTHERS:
        said = f"Other accounts of this machine may read the warehouse: the mode of {folder} is {mode:o}."
        return f"{said} To keep them out: chmod 700 '{folder}'"
    return None


def _share(path: Path, most: int, warehouse: Path) -> None:
    """Give a path the mode `most`, without what the warehouse's folder denies, and the folder's group."""
    status = warehouse.stat()
    allowed = stat.S_IMODE(status.st_mode)
    mode = most & (0o700 | (0o070 if allowed & stat.S_IRGRP else 0) | (0o007 if allowed & stat.S_IROTH else 0))
    with suppress(PermissionError):
        os.chown(path, -1, status.st_gid)
    path.chmod(mode)


def _is_new(folder: Path) -> bool:
    return not folder.exists() or (
        folder.is_dir() and {each.name for each in folder.iterdir()} <= _FROM_VERSION_CONTROL
    )


def _group(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError as error:
        raise SettingError(
            f"GRUPA_FILE_GROUP is {name!r}, and this machine has no such group; name the group of those who may read the "
            "warehouse's tables, as `getent group` lists it."
        ) from error


def _give_to(folder: Path, group: int, name: str) -> None:
    try:
        os.chown(folder, -1, group)
    except PermissionError as error:
        raise SettingError(
            f"GRUPA_FILE_GROUP is {name}, to which the account that runs Grupa does not belong; add it to the group."
        ) from error
    folder.chmod(_OWNER_AND_GROUP)


def _mode(folder: Path) -> int:
    return stat.S_IMODE(folder.stat().st_mode)


def _group_name(folder: Path) -> str:
    number = folder.stat().st_gid
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
