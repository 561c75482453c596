"""Sessions of signed-in users: the key, the signed cookie's value, and the store of sign-in attempts and ended sessions.

Knows no web framework: the app and the guard of Dagster's UI share it, so one sign-in opens both.
"""

import hashlib
import hmac
import math
import os
import secrets
import sqlite3
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from itsdangerous import BadData, URLSafeTimedSerializer

from grupa_pipeline.auth.accounts import Account
from grupa_pipeline.auth.open_sessions import SESSION_SECONDS, OpenSession, OpenSessions, open_store

_PAIR, _NAME = "name and address", "name"
FREE_FAILURES = {_PAIR: 9, _NAME: 30}
"""Wrong passwords that cost no waiting, of a name from one IP address and of a name from all addresses together.

With the waits that follow, fewer than 100 passwords of a name are looked at within any hour (ASVS 2.2.1).
"""
MAX_WAIT_SECONDS = {_PAIR: 15 * 60, _NAME: 60}
"""Longest wait before the next attempt. That of a name alone is short: who guesses it must not keep its owner out."""
FORGET_SECONDS = 24 * 3600
"""Wrong passwords are forgotten when none has followed for so long."""

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
        self._open_sessions = OpenSessions(warehouse / ".sign_in.sqlite", clock)

    def begin(self, name: str, password_hash: str, address: str = "", agent: str = "", *, part_of: str = "") -> str:
        """The cookie's value for a user who signed in from an address with a browser.

        `part_of` is the session elsewhere, such as that of a provider of sign-ins, with which this one ends (`end_part_of`).
        """
        session = secrets.token_hex(16)
        if part_of:
            session = f"{_part(part_of)}.{session}"
        self._open_sessions.begin(session, _of_user(name), address, agent)
        return self._signer.dumps([name, self._stamp(name, password_hash), session])

    def user(self, cookie: str | None, accounts: Mapping[str, Account], *, by_person: bool = True) -> str | None:
        """The session's user; None when it is forged, expired, idle or ended, or the user was removed or has another password.

        Args:
            cookie: The cookie's value.
            accounts: The accounts by name.
            by_person: Whether a person asks, and not a timer of an open page: only they keep a session from becoming idle.
        """
        if not cookie:
            return None
        try:
            name, stamp, session = self._signer.loads(cookie, max_age=SESSION_SECONDS)
        except (BadData, ValueError, TypeError):
            return None
        account = accounts.get(name)
        if (
            account is None
            or not secrets.compare_digest(str(stamp), self._stamp(str(name), account.password_hash))
            or self._store.has_ended(session, _whole(session))
            or not self._open_sessions.use(session, _of_user(str(name)), by_person=by_person)
        ):
            return None
        return str(name)

    def end(self, cookie: str | None) -> None:
        """End the session; copies of its cookie are refused from now on."""
        if session := self.session_of(cookie):
            self._end(session)

    def session_of(self, cookie: str | None) -> str | None:
        """The id of a cookie's session; None where it is no valid one."""
        try:
            _, _, session = self._signer.loads(cookie or "", max_age=SESSION_SECONDS)
        except (BadData, ValueError, TypeError):
            return None
        return str(session)

    def open_sessions(self, name: str) -> list[OpenSession]:
        """The open sessions of a user, the last used first."""
        return [
            each
            for each in self._open_sessions.of(_of_user(name))
            if not self._store.has_ended(each.session, _whole(each.session))
        ]

    def end_own(self, name: str, session: str) -> bool:
        """End a session of a user by its id; returns whether it was theirs."""
        is_own = any(each.session == session for each in self.open_sessions(name))
        if is_own:
            self._end(session)
        return is_own

    def end_part_of(self, other: str) -> None:
        """End every session that began as part of `other`, also one that only begins now."""
        self._store.end(_part(other))
        self._open_sessions.end_with(f"{_part(other)}.")

    def spend(self, once: str) -> bool:
        """Whether something that may be used once was not used before; now it is."""
        return self._store.end(once)

    def _end(self, session: str) -> None:
        self._store.end(session)
        self._open_sessions.end(session)

    def end_all(self, name: str | None = None) -> None:
        """End every session of a user, or of everybody where `name` is None, in all processes."""
        self._store.add_sign_out(_EVERYBODY if name is None else _of_user(name))
        self._open_sessions.end_all(None if name is None else _of_user(name))

    def count_attempt(self, name: str, address: str) -> int:
        """Count an attempt to sign in: 0 where its password may be checked, else the seconds to wait, uncounted.

        A right password takes its attempt back: `clear_attempts`.
        """
        return self._store.add_attempt(_attempt_keys(name, address))

    def clear_attempts(self, name: str, address: str) -> None:
        """Delete the attempts of a user who signed in: those from `address`, and this one of those from anywhere."""
        self._store.delete_attempts(_attempt_keys(name, address))

    def _stamp(self, name: str, password_hash: str) -> str:
        """Differs between two passwords of a user, and before and after `end_all`; reveals neither."""
        sign_outs = self._store.sign_outs(_EVERYBODY, _of_user(name))
        # Without any, as earlier releases stamped: an upgrade signs nobody out.
        return _digest(f"stamp {password_hash}" + (f" {sign_outs}" if any(sign_outs) else ""))[:16]


class SignInStore:
    """Sign-in attempts and ended sessions of all processes, in one SQLite file; their names and addresses are hashed."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path, self._clock = path, clock
        with open_store(self._path) as con:
            con.execute(
                "CREATE TABLE IF NOT EXISTS failures (kind TEXT, who TEXT, count INT, at REAL, PRIMARY KEY (kind, who))"
            )
            con.execute("CREATE TABLE IF NOT EXISTS ended (session TEXT PRIMARY KEY, at REAL)")
            con.execute("CREATE TABLE IF NOT EXISTS sign_outs (who TEXT PRIMARY KEY, count INT)")
            con.execute("DROP TABLE IF EXISTS attempts")  # of earlier releases
        os.chmod(path, 0o600)

    def add_attempt(self, keys: Mapping[str, str]) -> int:
        """Count an attempt under each kind of key, unless one of them has to wait; the seconds to wait, or 0."""
        now = self._clock()
        with open_store(self._path) as con:
            con.execute("DELETE FROM failures WHERE at < ?", [now - FORGET_SECONDS])
            # A clock that was set back must not lengthen a wait.
            con.execute("UPDATE failures SET at = ? WHERE at > ?", [now, now])
            wait = max(_wait(kind, *_failures(con, kind, key), now) for kind, key in keys.items())
            if wait == 0:
                con.executemany(
                    "INSERT INTO failures VALUES (?, ?, 1, ?) "
                    "ON CONFLICT DO UPDATE SET count = count + 1, at = excluded.at",
                    [(*key, now) for key in keys.items()],
                )
        return wait

    def delete_attempts(self, keys: Mapping[str, str]) -> None:
        """Delete the attempts of a name from an address, and take one back from those of the name alone."""
        with open_store(self._path) as con:
            con.execute("DELETE FROM failures WHERE kind = ? AND who = ?", [_PAIR, keys[_PAIR]])
            con.execute("UPDATE failures SET count = count - 1 WHERE kind = ? AND who = ?", [_NAME, keys[_NAME]])

    def add_sign_out(self, who: str) -> None:
        """Count that all sessions of `who` were ended."""
        with open_store(self._path) as con:
            con.execute("INSERT INTO sign_outs VALUES (?, 1) ON CONFLICT DO UPDATE SET count = count + 1", [who])

    def sign_outs(self, *who: str) -> list[int]:
        """How often all sessions of each of `who` were ended."""
        with open_store(self._path) as con:
            counts = dict(con.execute(f"SELECT * FROM sign_outs WHERE who IN ({', '.join('?' * len(who))})", who))
        return [counts.get(each, 0) for each in who]

    def end(self, session: str) -> bool:
        """Store that a session has ended, and delete those that have expired anyway; returns whether it had not ended before."""
        now = self._clock()
        with open_store(self._path) as con:
            con.execute("DELETE FROM ended WHERE at < ?", [now - SESSION_SECONDS])
            return con.execute("INSERT OR IGNORE INTO ended VALUES (?, ?)", [session, now]).rowcount == 1

    def has_ended(self, session: str, whole: str) -> bool:
        """Whether a session was ended, or the one elsewhere whose part it is."""
        with open_store(self._path) as con:
            return con.execute("SELECT 1 FROM ended WHERE session IN (?, ?)", [session, whole]).fetchone() is not None


def session_key(path: Path) -> bytes:
    """The key that signs sessions, created once and readable by its owner alone."""
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


def keyed_hash(warehouse: Path, value: str) -> str:
    """A hash of a personal value under the warehouse's own key: entries about one person can be matched, and no more."""
    return hmac.new(session_key(warehouse / ".session_key"), value.encode(), hashlib.sha256).hexdigest()[:16]


_EVERYBODY = "everybody"


def _part(other: str) -> str:
    """What the ids of all sessions begin with that are part of a session elsewhere."""
    return _digest(f"part of {other}")[:32]


def _whole(session: object) -> str:
    """The beginning that a session shares with others of one session elsewhere; itself where it is part of none."""
    return str(session).partition(".")[0]


def _of_user(name: str) -> str:
    return f"user {_digest(name)}"


def _attempt_keys(name: str, address: str) -> dict[str, str]:
    return {_PAIR: _digest(f"{name}\n{address}"), _NAME: _digest(name)}


def _failures(con: sqlite3.Connection, kind: str, key: str) -> tuple[int, float]:
    """The number of wrong passwords of a key, and the time of the last one."""
    row = con.execute("SELECT count, at FROM failures WHERE kind = ? AND who = ?", [kind, key]).fetchone()
    return row or (0, 0.0)


def _wait(kind: str, count: int, at: float, now: float) -> int:
    """Seconds until the next attempt may be checked: 1, 2, 4, ... after each one beyond the free ones."""
    beyond = count - FREE_FAILURES[kind]
    delay = min(MAX_WAIT_SECONDS[kind], 2 ** min(beyond - 1, 30)) if beyond > 0 else 0
    return max(0, math.ceil(at + delay - now))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
