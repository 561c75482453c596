"""Quantities in words ("more than half", "three in four", "twice"): whether the evidence that a clause speaks of has them."""

import re
from collections.abc import Mapping
from functools import partial

import pandas as pd

from grupa_pipeline.insights.clauses import clauses_of, losses, negations, sentences_of
from grupa_pipeline.insights.mentions import mentioned_rows, names_others
from grupa_pipeline.insights.templates import PLACEHOLDER, EvidenceRow

_WORD_NUMBERS = {
    word: number
    for number, word in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), start=1
    )
}
_COUNTS = "|".join(_WORD_NUMBERS)
_PARTS = {
    "half": 2,
    "third": 3,
    "thirds": 3,
    "quarter": 4,
    "quarters": 4,
    "fifth": 5,
    "fifths": 5,
    "tenth": 10,
    "tenths": 10,
}
_QUANTITY = re.compile(
    rf"\b(?:(?P<rough>roughly|about|around|nearly|almost|some|close to)\s+)?"
    rf"(?:a (?P<from>{'|'.join(_PARTS)}) (?:to|or) a (?P<to>{'|'.join(_PARTS)})\b"
    rf"|(?:(?P<bound>more than|over|less than|fewer than|under|well under|well over)\s+)?"
    rf"(?:a |(?P<count>{_COUNTS}) )?(?P<part>{'|'.join(_PARTS)})\b"
    rf"|(?P<of>{_COUNTS}) (?:in|of|out of) (?:every )?(?P<all>{_COUNTS})\b|(?P<times>twice|double)\b|the (?P<most>majority)\b)",
    re.IGNORECASE,
)
_NEAR, _ROUGHLY_NEAR = 0.06, 0.1
"""How far a share may be from a quantity in words, and from one that says "roughly"."""
_RATIO = re.compile(
    r"\bas (?:many|much|often|long|likely|large|big)\b|\bof what\b|\bthe (?:usual|rate|share|number)\b", re.IGNORECASE
)


def without_true_quantities(
    text: str, rows: Mapping[str, EvidenceRow], actions: Mapping[str, frozenset[str]] | None = None
) -> str:
    """The text with "some" in place of quantities in words that agree with the evidence they are about.

    A quantity is about the evidence whose numbers its sentence states, and about cited evidence on the actions that its clause
    names; of anything else it could mean whatever fits.

    Args:
        text: The text, with placeholders for numbers.
        rows: The evidence that is cited.
        actions: The actions of each metric; None where quantities are compared with stated numbers alone.
    """
    checked = []
    for sentence in sentences_of(text):
        stated = {match.group(1) for match in PLACEHOLDER.finditer(sentence)}
        parts = []
        for clause in clauses_of(sentence):
            own = {alias: row for alias, row in rows.items() if alias in stated}
            own |= mentioned_rows(clause, rows, actions or {})
            plain = _QUANTITY.sub(" ", clause)
            is_turned = negations(plain) + losses(plain) > 0
            sees_others = names_others(clause) or bool(stated)
            parts.append(_QUANTITY.sub(partial(_blank_if_true, own, clause, is_turned, sees_others), clause))
        checked.append(" ".join(parts))
    return " ".join(checked)


def _blank_if_true(
    rows: Mapping[str, EvidenceRow], clause: str, is_turned: bool, sees_others: bool, found: re.Match[str]
) -> str:
    is_ratio = bool(_RATIO.match(clause[found.end() :].lstrip()))
    shares = [] if is_ratio else [share for row in rows.values() for share in _shares(row, others=sees_others)]
    shares += [1 - share for share in shares] if is_turned else []
    ratios = [ratio for row in rows.values() for ratio in _ratios(row)] if sees_others or is_ratio else []
    return "some" if _agrees(found, shares, ratios) else found.group()


def _agrees(found: re.Match[str], shares: list[float], ratios: list[float]) -> bool:
    """Whether a quantity is one of the shares or ratios."""
    near = _ROUGHLY_NEAR if found["rough"] else _NEAR
    if found["times"]:
        return any(1.7 <= ratio <= 2.4 for ratio in ratios)
    if found["to"]:
        low, high = (1 / _PARTS[found[part].lower()] for part in ("from", "to"))
        return any(min(low, high) - _NEAR <= share <= max(low, high) + _NEAR for share in shares)
    if found["most"]:
        return any(share > 0.5 for share in shares)
    if found["of"]:
        value = _WORD_NUMBERS[found["of"].lower()] / _WORD_NUMBERS[found["all"].lower()]
    else:
        value = _WORD_NUMBERS.get((found["count"] or "one").lower(), 1) / _PARTS[found["part"].lower()]
    bound = (found["bound"] or "").lower().removeprefix("well ")
    if bound in ("more than", "over"):
        return any(value < share <= value + 0.25 for share in shares)
    if bound:
        return any(value - 0.25 <= share < value for share in shares)
    return any(abs(share - value) <= near for share in [*shares, *ratios])


def _shares(row: EvidenceRow, *, others: bool) -> list[float]:
    if str(row["unit"]) not in ("share", "proportion"):
        return []
    return [float(row["cluster_value"]), *([float(row["rest_value"])] if others else [])]


def _ratios(row: EvidenceRow) -> list[float]:
    one, other = float(row["cluster_value"]), float(row["rest_value"])
    return [one / other, other / one] if one > 0 and other > 0 and not pd.isna(one + other) else []
