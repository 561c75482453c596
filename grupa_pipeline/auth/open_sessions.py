"""When each session began and was last used, and from where: one that nobody uses ends, and its user can look at and end theirs."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

IDLE_SECONDS = 2 * 3600
"""A session that was not used for so long has ended."""
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


class OpenSessions:
    """The open sessions of one warehouse, in the SQLite file of the sign-in; users are hashed."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock
        with self._open() as con:
            con.execute(
                "CREATE TABLE IF NOT EXISTS open_sessions "
                "(session TEXT PRIMARY KEY, who TEXT, began REAL, seen REAL, address TEXT, agent TEXT)"
            )

    def begin(self, session: str, who: str, address: str, agent: str) -> None:
        """Note a session that begins."""
        now = self._clock()
        row = [session, who, now, now, address[:64], "".join(filter(str.isprintable, agent))[:200]]
        with self._open() as con:
            con.execute("INSERT OR REPLACE INTO open_sessions VALUES (?, ?, ?, ?, ?, ?)", row)

    def use(self, session: str, who: str, *, by_person: bool) -> bool:
        """Whether a session may go on; notes its use where a person, and no timer of a page, asked.

        Args:
            session: Its id; one of an earlier release, which is not known, begins here.
            who: The hash of its user.
            by_person: Whether the use counts.
        """
        now = self._clock()
        with self._open() as con:
            row = con.execute("SELECT seen FROM open_sessions WHERE session = ?", [session]).fetchone()
        if row is None:
            self.begin(session, who, "", "")
            return True
        if now - row[0] > IDLE_SECONDS:
            return False
        if by_person and abs(now - row[0]) > _SEEN_EVERY:
            with self._open() as con:
                con.execute("UPDATE open_sessions SET seen = ? WHERE session = ?", [now, session])
        return True

    def of(self, who: str) -> list[OpenSession]:
        """The sessions of a user that may go on, the last used first."""
        with self._open() as con:
            con.execute("DELETE FROM open_sessions WHERE seen < ?", [self._clock() - 24 * 3600])
            rows = con.execute(
                "SELECT session, began, seen, address, agent FROM open_sessions WHERE who = ? AND seen >= ? ORDER BY seen DESC",
                [who, self._clock() - IDLE_SECONDS],
            ).fetchall()
        return [OpenSession(row[0], _moment(row[1]), _moment(row[2]), row[3], row[4]) for row in rows]

    def end(self, session: str) -> None:
        """Forget a session that has ended."""
        with self._open() as con:
            con.execute("DELETE FROM open_sessions WHERE session = ?", [session])

    def end_all(self, who: str | None) -> None:
        """Forget all sessions of a user, or of everybody."""
        with self._open() as con:
            con.execute("DELETE FROM open_sessions WHERE ? IS NULL OR who = ?", [who, who])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        con = sqlite3.connect(self._path, timeout=10, isolation_level="IMMEDIATE")
        try:
            with con:
                yield con
        finally:
            con.close()


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
