"""Zones of times: which letters are read, which zone a log's letters belong to, and the SQL that reads local times.

Zone letters are read where the whole world agrees on them (UTC, GMT, Z). Others, such as CST or IST, stand for several zones:
they are read only with a zone of the IANA database that a person names, such as America/Chicago.
"""

import difflib
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from grupa_pipeline.ingest.errors import TimestampProblem, UnusableFileError
from grupa_pipeline.sql import quoted

_PROPOSED = (
    *("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Anchorage"),
    *("Pacific/Honolulu", "America/Halifax", "America/St_Johns", "Europe/London", "Europe/Berlin", "Europe/Athens"),
    *("Europe/Lisbon", "Europe/Moscow", "Asia/Kolkata", "Asia/Tokyo", "Asia/Shanghai", "Asia/Seoul", "Asia/Hong_Kong"),
    *("Asia/Jerusalem", "Asia/Karachi", "Asia/Manila", "Asia/Jakarta", "Australia/Sydney", "Australia/Adelaide"),
    *("Australia/Perth", "Pacific/Auckland", "Africa/Johannesburg", "Africa/Lagos", "Africa/Nairobi", "Europe/Dublin"),
)
"""Zones that are proposed for letters: the one with the most people where several share them."""
_SEASONS = (datetime(2024, 1, 15), datetime(2024, 7, 15))


def require_zone(file: str, timezone: str) -> None:
    """Check that `timezone` is a name of the IANA database, such as Europe/London.

    Raises:
        UnusableFileError: It is none.
    """
    names = {name for name in available_timezones() if "/" in name or name in ("UTC", "GMT")}
    if timezone in names:
        return
    by_word = {name.rpartition("/")[2].lower(): name for name in sorted(names, reverse=True) if "Etc/" not in name}
    word = timezone.rpartition("/")[2].lower().replace(" ", "_")
    near = [by_word[name] for name in difflib.get_close_matches(word, by_word, n=1, cutoff=0.7)]
    zone = [*zones_with([timezone]), *near, "Europe/London"][0]
    problem = f"--timezone {timezone!r} is no time zone; give a region and a city, as in --timezone {zone}."
    raise UnusableFileError(file, problem, timestamps=TimestampProblem(problem))


@cache
def letters_of(timezone: str) -> dict[str, timedelta]:
    """The letters of a zone's times, in winter, in summer and of both (ET for EST and EDT), with their offset from UTC.

    Example:
        >>> letters_of("America/New_York")["EDT"]
        datetime.timedelta(days=-1, seconds=72000)
    """
    try:
        zone = ZoneInfo(timezone)
    except ZoneInfoNotFoundError:
        return {}
    offsets: dict[str, timedelta] = {}
    for moment in _SEASONS:
        local = moment.replace(tzinfo=zone)
        name, offset = local.tzname(), local.utcoffset()
        if name and name.isalpha() and offset is not None:
            offsets[name] = offset
    return offsets


def generic_letters_of(timezone: str) -> set[str]:
    """Letters for a zone in either season: ET for EST and EDT."""
    names = list(letters_of(timezone))
    if len(names) == 2 and all(len(name) == 3 for name in names):
        return {names[0][0] + names[0][2]}
    return set()


def zones_with(letters: Iterable[str]) -> list[str]:
    """The proposed zones whose times are written with all of `letters`."""
    wanted = {letter.upper() for letter in letters}
    return [zone for zone in _PROPOSED if wanted <= {*letters_of(zone), *generic_letters_of(zone)}]


def foreign_letters(letters: Iterable[str], timezone: str) -> list[str]:
    """Those of `letters` that are known to belong to other zones than `timezone`, sorted."""
    own = {*letters_of(timezone), *generic_letters_of(timezone)}
    return sorted({letter for letter in map(str.upper, letters) if letter not in own and zones_with([letter])})


def letters_sentence(letters: Iterable[str], example: str, timezone: str | None) -> str:
    """What is wrong with times that end in zone letters which are not read."""
    words = " and ".join(sorted(letters)[:4])
    why = (
        f"are not those of --timezone {timezone}"
        if timezone
        else "mean different zones in different parts of the world"
    )
    return f"its times carry the zone letters {words}, as in {example[:60]!r}, which {why}"


def localized_sql(at: str, letters: str, timezone: str) -> str:
    """SQL for the TIMESTAMPTZ of the wall clock time `at` (a TIMESTAMPTZ that took it for UTC) in `timezone`.

    Of an hour that the clock shows twice, letters such as EDT or EST say which is meant; without them it is the second one, in
    standard time. An hour that the clock skips is read as if it had not been changed, so it comes out an hour later.
    `letters` is an expression for the letters in upper case; times with letters of other zones are NULL.
    """
    zone, wall = quoted(timezone), f"timezone('UTC', {at})"
    local = f"timezone({zone}, {wall})"
    exact = ""
    for name, offset in letters_of(timezone).items():
        candidate = f"({at} - INTERVAL '{int(offset.total_seconds())} seconds')"
        exact += f"WHEN {letters} = '{name}' AND timezone({zone}, {candidate}) = {wall} THEN {candidate} "
    foreign = ", ".join(
        quoted(name) for name in sorted(_known_letters() - {*letters_of(timezone), *generic_letters_of(timezone)})
    )
    return f"CASE WHEN {letters} IN ({foreign}) THEN NULL {exact}ELSE {local} END"


@cache
def _known_letters() -> frozenset[str]:
    return frozenset(
        letter
        for zone in _PROPOSED
        for letter in (*letters_of(zone), *generic_letters_of(zone))
        if letter not in ("UTC", "GMT")
    )
