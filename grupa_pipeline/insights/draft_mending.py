"""Mechanical faults of a model's reply that have one remedy: mended before validation, and each mend is told.

A mend changes how something is written down, never what is said: a unit after a placeholder, a citation that the text itself uses,
markup around a word, a number that is exactly one of the cited values.
"""

import re
from collections.abc import Mapping
from typing import Any

from grupa_pipeline.insights.draft_validation import CitableFacts
from grupa_pipeline.insights.templates import PLACEHOLDER, format_part, parts, reads_the_same

_PROSE = ("title", "body", "change", "hypothesis", "summary")
_UNIT = re.compile(
    r"(\{E[1-9][0-9]*\.(?:cluster|rest|gap|lift)\})"
    r"(?:\s*%|\s+(?:percent|per cent|percentage points|points|times|x|hours|minutes|days|seconds))(?![\w-])"
)
_ALIAS = re.compile(r"\{\s*(E[1-9][0-9]*)\s*[._: ]\s*(cluster|rest|lift|gap)(?:_value)?\s*\}", re.IGNORECASE)
_MARKUP = re.compile(r"(\*\*|__|`)(?P<text>[^*`_]+)\1")


def mend_part(part: Mapping[str, Any], facts: CitableFacts, *, least: int) -> tuple[dict[str, Any], list[str]]:
    """One pain point, strength, recommendation or name as it was replied, mended, and what was mended.

    Args:
        part: The fields of the reply, of any type.
        facts: What it may cite.
        least: Pieces of evidence that it must cite.
    """
    mended, told = dict(part), []
    cited = [str(alias).strip() for alias in part.get("evidence_ids") or []] if _is_list(part, "evidence_ids") else []
    for field in _PROSE:
        if isinstance(mended.get(field), str):
            mended[field] = _mend_prose(mended[field], [alias for alias in cited if alias in facts.rows], facts)
    if any(mended.get(field) != part.get(field) for field in _PROSE):
        told.append("the form of placeholders, numbers or markup")
    used = [match.group(1) for field in _PROSE for match in PLACEHOLDER.finditer(str(mended.get(field) or ""))]
    known = [alias for alias in dict.fromkeys(cited) if alias in facts.rows] or list(dict.fromkeys(cited))
    known += [alias for alias in dict.fromkeys(used) if alias in facts.rows and alias not in known]
    if len(known) < least and known and known[0] in facts.rows:
        known += _further_evidence(known[0], facts)[: least - len(known)]
    if known != list(part.get("evidence_ids") or []) and known:
        mended["evidence_ids"] = known
        told.append("its citations")
    return mended, told


def _is_list(part: Mapping[str, Any], field: str) -> bool:
    return isinstance(part.get(field), list)


def _mend_prose(text: str, cited: list[str], facts: CitableFacts) -> str:
    """The text on one line, with placeholders in their form, no unit after them, and exact values as placeholders."""
    text = " ".join(_MARKUP.sub(r"\g<text>", text).split())
    text = _ALIAS.sub(lambda found: f"{{{found.group(1).upper()}.{found.group(2).lower()}}}", text)
    text = _UNIT.sub(r"\1", text)
    for alias in cited:
        row = facts.rows[alias]
        for part in parts(row):
            value = format_part(row, part)
            is_unique = (
                sum(
                    value == format_part(facts.rows[other], each)
                    for other in cited
                    for each in parts(facts.rows[other])
                )
                == 1
            )
            if is_unique:
                text = re.sub(rf"(?<![\w.,{{]){re.escape(value)}(?![\w%.]*\d)", f"{{{alias}.{part}}}", text)
    return _UNIT.sub(r"\1", text)


def _further_evidence(alias: str, facts: CitableFacts) -> list[str]:
    """Other evidence about the same action that says something else, the strongest first."""
    first = facts.rows[alias]
    own = facts.actions.get(str(first["metric"]), frozenset())
    return [
        other
        for other, row in facts.rows.items()
        if other != alias
        and own & facts.actions.get(str(row["metric"]), frozenset())
        and not reads_the_same(first, row)
    ]
