"""Numbers in texts: aliases of evidence, and placeholders that are replaced by stored values.

Every number in a text comes from `cluster_evidence` through this module, so texts cannot disagree with the tables.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

EvidenceRow = Mapping[str, Any]
"""One row of `cluster_evidence`."""

PLACEHOLDER = re.compile(r"\{(E[1-9][0-9]*)\.(cluster|rest|lift|gap|who)\}")

_SAME_SHARE = 0.025
"""Shares closer than this say the same."""

_HARDLY = 0.02
"""A share of a cluster below this is hardly anybody."""

_HOURS = {"seconds": 1 / 3600, "minutes": 1 / 60, "hours": 1.0, "days": 24.0, "weeks": 168.0}


def aliases(evidence: pd.DataFrame) -> dict[str, str]:
    """Mapping from alias to evidence_id, `{"E1": evidence_id, ...}`, in the order of one cluster's rows."""
    return {f"E{number}": str(evidence_id) for number, evidence_id in enumerate(evidence["evidence_id"], start=1)}


def fill(text: str, rows: Mapping[str, EvidenceRow]) -> str:
    """Replace placeholders by the stored values.

    Args:
        text: Text with placeholders.
        rows: EvidenceRow by alias.

    Raises:
        KeyError: An alias is unknown.
        ValueError: A value does not exist, such as a lift over 0.

    Example:
        >>> fill("{E1.cluster} against {E1.rest}", rows)
        '41% against 18%'
    """

    def replacement(match: re.Match[str]) -> str:
        alias, part = match.groups()
        number = format_part(rows[alias], part)
        begins = match.start() == 0 or text[: match.start()].endswith((". ", '"'))
        return number[:1].upper() + number[1:] if part == "who" and begins else number

    return PLACEHOLDER.sub(replacement, text)


def rows_by_alias(evidence: pd.DataFrame) -> dict[str, EvidenceRow]:
    """One cluster's evidence by alias."""
    records = evidence.to_dict("records")
    return {
        f"E{number}": {str(key): value for key, value in row.items()} for number, row in enumerate(records, start=1)
    }


def parts(row: EvidenceRow) -> list[str]:
    """The placeholders that a row can fill; `lift` is missing where the rest's value is 0."""
    return ["cluster", "rest", "gap"] + (["lift"] if _has_lift(row) else [])


def can_fill(row: EvidenceRow, part: str) -> bool:
    """Whether a row has a value for a part of a placeholder."""
    return part in parts(row) or (part == "who" and _is_share(str(row["unit"])))


def reads_the_same(one: EvidenceRow, other: EvidenceRow) -> bool:
    """Whether two rows tell a reader the same: both values are equal as written, or as good as equal shares.

    `step_<goal>_<goal>` and `had_<goal>` are two metrics, and one statement where nearly everybody is at the step before.
    """
    if all(format_part(one, part) == format_part(other, part) for part in ("cluster", "rest")):
        return True
    both_shares = _is_share(str(one["unit"])) and _is_share(str(other["unit"]))
    values = ("cluster_value", "rest_value")
    return both_shares and all(abs(float(one[value]) - float(other[value])) < _SAME_SHARE for value in values)


def format_part(row: EvidenceRow, part: str) -> str:
    """Format one number of a row: `41%`, `2.3 times`, `23 points`, `3.5 days`.

    Args:
        row: Row of `cluster_evidence`.
        part: `cluster`, `rest`, `lift`, `gap`, the absolute difference of both values, or `who`, the cluster's share as
            a subject: `none`, `hardly any (0.4%)`, `41%`, `all`.

    Raises:
        ValueError: The part does not exist.
    """
    unit = str(row["unit"])
    if part == "who":
        if not _is_share(unit):
            raise ValueError(f"{row['metric']} is no share of users")
        return _who(float(row["cluster_value"]))
    if part == "lift":
        if not _has_lift(row):
            raise ValueError(f"{row['metric']} has no lift: the others' value is 0")
        return f"{_plain(float(row['lift']))} times"
    if part == "gap":
        gap = abs(float(row["cluster_value"]) - float(row["rest_value"]))
        return f"{_plain(gap * 100)} points" if _is_share(unit) else format_value(gap, unit)
    return format_value(float(row[f"{part}_value"]), unit)


def format_value(number: float, unit: str) -> str:
    """Format a value: a share as a percentage, a duration in the best readable unit, else a plain number with its unit."""
    if _is_share(unit):
        return _percentage(number)
    if unit in _HOURS:
        return format_duration(number * _HOURS[unit])
    noun = unit.split("/", maxsplit=1)[0].strip()
    per = f" per {unit.split('/')[1].strip()}" if "/" in unit else ""
    plain = _plain(number)
    if noun in ("", "ratio", "index", "score"):
        return plain
    return f"{plain} {noun[:-1] if plain == '1' and noun.endswith('s') else noun}{per}"


def format_duration(hours: float) -> str:
    """Format hours in the largest unit of which there are at least one and a half."""
    for name, size in (("days", 24.0), ("hours", 1.0), ("minutes", 1 / 60)):
        if abs(hours) >= 1.5 * size or (name == "days" and abs(hours) == size):
            return _counted(hours / size, name)
    return _counted(hours * 3600, "seconds")


def _counted(number: float, noun: str) -> str:
    plain = _plain(number)
    return f"{plain} {noun[:-1] if plain == '1' else noun}"


def _plain(number: float) -> str:
    """Two significant digits below 10, whole numbers above, with thousands separators."""
    if not math.isfinite(number):
        raise ValueError("a number in evidence is not finite")
    size = abs(number)
    if size >= 9.95:
        return f"{number:,.0f}"
    places = 1 if size >= 0.95 or size == 0 else min(2 - math.ceil(math.log10(size)), 6)
    text = f"{number:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _percentage(share: float) -> str:
    """A share in percent; only all of them are 100%."""
    plain = _plain(share * 100)
    if plain == "100" and share < 1:
        plain = f"{min(share * 100, 99.9):.1f}"
    return f"{plain}%"


def _who(share: float) -> str:
    if share <= 0:
        return "none"
    if share >= 1:
        return "all"
    return f"hardly any ({_percentage(share)})" if share < _HARDLY else _percentage(share)


def _is_share(unit: str) -> bool:
    return unit in ("share", "proportion")


def _has_lift(row: EvidenceRow) -> bool:
    lift = row["lift"]
    return lift is not None and not pd.isna(lift) and math.isfinite(float(lift)) and float(lift) > 0
