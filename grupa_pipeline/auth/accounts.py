"""The file of people who may open the app: one line each, `name:hash of the password`, never a password.

What a session is stands in sessions.py, the pages in door.py.
"""

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from grupa_pipeline.settings import SettingError

LEAST_PASSWORD, MOST_PASSWORD = 8, 1024
_NAME = re.compile(r"[^\W_][\w.@+-]{0,63}")
_HASH = re.compile(r"scrypt:\d+:\d+:\d+\$[^$]+\$[0-9a-f]{128}")
_NOBODY = "scrypt:32768:8:1$nobody$" + "0" * 128
"""What a password is compared with when there is no such user, so that the answer takes as long."""


class AccountsError(SettingError):
    """The file of users, a name or a password cannot be used; the message says why and what to do."""


def read_accounts(path: Path) -> dict[str, str]:
    """Hash of the password by name.

    Raises:
        AccountsError: The file does not open, a line is no account, or there is none.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise AccountsError(
            f"The file of users {path} does not open: {reason}. Make it with: grupa user NAME"
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
        raise AccountsError(f"The file of users {path} names nobody. Add a user with: grupa user NAME")
    return accounts


def is_right(accounts: Mapping[str, str], name: str, password: str) -> bool:
    """Whether it is that user's password; takes as long for a name that is not there."""
    from werkzeug.security import check_password_hash

    known = accounts.get(name)
    right = check_password_hash(known or _NOBODY, password[:MOST_PASSWORD])
    return right and known is not None and len(password) <= MOST_PASSWORD


def keep_account(path: Path, name: str, password: str) -> bool:
    """Add a user to the file, or change their password; others' lines stay. Returns whether the user is new.

    The file is replaced as a whole and readable by its owner alone.

    Raises:
        AccountsError: The name or the password cannot be used, or the file does not open.
    """
    from werkzeug.security import generate_password_hash

    if not _NAME.fullmatch(name):
        raise AccountsError(f"{name!r} is no name for a user: letters, digits and . _ @ + - only, at most 64.")
    if not LEAST_PASSWORD <= len(password) <= MOST_PASSWORD:
        raise AccountsError(f"A password has {LEAST_PASSWORD} to {MOST_PASSWORD:,} characters.")
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        others = [line for line in lines if line.strip().partition(":")[0] != name]
        _replace(path, "\n".join([*others, f"{name}:{generate_password_hash(password, 'scrypt')}"]) + "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise AccountsError(f"The file of users {path} cannot be changed: {error}.") from error
    return len(others) == len(lines)


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp makes it readable by the owner alone.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    os.replace(name, path)
