"""Numbers and dates in words: how a figure is written wherever it is shown. Text only, no components."""

from datetime import date, datetime

REASONS = {
    "noise": "behave like no group",
    "too_few_events": "did too little to compare",
    "unstable_cluster": "their group did not hold up when checked",
    "too_few_users": "too few users in the log to look for groups",
}
"""Why users are unassigned, to follow a number of users."""


def count(number: float) -> str:
    """A whole number with thousands apart: 12,345."""
    return f"{round(number):,}"


def percent(share: float | None) -> str:
    """A share (0 to 1) as a percentage: one decimal below 10%, none above."""
    if share is None:
        return "–"
    hundredths = 100 * share
    if hundredths and abs(hundredths) < 0.1:
        return "<0.1%" if hundredths > 0 else ">-0.1%"
    return f"{hundredths:.0f}%" if abs(hundredths) >= 9.95 or hundredths == 0 else f"{hundredths:.1f}%"


def number(value: float | None) -> str:
    """A number with about three digits that mean something."""
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


def quantity(value: float | None, unit: str) -> str:
    """A value in its unit; shares become percentages."""
    if unit == "share":
        return percent(value)
    return f"{number(value)} {unit}".strip() if value is not None else "–"


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


def capital(text: str) -> str:
    """`text` with its first letter large and the rest as it is."""
    return text[:1].upper() + text[1:]
