"""Infers a file's timestamp style, and builds the SQL that parses timestamps to UTC (NULL where a text is none).

The style is inferred once per file, from its first records. ISO 8601 is always read; numbers are seconds, milliseconds,
microseconds or nanoseconds since 1970 by magnitude; other formats (day or month first) are never guessed.
"""

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from grupa_pipeline.ingest.errors import TimestampProblem, UnusableFileError
from grupa_pipeline.sql import quoted

_EPOCH_UNITS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
_EPOCH_SECONDS = (10**8, 10**11)  # March 1973 to the year 5138: the ranges of the units do not overlap
_EPOCH = re.compile(r"\d{9,19}(\.\d+)?")
_FOREIGN = re.compile(r"^(?!\s*\d{4}-\d|[\d.]*$).*\d\D*\d")
"""A date in another style: at least two digits, neither in the form of ISO 8601 nor a number."""
_SHORT_DATE = re.compile(
    r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?!\d)(,?[T ]+)?(\d{1,2}:\d{2}(:\d{2})?)?( ?[AaPp][Mm])?"
)


_IMPOSSIBLE_ZONE = r"[+-](14:?(0[1-9]|[1-5]\d)|1[5-9]|[2-9]\d)"
"""A zone offset of more than 14 hours, which does not exist but which DuckDB accepts."""
_VALID_ZONE = re.compile(r"(Z|[+-](0\d|1[0-3]):[0-5]\d)$")
_MAX_ZONES = 4


@dataclass(frozen=True)
class Style:
    """How timestamps are parsed: by `format` (strptime) if it is set, else as ISO 8601 or numbers in `epoch_unit`.

    `zones` are suffixes accepted without further checks: the zones of the file's first records, such as `Z` or `+02:00`.
    """

    format: str | None = None
    epoch_unit: str | None = None
    zones: tuple[str, ...] = ("Z",)

    def sql(self, text: str) -> str:
        """SQL for the TIMESTAMP in UTC of the expression `text`; the session's TimeZone must be UTC.

        A time without a zone is UTC. Years outside 1000 to 9999 give NULL: they result from two-digit years.
        """
        return utc_sql(self.zoned_sql(text))

    def zoned_sql(self, text: str) -> str:
        """SQL for the TIMESTAMPTZ of `text` in any year; `utc_sql` restricts the years."""
        if self.format is not None:
            parsed = f"try_strptime({text}, {quoted(self.format)})"
        else:
            parsed = f"coalesce(try_cast({text} AS TIMESTAMPTZ), {self._fallback(text)})"
        return f"CASE WHEN {self._plausible(text)} THEN {parsed} END"

    def _plausible(self, text: str) -> str:
        """SQL that excludes texts that DuckDB parses but that are no timestamps: the word epoch, impossible zones.

        Cheap comparisons come first, so that few texts need a regular expression.
        """
        digit_first, no_word = f"{text} BETWEEN '0' AND ':'", f"NOT contains(lower({text}), 'epoch')"
        if self.format is not None:
            zone = (
                f" AND NOT regexp_matches({text}, '{_IMPOSSIBLE_ZONE}[0-9:]* *$')" if self.format.endswith("%z") else ""
            )
            return f"({digit_first} OR {no_word}){zone}"
        full = f"strlen({text}) = 19 AND {text}[17] = ':' AND {text}[14] = ':'"  # has seconds, so no zone
        known = " OR ".join([*(f"suffix({text}, '{zone}')" for zone in self.zones), full])
        no_zone = f"NOT (contains({text}, '+') OR contains({text}[12:], '-'))"
        return (
            f"({known} OR {digit_first} AND {no_zone} "
            rf"OR {no_word} AND NOT regexp_matches({text}, '[Tt ]\d\d[\d:.,]* ?{_IMPOSSIBLE_ZONE}'))"
        )

    def _fallback(self, text: str) -> str:
        """SQL for numbers and for ISO 8601 that DuckDB's cast rejects (blanks, `z`, decimal comma, whole hours, basic form)."""
        iso = f"upper(trim({text}))"
        for pattern, replacement in (
            (r"^(\d{4})(\d{2})(\d{2})(T\d{2}.*)?$", r"\1-\2-\3\4"),
            (r"T(\d{2})(\d{2})(\d{2})?([.,Z+-].*)?$", r"T\1:\2:\3\4"),
            (r"(\d{2}:\d{2}):([Z+-].*)?$", r"\1:00\2"),
            (r"^(\S{10}[T ]\d{2})([Z+-].*)?$", r"\1:00:00\2"),
            (r"(:\d{2}),(\d+)", r"\1.\2"),
            (r"(\d) ([+-]\d{2})", r"\1\2"),
        ):
            iso = f"regexp_replace({iso}, '{pattern}', '{replacement}')"
        parsed = f"try_cast({iso} AS TIMESTAMPTZ)"
        if self.epoch_unit is None:
            return parsed
        unit = _EPOCH_UNITS[self.epoch_unit]
        low, high = (bound * unit for bound in _EPOCH_SECONDS)
        number = f"CASE WHEN regexp_full_match({text}, '{_EPOCH.pattern}') THEN CAST({text} AS DECIMAL(38, 6)) END"
        # Integer arithmetic: a quotient of decimals is a DOUBLE, which cannot represent today's epoch in microseconds.
        micros = f"CAST(CAST({number} * {10**6} AS HUGEINT) // {unit} AS BIGINT)"
        epoch = f"CASE WHEN {number} >= {low} AND {number} < {high} THEN make_timestamptz({micros}) END"
        return f"coalesce({parsed}, {epoch})"


def utc_sql(zoned: str) -> str:
    """SQL for the TIMESTAMP in UTC of `zoned`, which should be a column name as it is evaluated three times."""
    return (
        f"CASE WHEN {zoned} >= TIMESTAMPTZ '1000-01-01 00:00:00+00' "
        f"AND {zoned} < TIMESTAMPTZ '10000-01-01 00:00:00+00' THEN make_timestamp(epoch_us({zoned})) END"
    )


def decide_style(file: str, texts: Mapping[int, str], timestamp_format: str | None) -> Style:
    """Infer the style of a file from the timestamp texts of its first records, by line number.

    Raises:
        UnusableFileError: The format is invalid, or most texts are in a style that is not guessed.
    """
    filled = [text for text in texts.values() if text.strip()]
    if timestamp_format is not None:
        _require_format(file, timestamp_format)
        return Style(format=timestamp_format)
    numbers = [float(text) for text in filled if _EPOCH.fullmatch(text)]
    zones = {match[1]: None for text in filled if (match := _VALID_ZONE.search(text))}
    unit = _epoch_unit(statistics.median(numbers)) if numbers else None
    style = Style(epoch_unit=unit, zones=tuple(zones)[:_MAX_ZONES])
    unread = [text for text in _unread(style, filled) if _FOREIGN.search(text)]
    if 2 * len(unread) > len(filled):
        line = next(line for line, text in texts.items() if text == unread[0])
        problem = unread_problem(unread)
        raise UnusableFileError(file, str(problem), line, timestamps=problem)
    return style


def misfit_problem(texts: Sequence[str], timestamp_format: str) -> TimestampProblem:
    """The problem of a file where no text matches `timestamp_format`."""
    sentence = f"its timestamps, such as {texts[0][:60]!r}, do not fit --timestamp-format {timestamp_format!r}"
    numbers = [float(text) for text in texts if _EPOCH.fullmatch(text)]
    style = Style(epoch_unit=_epoch_unit(statistics.median(numbers)) if numbers else None)
    if 2 * len(_unread(style, texts)) < len(texts):
        kind = "epochs" if numbers else "ISO 8601"
        sentence = f"{sentence}; they are {kind} and are read without a format, so leave it out."
        return TimestampProblem(sentence, example=texts[0])
    return _with_advice(sentence, texts)


def unread_problem(texts: Sequence[str]) -> TimestampProblem:
    """The problem of a file whose texts need a format, with suggested formats."""
    return _with_advice(f"its timestamps, such as {texts[0][:60]!r}, are not ISO 8601 and are not guessed", texts)


def _with_advice(sentence: str, texts: Sequence[str]) -> TimestampProblem:
    formats = tuple(_suggest_formats(texts))
    return TimestampProblem(sentence, _advice(formats), texts[0], formats)


def _advice(suggestions: Sequence[str]) -> str:
    if len(suggestions) == 1:
        return f"say how it is written, as in --timestamp-format '{suggestions[0]}'."
    if suggestions:
        return (
            f"say which comes first: --timestamp-format '{suggestions[0]}' when it is the day, "
            f"'{suggestions[1]}' when it is the month."
        )
    return "say how it is written (strptime), as in --timestamp-format '%d.%m.%Y %H:%M'."


def _epoch_unit(median: float) -> str:
    return next((name for name, unit in _EPOCH_UNITS.items() if median < _EPOCH_SECONDS[1] * unit), "nanoseconds")


def _unread(style: Style, texts: Sequence[str]) -> list[str]:
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        rows = con.execute(f"SELECT x FROM (SELECT unnest(?) AS x) WHERE ({style.sql('x')}) IS NULL", [list(texts)])
        return [text for (text,) in rows.fetchall()]


def _require_format(file: str, timestamp_format: str) -> None:
    with duckdb.connect() as con:
        try:
            con.execute(f"SELECT try_strptime('', {quoted(timestamp_format)})")
        except duckdb.InvalidInputException as error:
            problem = f"--timestamp-format {timestamp_format!r} is no strptime format; write it like '%d/%m/%y, %H:%M'."
            raise UnusableFileError(file, problem, timestamps=TimestampProblem(problem)) from error


def _suggest_formats(texts: Sequence[str]) -> list[str]:
    """Formats that match day-first or month-first dates among `texts`: one if a number above 12 decides, else both."""
    matches = [match for text in texts if (match := _SHORT_DATE.fullmatch(text.strip()))]
    if not matches:
        return []
    _, separator, _, year, gap, time, seconds, half = matches[0].groups()
    clock = "" if not time else ("%I:%M" if half else "%H:%M") + (":%S" if seconds else "")
    clock += "" if not half else " %p" if half.startswith(" ") else "%p"
    tail = f"{separator}{'%Y' if len(year) == 4 else '%y'}{gap or ''}{clock}"
    day_first = f"%d{separator}%m{tail}"
    month_first = f"%m{separator}%d{tail}"
    if any(int(match[1]) > 12 for match in matches):
        return [day_first]
    if any(int(match[3]) > 12 for match in matches):
        return [month_first]
    return [day_first, month_first]
