"""Numbers in prose: aliases of evidence, and placeholders filled in from the stored values.

Whatever number a reader sees in a text comes from here, and from `cluster_evidence` alone, so a text can never disagree
with the tables. Words belong to the analysts; which evidence is kept belongs to `evidence.py`.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

Evidence = Mapping[str, Any]
"""One row of `cluster_evidence`."""

PLACEHOLDER = re.compile(r"\{(E[1-9][0-9]*)\.(cluster|rest|lift|gap)\}")

_HOURS = {"seconds": 1 / 3600, "minutes": 1 / 60, "hours": 1.0, "days": 24.0, "weeks": 168.0}


def aliases(evidence: pd.DataFrame) -> dict[str, str]:
    """Give one cluster's evidence its short names: `{"E1": evidence_id, ...}` in the order of the rows."""
    return {f"E{number}": str(evidence_id) for number, evidence_id in enumerate(evidence["evidence_id"], start=1)}


def fill(text: str, rows: Mapping[str, Evidence]) -> str:
    """Put the stored numbers in the place of placeholders. `rows` maps alias to row.

    Raises KeyError for an alias that is not there, and ValueError for a number that does not exist (a lift over 0).
    """

    def number(match: re.Match[str]) -> str:
        alias, part = match.groups()
        return shown(rows[alias], part)

    return PLACEHOLDER.sub(number, text)


def rows_by_alias(evidence: pd.DataFrame) -> dict[str, Evidence]:
    """The rows of one cluster's evidence under their aliases."""
    records = evidence.to_dict("records")
    return {
        f"E{number}": {str(key): value for key, value in row.items()} for number, row in enumerate(records, start=1)
    }


def parts(row: Evidence) -> list[str]:
    """Which placeholders this row can fill: lift is left out where the rest's value is 0 or the ratio says nothing."""
    return ["cluster", "rest", "gap"] + (["lift"] if _has_lift(row) else [])


def shown(row: Evidence, part: str) -> str:
    """One number of a row as a person reads it: `41%`, `2.3 times`, `23 points`, `3.5 days`.

    A gap is the absolute difference of the two values. Raises ValueError when the part does not exist.
    """
    unit = str(row["unit"])
    if part == "lift":
        if not _has_lift(row):
            raise ValueError(f"{row['metric']} has no lift: the others' value is 0")
        return f"{_plain(float(row['lift']))} times"
    if part == "gap":
        gap = abs(float(row["cluster_value"]) - float(row["rest_value"]))
        return f"{_plain(gap * 100)} points" if _is_share(unit) else value(gap, unit)
    return value(float(row[f"{part}_value"]), unit)


def value(number: float, unit: str) -> str:
    """A value in its unit: shares as a percentage, durations in the unit that reads best, else a plain number."""
    if _is_share(unit):
        return f"{_plain(number * 100)}%"
    if unit in _HOURS:
        return duration(number * _HOURS[unit])
    noun = unit.split("/", maxsplit=1)[0].strip()
    per = f" per {unit.split('/')[1].strip()}" if "/" in unit else ""
    plain = _plain(number)
    if noun in ("", "ratio", "index", "score"):
        return plain
    return f"{plain} {noun[:-1] if plain == '1' and noun.endswith('s') else noun}{per}"


def duration(hours: float) -> str:
    """Hours in the largest unit of which there is at least one and a half."""
    for name, size in (("days", 24.0), ("hours", 1.0), ("minutes", 1 / 60)):
        if abs(hours) >= 1.5 * size or (name == "days" and abs(hours) == size):
            return _counted(hours / size, name)
    return _counted(hours * 3600, "seconds")


def _counted(number: float, noun: str) -> str:
    plain = _plain(number)
    return f"{plain} {noun[:-1] if plain == '1' else noun}"


def _plain(number: float) -> str:
    """Two digits that matter below 10, whole numbers from there on; thousands set apart."""
    if not math.isfinite(number):
        raise ValueError("a number in evidence is not finite")
    size = abs(number)
    if size >= 9.95:
        return f"{number:,.0f}"
    places = 1 if size >= 0.95 or size == 0 else min(2 - math.ceil(math.log10(size)), 6)
    text = f"{number:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _is_share(unit: str) -> bool:
    return unit in ("share", "proportion")


def _has_lift(row: Evidence) -> bool:
    lift = row["lift"]
    return lift is not None and not pd.isna(lift) and math.isfinite(float(lift)) and float(lift) > 0
