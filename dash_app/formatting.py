"""Formats numbers, dates and names as text, the same wherever they are shown. No components."""

import math
import re
from collections.abc import Sequence
from datetime import date, datetime

from grupa_pipeline.vocabulary.action_names import name_prefix, split_words

REASONS = {
    "noise": "behave like no group",
    "too_few_events": "did too little to compare",
    "unstable_cluster": "were in a group that did not hold up when checked",
    "too_few_users": "are in a log with too few users to look for groups",
}
"""Why users are unassigned; each follows a number of users."""

VIEWS = {
    "what": "what they do",
    "order": "the order in which they do it",
    "hour": "the hours of the day at which they come",
    "weekday": "the days of the week on which they come",
    "life": "the weeks in which they are there",
}
"""What of their behaviour users are compared by (`FeatureView`), to follow `by` or `in`."""

_IN_HOURS = {"seconds": 1 / 3600, "minutes": 1 / 60, "hours": 1.0, "days": 24.0, "weeks": 168.0}


def count(number: float) -> str:
    """A whole number with thousands separators: 12,345."""
    return f"{round(number):,}"


def percent(share: float | None) -> str:
    """A share (0 to 1) as a percentage: one decimal below 10%, none above; only all of them are 100%."""
    if share is None:
        return "–"
    hundredths = 100 * share
    if hundredths and abs(hundredths) < 0.1:
        return "<0.1%" if hundredths > 0 else ">-0.1%"
    if 99.5 <= hundredths < 100:
        return f"{min(hundredths, 99.9):.1f}%"
    return f"{hundredths:.0f}%" if abs(hundredths) >= 9.95 or hundredths == 0 else f"{hundredths:.1f}%"


def number(value: float | None) -> str:
    """A number with about three significant digits."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}".removesuffix(".0")
    if abs(value) >= 0.01:
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return f"{value:.2g}"


def score(value: float | None) -> str:
    """A score of at most 1 with two decimals, so that a column of them aligns, and a true minus sign."""
    return "–" if value is None else f"{value:.2f}".replace("-", "−")


def chance(probability: float) -> str:
    """A probability within a sentence: `less than 0.1%`, `3.2%`."""
    return percent(probability).replace("<", "less than ")


def quantity(value: float | None, unit: str) -> str:
    """A measured value with two significant digits: shares as percentages, times in the unit that suits them.

    The texts that the pipeline writes use the same forms, so that a number looks alike in a sentence and beside it.
    """
    if value is None:
        return "–"
    if unit == "share":
        return f"{_plain(100 * value)}%" if value >= 1 or value < 0.995 else f"{min(100 * value, 99.9):.1f}%"
    if unit in _IN_HOURS:
        return _duration(value * _IN_HOURS[unit])
    noun, _, per = unit.partition("/")
    return _counted(value, noun) + (f" per {per}" if per else "")


def signed(value: float, places: int) -> str:
    """A difference with its sign and a true minus sign: `+0.4`, `−3.1`."""
    return f"{value:+.{places}f}".replace("-", "−")


def words_of(action: str, *, whole: bool = False) -> str:
    """An action's name as words, as in the pipeline's texts: `A_ACTIVATED` gives `activated`, and `A activated` with `whole`."""
    prefix = name_prefix(action)
    words = [word.casefold() for word in split_words(action[len(prefix) :])]
    if len(words) > 1 and len(words[0]) == 1:
        words = [words[0].upper(), *words[1:]] if whole else words[1:]
    return prefix + " ".join(words) if words else action


def topic(label: str, unit: str) -> str:
    """A metric's label in front of values that have their unit: `time from A to B`, not `hours from A to B`."""
    label = label.removeprefix("had ")
    return f"time {label.removeprefix(f'{unit} ')}" if unit in _IN_HOURS and label.startswith(f"{unit} ") else label


def _duration(hours: float) -> str:
    """Hours in the largest unit of which they are at least one and a half."""
    for name, size_of in (("days", 24.0), ("hours", 1.0), ("minutes", 1 / 60)):
        if abs(hours) >= 1.5 * size_of or (name == "days" and abs(hours) == size_of):
            return _counted(hours / size_of, name)
    return _counted(hours * 3600, "seconds")


def _counted(value: float, noun: str) -> str:
    plain = _plain(value)
    return f"{plain} {noun.removesuffix('s') if plain == '1' else noun}".strip()


def _plain(value: float) -> str:
    """Two significant digits below 10, whole numbers from there on."""
    if abs(value) >= 9.95:
        return f"{value:,.0f}".replace("-", "−")
    places = 1 if abs(value) >= 0.95 or value == 0 else min(2 - math.ceil(math.log10(abs(value))), 6)
    text = f"{value:.{places}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text.replace("-", "−")


def day(value: date) -> str:
    """A day: 9 Mar 2026."""
    return f"{value.day} {value:%b %Y}"


def moment(value: datetime) -> str:
    """An instant in UTC: 9 Mar 2026, 14:05 UTC."""
    return f"{day(value)}, {value:%H:%M} UTC"


def age(value: datetime, now: datetime) -> str:
    """How long ago `value` was, in one unit."""
    minutes = int((now - value).total_seconds() // 60)
    for size, unit in ((60 * 24, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            whole = minutes // size
            return f"{whole} {unit}{'s' if whole > 1 else ''} ago"
    return "just now"


def users(number_of: int) -> str:
    """A number of users: `1 user`, `1,204 users`."""
    return f"{count(number_of)} user{'' if number_of == 1 else 's'}"


def size(number_of_bytes: int) -> str:
    """A size in the unit that suits it: `812 B`, `1.2 MB`."""
    value, unit = float(number_of_bytes), "B"
    for larger in ("kB", "MB", "GB"):
        if value < 1_000:
            break
        value, unit = value / 1_000, larger
    return f"{number(value)} {unit}"


def listed(words: Sequence[str]) -> str:
    """Words as a list within a sentence: `a`, `a and b`, `a, b and c`."""
    *before, last = words
    return f"{', '.join(before)} and {last}" if before else last


def first_sentence(text: str) -> tuple[str, str]:
    """The first sentence of a text, and the rest of it: a sentence ends with a mark before a space and a capital."""
    first, *rest = re.split(r"(?<=[.!?]) (?=[A-Z“])", text, maxsplit=1)
    return first, "".join(rest)


def capital(text: str) -> str:
    """`text` with its first letter large and the rest as it is."""
    return text[:1].upper() + text[1:]
