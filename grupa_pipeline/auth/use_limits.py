"""How often one person may do what costs the machine, or takes data away, within an hour: uploads, runs, exports."""

import hashlib
import math
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path

from grupa_pipeline.auth.open_sessions import open_store
from grupa_pipeline.settings import Settings, variable_name

_HOUR = 3600


class LimitedUse(StrEnum):
    """What is limited; each is counted by itself."""

    UPLOAD = "uploads"
    RUN = "runs"
    EXPORT = "exports"
    QUESTION = "questions"
    """A message of an agent."""


LIMITED_ROUTES: Mapping[str, LimitedUse] = {
    "announce_upload": LimitedUse.UPLOAD,
    "ask_tools": LimitedUse.QUESTION,
    "download_report": LimitedUse.EXPORT,
    "export_logs": LimitedUse.EXPORT,
    "export_plan": LimitedUse.EXPORT,
    "export_roadmap": LimitedUse.EXPORT,
    "export_users": LimitedUse.EXPORT,
    "print_roadmap": LimitedUse.EXPORT,
    "rejected": LimitedUse.EXPORT,
}
"""The app's routes that count, by endpoint."""

LAUNCHES = frozenset(
    {
        "launchMultipleRuns",
        "launchPartitionBackfill",
        "launchPipelineExecution",
        "launchPipelineReexecution",
        "launchRun",
        "launchRunReexecution",
        "reexecutePartitionBackfill",
        "resumePartitionBackfill",
    }
)
"""Mutations of Dagster's GraphQL that start runs."""


class UseLimits:
    """Counts the uses of all processes, in the SQLite file of the sign-in; names are hashed.

    Args:
        settings: They say how often.
        clock: Returns the time in seconds.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._path: Path = settings.warehouse / ".sign_in.sqlite"
        self._settings, self._clock = settings, clock

    def take(self, user: str, use: LimitedUse, times: int = 1) -> "LimitReached | None":
        """Count a use; where it would be one too many, nothing is counted and the answer says when there is room again."""
        if not self._path.parent.is_dir():
            return None  # the warehouse is gone: whoever answers says so
        field = f"{use.value}_per_hour"
        most, now, who = int(getattr(self._settings, field)), self._clock(), hashlib.sha256(user.encode()).hexdigest()
        with open_store(self._path) as con:
            self._path.chmod(0o600)
            con.execute("CREATE TABLE IF NOT EXISTS uses (who TEXT, use TEXT, at REAL)")
            # A clock that was set back must not lengthen a wait.
            con.execute("DELETE FROM uses WHERE at <= ? OR at > ?", [now - _HOUR, now + 1])
            rows = con.execute("SELECT at FROM uses WHERE who = ? AND use = ? ORDER BY at", [who, use.value]).fetchall()
            if len(rows) + times > most:
                first = rows[min(len(rows), len(rows) + times - most) - 1][0] if rows else now
                return LimitReached(use, most, variable_name(field), max(1, math.ceil(first + _HOUR - now)))
            con.executemany("INSERT INTO uses VALUES (?, ?, ?)", [[who, use.value, now]] * times)
        return None


class LimitReached:
    """That somebody did something as often as they may.

    Attributes:
        seconds: Until there is room for one more.
    """

    def __init__(self, use: LimitedUse, most: int, variable: str, seconds: int) -> None:
        self._use, self._most, self._variable, self.seconds = use, most, variable, seconds

    def __str__(self) -> str:
        minutes = math.ceil(self.seconds / 60)
        wait = "a minute" if minutes == 1 else f"{minutes} minutes"
        return (
            f"One person may make {self._most:,} {self._use} within an hour ({self._variable}), and you did; "
            f"try again in {wait}."
        )
