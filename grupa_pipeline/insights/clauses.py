"""Sentences and clauses of a text: what it states as a fact, what it marks as a guess, and what it turns round.

A word like "may" or "if" excuses the clause in which it stands, not the sentence. The lists are in `claims.toml`.
"""

import re
import tomllib
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from grupa_pipeline.insights.metric_vocabulary import known_verbs
from grupa_pipeline.insights.templates import PLACEHOLDER

_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+")
_SUBJECT = (
    r"(?:they|it|this|that|there|these|those|the|their|its|your|our|a|an|he|she|we|you|few|fewer|more|less|most|many|some|"
    r"several|nobody|everybody|everyone|none|hardly|nearly|almost|only|others?|users|people|customers|visitors|members|\{E)"
)
_CLAUSE = re.compile(
    rf",?\s+(?=(?:but|yet|whereas|while|although|though|so(?! that)|as|and|or|then)\s+{_SUBJECT}(?:\b|(?<=E)))"
    rf"|,\s+(?=(?:because|since|which|who|no matter|so(?! that)|but|yet|whereas|while|although|though|therefore|thus|hence)\b)",
    re.IGNORECASE,
)
_CONTINUES = re.compile(r"(?:because|since|which|who|that|therefore|thus|hence|so|then)\b", re.IGNORECASE)
"""How a clause begins that belongs to the guess before it."""
_AND = re.compile(r"(?:and|or)\b", re.IGNORECASE)
_OF_A_GUESS = re.compile(r"\b(?:that|whether)\b", re.IGNORECASE)
_CONDITION = re.compile(
    r"\bif\b.*\b(?:would|might|could|may|should|will)\b|\b(?:would|might|could|may|should|will)\b.*\bif\b"
)
_MONTH = re.compile(r"(?<=[a-z,] )May\b")
_ENDINGS = {
    "s": ("",),
    "es": ("",),
    "ies": ("y",),
    "ed": ("", "e"),
    "ing": ("", "e"),
    "ly": ("",),
    "n": ("",),
    "er": ("", "e"),
}
"""Endings of words, and what stands in their place in the base form."""


def sentences_of(text: str) -> list[str]:
    """The sentences of a text; a semicolon ends one."""
    return _SENTENCE_END.split(text)


def clauses_of(sentence: str) -> list[str]:
    """The clauses of a sentence that could stand alone, in their order; together they are the sentence."""
    return [clause for clause in _CLAUSE.split(sentence) if clause.strip()]


def stated_clauses(sentence: str) -> list[str]:
    """The clauses that are stated as facts: none of a question, a condition or a guess, nor what goes on with a guess."""
    if is_conditional(sentence):
        return []
    stated, previous, is_guess = [], "", False
    for clause in clauses_of(sentence):
        goes_on = _CONTINUES.match(clause) or (_AND.match(clause) and _OF_A_GUESS.search(previous))
        is_guess = is_hedged(clause) or bool(is_guess and goes_on)
        if not is_guess:
            stated.append(clause)
        previous = clause
    return stated


def is_conditional(sentence: str) -> bool:
    """Whether a sentence asks, or says what would be so under a condition."""
    return sentence.rstrip().endswith("?") or _CONDITION.search(plain_words(sentence)) is not None


def is_hedged(clause: str) -> bool:
    """Whether a clause says that it is a guess, a question or a condition."""
    return has_phrase(_hedges(), _MONTH.sub("then", clause)) is not None


def negations(clause: str) -> int:
    """How often a clause says that something is not so, apart from phrases that deny nothing ("no more than")."""
    return len(_count(listed_phrases("negations"), _without_idioms(clause)))


def losses(clause: str) -> int:
    """How often a clause speaks of leaving or losing, so that "more" in it may be said of a lower value."""
    return len(_count(listed_phrases("losing"), _without_idioms(clause)))


def _without_idioms(clause: str) -> str:
    plain = plain_words(clause)
    for pattern in listed_phrases("idioms"):
        plain = pattern.sub(" ", plain)
    return plain


def _count(phrases: Sequence[re.Pattern[str]], plain: str) -> list[str]:
    return [found.group() for phrase in phrases for found in phrase.finditer(plain)]


def plain_words(text: str) -> str:
    """The words of a text in lower case, without placeholders and punctuation."""
    return " ".join(re.findall(r"[^\W_]+", PLACEHOLDER.sub(" ", text).lower()))


def has_phrase(phrases: Sequence[re.Pattern[str]], text: str) -> str | None:
    """The first of these phrases in a text, by its words in lower case."""
    plain = plain_words(text)
    return next((found.group() for phrase in phrases if (found := phrase.search(plain))), None)


@lru_cache(maxsize=20_000)
def word_forms(word: str) -> frozenset[str]:
    """A word and what may be its base: `refused` is of `refuse`, `seekers` and `sought` of `seek`."""
    forms = {word}
    for ending, bases in _ENDINGS.items():
        if word.endswith(ending) and len(word) > len(ending) + 2:
            stem = word.removesuffix(ending)
            forms |= {stem + base for base in bases}
            forms |= {stem[:-1]} if len(stem) > 3 and stem[-1] == stem[-2] else set()
    if word.endswith("ers"):
        forms |= word_forms(word.removesuffix("s"))
    return frozenset(forms | {known_verbs().irregular[form] for form in forms if form in known_verbs().irregular})


@cache
def claim_lists() -> dict[str, Any]:
    """The lists of `claims.toml`."""
    document: dict[str, Any] = tomllib.loads(Path(__file__).with_name("claims.toml").read_text(encoding="utf-8"))
    return document


def phrase_patterns(phrases: Sequence[str]) -> tuple[re.Pattern[str], ...]:
    """One pattern for all phrases, matched on whole words in lower case; `*` ends a beginning."""
    parts = [re.escape(phrase).replace(r"\*", r"\w*") for phrase in phrases]
    return (re.compile(rf"\b(?:{'|'.join(parts)})\b"),)


@cache
def listed_phrases(name: str) -> tuple[re.Pattern[str], ...]:
    """The phrases of one list of `claims.toml`."""
    return phrase_patterns(claim_lists()[name])


@cache
def _hedges() -> tuple[re.Pattern[str], ...]:
    (words,) = listed_phrases("hedges")
    return words, re.compile(r"(?<!more )(?<!less )(?<!as )(?<!times )(?<!most )(?<!equally )(?<!how )\blikely\b")
