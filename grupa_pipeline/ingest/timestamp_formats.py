"""Proposes strptime formats for timestamps in a style that is not guessed: every proposal is tried on those very texts."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import islice, permutations

from grupa_pipeline.ingest.timestamp_text import INVISIBLE
from grupa_pipeline.ingest.timestamps import NumberFormat, Style
from grupa_pipeline.sql import open_duckdb

MIN_FIT = 0.8
"""Share of the texts that a format must read to be proposed: a few may be damaged."""
_SHAPES = 8
_INVISIBLE = re.compile(re.sub(r"\\x\{(\w+)\}", lambda match: f"\\u{match[1]:0>4}", INVISIBLE))
_CLOCK = re.compile(
    r"(?P<hour>\d{1,2})(?P<by>[:.h])(?P<minute>\d{2})(?:(?P=by)(?P<second>\d{2})(?:(?P<point>[.,])(?P<fraction>\d{1,9}))?)?"
    r"(?P<half>[  ]?[AaPp][Mm]\b)?"
)
_ZONE = re.compile(r" ?[+-]\d{2}:?\d{2}$")
_RUNS = {8: ("%d%m%Y", "%m%d%Y"), 6: ("%d%m%y", "%m%d%y", "%y%m%d")}
_MONTH = re.compile(r"(?i)(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*")
_WEEKDAY = re.compile(r"(?i)\b(mon|tue|wed|thu|fri|sat|sun)(day|sday|nesday|rsday|urday)?\b")


def fits(style: Style, texts: Sequence[str]) -> list[bool]:
    """Which of `texts` the style reads."""
    with open_duckdb() as con:
        con.execute("SET TimeZone = 'UTC'")
        records = "(SELECT unnest(range(len($texts))) AS number, unnest($texts) AS x)"
        query = f"SELECT ts IS NOT NULL FROM {style.read_sql(records, 'x')} ORDER BY number"
        return [fit for (fit,) in con.execute(query, {"texts": list(texts)}).fetchall()]


def suggest_formats(texts: Sequence[str], timezone: str | None = None) -> list[str]:
    """Formats that read at least `MIN_FIT` of `texts`, best first; of two that read as many, the day-first one comes first.

    Only the best are returned: two where days and months cannot be told apart.
    """
    shares = {}
    for name in dict.fromkeys(name for text in _different_shapes(texts) for name in candidates(text)):
        shares[name] = sum(fits(Style(format=name, timezone=timezone), texts)) / len(texts)
    usual = {name: share for name, share in shares.items() if not name.startswith("%y") or name.startswith("%y-%m")}
    if max(usual.values(), default=0.0) >= 0.5:
        shares = usual  # a year of two digits comes first only where dashes follow it, as a short ISO 8601
    best = max(shares.values(), default=0.0)
    return [name for name, share in shares.items() if share == best][:2] if best >= MIN_FIT else []


def _different_shapes(texts: Sequence[str]) -> list[str]:
    """One of the texts for each way of writing them: digits as 9, letters as a."""
    shapes = {re.sub(r"[A-Za-z]+", "a", re.sub(r"\d", "9", text)): text for text in reversed(texts)}
    return list(islice(reversed(shapes.values()), _SHAPES))


def candidates(text: str) -> Iterator[str]:
    """Formats that `text` could be written in, the likelier first."""
    plain = " ".join(_INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).split())
    plain = re.sub(r"(\d) ?([AaPp])\.? ?[Mm]\b\.?", r"\1 \2M", plain) if "." in plain[-5:] else plain
    plain = re.sub(r"(\d) ?(?i:uhr|hrs?|hours|h)$", r"\1", plain)
    plain = re.sub(r"(\d|[AaPp][Mm]) ?(?:UTC|GMT|Z)$", r"\1 +00:00", plain)
    if re.fullmatch(r"\d(\.|,)?\d*[Ee]\+?\d+", plain):
        yield NumberFormat.EPOCH
    if re.fullmatch(r"\d{5}([.,]\d+)?", plain):
        yield NumberFormat.EXCEL
    if re.fullmatch(r"\d{18}", plain):
        yield from (NumberFormat.TICKS, NumberFormat.FILETIME)
    zone = _ZONE.search(plain)
    if zone and ":" in plain[: zone.start()]:
        plain, tail = plain[: zone.start()], zone[0].replace(zone[0].strip(), "%z")
    else:
        plain, tail = re.sub(r"(?<=\d) ?(?!(?i:[ap]m)$)[A-Za-z]{1,5}$", "", plain), ""
    clocks = list(_CLOCK.finditer(plain))
    dotted = [match for match in clocks if match["by"] == "." and match["second"]]
    clock = next((match for match in clocks if match["by"] != "."), dotted[-1] if dotted else None)
    if clock is None:
        for name in _dates(plain):
            yield name + tail
        yield from _runs(plain)
        return
    before, after = plain[: clock.start()], plain[clock.end() :]
    for name in _dates(f"{before}\0{after}"):
        yield name.replace("\0", _clock(clock)) + tail


def _clock(match: re.Match[str]) -> str:
    half = match["half"]
    name = ("%I" if half else "%H") + match["by"] + "%M"
    if match["second"]:
        name += match["by"] + "%S"
    if match["fraction"]:
        name += match["point"] + ("%f" if len(match["fraction"]) <= 6 else "%n")
    return name + ("" if not half else " %p" if half[0] == " " else "%p")


def _dates(date: str) -> Iterator[str]:
    """Formats of a date of three parts, in their order of likelihood; other text stays as it is."""
    date = _WEEKDAY.sub(lambda match: "\1" if len(match[0]) == 3 else "\2", date.replace("%", "%%"))
    month = _MONTH.search(date)
    numbers = list(re.finditer(r"\d+", date))
    if len(numbers) != (2 if month else 3) or any(len(number[0]) not in (1, 2, 4) for number in numbers):
        return
    orders = permutations("dy") if month else ("dmy", "mdy", "ymd", "ydm")
    for order in orders:
        if any((len(number[0]) == 4) and part != "y" for number, part in zip(numbers, order, strict=True)):
            continue
        name, end = "", 0
        for number, part in zip(numbers, order, strict=True):
            code = "%Y" if len(number[0]) == 4 else f"%{part}"
            name, end = name + date[end : number.start()] + code, number.end()
        name += date[end:]
        if month:
            name = name.replace(month[0], "%b" if len(month[0]) == 3 else "%B")
        yield name.replace("\1", "%a").replace("\2", "%A")


def _runs(text: str) -> Iterator[str]:
    """Formats of dates without separators that do not begin with the year."""
    if text.isdigit():
        for digits, names in _RUNS.items():
            clock = {0: "", 4: "%H%M", 6: "%H%M%S"}.get(len(text) - digits)
            yield from (name + clock for name in names if clock is not None)
