"""When each session began and was last used, and from where: one that nobody uses ends, and its user can look at and end theirs.

The address and the browser are what its user knows it by, so they are stored as they are, and deleted once it is over.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

SESSION_SECONDS = 12 * 3600
"""A session ends so long after it began, however much it is used."""
IDLE_SECONDS = 30 * 60
"""A session that was not used for so long has ended (ASVS 3.3.2)."""
_SEEN_EVERY = 60
"""Seconds between two notes of a session's use."""


@dataclass(frozen=True)
class OpenSession:
    """A session, as its user sees it.

    Attributes:
        session: Its id.
        began, seen: When it began and was last used (UTC).
        address: The IP address at the sign-in.
        agent: The browser, in its own words; may be cut.
    """

    session: str
    began: datetime
    seen: datetime
    address: str
    agent: str


@contextmanager
def open_store(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to the SQLite file of the sign-in whose statements are one transaction."""
    con = sqlite3.connect(path, timeout=10, isolation_level="IMMEDIATE")
    try:
        with con:
            yield con
    finally:
        con.close()


class OpenSessions:
    """The open sessions of one warehouse, in the SQLite file of the sign-in; users are hashed, addresses and browsers are not."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock
        with open_store(self._path) as con:
            con.execute(
                "CREATE TABLE IF NOT EXISTS open_sessions "
                "(session TEXT PRIMARY KEY, who TEXT, began REAL, seen REAL, address TEXT, agent TEXT)"
            )

    def begin(self, session: str, who: str, address: str, agent: str) -> None:
        """Note a session that begins, and delete what is noted of those that are over."""
        now = self._clock()
        row = [session, who, now, now, address[:64], "".join(filter(str.isprintable, agent))[:200]]
        with open_store(self._path) as con:
            con.execute("DELETE FROM open_sessions WHERE began < ?", [now - SESSION_SECONDS])
            con.execute("INSERT OR REPLACE INTO open_sessions VALUES (?, ?, ?, ?, ?, ?)", row)

    def use(self, session: str, who: str, *, by_person: bool) -> bool:
        """Whether a session may go on; notes its use where a person, and no timer of a page, asked.

        Args:
            session: Its id; one of an earlier release, which is not known, begins here.
            who: The hash of its user.
            by_person: Whether the use counts.
        """
        now = self._clock()
        with open_store(self._path) as con:
            row = con.execute("SELECT seen FROM open_sessions WHERE session = ?", [session]).fetchone()
        if row is None:
            self.begin(session, who, "", "")
            return True
        if now - row[0] > IDLE_SECONDS:
            return False
        if by_person and abs(now - row[0]) > _SEEN_EVERY:
            with open_store(self._path) as con:
                con.execute("UPDATE open_sessions SET seen = ? WHERE session = ?", [now, session])
        return True

    def of(self, who: str) -> list[OpenSession]:
        """The sessions of a user that may go on, the last used first."""
        now = self._clock()
        with open_store(self._path) as con:
            rows = con.execute(
                "SELECT session, began, seen, address, agent FROM open_sessions "
                "WHERE who = ? AND seen >= ? AND began >= ? ORDER BY seen DESC",
                [who, now - IDLE_SECONDS, now - SESSION_SECONDS],
            ).fetchall()
        return [OpenSession(row[0], _moment(row[1]), _moment(row[2]), row[3], row[4]) for row in rows]

    def end(self, session: str) -> None:
        """Forget a session that has ended."""
        with open_store(self._path) as con:
            con.execute("DELETE FROM open_sessions WHERE session = ?", [session])

    def end_with(self, beginning: str) -> None:
        """Forget the sessions whose ids have this beginning."""
        with open_store(self._path) as con:
            con.execute("DELETE FROM open_sessions WHERE substr(session, 1, ?) = ?", [len(beginning), beginning])

    def end_all(self, who: str | None) -> None:
        """Forget all sessions of a user, or of everybody."""
        with open_store(self._path) as con:
            con.execute("DELETE FROM open_sessions WHERE ? IS NULL OR who = ?", [who, who])


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
