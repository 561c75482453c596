"""Sessions of people who signed in: the key, the signed cookie's value, and the ledger of attempts and sign-outs.

Knows no web framework: the app and the guard before Dagster's UI share it, so one sign-in opens both.
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
MOST_FAILURES = {"name": 10, "address": 50}
"""Wrong passwords within THROTTLE_SECONDS after which no more are looked at."""

_KEY_BYTES = 32


class Sessions:
    """Gives out, reads and ends sessions of one warehouse; shared by all processes that serve it."""

    def __init__(self, warehouse: Path, clock: Callable[[], float] = time.time) -> None:
        warehouse.mkdir(parents=True, exist_ok=True)
        self._signer = URLSafeTimedSerializer(
            session_key(warehouse / ".session_key"),
            salt="grupa session",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )
        self._ledger = Ledger(warehouse / ".sign_in.sqlite", clock)

    def begin(self, name: str, password_hash: str) -> str:
        """The cookie's value for a user who gave the right password."""
        return self._signer.dumps([name, _stamp(password_hash), secrets.token_hex(16)])

    def user(self, cookie: str | None, accounts: Mapping[str, str]) -> str | None:
        """Whose session it is; None when it is forged, too old, ended, or of a user who is gone or changed password."""
        if not cookie:
            return None
        try:
            name, stamp, session = self._signer.loads(cookie, max_age=SESSION_SECONDS)
        except (BadData, ValueError, TypeError):
            return None
        known = accounts.get(name)
        if known is None or not secrets.compare_digest(stamp, _stamp(known)) or self._ledger.has_ended(session):
            return None
        return name

    def end(self, cookie: str | None) -> None:
        """Sign out: the cookie opens nothing from now on, whoever kept a copy."""
        try:
            _, _, session = self._signer.loads(cookie or "", max_age=SESSION_SECONDS)
        except (BadData, ValueError, TypeError):
            return  # no session of ours, so there is nothing to end
        self._ledger.end(session)

    def may_try(self, name: str, address: str) -> bool:
        """Whether another password may be looked at; counts it as an attempt."""
        return self._ledger.attempt({"name": name, "address": address})

    def was_right(self, name: str) -> None:
        """Forget the attempts at a name whose password was given."""
        self._ledger.forgive("name", name)


class Ledger:
    """What all processes must know of each other: attempts to sign in, and sessions that were ended. One SQLite file."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path, self._clock = path, clock
        with self._open() as con:
            con.execute("CREATE TABLE IF NOT EXISTS attempts (kind TEXT, who TEXT, at REAL)")
            con.execute("CREATE TABLE IF NOT EXISTS ended (session TEXT PRIMARY KEY, at REAL)")
        os.chmod(path, 0o600)

    def attempt(self, who: Mapping[str, str]) -> bool:
        """Count an attempt, unless one of its kinds has had too many; returns whether it may go on."""
        now = self._clock()
        keys = [(kind, _digest(each)) for kind, each in who.items()]
        with self._open() as con:
            con.execute("DELETE FROM attempts WHERE at < ?", [now - THROTTLE_SECONDS])
            counted = "SELECT count(*) FROM attempts WHERE kind = ? AND who = ?"
            if any(con.execute(counted, key).fetchone()[0] >= MOST_FAILURES[key[0]] for key in keys):
                return False
            con.executemany("INSERT INTO attempts VALUES (?, ?, ?)", [(*key, now) for key in keys])
        return True

    def forgive(self, kind: str, who: str) -> None:
        """Forget the attempts of one kind and name."""
        with self._open() as con:
            con.execute("DELETE FROM attempts WHERE kind = ? AND who = ?", [kind, _digest(who)])

    def end(self, session: str) -> None:
        """Note that a session has ended; what is too old to matter goes."""
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
    """The key that sessions are signed with: made once, readable by its owner alone; delete the file to end all sessions."""
    if not path.exists():
        descriptor, made = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
        try:
            os.link(made, path)  # unlike a rename, does nothing when another process was first
        except FileExistsError:
            pass
        finally:
            os.unlink(made)
    key = path.read_bytes()
    if len(key) < _KEY_BYTES:
        raise ValueError(f"{path} is no key; delete it, and a new one is made (everyone signs in again).")
    return key


def _stamp(password_hash: str) -> str:
    """Tells two passwords of a user apart, and says nothing of either."""
    return _digest(f"stamp {password_hash}")[:16]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
