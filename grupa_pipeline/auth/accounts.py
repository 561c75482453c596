"""The file of users who may open the app: one line each, `name:hash of the password:role`, never a password.

Sessions are in sessions.py, the sign-in page in login.py.
"""

import fcntl
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grupa_pipeline.settings import SettingError
from grupa_pipeline.vocabulary.enums import UserRole

MIN_PASSWORD, MAX_PASSWORD = 12, 128
"""Of new passwords, in characters; older ones that are shorter or longer stay valid."""
_LONGEST_LOOKED_AT = 1024
HASH_METHOD = "scrypt:32768:8:3"
"""Werkzeug's name of scrypt with N = 2^15, r = 8, p = 3, one of OWASP's recommended settings (32 MB)."""
_LEAST_SCORE = 2
"""zxcvbn's score of a password that takes a million guesses at least; common ones take far fewer."""
_JUDGED = 72
_NAME = re.compile(r"[^\W_][\w.@+-]{0,63}")
_LINE = re.compile(rf"({_NAME.pattern}):(scrypt:\d+:\d+:\d+\$[^$]+\$[0-9a-f]{{128}})(?::({'|'.join(UserRole)}))?")
_NO_HASH = f"{HASH_METHOD}$nobody$" + "0" * 128
"""Compared with the password when there is no such user, so that the response takes as long."""
ROLELESS = UserRole.ADMIN
"""The role of lines without one: releases before there were roles let every user do everything."""


class AccountsError(SettingError):
    """The file of users, a name or a password cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class SignedInUser:
    """Who sent a request, and what they may do."""

    name: str
    role: UserRole


@dataclass(frozen=True)
class Account:
    """One line of the file of users.

    Attributes:
        password_hash: The hash, with the parameters that it was made with.
        role: What its user may do.
        has_role: Whether the line holds the role; those of earlier releases hold none.
    """

    password_hash: str
    role: UserRole
    has_role: bool = True


def read_accounts(path: Path) -> dict[str, Account]:
    """The accounts by user name.

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
    accounts: dict[str, Account] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = _LINE.fullmatch(line.strip())
        if parts is None:
            # The line itself is not shown: it may hold a password.
            raise AccountsError(f"{path}, line {number}: not name:hash:role. Remove the line and run: grupa user NAME")
        accounts[parts[1]] = Account(parts[2], UserRole(parts[3] or ROLELESS), has_role=bool(parts[3]))
    if not accounts:
        raise AccountsError(f"The file of users {path} holds no user. Add a user with: grupa user NAME")
    return accounts


def roleless_warning(accounts: Mapping[str, Account]) -> str | None:
    """The warning about accounts of earlier releases, who are admins until somebody says otherwise; None without any."""
    names = [name for name, account in accounts.items() if not account.has_role]
    if not names:
        return None
    return (
        f"{', '.join(names)}: no role is written for {'them, so they are admins' if len(names) > 1 else 'this user, an admin'}"
        " as in releases before there were roles. Say what each may do: grupa user NAME --role viewer|planner|operator|admin"
    )


def is_password(accounts: Mapping[str, Account], name: str, password: str) -> bool:
    """Whether it is that user's password; takes as long for an unknown name."""
    from werkzeug.security import check_password_hash

    known = accounts.get(name)
    right = check_password_hash(known.password_hash if known else _NO_HASH, password[:_LONGEST_LOOKED_AT])
    return right and known is not None and len(password) <= _LONGEST_LOOKED_AT


def set_password(path: Path, name: str, password: str, role: UserRole | None = None) -> bool:
    """Add a user to the file, or change their password; other lines stay. Returns whether the user is new.

    The file is replaced as a whole and readable by its owner alone.

    Args:
        path: The file of users.
        name: Name of the user.
        password: The new password.
        role: What they may do; default what they may do already, and `viewer` for a new user.

    Raises:
        AccountsError: The name or the password cannot be used, or the file cannot be read or written.
    """
    from werkzeug.security import generate_password_hash

    if not _NAME.fullmatch(name):
        raise AccountsError(f"{name!r} cannot be a user name: letters, digits and . _ @ + - only, at most 64.")
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise AccountsError(f"A password has {MIN_PASSWORD} to {MAX_PASSWORD} characters.")
    if _is_common(password, name):
        raise AccountsError(
            "That password is among the first that somebody would guess; take a few words that do not belong together."
        )
    return _write(path, name, generate_password_hash(password, HASH_METHOD), role)


def _is_common(password: str, name: str) -> bool:
    from zxcvbn import zxcvbn

    score: int = zxcvbn(password[:_JUDGED], user_inputs=[name, "grupa"])["score"]
    return score < _LEAST_SCORE


def set_role(path: Path, name: str, role: UserRole) -> None:
    """Change what a user may do, from their next request on; their sessions stay.

    Raises:
        AccountsError: There is no such user, or the file cannot be read or written.
    """
    _write(path, name, None, role)


def _write(path: Path, name: str, password_hash: str | None, role: UserRole | None) -> bool:
    """Write the line of a user, with what they have where nothing is given; returns whether the user is new."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.parent):
            lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
            others = [line for line in lines if line.strip().partition(":")[0] != name]
            before = read_accounts(path)[name] if len(others) < len(lines) else None
            if before is None and password_hash is None:
                raise AccountsError(f"There is no user {name} in {path}.")
            kept = Account(password_hash or "", UserRole.VIEWER) if before is None else before
            line = f"{name}:{password_hash or kept.password_hash}:{role or kept.role}"
            _replace(path, "\n".join([*others, line]) + "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise AccountsError(f"The file of users {path} cannot be changed: {error}.") from error
    return before is None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes from changing the files of users in `folder`; the lock is on the folder, for files are replaced."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, text: str) -> None:
    # mkstemp creates it readable by the owner alone.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    os.replace(name, path)
