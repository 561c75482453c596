"""Checks of a single text: no numbers of its own, addresses, markup, unknown metrics or causal claims.

Each fault is a sentence that a writer can act on. What a draft may cite is checked in `draft_validation`.
"""

import re
import tomllib
import unicodedata
from collections.abc import Collection, Iterable
from pathlib import Path

from grupa_pipeline.insights.clauses import sentences_of, stated_clauses
from grupa_pipeline.insights.templates import PLACEHOLDER
from grupa_pipeline.vocabulary.enums import Direction

PROSE_WORDS = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))["prose"]
_NUMBERS = frozenset(PROSE_WORDS["numbers"])
_COMPOUND_NUMBER = re.compile(
    r"(?:twen|thir|for|fif|six|seven|eigh|nine)ty\w*|(?:thir|four|fif|six|seven|eigh|nine)teen\w*|\w{2,}fold"
)
_BOTH = re.compile(
    r"\b(?:the|these|those) two (?=(?:go|are|come|occur|happen|steps|things|actions|belong)\b)", re.IGNORECASE
)
"""Both of two things that were named, which is no figure."""
_MARKUP = re.compile(r"[<>`|\\*#\[\]^~]|&#?\w+;|\n|\r|_{2}")
_ADDRESS = re.compile(r"//|\bwww\b|\b(?:javascript|data|mailto|https?|ftp)\s*:|@|\b[\w-]+\.[a-z]{2,}\b", re.IGNORECASE)
_IDENTIFIER = re.compile(r"\w+_\w+")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")


def text_faults(text: str, *, max_length: int, names: Collection[str], causal: bool = False) -> list[str]:
    """Faults of one line or paragraph.

    Args:
        text: The text, with placeholders for numbers.
        max_length: Maximum length in characters.
        names: Names from the catalog, which may contain digits.
        causal: Whether causal claims are allowed, as in a hypothesis.
    """
    faults = []
    if not text.strip():
        return ["is empty"]
    if len(text) > max_length:
        faults.append(f"is longer than {max_length} characters")
    bare = PLACEHOLDER.sub(" ", text)
    if "{" in bare or "}" in bare:
        faults.append("has a placeholder that does not exist; use {E1.cluster}, {E1.rest}, {E1.lift} or {E1.gap}")
    named = _without(bare, names)
    bare = unicodedata.normalize("NFKC", named)
    if number := _number_in(named) or _number_in(bare):
        faults.append(f"states a number of its own ({number!r}); use placeholders alone")
    if _MARKUP.search(bare) or _ADDRESS.search(bare):
        faults.append("holds markup, a link or an address")
    if _has_disguised_letters(bare):
        faults.append("holds unusual characters")
    if unknown := _IDENTIFIER.search(bare):
        faults.append(f"names an unknown metric ({unknown.group()!r})")
    if not causal and (word := _claimed_cause(bare)):
        faults.append(f"claims a cause ({word!r}); these are associations")
    return faults


def _claimed_cause(text: str) -> str | None:
    """The word of a cause in a sentence that does not say that it is a guess."""
    stated = " ".join(clause for sentence in sentences_of(text) for clause in stated_clauses(sentence))
    return first_phrase_in(PROSE_WORDS["causal"], stated)


def claimed_direction(hypothesis: str) -> Direction | None:
    """The direction that a hypothesis claims between "then" and "because"; None where it is unclear."""
    claim = re.split(r"\bthen\b", hypothesis.lower(), maxsplit=1)[-1].split("because")[0]
    up, down = first_phrase_in(PROSE_WORDS["rising"], claim), first_phrase_in(PROSE_WORDS["falling"], claim)
    if bool(up) == bool(down):
        return None
    return Direction.INCREASE if up else Direction.DECREASE


def content_words(name: str) -> set[str]:
    """Lower-case words of a name without stop words."""
    return set(re.findall(r"[^\W\d_]+", name.lower())) - set(PROSE_WORDS["stop"])


def first_phrase_in(phrases: Iterable[str], text: str) -> str | None:
    """The first of these words or phrases that occurs in `text`, ignoring case."""
    words = re.findall(r"[^\W_]+", text.lower())
    plain = f" {' '.join(words)} "
    return next((phrase for phrase in phrases if f" {phrase} " in plain), None)


def _number_in(text: str) -> str | None:
    """The first number, in digits of any script, in words, or in words with separated letters."""
    text = _BOTH.sub(" ", text)
    figure = next((character for character in text if character.isnumeric() or character in "%‰"), None)
    spelled_out = re.sub(r"(?<=\b\w)[\W_]+(?=\w\b)", "", text.lower())
    words = re.findall(r"[^\W\d_]+", f"{text.lower()} {spelled_out}")
    return figure or next((word for word in words if word in _NUMBERS or _COMPOUND_NUMBER.fullmatch(word)), None)


def _has_disguised_letters(text: str) -> bool:
    """Whether a number or link could be disguised by invisible characters or by mixing scripts within a word."""
    if any(unicodedata.category(character) in ("Cf", "Cc", "Co", "Cn", "Zl", "Zp", "So") for character in text):
        return True
    for word in re.findall(r"[^\W\d_]+", text):
        latin = sum(bool(_LATIN.match(character)) for character in word)
        if 0 < latin < len(word):
            return True
    return False


def _without(text: str, names: Collection[str]) -> str:
    """The text without names from the catalog, so that digits in an action's name do not count as numbers."""
    for name in sorted((name for name in names if len(name) >= 3), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", " ", text, flags=re.IGNORECASE)
    return text
