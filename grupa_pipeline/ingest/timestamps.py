"""The SQL that parses timestamps to UTC: NULL where a text is none. `timestamp_inference.py` chooses a file's style.

ISO 8601, dates with the name of the month and years that come first are always read; numbers are counted from an origin or are
dates without separators, as the file's column shows; other formats (day or month first) are never guessed.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from grupa_pipeline.ingest.time_zones import localized_sql
from grupa_pipeline.ingest.timestamp_text import FORMATS, LETTERS, ZONED, iso_sql, ordered_sql, plain_sql
from grupa_pipeline.sql import quoted

EPOCH_UNITS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
EPOCH_SECONDS = (10**8, 10**11)  # March 1973 to the year 5138: the ranges of the units do not overlap
EPOCH = re.compile(r"\d{9,19}([.,]\d+)?|\d([.,]\d+)?[Ee]\+?(0?9|1\d)")
"""An epoch, also in scientific notation, as spreadsheets write it."""
COMPACT = {10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S", 17: "%Y%m%d%H%M%S%g"}
"""strptime formats of dates without separators, by their number of digits."""
COMPACT_DATE = r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])(?:[0-5]\d){0,2}(?:\d{3})?"
IMPOSSIBLE_ZONE = r"[+-](14:?(0[1-9]|[1-5]\d)|1[5-9]|[2-9]\d)"
"""A zone offset of more than 14 hours, which does not exist but which DuckDB accepts."""
_IMPOSSIBLE_END = rf"[Tt ]\d\d[\d:.,]* ?{IMPOSSIBLE_ZONE}"
_OFFSET = r" [+-]\d{2}(?::?\d{2})?$"


class NumberFormat(StrEnum):
    """Formats of `--timestamp-format` that count from an origin, and that are never chosen without being named."""

    EPOCH = "epoch"
    EXCEL = "excel"
    TICKS = "ticks"
    FILETIME = "filetime"


ORIGINS: dict[str, tuple[str, int, int]] = {
    NumberFormat.EXCEL: (r"\d{5}([.,]\d+)?", 86_400, 25_569),
    NumberFormat.TICKS: (r"6\d{17}", 0, 621_355_968_000_000_000),
    NumberFormat.FILETIME: (r"1\d{17}", 0, 116_444_736_000_000_000),
}
"""The numbers of a format, seconds in one of them (0: a ten-millionth), and its number for 1970."""


@dataclass(frozen=True)
class Style:
    """How timestamps are parsed: by `format` if it is set, else as ISO 8601 and its kin, or as numbers.

    Attributes:
        format: A strptime format, or a `NumberFormat`.
        epoch_unit: Unit of the numbers, if they count from 1970.
        digits: Number of digits of dates without separators, if the numbers are such.
        zones: Suffixes accepted without further checks: the zones of the file's first records, such as `Z` or `+02:00`.
        timezone: The zone of times without one, or with letters; None for UTC, and letters are not read.
    """

    format: str | None = None
    epoch_unit: str | None = None
    digits: int | None = None
    zones: tuple[str, ...] = ("Z",)
    timezone: str | None = None

    def read_sql(self, records: str, text: str) -> str:
        """SQL for the relation `records` with the columns `ts` and `zone_letters` of its column `text`.

        `ts` is the TIMESTAMP in UTC, NULL where `text` is none or its year is outside 1000 to 9999: those result from two-digit
        years. `zone_letters` are the letters after a time, in upper case, empty for none and NULL for most times that were
        read. The session's TimeZone must be UTC. Each layer is computed for the rows that those before did not read.
        """
        fast = f"SELECT *, {self._fast(text)} AS fast_at FROM {records}"
        plain = f"SELECT *, CASE WHEN fast_at IS NULL THEN {plain_sql(text)} END AS plain_time FROM ({fast})"
        letters = f"upper(regexp_extract(plain_time, '{LETTERS}', 1))"
        lettered = f"""SELECT *, CASE WHEN plain_time IS NULL THEN NULL WHEN {letters} IN ('AM', 'PM') THEN '' ELSE {letters} END
            AS zone_letters FROM ({plain})"""
        bare = (
            "CASE WHEN zone_letters <> '' THEN rtrim(regexp_replace(plain_time, '[A-Za-z]+$', '')) ELSE plain_time END"
        )
        ordered = bare if self.format is not None else ordered_sql(bare)
        ordered = f"SELECT *, CASE WHEN plain_time IS NOT NULL THEN {ordered} END AS ordered_time FROM ({lettered})"
        zoned = f"SELECT *, {self._zoned(text)} AS zoned FROM ({ordered})"
        names = "fast_at, plain_time, ordered_time, zoned"
        return f"(SELECT * EXCLUDE ({names}), {_utc('zoned')} AS ts FROM ({zoned}))"

    def _fast(self, text: str) -> str:
        """SQL for the TIMESTAMPTZ of a text in a common form, read without looking at it closely; else NULL."""
        if self.format is not None:
            return self._formatted(self.format, text)
        full = f"strlen({text}) = 19 AND {text}[17] = ':' AND {text}[14] = ':'"  # has seconds, so no zone
        known = " OR ".join(f"suffix({text}, {quoted(zone)})" for zone in self.zones) or "false"
        no_zone = f"{text} BETWEEN '0' AND ':' AND NOT (contains({text}, '+') OR contains({text}[12:], '-')) AND {text}[-1] <= '9'"
        cast = f"try_cast({text} AS TIMESTAMPTZ)"
        local = cast if self.timezone is None else localized_sql(cast, "''", self.timezone)
        iso = f"CASE WHEN {known} THEN {cast} WHEN {full} OR {no_zone} THEN {local} END"
        number = self._number(text)
        return iso if number is None else f"coalesce({number}, {iso})"

    def _zoned(self, text: str) -> str:
        """SQL for the TIMESTAMPTZ of a record, after the layers before it."""
        refused = f"contains(lower({text}), 'epoch') OR regexp_matches(plain_time, {quoted(_IMPOSSIBLE_END)})"
        if self.timezone is None:
            refused += " OR zone_letters <> ''"
        if self.format is not None:
            at = self._formatted(self.format, "ordered_time", "zone_letters")
            return f"CASE WHEN fast_at IS NOT NULL THEN fast_at WHEN {refused} THEN NULL ELSE {at} END"
        cast = f"try_cast({iso_sql('ordered_time')} AS TIMESTAMPTZ)"
        # Formats without a zone: with one, DuckDB takes 30 February for 2 March.
        wall = (
            f"CAST(try_strptime(regexp_replace(ordered_time, {quoted(_OFFSET)}, ''), {list(FORMATS)}) AS TIMESTAMPTZ)"
        )
        midnight = (
            f"try_cast('2000-01-01 00:00:00' || trim(regexp_extract(ordered_time, {quoted(_OFFSET)})) AS TIMESTAMPTZ)"
        )
        at = f"coalesce({cast}, {wall} + ({midnight} - TIMESTAMPTZ '2000-01-01 00:00:00+00'))"
        if self.timezone is not None:
            has_zone = f"regexp_matches(plain_time, {quoted(ZONED)})"
            at = f"CASE WHEN {has_zone} THEN {at} ELSE {localized_sql(at, 'zone_letters', self.timezone)} END"
        return f"CASE WHEN fast_at IS NOT NULL THEN fast_at WHEN {refused} THEN NULL ELSE {self._slow_number(at)} END"

    def _slow_number(self, at: str) -> str:
        number = self._number("plain_time")
        return at if number is None else f"coalesce({number}, {at})"

    def _formatted(self, name: str, text: str, letters: str = "''") -> str:
        """SQL for the TIMESTAMPTZ of `text` by the format `name`; `letters` are those removed from its end."""
        if name in ORIGINS:
            return _counted(text, *ORIGINS[name])
        if name == NumberFormat.EPOCH:
            return self._epoch(text)
        name = name if self.timezone is None else name.removesuffix("%Z").rstrip()
        zoned = "%z" in name.lower()
        parsed = f"CAST(try_strptime({text}, {quoted(name)}) AS TIMESTAMPTZ)"
        local = parsed if zoned or self.timezone is None else localized_sql(parsed, letters, self.timezone)
        allowed = f"({text} BETWEEN '0' AND ':' OR NOT contains(lower({text}), 'epoch'))"
        if zoned:
            allowed += f" AND NOT regexp_matches({text}, '{IMPOSSIBLE_ZONE}[0-9:]* *$')"
        if name.lower().endswith("%z"):  # a format with a zone also takes days that do not exist
            wall = f"regexp_replace({text}, '([+-][0-9:]+|[A-Za-z]+) *$', '')"
            allowed += f" AND try_strptime({wall}, {quoted(name[:-2])}) IS NOT NULL"
        if name.endswith("%Z"):
            allowed += f" AND regexp_matches({text}, '(UTC|GMT)$')"
        return f"CASE WHEN {allowed} THEN {local} END"

    def _number(self, text: str) -> str | None:
        """SQL for the TIMESTAMPTZ of a number; None where the file's times are no numbers."""
        if self.digits is not None:
            parsed = f"CAST(try_strptime({text}, '{COMPACT[self.digits]}') AS TIMESTAMPTZ)"
            local = parsed if self.timezone is None else localized_sql(parsed, "''", self.timezone)
            return f"CASE WHEN regexp_full_match({text}, '[12]\\d{{{self.digits - 1}}}') THEN {local} END"
        return self._epoch(text) if self.epoch_unit is not None else None

    def _epoch(self, text: str) -> str:
        unit = EPOCH_UNITS[self.epoch_unit or "seconds"]
        low, high = (bound * unit for bound in EPOCH_SECONDS)
        # Of twelve digits, a date without separators: as milliseconds it would be in 1976.
        date = (
            f" AND NOT (strlen({text}) = 12 AND regexp_full_match({text}, '{COMPACT_DATE}'))" if unit == 1_000 else ""
        )
        is_number = f"regexp_full_match({text}, '{EPOCH.pattern}'){date}"
        number = f"CASE WHEN {is_number} THEN CAST(replace({text}, ',', '.') AS DECIMAL(38, 6)) END"
        # Integer arithmetic: a quotient of decimals is a DOUBLE, which cannot represent today's epoch in microseconds.
        micros = f"CAST(CAST({number} * {10**6} AS HUGEINT) // {unit} AS BIGINT)"
        return f"CASE WHEN {number} >= {low} AND {number} < {high} THEN make_timestamptz({micros}) END"


def _counted(text: str, numbers: str, seconds: int, epoch: int) -> str:
    """SQL for the TIMESTAMPTZ of `text`, days or ten-millionths of a second since an origin.

    Days have seven digits or so after the point, a hundredth of a second: they are read to the second, with more digits to the
    millisecond.
    """
    number = f"CAST(replace({text}, ',', '.') AS DECIMAL(38, 12))"
    if not seconds:
        micros = f"CAST((CAST({number} AS HUGEINT) - {epoch}) // 10 AS BIGINT)"
    else:
        exact = f"({number} - {epoch}) * {seconds}"
        digits = f"CASE WHEN strlen({text}) > 14 THEN round({exact}, 3) ELSE round({exact}, 0) END"
        micros = f"CAST({digits} * 1000000 AS BIGINT)"
    return f"CASE WHEN regexp_full_match({text}, '{numbers}') THEN make_timestamptz({micros}) END"


def _utc(zoned: str) -> str:
    return (
        f"CASE WHEN {zoned} >= TIMESTAMPTZ '1000-01-01 00:00:00+00' "
        f"AND {zoned} < TIMESTAMPTZ '10000-01-01 00:00:00+00' THEN make_timestamp(epoch_us({zoned})) END"
    )
