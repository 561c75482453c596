"""Tokens by which scripts and agents come in for a person: `Authorization: Bearer grupa_ID_SECRET`.

They are kept beside the accounts, as hashes. What a token may do is in its scopes, and never more than its owner may at that
moment. Which routes take one, and with which scope, is in permissions.py.
"""

import hashlib
import hmac
import json
import logging
import os
import re
import secrets
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from grupa_pipeline.auth.accounts import ROLELESS, Account, AccountsError, SignedInUser
from grupa_pipeline.auth.open_sessions import open_store
from grupa_pipeline.auth.permissions import SCOPE_ROLES
from grupa_pipeline.vocabulary.enums import TokenScope, UserRole

log = logging.getLogger(__name__)

DEFAULT_DAYS, MAX_DAYS = 90, 366
MAX_TOKENS = 20
"""Valid tokens of one owner."""
BEGINNING = "grupa_"
"""What every token begins with, so that programs which look for leaked secrets find it."""
_DAY = 24 * 3600
_NOTED_EVERY = 60
"""Seconds between two notes of a token's use."""
_NAME = re.compile(r"[^\W_][\w.-]{0,39}")
_TOKEN = re.compile(rf"{BEGINNING}([0-9a-f]{{12}})_([\w-]{{43}})", re.ASCII)
_COLUMNS = "token_id, owner, name, scopes, hash, created, expires, used, revoked"


class TokenError(AccountsError):
    """A token cannot be created or revoked so; the message says why and what to do."""


@dataclass(frozen=True)
class AccessToken:
    """A token, without its secret.

    Attributes:
        token_id: Its id, a part of the token.
        owner: Name of the user for whom it comes in.
        name: What its owner called it.
        scopes: What it may be used for.
        created, expires: When it was made, and when it ends (UTC).
        used: When it was last used, to the minute (UTC); None for never.
        revoked: When it was revoked (UTC); None for never.
    """

    token_id: str
    owner: str
    name: str
    scopes: frozenset[TokenScope]
    created: datetime
    expires: datetime
    used: datetime | None = None
    revoked: datetime | None = None

    @property
    def agent(self) -> str:
        """Who it is in plans and in the audit log."""
        return f"agent:{self.name}"

    def is_valid(self, now: datetime | None = None) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked is None and (now or datetime.now(UTC)) < self.expires


class AccessTokens:
    """The tokens of one file of users, in a SQLite file beside it that its owner alone reads.

    Args:
        path: The SQLite file; created with the first token.
        clock: Returns the time in seconds.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock

    @classmethod
    def beside(cls, users_file: Path | None, warehouse: Path) -> "AccessTokens":
        """Those kept beside a file of users; in the warehouse where there is none."""
        return cls(
            users_file.with_name(f"{users_file.name}.tokens.sqlite") if users_file else warehouse / ".tokens.sqlite"
        )

    def create(self, owner: str, name: str, scopes: Collection[TokenScope], days: int = DEFAULT_DAYS) -> str:
        """Make a token; returns it, which is the only time that anybody sees it.

        Raises:
            TokenError: The name, the days or the scopes cannot be used, or there are too many.
        """
        _check(name, scopes, days)
        token_id, secret, now = secrets.token_hex(6), secrets.token_urlsafe(32), self._clock()
        with open_store(self._path) as con:
            os.chmod(self._path, 0o600)
            con.execute(
                "CREATE TABLE IF NOT EXISTS tokens (token_id TEXT PRIMARY KEY, owner TEXT, name TEXT, scopes TEXT, hash TEXT, "
                "created REAL, expires REAL, used REAL, revoked REAL)"
            )
            valid = con.execute(
                "SELECT owner, name FROM tokens WHERE revoked IS NULL AND expires > ?", [now]
            ).fetchall()
            if any(each[1] == name for each in valid):
                raise TokenError(f"There is a token {name!r} already; take another name, or revoke that one first.")
            if sum(each[0] == owner for each in valid) >= MAX_TOKENS:
                raise TokenError(f"{owner} has {MAX_TOKENS} tokens, the most there may be; revoke one first.")
            row = [token_id, owner, name, json.dumps(sorted(scopes)), _hash(secret), now, now + days * _DAY]
            con.execute(f"INSERT INTO tokens VALUES ({', '.join('?' * len(row))}, NULL, NULL)", row)
        return f"{BEGINNING}{token_id}_{secret}"

    def find(self, text: str) -> AccessToken | None:
        """The token of that text, and a note of its use; None where it is forged, expired or revoked."""
        parts = _TOKEN.fullmatch(text)
        found = next(iter(self._select("token_id = ?", parts[1])), None) if parts else None
        if parts is None or found is None or not hmac.compare_digest(found[1], _hash(parts[2])):
            return None
        token = found[0]
        if not token.is_valid(_moment(self._clock())):
            return None
        self._note_use(token)
        return token

    def of(self, owner: str) -> list[AccessToken]:
        """The valid tokens of an owner, the newest first."""
        now = _moment(self._clock())
        return [token for token, _ in self._select("owner = ? ORDER BY created DESC", owner) if token.is_valid(now)]

    def revoke(self, owner: str, which: str) -> AccessToken:
        """Revoke a token of an owner by its name or id, from the next request on; returns it.

        Raises:
            TokenError: They have no such token.
        """
        found = next((each for each in self.of(owner) if which in (each.name, each.token_id)), None)
        if found is None:
            raise TokenError(f"{owner} has no valid token {which!r}.")
        with open_store(self._path) as con:
            con.execute("UPDATE tokens SET revoked = ? WHERE token_id = ?", [self._clock(), found.token_id])
        return found

    def _select(self, where: str, value: str) -> list[tuple[AccessToken, str]]:
        if not self._path.exists():
            return []
        with open_store(self._path) as con:
            rows = con.execute(f"SELECT {_COLUMNS} FROM tokens WHERE {where}", [value]).fetchall()
        return [(_token(row), row[4]) for row in rows]

    def _note_use(self, token: AccessToken) -> None:
        now = self._clock()
        if token.used is not None and abs(now - token.used.timestamp()) < _NOTED_EVERY:
            return
        try:
            with open_store(self._path) as con:
                con.execute("UPDATE tokens SET used = ? WHERE token_id = ?", [now, token.token_id])
        except sqlite3.OperationalError:  # the folder of the accounts may be read-only here
            log.warning("the use of a token could not be noted in %s", self._path, exc_info=True)


def bearer(header: str) -> str | None:
    """The token of an Authorization header; None where it is no `Bearer`."""
    kind, _, text = header.partition(" ")
    return text.strip() if kind.lower() == "bearer" else None


def token_user(token: AccessToken, accounts: Mapping[str, Account] | None) -> SignedInUser | None:
    """Whom a token comes in for, with what it may do: no more than its scopes need, and than its owner may now.

    Args:
        token: A valid token.
        accounts: The accounts by name; None where there is no file of users.

    Returns:
        The user; None when the owner's account is gone.
    """
    most = UserRole.highest(SCOPE_ROLES[scope] for scope in token.scopes)
    if most is None or (accounts is not None and token.owner not in accounts):
        return None
    own = ROLELESS if accounts is None else accounts[token.owner].role
    return SignedInUser(token.owner, most if own.may(most) else own)


def _check(name: str, scopes: Collection[TokenScope], days: int) -> None:
    if not _NAME.fullmatch(name):
        raise TokenError(f"{name!r} cannot be a token's name: letters, digits and . _ - only, at most 40.")
    if not scopes:
        raise TokenError(f"Say what the token is for: {', '.join(TokenScope)}.")
    if not 1 <= days <= MAX_DAYS:
        raise TokenError(f"A token holds for 1 to {MAX_DAYS} days.")


def _token(row: tuple[str, str, str, str, str, float, float, float | None, float | None]) -> AccessToken:
    token_id, owner, name, scopes, _, created, expires, used, revoked = row
    ends = [_moment(each) if each is not None else None for each in (used, revoked)]
    kinds = frozenset(TokenScope(each) for each in json.loads(scopes))
    return AccessToken(token_id, owner, name, kinds, _moment(created), _moment(expires), *ends)


def _hash(secret: str) -> str:
    # The secret has 256 random bits: it needs no slow hash.
    return hashlib.sha256(secret.encode()).hexdigest()


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
