"""The people who signed in through a provider, and the role that their groups gave them then: what a file of users is elsewhere."""

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from grupa_pipeline.auth.accounts import Account
from grupa_pipeline.auth.open_sessions import open_store
from grupa_pipeline.vocabulary.enums import UserRole

KNOWN_SECONDS = 30 * 24 * 3600
"""For which a person who does not sign in again is known: until then their tokens hold, with the role of their last sign-in."""
_NAME = re.compile(r"[^\W_][\w.@+ -]{0,63}")


class OidcPeople:
    """The people of one warehouse, in the SQLite file of the sign-in."""

    def __init__(self, warehouse: Path, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = warehouse / ".sign_in.sqlite", clock
        with open_store(self._path) as con:
            con.execute(
                "CREATE TABLE IF NOT EXISTS people (who TEXT PRIMARY KEY, name TEXT UNIQUE, role TEXT, signed_in REAL)"
            )

    def accounts(self) -> dict[str, Account]:
        """Those who signed in within thirty days, by name."""
        with open_store(self._path) as con:
            rows = con.execute(
                "SELECT name, who, role FROM people WHERE signed_in > ?", [self._clock() - KNOWN_SECONDS]
            ).fetchall()
        return {name: Account(f"oidc {who}", UserRole(role)) for name, who, role in rows}

    def name_of(self, issuer: str, subject: str) -> str | None:
        """The name by which a person is known here; None for somebody who never signed in."""
        with open_store(self._path) as con:
            row = con.execute("SELECT name FROM people WHERE who = ?", [_who(issuer, subject)]).fetchone()
        return str(row[0]) if row else None

    def note(self, issuer: str, claims: Mapping[str, Any], role: UserRole) -> str:
        """Note a sign-in; returns the name by which the person is known here, which nobody else ever gets."""
        who = _who(issuer, str(claims["sub"]))
        with open_store(self._path) as con:
            known = con.execute("SELECT name FROM people WHERE who = ?", [who]).fetchone()
            name = str(known[0]) if known else _name(claims, who)
            if not known and con.execute("SELECT 1 FROM people WHERE name = ?", [name]).fetchone():
                name = f"{name[:50]} {who[:12]}"
            con.execute("INSERT OR REPLACE INTO people VALUES (?, ?, ?, ?)", [who, name, role.value, self._clock()])
        return name


def _who(issuer: str, subject: str) -> str:
    return hashlib.sha256(f"{issuer}\n{subject}".encode()).hexdigest()


def _name(claims: Mapping[str, Any], who: str) -> str:
    """The name to show: the user name, else a confirmed address, else nothing personal."""
    shown = [claims.get("preferred_username"), claims.get("email") if claims.get("email_verified") is True else None]
    return next((each for each in shown if isinstance(each, str) and _NAME.fullmatch(each)), f"user-{who[:12]}")
