"""Chooses a file's timestamp style from its first records, and explains timestamps that need a person's choice.

Every format or zone that is proposed was tried on the file's own timestamps.
"""

import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import duckdb

from grupa_pipeline.ingest.errors import TimestampProblem, UnusableFileError
from grupa_pipeline.ingest.time_zones import foreign_letters, letters_sentence, require_zone, zones_with
from grupa_pipeline.ingest.timestamp_formats import MIN_FIT, fits, suggest_formats
from grupa_pipeline.ingest.timestamp_text import LETTERS, plain_sql
from grupa_pipeline.ingest.timestamps import (
    COMPACT,
    COMPACT_DATE,
    EPOCH,
    EPOCH_SECONDS,
    EPOCH_UNITS,
    NumberFormat,
    Style,
)
from grupa_pipeline.sql import open_duckdb, quoted

_FOREIGN = re.compile(r"^(?!\s*\d{4}-\d|[\d.]*$).*\d\D*\d")
"""A date in another style: at least two digits, neither in the form of ISO 8601 nor a number."""
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?")
"""The usual form of a time: one of it that is not read does not exist, and no format would read it."""
_VALID_ZONE = re.compile(r"(Z| ?UTC| ?GMT|[+-](0\d|1[0-3]):[0-5]\d)$")
_MAX_ZONES = 4
_MANY = 0.9
"""Share of a column's numbers that must be dates for all of them to be read as such."""
_PLAUSIBLE = (631_152_000, 4_102_444_800)
"""1990 and 2100 in seconds: numbers that count from 1970 lie between, unless nothing else reads them."""
_SAMPLE = 5_000
"""Most timestamps that a style is tried on."""


def decide_style(
    file: str, texts: Mapping[int, str], timestamp_format: str | None, timezone: str | None = None
) -> Style:
    """Infer the style of a file from the timestamp texts of its first records, by line number.

    Raises:
        UnusableFileError: The format or the zone is invalid, or most texts are in a style that is not guessed.
    """
    filled = {line: text for line, text in texts.items() if text.strip()}
    sample = _sample(list(filled.values()))
    if timezone is not None:
        require_zone(file, timezone)
    if timestamp_format is not None:
        _require_format(file, timestamp_format)
        style = Style(format=timestamp_format, timezone=timezone)
        if timestamp_format == NumberFormat.EPOCH:
            style = replace(style, epoch_unit=_epoch_unit(_epochs(sample)))
        problem = _misfit(sample, style) if sample else None
    else:
        style = _inferred(sample, timezone)
        problem = _unread(sample, style) if sample else None
    if problem is not None:
        line = next((line for line, text in filled.items() if text == problem.example), None)
        raise UnusableFileError(file, str(problem), line, timestamps=problem)
    return style


def _inferred(texts: Sequence[str], timezone: str | None) -> Style:
    zones = {match[1]: None for text in texts if (match := _VALID_ZONE.search(text))}
    style = Style(zones=tuple(zones)[:_MAX_ZONES], timezone=timezone)
    numbers = _epochs(texts)
    whole = [text for text in map(str.strip, texts) if text.isdigit()]
    for digits, count in Counter(map(len, whole)).items():
        if digits in COMPACT and count > _MANY * max(len(numbers), 1):
            dates = sum(bool(re.fullmatch(COMPACT_DATE, text)) for text in whole if len(text) == digits)
            if dates >= _MANY * max(len(numbers), dates):
                return replace(style, digits=digits)
    return replace(style, epoch_unit=_epoch_unit(numbers) if numbers else None)


def _unread(texts: Sequence[str], style: Style) -> TimestampProblem | None:
    """The problem of texts that the style does not read, if those are most of them; or of numbers that mean something else."""
    if problem := _number_problem(texts, style):
        return problem
    if all(map(_ISO.fullmatch, texts)):
        return None  # told without a session
    read = fits(style, texts)
    others = [text for text, fit in zip(texts, read, strict=True) if not fit]
    lettered = _lettered(others)
    if lettered and (style.timezone is None or foreign_letters(lettered, style.timezone)):
        return _letters_problem(lettered, others, style.timezone)
    unread = [text for text in others if _FOREIGN.search(text) or _is_serial(text)]
    return unread_problem(unread, style.timezone) if 2 * len(unread) > len(texts) else None


def _misfit(texts: Sequence[str], style: Style) -> TimestampProblem | None:
    """The problem of a format that fits few texts where another fits more."""
    read = fits(style, texts)
    if not texts or sum(read) >= MIN_FIT * len(texts):
        return None
    problem = misfit_problem(texts, style, sum(read) / len(texts))
    return problem if not any(read) or problem.formats or not problem.advice else None


def misfit_problem(texts: Sequence[str], style: Style, share: float = 0.0) -> TimestampProblem:
    """The problem of a file where `share` of the texts match the style's format."""
    texts = _sample(texts)
    example = next((text for text, fit in zip(texts, fits(style, texts), strict=True) if not fit), texts[0])
    fitting = "do not fit" if not share else f"fit in {share:.0%} of its rows only"
    sentence = f"its timestamps, such as {example[:60]!r}, {fitting} --timestamp-format {style.format!r}"
    inferred = _inferred(texts, style.timezone)
    if sum(fits(inferred, texts)) >= max(MIN_FIT, share) * len(texts) and _number_problem(texts, inferred) is None:
        kind = "numbers" if inferred.epoch_unit or inferred.digits else "ISO 8601"
        kind = "epochs" if inferred.epoch_unit else kind
        sentence = f"{sentence}; they are {kind} and are read without a format, so leave it out."
        return TimestampProblem(sentence, example=example)
    return _with_advice(sentence, texts, example, style.timezone, share)


def unread_problem(texts: Sequence[str], timezone: str | None = None, others: Sequence[str] = ()) -> TimestampProblem:
    """The problem of a file whose `texts` need a format, with formats that read them and the `others`."""
    texts = _sample(texts)
    lettered = _lettered(texts)
    if lettered and (timezone is None or foreign_letters(lettered, timezone)):
        return _letters_problem(lettered, texts, timezone)
    sentence = f"its timestamps, such as {texts[0][:60]!r}, are not ISO 8601 and are not guessed"
    return _with_advice(sentence, [*texts, *_sample(others)], texts[0], timezone)


def _letters_problem(lettered: Mapping[str, str], texts: Sequence[str], timezone: str | None) -> TimestampProblem:
    """The problem of times with letters that are not read (each with an example), with the zone that reads them."""
    example = next(iter(lettered.values()))
    sentence = letters_sentence(lettered, example, timezone)
    zones = zones_with(lettered)
    if zones:
        reads_all = sum(fits(Style(timezone=zones[0]), texts)) >= MIN_FIT * len(texts)
        formats = () if reads_all else tuple(suggest_formats(texts, zones[0]))
        others = f" (or that of {', '.join(zones[1:3])})" if zones[1:] else ""
        option = "".join(f" --timestamp-format '{name}'" for name in formats[:1])
        advice = f"name the zone, which also reads daylight saving time: --timezone {zones[0]}{option}{others}."
        return TimestampProblem(sentence, advice, example, formats, tuple(zones))
    if len(lettered) > 1 and all(zones_with([letters]) for letters in lettered):
        advice = "no single zone has all of them: export the times in UTC, or with offsets such as +02:00."
    else:
        advice = "name the zone whose time it is by region and city, as in --timezone Europe/London."
    return TimestampProblem(sentence, advice, example)


def _with_advice(
    sentence: str, texts: Sequence[str], example: str, timezone: str | None, share: float = 0.0
) -> TimestampProblem:
    formats = () if example.startswith("'") else tuple(suggest_formats(texts, timezone))
    return TimestampProblem(sentence, _advice(formats, share, example.strip()), example, formats)


def _advice(formats: Sequence[str], share: float, example: str = "") -> str:
    if example.startswith("'") and example.endswith("'"):
        return "they stand in single quotes: export the file with double quotes around its values, or with none."
    if not formats:
        return (
            "no format reads them: write them as 2024-03-01 10:00:00 (in UTC, or with --timezone), "
            "or as seconds since 1970, and export the file again."
        )
    if len(formats) == 1:
        if share:
            return f"this one fits: --timestamp-format '{formats[0]}'."
        kinds = {
            NumberFormat.EXCEL: "they are days as Excel counts them if this reads them rightly: ",
            NumberFormat.TICKS: "they are .NET ticks if this reads them rightly: ",
            NumberFormat.FILETIME: "they are Windows file times if this reads them rightly: ",
        }
        kind = next((kind for name, kind in kinds.items() if name == formats[0]), "say how it is written, as in ")
        return f"{kind}--timestamp-format '{formats[0]}'."
    first, second = formats
    if first.startswith("%d") and second.startswith("%m"):
        return (
            f"say which comes first: --timestamp-format '{first}' when it is the day, '{second}' when it is the month."
        )
    return f"say which it is: --timestamp-format '{first}' or '{second}'."


def _number_problem(texts: Sequence[str], style: Style) -> TimestampProblem | None:
    """Numbers that would be read as times nobody means: cut by a spreadsheet, or counted from another year."""
    if style.epoch_unit is None or style.format is not None:
        return None
    numbers = [text.strip() for text in texts if EPOCH.fullmatch(text.strip())]
    unit, middle = EPOCH_UNITS[style.epoch_unit], statistics.median(map(_value, numbers))
    cut = [text for text in numbers if "e" in text.lower()]
    if 2 * len(cut) > len(numbers) and (step := min(map(_last_digit, cut))) > unit:
        sentence = (
            f"its timestamps, such as {cut[0]!r}, were cut by a spreadsheet to steps of {step // unit:,.0f} seconds"
        )
        advice = f"export them as whole numbers, or read what is left of them with --timestamp-format '{NumberFormat.EPOCH}'."
        return TimestampProblem(sentence, advice, cut[0], (NumberFormat.EPOCH.value,))
    if not _PLAUSIBLE[0] * unit <= middle < _PLAUSIBLE[1] * unit or len(numbers[0].partition(".")[0]) == 18:
        formats = tuple(suggest_formats(numbers))
        if formats:
            sentence = f"its timestamps, such as {numbers[0]!r}, do not count from 1970"
            return TimestampProblem(sentence, _advice(formats, 0.0), numbers[0], formats)
    return None


def _last_digit(text: str) -> float:
    """What one in the last digit of a number in scientific notation is worth."""
    digits, _, exponent = text.lower().replace(",", ".").partition("e")
    return 10.0 ** (int(exponent) - len(digits.partition(".")[2]))


def _is_serial(text: str) -> bool:
    return bool(re.fullmatch(r"[2-7]\d{4}([.,]\d+)?", text.strip()))


def _lettered(texts: Sequence[str]) -> dict[str, str]:
    """The letters that `texts` end in, the commonest first, each with the first text that has it."""
    if not texts:
        return {}
    with open_duckdb() as con:
        query = (
            f"SELECT x, upper(regexp_extract({plain_sql('x')}, {quoted(LETTERS)}, 1)) FROM (SELECT unnest($texts) AS x)"
        )
        rows = con.execute(query, {"texts": list(texts)}).fetchall()
    found = [(letters, text) for text, letters in rows if letters not in ("", "AM", "PM")]
    firsts = dict(reversed(found))
    return {letters: firsts[letters] for letters, _ in Counter(letters for letters, _ in found).most_common()}


def _epochs(texts: Sequence[str]) -> list[float]:
    return [_value(text) for text in map(str.strip, texts) if ":" not in text and EPOCH.fullmatch(text)]


def _value(text: str) -> float:
    return float(text.replace(",", "."))


def _epoch_unit(numbers: Sequence[float]) -> str:
    median = statistics.median(numbers) if numbers else 0
    return next((name for name, unit in EPOCH_UNITS.items() if median < EPOCH_SECONDS[1] * unit), "nanoseconds")


def _sample(texts: Sequence[str]) -> list[str]:
    """At most `_SAMPLE` of the texts, evenly over the file."""
    return list(texts[:: max(1, -(-len(texts) // _SAMPLE))])


def _require_format(file: str, timestamp_format: str) -> None:
    if timestamp_format in list(NumberFormat):
        return
    with open_duckdb() as con:
        try:
            con.execute(f"SELECT try_strptime('', {quoted(timestamp_format)})")
        except duckdb.InvalidInputException as error:
            problem = f"--timestamp-format {timestamp_format!r} is no strptime format; write it like '%d/%m/%y, %H:%M'."
            raise UnusableFileError(file, problem, timestamps=TimestampProblem(problem)) from error
