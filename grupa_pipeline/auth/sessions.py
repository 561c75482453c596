"""Sessions of signed-in users: the key, the signed cookie's value, and the store of sign-in attempts and ended sessions.

Knows no web framework: the app and the guard of Dagster's UI share it, so one sign-in opens both.
"""

import hashlib
import os
import secrets
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from itsdangerous import BadData, URLSafeTimedSerializer

SESSION_SECONDS = 12 * 3600
THROTTLE_SECONDS = 15 * 60
MAX_FAILURES = {"name": 10, "address": 50}
"""Wrong passwords within THROTTLE_SECONDS after which no more are checked, by name and by IP address."""

_KEY_BYTES = 32


class Sessions:
    """Begins, reads and ends the sessions of one warehouse; shared by all processes that serve it."""

    def __init__(self, warehouse: Path, clock: Callable[[], float] = time.time) -> None:
        warehouse.mkdir(parents=True, exist_ok=True)
        self._signer = URLSafeTimedSerializer(
            session_key(warehouse / ".session_key"),
            salt="grupa session",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )
        self._store = SignInStore(warehouse / ".sign_in.sqlite", clock)

    def begin(self, name: str, password_hash: str) -> str:
        """The cookie's value for a user who signed in."""
        return self._signer.dumps([name, _stamp(password_hash), secrets.token_hex(16)])

    def user(self, cookie: str | None, accounts: Mapping[str, str]) -> str | None:
        """The session's user; None when it is forged, expired or ended, or the user was removed or has another password."""
        if not cookie:
            return None
        try:
            name, stamp, session = self._signer.loads(cookie, max_age=SESSION_SECONDS)
        except (BadData, ValueError, TypeError):
            return None
        password_hash = accounts.get(name)
        if (
            password_hash is None
            or not secrets.compare_digest(stamp, _stamp(password_hash))
            or self._store.has_ended(session)
        ):
            return None
        return str(name)

    def end(self, cookie: str | None) -> None:
        """End the session; copies of its cookie are refused from now on."""
        try:
            _, _, session = self._signer.loads(cookie or "", max_age=SESSION_SECONDS)
        except (BadData, ValueError, TypeError):
            return  # not a valid session
        self._store.end(session)

    def count_attempt(self, name: str, address: str) -> bool:
        """Count a sign-in attempt; returns whether its password may be checked."""
        return self._store.add_attempt({"name": name, "address": address})

    def clear_attempts(self, name: str) -> None:
        """Delete the attempts of a user who signed in."""
        self._store.delete_attempts("name", name)


class SignInStore:
    """Sign-in attempts and ended sessions of all processes, in one SQLite file; names and addresses are hashed."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path, self._clock = path, clock
        with self._open() as con:
            con.execute("CREATE TABLE IF NOT EXISTS attempts (kind TEXT, who TEXT, at REAL)")
            con.execute("CREATE TABLE IF NOT EXISTS ended (session TEXT PRIMARY KEY, at REAL)")
        os.chmod(path, 0o600)

    def add_attempt(self, sources: Mapping[str, str]) -> bool:
        """Count an attempt of a name and an address, unless one of them has too many; returns whether it was counted."""
        now = self._clock()
        keys = [(kind, _digest(source)) for kind, source in sources.items()]
        with self._open() as con:
            con.execute("DELETE FROM attempts WHERE at < ?", [now - THROTTLE_SECONDS])
            count = "SELECT count(*) FROM attempts WHERE kind = ? AND who = ?"
            if any(con.execute(count, key).fetchone()[0] >= MAX_FAILURES[key[0]] for key in keys):
                return False
            con.executemany("INSERT INTO attempts VALUES (?, ?, ?)", [(*key, now) for key in keys])
        return True

    def delete_attempts(self, kind: str, source: str) -> None:
        """Delete the attempts of one name or address; `kind` is `name` or `address`."""
        with self._open() as con:
            con.execute("DELETE FROM attempts WHERE kind = ? AND who = ?", [kind, _digest(source)])

    def end(self, session: str) -> None:
        """Store that a session has ended, and delete those that have expired anyway."""
        now = self._clock()
        with self._open() as con:
            con.execute("DELETE FROM ended WHERE at < ?", [now - SESSION_SECONDS])
            con.execute("INSERT OR REPLACE INTO ended VALUES (?, ?)", [session, now])

    def has_ended(self, session: str) -> bool:
        """Whether a session was ended."""
        with self._open() as con:
            return con.execute("SELECT 1 FROM ended WHERE session = ?", [session]).fetchone() is not None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        con = sqlite3.connect(self._path, timeout=10, isolation_level="IMMEDIATE")
        try:
            with con:
                yield con
        finally:
            con.close()


def session_key(path: Path) -> bytes:
    """The key that signs sessions, created once and readable by its owner alone; deleting the file ends all sessions."""
    if not path.exists():
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
        try:
            os.link(draft, path)  # unlike a rename, does nothing when another process was first
        except FileExistsError:
            pass
        finally:
            os.unlink(draft)
    key = path.read_bytes()
    if len(key) < _KEY_BYTES:
        raise ValueError(
            f"{path} is too short for a key; delete it, and a new one is created (everyone signs in again)."
        )
    return key


def _stamp(password_hash: str) -> str:
    """Differs between two passwords of a user and reveals neither."""
    return _digest(f"stamp {password_hash}")[:16]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
