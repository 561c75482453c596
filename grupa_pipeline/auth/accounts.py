"""The file of users who may open the app: one line each, `name:hash of the password`, never a password.

Sessions are in sessions.py, the sign-in page in login.py.
"""

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from grupa_pipeline.settings import SettingError

MIN_PASSWORD, MAX_PASSWORD = 8, 1024
_NAME = re.compile(r"[^\W_][\w.@+-]{0,63}")
_HASH = re.compile(r"scrypt:\d+:\d+:\d+\$[^$]+\$[0-9a-f]{128}")
_NO_HASH = "scrypt:32768:8:1$nobody$" + "0" * 128
"""Compared with the password when there is no such user, so that the response takes as long."""


class AccountsError(SettingError):
    """The file of users, a name or a password cannot be used; the message says why and what to do."""


def read_accounts(path: Path) -> dict[str, str]:
    """The password hashes by user name.

    Raises:
        AccountsError: The file cannot be read, a line is not an account, or there is none.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise AccountsError(
            f"The file of users {path} cannot be read: {reason}. Create it with: grupa user NAME"
        ) from error
    accounts: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, hashed = line.strip().partition(":")
        if not (_NAME.fullmatch(name) and _HASH.fullmatch(hashed)):
            # The line itself is not shown: it may hold a password.
            raise AccountsError(f"{path}, line {number}: not name:hash. Remove the line and run: grupa user NAME")
        accounts[name] = hashed
    if not accounts:
        raise AccountsError(f"The file of users {path} holds no user. Add a user with: grupa user NAME")
    return accounts


def is_password(accounts: Mapping[str, str], name: str, password: str) -> bool:
    """Whether it is that user's password; takes as long for an unknown name."""
    from werkzeug.security import check_password_hash

    known = accounts.get(name)
    right = check_password_hash(known or _NO_HASH, password[:MAX_PASSWORD])
    return right and known is not None and len(password) <= MAX_PASSWORD


def set_password(path: Path, name: str, password: str) -> bool:
    """Add a user to the file, or change their password; other lines stay. Returns whether the user is new.

    The file is replaced as a whole and readable by its owner alone.

    Raises:
        AccountsError: The name or the password cannot be used, or the file cannot be read or written.
    """
    from werkzeug.security import generate_password_hash

    if not _NAME.fullmatch(name):
        raise AccountsError(f"{name!r} cannot be a user name: letters, digits and . _ @ + - only, at most 64.")
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise AccountsError(f"A password has {MIN_PASSWORD} to {MAX_PASSWORD:,} characters.")
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        others = [line for line in lines if line.strip().partition(":")[0] != name]
        _replace(path, "\n".join([*others, f"{name}:{generate_password_hash(password, 'scrypt')}"]) + "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise AccountsError(f"The file of users {path} cannot be changed: {error}.") from error
    return len(others) == len(lines)


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp creates it readable by the owner alone.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    os.replace(name, path)
