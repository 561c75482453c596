"""Who is locked out: by a thousand right sign-ins from one address, and by a thousand wrong ones on one name from everywhere."""

from dataclasses import dataclass
from pathlib import Path

from grupa_pipeline.auth.sessions import MAX_WAIT_SECONDS, Sessions


@dataclass
class LockOuts:
    """What came of it.

    Attributes:
        refused_right: Right sign-ins that had to wait.
        checked_wrong: Wrong passwords that were looked at, of those that came within a minute.
        wait: Seconds that the name's owner then waits, from an address of their own.
        is_open: Whether the session that its owner had open goes on.
    """

    refused_right: int
    checked_wrong: int
    wait: int
    is_open: bool


def lock_outs(folder: Path, times: int) -> LockOuts:
    """Try both `times` times."""
    clock = [1_800_000_000.0]
    sessions = Sessions(folder, lambda: clock[0])
    refused = 0
    for number in range(times):
        refused += sessions.count_attempt(f"person-{number % 50}", "10.0.0.1") > 0
        sessions.clear_attempts(f"person-{number % 50}", "10.0.0.1")
    begun = sessions._open_sessions
    begun.begin("the owner's", "owner", "10.0.0.2", "")
    checked = 0
    for number in range(times):
        clock[0] += 60 / times
        checked += sessions.count_attempt("kim", f"10.1.{number // 250}.{number % 250}") == 0
    wait = sessions.count_attempt("kim", "10.0.0.2")
    return LockOuts(refused, checked, wait, begun.use("the owner's", "owner", by_person=True))


LONGEST_WAIT = MAX_WAIT_SECONDS["name"]
