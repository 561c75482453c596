"""Claims of a text that its evidence does not hold: causes, people, devices, prices, feelings, names of others, quantities.

Words are not forbidden: a sentence that says it is a guess may make any of these claims, and so may one whose words the log uses
itself. The lists are in `claims.toml`.
"""

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

import pandas as pd

from grupa_pipeline.insights.templates import PLACEHOLDER, EvidenceRow
from grupa_pipeline.vocabulary.action_names import split_words

_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+")
_DESCRIBES = re.compile(
    r"(?:they|these|those|their|users|people|customers|visitors|members|most|many|some|few|several|nobody|everybody|it is|this is|"
    r"the (?:group|users|people|customers|visitors|others|rest))\b",
    re.IGNORECASE,
)
"""How a sentence begins that says what is so, in a text that says what to do."""
_CAPITAL = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}(?:[A-Z][a-z]+)*\b")
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
    rf"\ba (?P<from>{'|'.join(_PARTS)}) (?:to|or) a (?P<to>{'|'.join(_PARTS)})\b"
    rf"|\b(?:(?P<bound>more than|over|less than|fewer than|under)\s+)?(?:a |(?P<count>{_COUNTS}) )?(?P<part>{'|'.join(_PARTS)})\b"
    rf"|\b(?P<of>{_COUNTS}) (?:in|of|out of) (?P<all>{_COUNTS})\b|\b(?P<times>twice|double)\b|\bthe (?P<most>majority)\b",
    re.IGNORECASE,
)
_ENDINGS = {"s": ("",), "es": ("",), "ies": ("y",), "ed": ("", "e"), "ing": ("", "e"), "ly": ("",), "n": ("",)}
"""Endings of words, and what stands in their place in the base form."""
MAX_FOREIGN, MAX_FOREIGN_BESIDE_NUMBERS = 2, 5
"""From so many words that neither the log nor plain talk of behaviour has, a sentence tells something that was not measured; a
sentence that states numbers may have more."""
_NEAR = 0.06
"""How far a share may be from a quantity in words."""


def unsupported_claims(text: str, names: Collection[str], *, proposes: bool = False) -> list[str]:
    """Faults of the sentences that state what the evidence cannot show.

    Args:
        text: The text, with placeholders for numbers.
        names: What the log and its team call things: what these words name can be spoken of.
        proposes: Whether the text says what to do: only sentences that begin as descriptions are checked.

    Example:
        >>> unsupported_claims("They shop on an iPhone.", ())
        ["claims a device or its software ('iphone'), which the evidence does not show; say so as a guess, or leave it out"]
    """
    own = _own_words(frozenset(names))
    faults = []
    for sentence in _SENTENCE_END.split(text):
        if is_hedged(sentence) or (proposes and not _DESCRIBES.match(sentence.strip())):
            continue
        claim = next(_claims_of(sentence, own), None)
        if claim is not None:
            topic, phrase = claim
            faults.append(
                f"claims {topic} ({phrase!r}), which the evidence does not show; say so as a guess, or leave it out"
            )
    return faults


def is_hedged(sentence: str) -> bool:
    """Whether a sentence says that it is a guess, a question or a condition."""
    return has_phrase(_hedges(), sentence) is not None


def turns_round(sentence: str) -> bool:
    """Whether a sentence speaks of losing or not doing, so that "more" in it may be said of a lower value."""
    return has_phrase(_turning(), sentence) is not None


def has_phrase(phrases: Sequence[re.Pattern[str]], text: str) -> str | None:
    """The first of these phrases in a text, by its words in lower case."""
    plain = " ".join(re.findall(r"[^\W_]+", PLACEHOLDER.sub(" ", text).lower()))
    return next((found.group() for phrase in phrases if (found := phrase.search(plain))), None)


def without_true_quantities(text: str, rows: Mapping[str, EvidenceRow]) -> str:
    """The text without quantities in words ("more than half", "three in four", "twice") that agree with a number beside them.

    Only the rows that the same sentence states are looked at: by itself a quantity could mean any of them.
    """
    sentences = []
    for sentence in _SENTENCE_END.split(text):
        stated = {match.group(1) for match in PLACEHOLDER.finditer(sentence)}
        own = {alias: row for alias, row in rows.items() if alias in stated}
        sentences.append(
            _QUANTITY.sub(partial(_blank_if_true, own, turns_round(_QUANTITY.sub(" ", sentence))), sentence)
        )
    return " ".join(sentences)


def _blank_if_true(rows: Mapping[str, EvidenceRow], is_turned: bool, found: re.Match[str]) -> str:
    return " " if _agrees(found, rows, is_turned) else found.group()


def _agrees(found: re.Match[str], rows: Mapping[str, EvidenceRow], is_turned: bool) -> bool:
    """Whether a quantity is one of the rows' shares or ratios; of those who do not, too, where the sentence speaks of them."""
    shares = [share for row in rows.values() for share in _shares(row)]
    shares += [1 - share for share in shares] if is_turned else []
    ratios = [ratio for row in rows.values() for ratio in _ratios(row)]
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
    bound = (found["bound"] or "").lower()
    if bound in ("more than", "over"):
        return any(value < share <= value + 0.25 for share in shares)
    if bound:
        return any(value - 0.25 <= share < value for share in shares)
    return any(abs(share - value) <= _NEAR for share in [*shares, *ratios])


def _shares(row: EvidenceRow) -> list[float]:
    if str(row["unit"]) not in ("share", "proportion"):
        return []
    return [float(row["cluster_value"]), float(row["rest_value"])]


def _ratios(row: EvidenceRow) -> list[float]:
    one, other = float(row["cluster_value"]), float(row["rest_value"])
    return [one / other, other / one] if one > 0 and other > 0 and not pd.isna(one + other) else []


def _claims_of(sentence: str, own: frozenset[str]) -> Iterator[tuple[str, str]]:
    for topic, phrases in _topics():
        phrase = has_phrase(phrases, sentence)
        if phrase is not None and not all(_is_own(word, own) for word in phrase.split()):
            yield topic, phrase
    for name in _CAPITAL.findall(PLACEHOLDER.sub("x", sentence)):
        if not _is_own(name, own):
            yield "something by its name", name
    words = re.findall(r"[^\W\d_]{3,}", PLACEHOLDER.sub(" ", sentence))
    foreign = [word for word in words if not _is_own(word, own) and not _is_own(word, _plain())]
    if len(foreign) >= (MAX_FOREIGN_BESIDE_NUMBERS if PLACEHOLDER.search(sentence) else MAX_FOREIGN):
        yield "what no event says", " ".join(foreign[:3])


@cache
def _own_words(names: frozenset[str]) -> frozenset[str]:
    return frozenset(form for name in names for word in split_words(name) for form in _forms(word.lower()))


def _is_own(word: str, own: frozenset[str]) -> bool:
    return not own.isdisjoint(_forms(word.lower()))


@lru_cache(maxsize=20_000)
def _forms(word: str) -> frozenset[str]:
    """A word and what may be its base: `refused` is of `refuse`, `browsing` of `browse`."""
    forms = {word}
    for ending, bases in _ENDINGS.items():
        if word.endswith(ending) and len(word) > len(ending) + 2:
            stem = word.removesuffix(ending)
            forms |= {stem + base for base in bases}
            forms |= {stem[:-1]} if len(stem) > 3 and stem[-1] == stem[-2] else set()
    return frozenset(forms)


@cache
def _plain() -> frozenset[str]:
    return frozenset(form for word in str(_lists()["plain"]).split() for form in _forms(word))


@cache
def _lists() -> dict[str, Any]:
    document: dict[str, Any] = tomllib.loads(Path(__file__).with_name("claims.toml").read_text(encoding="utf-8"))
    return document


@cache
def _hedges() -> tuple[re.Pattern[str], ...]:
    return _patterns(_lists()["hedges"])


@cache
def _turning() -> tuple[re.Pattern[str], ...]:
    return _patterns(_lists()["turning"])


@cache
def _topics() -> tuple[tuple[str, tuple[re.Pattern[str], ...]], ...]:
    entries = tomllib.loads(Path(__file__).with_name("claims.toml").read_text(encoding="utf-8"))["topic"]
    return tuple((entry["name"], _patterns(entry["words"])) for entry in entries)


def _patterns(phrases: Sequence[str]) -> tuple[re.Pattern[str], ...]:
    """One pattern for all phrases, matched on whole words in lower case; `*` ends a beginning."""
    parts = [re.escape(phrase).replace(r"\*", r"\w*") for phrase in phrases]
    return (re.compile(rf"\b(?:{'|'.join(parts)})\b"),)
